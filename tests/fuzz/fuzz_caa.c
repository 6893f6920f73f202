/* CAA records: one a line, flags as an octet, tag, a space, value. What is judged is
 * whether a record that was refused by itself is refused beside others, too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/validate/caa_judge.h"

#define RECORDS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t find(struct span s, uint8_t octet)
{
    size_t i = 0;

    while (i < s.len && s.data[i] != octet)
        i++;
    return i;
}

static size_t read_records(struct span text, struct dns_caa *records)
{
    size_t count = 0;

    while (text.len > 2 && count < RECORDS_MAX) {
        struct span line = span_slice(text, 0, find(text, '\n'));
        size_t space = find(line, ' ');
        text = span_slice(text, line.len + 1, text.len);
        if (space < 2)
            continue;
        records[count++] = (struct dns_caa){line.data[0], span_slice(line, 1, space - 1),
                                            span_slice(line, space + 1, line.len)};
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct dns_caa records[RECORDS_MAX];
    size_t count = read_records(span_make(data, size), records);

    for (int wildcard = 0; wildcard < 2; wildcard++) {
        const struct caa_judge_wish wish = {.name = "a.test",
                                            .wildcard = wildcard != 0,
                                            .issuers = "ca.test other.test",
                                            .account_uri = "urn:a",
                                            .method = "dns-01"};
        struct err_info why = {0};
        bool one = count == 0;
        for (size_t i = 0; i < count; i++)
            one = caa_judge(a, &records[i], 1, "test", &wish, &why) == ERR_OK || one;
        enum err all = caa_judge(a, records, count, "test", &wish, &why);
        /* authorization is additive: all allow nothing that none of them allows */
        if (all == ERR_OK && !one)
            abort();
        if (all != ERR_OK && (all != ERR_CAA || strlen(why.detail) < 20))
            abort();
    }
    return 0;
}
