/* A revocation list from a process that is not trusted. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/x509/crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf again = buf_make(1 << 20);
    struct err_info why = {0};
    struct crl_entry entry = {0};
    struct crl crl = {0};
    bool plain = true; /* all entries are of the form that is written */

    if (crl_read(span_make(data, size), &crl, &why) != ERR_OK &&
        crl_read_tbs(span_make(data, size), &crl, &why) != ERR_OK)
        return 0;
    struct der_reader r = crl_entries(&crl);
    while (crl_entry_next(&r, &entry)) {
        plain = plain && !entry.has_others && entry.reason != 0 &&
                entry.serial.data[0] < 0x80 && entry.revoked_at > 0 &&
                entry.serial.len < 64;
        if (plain)
            crl_entry_add(&again, entry.serial, entry.revoked_at, entry.reason);
    }
    /* what was read and is written again is the same */
    if (plain && der_read_finish(&r, ERR_MALFORMED, "entries", &why) == ERR_OK &&
        !span_equal(buf_span(&again), crl.revoked))
        abort();
    return 0;
}
