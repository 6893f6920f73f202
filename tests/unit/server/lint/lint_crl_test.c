/* Tests of server/lint/lint_crl: lists that break one rule and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/x509/der_write.h"
#include "server/lint/lint_crl.h"

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

static const uint8_t name[] = {0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03,
                               0x55, 0x04, 0x03, 0x0c, 0x02, 'C',  'A'};
static const uint8_t other_name[] = {0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03,
                                     0x55, 0x04, 0x03, 0x0c, 0x02, 'C',  'B'};
static const struct span key_id = {(const uint8_t *)"\1\2\3\4", 4};

static struct arena *arena;

/* What is different from a list that keeps all rules. */
struct row {
    const char *label;
    const char *complaint; /* NULL: none */
    enum { PLAIN, OTHER_NAME, OTHER_KEY, OTHER_ALGORITHM, EMPTY_LIST, RAW_TAIL } how;
    int64_t this_update, next_update; /* from NOW */
    const char *url;
    const char *serial;
    size_t serial_len;
    int64_t revoked_at; /* from NOW */
    int reason;
    const char *tail; /* of RAW_TAIL: hexadecimal of the extensions */
    size_t tail_len;
};

/* crlExtensions: key identifier 01020304 and number 5, then what is given. */
#define AKI "\x30\x0f\x06\x03\x55\x1d\x23\x04\x08\x30\x06\x80\x04\1\2\3\4"
#define AKI_CRIT                                                                         \
    "\x30\x12\x06\x03\x55\x1d\x23\x01\x01\xff\x04\x08\x30\x06\x80\x04\1\2\3\4"
#define NUMBER "\x30\x0a\x06\x03\x55\x1d\x14\x04\x03\x02\x01\x05"
#define POINT(critical, len, extension)                                                  \
    "\x30" len "\x06\x03\x55\x1d\x1c" critical extension
#define CRITICAL   "\x01\x01\xff"
#define URL        "\xa0\x0c\xa0\x0a\x86\x08http://a"
#define TAIL(text) .how = RAW_TAIL, .tail = (text), .tail_len = sizeof(text) - 1

#define WHEN(this, next) .this_update = (this), .next_update = (next)
#define WHAT(text, at, why)                                                              \
    .serial = (text), .serial_len = sizeof(text) - 1, .revoked_at = (at), .reason = (why)
#define TIMES WHEN(-60, 7 * DAY)
#define ENTRY WHAT("\x2a", -5, 1)

