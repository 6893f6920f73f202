/* What the fuzz targets of attestation statements share. */
#pragma once

#include <assert.h>

#include "core/acme/identifier_device.h"
#include "core/attest/attest_private.h"
#include "core/base/text.h"

/* Of the vectors, so that what they signed is good. */
#define ATTEST_FUZZ_TOKEN "nNZGTPAzSLuwIegl4kgqEeBPQJDUrzUVqoJitDGDHhE"
#define ATTEST_FUZZ_KEY_AUTHORIZATION                                                    \
    ATTEST_FUZZ_TOKEN ".Ar77evyBpshDurl7nqYteQsDSmBNd667YHIz0YOBnZk"

/* An object of one format, judged as if somebody vouched for its certificates: a fuzzer
 * cannot sign them, and what is behind must stand whatever is in them. What is found good
 * must be whole. */
static inline void attest_fuzz(enum attest_format format, const uint8_t *data,
                               size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf text = buf_make(ATTEST_FACTS_MAX);
    struct json_writer facts = json_writer_make(&text);
    static const char status[] = "{\"entries\":{\"deadbeef\":{\"status\":\"REVOKED\"}}}";
    struct attest_rules rules = {.sha1 = true, .android_status = span_of(status)};
    struct attest_question question = {.object = span_make(data, size),
                                       .token = ATTEST_FUZZ_TOKEN,
                                       .key_authorization =
                                           ATTEST_FUZZ_KEY_AUTHORIZATION};
    struct attest_case c = {
        .arena = a, .rules = &rules, .question = &question, .facts = &facts};
    struct err_info why = {0};
    struct key *key = NULL;

    rules.formats[format].enabled = true;
    if (attest_case_read(&c, &why) != ERR_OK || attest_case_judge(&c, &why) != ERR_OK)
        return;
    assert(key_from_spki(c.spki, &key, &why) == ERR_OK);
    key_free(key);
    assert(c.identity_count <= ATTEST_IDENTITIES_MAX);
    for (size_t i = 0; i < c.identity_count; i++) {
        struct identifier again;
        assert(identifier_read_device(a, c.identities[i].type,
                                      span_of(c.identities[i].value), &again,
                                      &why) == ERR_OK);
    }
}
