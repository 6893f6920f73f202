/* An OCSP request, and what is to be signed of an answer: that has one spelling. */
#include <stdint.h>
#include <stdlib.h>

#include "core/x509/ocsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct ocsp_request request;
    struct ocsp_data answer;
    struct err_info why = {0};
    struct span again;

    if (ocsp_request_read(span_make(data, size), &request, &why) == ERR_OK)
        for (size_t i = 0; i < request.count; i++)
            if (request.ids[i].whole.len > size || request.ids[i].serial.len > size)
                abort();
    if (ocsp_data_read(span_make(data, size), &answer, &why) != ERR_OK)
        return 0;
    for (size_t i = 0; i < answer.count; i++)
        if (answer.singles[i].next_update == 0)
            return 0;
    if (answer.count == 0 || ocsp_data_write(a, &answer, &again, &why) != ERR_OK)
        return 0;
    if (!span_equal(again, span_make(data, size)))
        abort();
    return 0;
}