static const struct row rows[] = {
    {"good", NULL, TIMES, ENTRY},
    {"a part", NULL, TIMES, ENTRY, .url = "http://ca.test/1.crl"},
    {"no reason", NULL, TIMES, WHAT("\x2a", -5, CRL_NO_REASON)},
    {"ten days", NULL, ENTRY, WHEN(-60, 10 * DAY - 60)},
    {"other name", "rule_crl_issuer", TIMES, ENTRY, .how = OTHER_NAME},
    {"other key", "rule_crl_issuer", TIMES, ENTRY, .how = OTHER_KEY},
    {"other algorithm", "rule_crl_signature_algorithm", TIMES, ENTRY,
     .how = OTHER_ALGORITHM},
    {"X-CRL-4: more than ten days", "rule_crl_updates", ENTRY, WHEN(-60, 10 * DAY)},
    {"ends before it begins", "rule_crl_updates", ENTRY, WHEN(-60, -60)},
    {"in the future", "rule_crl_updates", ENTRY, WHEN(1, 7 * DAY)},
    {"over", "rule_crl_updates", ENTRY, WHEN(-60, 0)},
    {"X-CRL-3: empty", "rule_crl_empty", TIMES, ENTRY, .how = EMPTY_LIST},
    {"serial zero", "rule_crl_entries", TIMES, WHAT("\0", -5, 1)},
    {"long serial", "rule_crl_entries", TIMES, WHAT("123456789012345678901", -5, 1)},
    {"revoked tomorrow", "rule_crl_entries", TIMES, WHAT("\x2a", DAY, 1)},
    {"X-CRL-8: hold", "rule_crl_reasons", TIMES, WHAT("\x2a", -5, 6)},
    {"X-CRL-8: removal", "rule_crl_reasons", TIMES, WHAT("\x2a", -5, 8)},
    {"X-CRL-8: CA compromise", "rule_crl_reasons", TIMES, WHAT("\x2a", -5, 2)},
    {"https", "rule_crl_point", TIMES, ENTRY, .url = "https://ca.test/1.crl"},
    {"X-CRL-2: no number", "rule_crl_number", TIMES, ENTRY, TAIL(AKI)},
    {"X-CRL-2: long number", "rule_crl_number", TIMES, ENTRY,
     TAIL(AKI "\x30\x1e\x06\x03\x55\x1d\x14\x04\x17\x02\x15\x01"
              "12345678901234567890")},
    {"X-CRL-2: critical key identifier", "rule_crl_extensions", TIMES, ENTRY,
     TAIL(AKI_CRIT NUMBER)},
    {"number twice", "rule_crl_extensions", TIMES, ENTRY, TAIL(AKI NUMBER NUMBER)},
    {"delta", "rule_crl_extensions", TIMES, ENTRY,
     TAIL(AKI NUMBER "\x30\x0d\x06\x03\x55\x1d\x1b\x01\x01\xff\x04\x03\x02\x01\x05")},
    {"a point", NULL, TIMES, ENTRY,
     TAIL(AKI NUMBER POINT(CRITICAL, "\x1a", "\x04\x10\x30\x0e" URL))},
    {"X-CRL-9: a point that is not critical", "rule_crl_extensions", TIMES, ENTRY,
     TAIL(AKI NUMBER POINT("", "\x17", "\x04\x10\x30\x0e" URL))},
    {"X-CRL-11: indirect", "rule_crl_point", TIMES, ENTRY,
     TAIL(AKI NUMBER POINT(CRITICAL, "\x1d", "\x04\x13\x30\x11" URL "\x84\x01\xff"))},
    {"some reasons", "rule_crl_point", TIMES, ENTRY,
     TAIL(AKI NUMBER POINT(CRITICAL, "\x1e", "\x04\x14\x30\x12" URL "\x83\x02\x01\x02"))},
    {"users and CAs", "rule_crl_point", TIMES, ENTRY,
     TAIL(AKI NUMBER POINT(CRITICAL, "\x20",
                           "\x04\x16\x30\x14" URL "\x81\x01\xff\x82\x01\xff"))},
    {"a point without URL", "rule_crl_point", TIMES, ENTRY,
     TAIL(AKI NUMBER POINT(CRITICAL, "\x0f", "\x04\x05\x30\x03\x81\x01\xff"))},
};

static struct span raw_tail(const struct row *row)
{
    struct der_writer w = der_writer_make(arena_get(arena, 512), 512);
    size_t mark = der_write_mark(&w);

    der_write_raw(&w, span_make(row->tail, row->tail_len));
    der_write_wrap(&w, DER_SEQUENCE, mark);
    der_write_wrap(&w, DER_CONTEXT_CONSTRUCTED(0), mark);
    return der_write_take(&w);
}

static struct span write_list(const struct row *row)
{
    struct crl_head head = {.issuer = {name, sizeof name},
                            .key_id = key_id,
                            .signature_kind = row->how == OTHER_ALGORITHM
                                                  ? KEY_SIGNATURE_ECDSA_SHA384
                                                  : KEY_SIGNATURE_ECDSA_SHA256,
                            .this_update = NOW + row->this_update,
                            .next_update = NOW + row->next_update,
                            .number = 5,
                            .urls = &row->url,
                            .url_count = row->url != NULL};
    struct buf entries = buf_make(256);
    struct buf all = buf_make(4096);
    struct span front, tail;

    if (row->how == OTHER_NAME)
        head.issuer = span_make(other_name, sizeof other_name);
    if (row->how == OTHER_KEY)
        head.key_id = span_of("1234");
    crl_entry_add(&entries, span_make(row->serial, row->serial_len),
                  NOW + row->revoked_at, row->reason);
    assert_int_equal(crl_tail_write(arena, &head, &tail, NULL), ERR_OK);
    if (row->how == RAW_TAIL)
        tail = raw_tail(row);
    if (row->how == EMPTY_LIST) { /* a list that is there, and has nothing in it */
        buf_clear(&entries);
        buf_add(&all, "\x30\0", 2);
        buf_add_span(&all, tail);
        tail = arena_span(arena, buf_span(&all));
        buf_clear(&all);
    }
    assert_int_equal(crl_head_write(arena, &head, entries.len, tail.len, &front, NULL),
                     ERR_OK);
    buf_add_span(&all, front);
    buf_add_span(&all, buf_span(&entries));
    buf_add_span(&all, tail);
    struct span tbs = arena_span(arena, buf_span(&all));
    buf_free(&all);
    buf_free(&entries);
    return tbs;
}

