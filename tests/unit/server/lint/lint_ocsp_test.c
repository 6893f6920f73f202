/* Tests of server/lint/lint_ocsp: answers that break one rule and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/x509/der_write.h"
#include "core/x509/oid.h"
#include "server/lint/lint_ocsp.h"

#define NOW  INT64_C(1800000000)
#define HOUR INT64_C(3600)
#define DAY  (24 * HOUR)

static const uint8_t name[] = {0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03,
                               0x55, 0x04, 0x03, 0x0c, 0x02, 'C',  'A'};

static struct arena *arena;
static struct key *keys[2];
static struct lint_issuer issuers[2];
static struct lint_responder responders[2];

/* What is different from an answer that keeps all rules; times are from NOW. */
struct row {
    const char *label;
    const char *complaint; /* NULL: none */
    int64_t produced, this_update, next_update, revoked;
    enum ocsp_status status;
    int reason;
    size_t issuer; /* of the certificate */
    const char *serial;
    size_t responder; /* 2: nobody's */
    size_t count;     /* 0: one, 9: none */
    enum hash_kind hash;
};

#define TIMES .produced = 0, .this_update = -HOUR, .next_update = DAY
#define GOOD  TIMES, .reason = OCSP_REASON_NONE, .serial = "\x2a"
#define REVOKED(at, why)                                                                 \
    TIMES, .status = OCSP_REVOKED, .revoked = (at), .reason = (why), .serial = "\x2a"

static const struct row rows[] = {
    {"good", NULL, GOOD},
    {"by the second responder", NULL, GOOD, .responder = 1, .issuer = 1},
    {"by SHA-1", NULL, GOOD, .hash = HASH_SHA1},
    {"several", NULL, GOOD, .count = 3},
    {"revoked", NULL, REVOKED(-5, 1)},
    {"revoked without a reason", NULL, REVOKED(-5, OCSP_REASON_NONE)},
    {"unknown, of anybody", NULL, TIMES, .status = OCSP_UNKNOWN,
     .reason = OCSP_REASON_NONE, .issuer = 1, .serial = ""},
    {"nobody's responder", "rule_ocsp_responder", GOOD, .responder = 2},
    {"of another issuer", "rule_ocsp_issuer", GOOD, .issuer = 1},
    {"about nothing", "rule_ocsp_issuer", GOOD, .count = 9},
    {"no serial", "rule_ocsp_serials", TIMES, .reason = OCSP_REASON_NONE, .serial = ""},
    {"a long serial", "rule_ocsp_serials", TIMES, .reason = OCSP_REASON_NONE,
     .serial = "123456789012345678901"},
    {"produced later", "rule_ocsp_times", .produced = 5, .this_update = -HOUR,
     .next_update = DAY, .reason = OCSP_REASON_NONE, .serial = "\x2a"},
    {"right only later", "rule_ocsp_times", .produced = -5, .this_update = -4,
     .next_update = DAY, .reason = OCSP_REASON_NONE, .serial = "\x2a"},
    {"over", "rule_ocsp_times", .produced = -DAY, .this_update = -DAY, .next_update = 0,
     .reason = OCSP_REASON_NONE, .serial = "\x2a"},
    {"short", "rule_ocsp_interval", .produced = 0, .this_update = 0,
     .next_update = 8 * HOUR - 1, .reason = OCSP_REASON_NONE, .serial = "\x2a"},
    {"as short as can be", NULL, .produced = 0, .this_update = 0, .next_update = 8 * HOUR,
     .reason = OCSP_REASON_NONE, .serial = "\x2a"},
    {"as long as can be", NULL, .produced = 0, .this_update = 0, .next_update = 10 * DAY,
     .reason = OCSP_REASON_NONE, .serial = "\x2a"},
    {"long", "rule_ocsp_interval", .produced = 0, .this_update = 0,
     .next_update = 10 * DAY + 1, .reason = OCSP_REASON_NONE, .serial = "\x2a"},
    {"revoked later", "rule_ocsp_revoked", REVOKED(5, 1)},
    {"unspecified", "rule_ocsp_reasons", REVOKED(-5, 0)},
    {"on hold", "rule_ocsp_reasons", REVOKED(-5, 6)},
};

