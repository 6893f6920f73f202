/* The answer to an update, and an answer to a question: whatever comes is read within
 * bounds, and nothing is believed that the key did not sign. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/dns/dns_change.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_section(const struct dns_section *s, size_t size)
{
    if (s->count > DNS_WIRE_RECORDS_MAX)
        abort();
    for (size_t i = 0; i < s->count; i++)
        if (strlen(s->records[i].owner) > DNS_NAME_MAX ||
            strlen(s->records[i].target) > DNS_NAME_MAX || s->records[i].text.len > size)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dns_update update = {"a.test", "b.a.test", "value", true, 0};
    AUTO(arena) struct arena *a = arena_new();
    AUTO(tsig_key) struct tsig_key key = {.name = "k", .hash = HASH_SHA256};
    struct tsig_mac mac = {.len = HASH_SHA256_SIZE};
    struct err_info why = {0};
    struct dns_answer answer;
    struct span message = span_make(data, size);

    key.secret = secret_make(span_of("not in the corpus"));
    if (dns_change_judge(message, &update, &key, 1, &mac, "server", &why) == ERR_OK)
        abort();
    if (why.detail[0] == '\0')
        abort();
    if (dns_wire_read(a, message, &answer, &why) != ERR_OK)
        return 0;
    check_section(&answer.answer, size);
    check_section(&answer.authority, size);
    return 0;
}