static const struct lint_issuer issuers[] = {
    {.name = {other_name, sizeof other_name},
     .key_id = {(const uint8_t *)"\1\2\3\4", 4},
     .signature_kind = KEY_SIGNATURE_ECDSA_SHA256},
    {.name = {name, sizeof name},
     .key_id = {(const uint8_t *)"\1\2\3\4", 4},
     .signature_kind = KEY_SIGNATURE_ECDSA_SHA256},
};

static void each_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct lint_crl_pass pass = {0};
        struct err_info why = {0};
        enum err result = lint_crl(&issuers[1], 1, write_list(row), NOW, &pass, &why);
        if ((result == ERR_OK) != (row->complaint == NULL))
            fail_msg("%s: %s", row->label, why.detail);
        if (row->complaint != NULL && strstr(why.detail, row->complaint) == NULL)
            fail_msg("%s: %s", row->label, why.detail);
    }
}

/* Of a root: its entries are certificates of CAs. */
static void rules_of_authorities(void **state)
{
    static const struct row of_roots[] = {
        {"good", NULL, TIMES, ENTRY},
        {"X-CRL-4: twelve months", NULL, ENTRY, WHEN(-60, 365 * DAY - 60)},
        {"X-CRL-4: more than twelve months", "rule_crl_updates", ENTRY,
         WHEN(-60, 365 * DAY)},
        {"X-CRL-8: CA compromise", NULL, TIMES, WHAT("\x2a", -5, 2)},
        {"X-CRL-8: hold", "rule_crl_reasons", TIMES, WHAT("\x2a", -5, 6)},
        {"X-CRL-8: no reason", "rule_crl_reasons", TIMES,
         WHAT("\x2a", -5, CRL_NO_REASON)},
        {"other key", "rule_crl_issuer", TIMES, ENTRY, .how = OTHER_KEY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof of_roots / sizeof of_roots[0]; i++) {
        const struct row *row = &of_roots[i];
        struct lint_crl_pass pass = {0};
        struct err_info why = {0};
        enum err result =
            lint_crl_of_authorities(&issuers[1], write_list(row), NOW, &pass, &why);
        if ((result == ERR_OK) != (row->complaint == NULL))
            fail_msg("%s: %s", row->label, why.detail);
        if (row->complaint != NULL && strstr(why.detail, row->complaint) == NULL)
            fail_msg("%s: %s", row->label, why.detail);
    }
}

static void the_issuer_is_found(void **state)
{
    struct lint_crl_pass pass = {0};
    struct span tbs = write_list(&rows[0]);

    (void)state;
    assert_int_equal(lint_crl(issuers, 2, tbs, NOW, &pass, NULL), ERR_OK);
    assert_int_equal(pass.issuer, 1);
    assert_true(span_equal(pass.crl.tbs, tbs));
    assert_int_equal(lint_crl(issuers, 1, tbs, NOW, &pass, NULL), ERR_LINT);
}

/* X-CRL-1: version 1 has none of what follows. */
static void malformed(void **state)
{
    struct lint_crl_pass pass = {0};
    struct span tbs = write_list(&rows[0]);
    uint8_t *octets = arena_get(arena, tbs.len);

    (void)state;
    for (size_t len = 0; len < tbs.len; len++)
        assert_int_equal(lint_crl(issuers, 2, span_slice(tbs, 0, len), NOW, &pass, NULL),
                         ERR_LINT);
    memcpy(octets, tbs.data, tbs.len);
    octets[5]--;
    assert_int_equal(lint_crl(issuers, 2, span_make(octets, tbs.len), NOW, &pass, NULL),
                     ERR_LINT);
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule),
        cmocka_unit_test(rules_of_authorities),
        cmocka_unit_test(the_issuer_is_found),
        cmocka_unit_test(malformed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