static struct ocsp_id id_of(const struct row *row)
{
    enum hash_kind hash = row->hash == HASH_SHA1 ? HASH_SHA1 : HASH_SHA256;
    const struct lint_issuer *issuer = &issuers[row->issuer];
    struct der_writer w = der_writer_make(arena_get(arena, 300), 300);
    uint8_t digest[HASH_MAX_SIZE];

    der_write_unsigned(&w, span_of(row->serial));
    size_t len = ocsp_hash_key(hash, key_spki(issuer->key), digest);
    der_write_element(&w, DER_OCTET_STRING, span_make(digest, len));
    len = ocsp_hash_name(hash, issuer->name, digest);
    der_write_element(&w, DER_OCTET_STRING, span_make(digest, len));
    size_t mark = der_write_mark(&w);
    oid_write(&w, hash == HASH_SHA1 ? OID_SHA1 : OID_SHA256);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    der_write_wrap(&w, DER_SEQUENCE, 300);
    return (struct ocsp_id){.whole = der_write_take(&w)};
}

static struct span tbs_of(const struct row *row)
{
    static const uint8_t nobody[OCSP_KEY_HASH];
    struct ocsp_data data = {.produced = NOW + row->produced};
    struct span tbs = {0};

    data.responder = span_make(
        row->responder < 2 ? responders[row->responder].key_hash : nobody, OCSP_KEY_HASH);
    data.count = row->count == 0 ? 1 : row->count == 9 ? 0 : row->count;
    for (size_t i = 0; i < data.count; i++)
        data.singles[i] = (struct ocsp_single){.id = id_of(row),
                                               .status = row->status,
                                               .revoked = NOW + row->revoked,
                                               .reason = row->reason,
                                               .this_update = NOW + row->this_update,
                                               .next_update = NOW + row->next_update};
    assert_int_equal(ocsp_data_write(arena, &data, &tbs, NULL), ERR_OK);
    return tbs;
}

static void each_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err_info why = {0};
        struct lint_ocsp_pass pass = {0};
        enum err result = lint_ocsp(responders, 2, tbs_of(&rows[i]), NOW, &pass, &why);
        if (rows[i].complaint == NULL && result != ERR_OK)
            fail_msg("%s: %s", rows[i].label, why.detail);
        if (rows[i].complaint != NULL &&
            (result != ERR_LINT ||
             strncmp(why.detail, rows[i].complaint, strlen(rows[i].complaint)) != 0))
            fail_msg("%s: %s", rows[i].label, why.detail);
        if (result == ERR_OK)
            assert_int_equal(pass.responder, rows[i].responder);
    }
}

/* X-OCSP-6, 9: what an answer never has is not even read: cut, a UTCTime, a reasonCode
 * among the extensions of a certificate, an extension that is no nonce. */
static void what_cannot_be_read(void **state)
{
    struct span whole = tbs_of(&rows[0]);
    struct lint_ocsp_pass pass = {0};

    (void)state;
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(
            lint_ocsp(responders, 2, span_make(whole.data, len), NOW, &pass, NULL),
            ERR_LINT);
    uint8_t *octets = arena_copy(arena, whole.data, whole.len);
    for (size_t i = 0; i < whole.len; i++) {
        if (octets[i] != DER_GENERALIZED_TIME)
            continue;
        octets[i] = DER_UTC_TIME;
        assert_int_equal(
            lint_ocsp(responders, 2, span_make(octets, whole.len), NOW, &pass, NULL),
            ERR_LINT);
        octets[i] = DER_GENERALIZED_TIME;
    }
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    for (size_t i = 0; i < 2; i++) {
        struct key *responder = NULL;
        uint8_t digest[HASH_MAX_SIZE];
        if (key_generate(KEY_P256, 0, &keys[i], NULL) != ERR_OK ||
            key_generate(KEY_P256, 0, &responder, NULL) != ERR_OK)
            return -1;
        issuers[i] =
            (struct lint_issuer){.name = span_make(name, sizeof name), .key = keys[i]};
        responders[i].issuer = &issuers[i];
        (void)ocsp_hash_key(HASH_SHA1, key_spki(responder), digest);
        memcpy(responders[i].key_hash, digest, OCSP_KEY_HASH);
        key_free(responder);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    key_free(keys[0]);
    key_free(keys[1]);
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule),
        cmocka_unit_test(what_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
