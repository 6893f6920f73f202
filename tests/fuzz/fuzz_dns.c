/* A DNS response: addresses, texts and CAA records. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/dns/dns_message.h"
#include "core/dns/resolver_trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever comes out was in the message: all texts with a length octet each fit into it.
 */
static void read_texts(struct span message)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct span *texts = NULL;
    const char *alias = NULL;
    size_t count = 0;
    size_t total = 0;

    if (dns_message_texts(a, message, &texts, &count, &alias, NULL) != ERR_OK)
        return;
    if (alias != NULL && (alias[0] == '\0' || strlen(alias) > DNS_NAME_MAX))
        abort();
    for (size_t i = 0; i < count; i++) {
        total += texts[i].len + 1;
        for (size_t j = 0; j < texts[i].len; j++)
            if (memchr(message.data, texts[i].data[j], message.len) == NULL)
                abort();
    }
    if (total > message.len)
        abort();
}

/* Flags, the length of the tag, tag and value of each fit into it. */
static void read_caa(struct span message)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct dns_caa *records = NULL;
    size_t count = 0;
    size_t total = 0;

    if (dns_message_caa(a, message, &records, &count, NULL) != ERR_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        total += 2 + records[i].tag.len + records[i].value.len;
        if (records[i].tag.len == 0)
            abort();
    }
    if (total > message.len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct address addresses[4];
    struct err_info why = {0};
    size_t count = 0;

    (void)!dns_message_addresses(span_make(data, size), DNS_A, addresses, 4, &count,
                                 &why);
    (void)!dns_message_addresses(span_make(data, size), DNS_AAAA, addresses, 4, &count,
                                 &why);
    read_texts(span_make(data, size));
    struct span text = {0};
    (void)resolver_trace_read(span_make(data, size), &text);
    if (text.len > 0 && (text.data < data || text.data + text.len > data + size))
        abort();
    read_caa(span_make(data, size));
    return 0;
}
