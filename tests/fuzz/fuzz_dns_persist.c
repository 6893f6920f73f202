/* A record of dns-persist-01. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/acme/dns_persist.h"
#include "core/acme/issue_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CA      "ca.example"
#define ACCOUNT "https://ca.example/acct/1"

/* Put together again in one way, a value reads as before. */
static void read_again(const struct issue_value *v)
{
    AUTO(arena) struct arena *a = arena_new();
    struct issue_value again;
    const char *text = arena_string_of(a, v->issuer);

    for (size_t i = 0; i < v->count; i++)
        text = arena_printf(a, "%s;%s=%s", text, arena_string_of(a, v->parameters[i].tag),
                            arena_string_of(a, v->parameters[i].value));
    if (issue_value_read(span_of(text), &again, NULL) != ERR_OK ||
        again.count != v->count || !span_equal(again.issuer, v->issuer))
        abort();
    for (size_t i = 0; i < v->count; i++)
        if (!span_equal(again.parameters[i].tag, v->parameters[i].tag) ||
            !span_equal(again.parameters[i].value, v->parameters[i].value))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span record = span_make(data, size);
    struct issue_value v;
    struct err_info why = {0};
    bool reads = issue_value_read(record, &v, &why) == ERR_OK;
    int64_t until = -1;

    if (reads)
        read_again(&v);
    for (int wildcard = 0; wildcard < 2; wildcard++) {
        const struct dns_persist_wish wish = {CA, ACCOUNT, wildcard != 0, 1000};
        enum dns_persist_fit fit = dns_persist_judge(record, &wish, &until, &why);
        /* nothing is granted without the account's URI in it, nor what is over */
        if (fit == DNS_PERSIST_GRANTED &&
            (!reads || memmem(data, size, ACCOUNT, strlen(ACCOUNT)) == NULL ||
             (until != 0 && until <= 1000)))
            abort();
        if (fit != DNS_PERSIST_GRANTED && why.detail[0] == '\0')
            abort();
    }
    return 0;
}
