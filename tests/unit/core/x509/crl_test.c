/* Tests of core/x509/crl: what is written is what OpenSSL reads and verifies, and what
 * OpenSSL writes is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "core/x509/crl.h"

#define NOW    INT64_C(1800000000)
#define LATER  (NOW + 7 * 86400)
#define NUMBER UINT64_C(0x0192f3a4b5c6d7e8)
#define MANY   400000 /* entries: more than 16 MiB, whose length takes four octets */

static const uint8_t name[] = {0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03,
                               0x55, 0x04, 0x03, 0x0c, 0x02, 'C',  'A'};
static const uint8_t key_id[] = {1, 2, 3, 4};

static struct arena *arena;
static struct key *key;

static struct crl_head head(void)
{
    struct crl_head h = {.issuer = {name, sizeof name},
                         .key_id = {key_id, sizeof key_id},
                         .signature_kind = KEY_SIGNATURE_ECDSA_SHA256,
                         .this_update = NOW,
                         .next_update = LATER,
                         .number = NUMBER};
    return h;
}

/* Put the pieces together as the CA does. */
static struct span whole(const struct crl_head *h, struct span entries)
{
    struct err_info why = {0};
    uint8_t signature[KEY_SIGNATURE_MAX];
    struct span front, tail, before, behind;
    size_t len = 0;

    assert_int_equal(crl_tail_write(arena, h, &tail, &why), ERR_OK);
    assert_int_equal(crl_head_write(arena, h, entries.len, tail.len, &front, &why),
                     ERR_OK);
    size_t tbs_len = front.len + entries.len + tail.len;
    uint8_t *made = arena_get(arena, tbs_len + 4096);
    uint8_t *tbs = made + 16;
    memcpy(tbs, front.data, front.len);
    if (entries.len > 0)
        memcpy(tbs + front.len, entries.data, entries.len);
    memcpy(tbs + front.len + entries.len, tail.data, tail.len);
    assert_int_equal(key_sign(key, KEY_SIGNATURE_ECDSA_SHA256, span_make(tbs, tbs_len),
                              signature, &len, &why),
                     ERR_OK);
    assert_int_equal(crl_frame_write(arena, tbs_len, KEY_SIGNATURE_ECDSA_SHA256,
                                     span_make(signature, len), &before, &behind, &why),
                     ERR_OK);
    memcpy(tbs - before.len, before.data, before.len);
    memcpy(tbs + tbs_len, behind.data, behind.len);
    return span_make(tbs - before.len, before.len + tbs_len + behind.len);
}

/* Read by OpenSSL to its last octet, and its signature is good. */
static X509_CRL *theirs(struct span der)
{
    const unsigned char *at = der.data;
    struct span spki = key_spki(key);
    const unsigned char *spki_at = spki.data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.len);
    EVP_PKEY *public_key = d2i_PUBKEY(NULL, &spki_at, (long)spki.len);

    assert_non_null(crl);
    assert_ptr_equal(at, der.data + der.len);
    assert_int_equal(X509_CRL_verify(crl, public_key), 1);
    EVP_PKEY_free(public_key);
    return crl;
}

/* X-CRL-1, 2, 3: version 2, both updates, number and key identifier, no list of entries
 * where there are none. */
static void empty(void **state)
{
    const struct crl_head h = head();
    struct span der = whole(&h, span_make(NULL, 0));
    X509_CRL *crl = theirs(der);
    struct crl ours = {0};
    struct err_info why = {0};

    (void)state;
    assert_int_equal(X509_CRL_get_version(crl), 1);
    assert_null(X509_CRL_get_REVOKED(crl));
    assert_int_equal(ASN1_TIME_cmp_time_t(X509_CRL_get0_lastUpdate(crl), NOW), 0);
    assert_int_equal(ASN1_TIME_cmp_time_t(X509_CRL_get0_nextUpdate(crl), LATER), 0);
    int critical = -1;
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, &critical, NULL);
    uint64_t value = 0;
    assert_int_equal(critical, 0);
    assert_int_equal(ASN1_INTEGER_get_uint64(&value, number), 1);
    assert_true(value == NUMBER);
    ASN1_INTEGER_free(number);
    AUTHORITY_KEYID *aki =
        X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, &critical, NULL);
    assert_int_equal(critical, 0);
    assert_memory_equal(aki->keyid->data, key_id, sizeof key_id);
    AUTHORITY_KEYID_free(aki);
    assert_true(X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1) < 0);
    X509_CRL_free(crl);
    assert_int_equal(crl_read(der, &ours, &why), ERR_OK);
    assert_false(ours.has_revoked);
    assert_false(ours.has_point);
    assert_int_equal(ours.number.len, sizeof NUMBER);
    assert_true(span_equal(ours.key_id, h.key_id));
}

/* X-CRL-7: no reason, and unspecified, have no extension. */
static void reasons(void **state)
{
    static const struct {
        int reason;
        long shown;
    } rows[] = {{CRL_NO_REASON, -1}, {0, -1}, {1, 1}, {3, 3}, {4, 4}, {5, 5}, {9, 9}};
    const struct crl_head h = head();
    AUTO(buf) struct buf entries = buf_make(4096);
    struct crl ours = {0};
    struct crl_entry entry = {0};
    struct err_info why = {0};
    size_t count = sizeof rows / sizeof rows[0];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const uint8_t serial[] = {0xf0, (uint8_t)i};
        crl_entry_add(&entries, span_make(serial, 2), NOW - (int64_t)i, rows[i].reason);
    }
    struct span der = whole(&h, buf_span(&entries));
    X509_CRL *crl = theirs(der);
    STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(crl);
    assert_int_equal(sk_X509_REVOKED_num(list), count);
    assert_int_equal(crl_read(der, &ours, &why), ERR_OK);
    struct der_reader r = crl_entries(&ours);
    for (size_t i = 0; i < count; i++) {
        X509_REVOKED *one = NULL;
        ASN1_INTEGER *serial = ASN1_INTEGER_new();
        int critical = -1;
        assert_int_equal(ASN1_INTEGER_set_uint64(serial, 0xf000 + i), 1);
        assert_int_equal(X509_CRL_get0_by_serial(crl, &one, serial), 1);
        ASN1_INTEGER_free(serial);
        ASN1_ENUMERATED *reason =
            X509_REVOKED_get_ext_d2i(one, NID_crl_reason, &critical, NULL);
        assert_int_equal(reason == NULL ? -1 : ASN1_ENUMERATED_get(reason),
                         rows[i].shown);
        assert_int_equal(critical, reason == NULL ? -1 : 0);
        ASN1_ENUMERATED_free(reason);
        assert_int_equal(
            ASN1_TIME_cmp_time_t(X509_REVOKED_get0_revocationDate(one), NOW - (int64_t)i),
            0);
        assert_true(crl_entry_next(&r, &entry));
        assert_int_equal(entry.reason, rows[i].shown);
        assert_false(entry.has_others);
        assert_int_equal(entry.revoked_at, NOW - (int64_t)i);
    }
    assert_false(crl_entry_next(&r, &entry));
    assert_int_equal(der_read_finish(&r, ERR_MALFORMED, "entries", &why), ERR_OK);
    X509_CRL_free(crl);
}

/* X-CRL-9: critical, with the URL as it is in the certificates. */
static void point(void **state)
{
    static const char *const urls[] = {"http://ca.test/crl/01/1.crl",
                                       "http://old.test/crl/01/1.crl"};
    struct crl_head h = head();
    struct crl ours = {0};
    struct err_info why = {0};
    int critical = -1;

    (void)state;
    h.urls = urls;
    h.url_count = 2;
    h.only_user_certificates = true;
    struct span der = whole(&h, span_make(NULL, 0));
    X509_CRL *crl = theirs(der);
    ISSUING_DIST_POINT *p =
        X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &critical, NULL);
    assert_int_equal(critical, 1);
    assert_true(p->onlyuser > 0);
    assert_true(p->onlyCA <= 0 && p->indirectCRL <= 0 && p->onlyattr <= 0);
    assert_int_equal(sk_GENERAL_NAME_num(p->distpoint->name.fullname), 2);
    for (int i = 0; i < 2; i++) {
        GENERAL_NAME *one = sk_GENERAL_NAME_value(p->distpoint->name.fullname, i);
        assert_int_equal(one->type, GEN_URI);
        assert_int_equal(ASN1_STRING_length(one->d.uniformResourceIdentifier),
                         strlen(urls[i]));
        assert_memory_equal(ASN1_STRING_get0_data(one->d.uniformResourceIdentifier),
                            urls[i], strlen(urls[i]));
    }
    ISSUING_DIST_POINT_free(p);
    X509_CRL_free(crl);
    assert_int_equal(crl_read(der, &ours, &why), ERR_OK);
    assert_true(ours.has_point && ours.only_user_certificates && !ours.indirect);
    assert_int_equal(ours.url_count, 2);
    assert_true(span_is(ours.urls[1], urls[1]));
}

static void many(void **state)
{
    const struct crl_head h = head();
    AUTO(buf) struct buf entries = buf_make(64U << 20);
    struct crl ours = {0};
    struct crl_entry entry = {0};
    struct err_info why = {0};
    size_t count = 0;

    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        uint8_t serial[16] = {0x2a, [12] = (uint8_t)(i >> 24), (uint8_t)(i >> 16),
                              (uint8_t)(i >> 8), (uint8_t)i};
        crl_entry_add(&entries, span_make(serial, sizeof serial), NOW, 1);
    }
    assert_true(entries.len > 0x1000000);
    struct span der = whole(&h, buf_span(&entries));
    X509_CRL *crl = theirs(der);
    assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), MANY);
    X509_CRL_free(crl);
    assert_int_equal(crl_read(der, &ours, &why), ERR_OK);
    struct der_reader r = crl_entries(&ours);
    while (crl_entry_next(&r, &entry))
        count++;
    assert_int_equal(count, MANY);
}

static ASN1_TIME *time_of(int64_t seconds)
{
    return ASN1_TIME_set(NULL, (time_t)seconds);
}

/* A list of OpenSSL's own making, of either version. */
static struct span made_by_them(long version, bool entry)
{
    X509_CRL *crl = X509_CRL_new();
    X509_NAME *issuer = X509_NAME_new();
    EVP_PKEY *signing = EVP_EC_gen("P-256");
    ASN1_TIME *now = time_of(NOW);
    unsigned char *out = NULL;

    X509_NAME_add_entry_by_txt(issuer, "CN", MBSTRING_ASC, (const unsigned char *)"T", -1,
                               -1, 0);
    X509_CRL_set_version(crl, version);
    X509_CRL_set_issuer_name(crl, issuer);
    X509_CRL_set1_lastUpdate(crl, now);
    X509_CRL_set1_nextUpdate(crl, now);
    if (entry) {
        X509_REVOKED *one = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();
        ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
        ASN1_INTEGER_set(serial, 77);
        ASN1_ENUMERATED_set(reason, 4);
        X509_REVOKED_set_serialNumber(one, serial);
        X509_REVOKED_set_revocationDate(one, now);
        X509_REVOKED_add1_ext_i2d(one, NID_crl_reason, reason, 0, 0);
        X509_REVOKED_add1_ext_i2d(one, NID_invalidity_date, now, 0, 0);
        X509_CRL_add0_revoked(crl, one);
        ASN1_INTEGER_free(serial);
        ASN1_ENUMERATED_free(reason);
    }
    X509_CRL_sign(crl, signing, EVP_sha256());
    int len = i2d_X509_CRL(crl, &out);
    struct span der = arena_span(arena, span_make(out, (size_t)len));
    OPENSSL_free(out);
    ASN1_TIME_free(now);
    X509_NAME_free(issuer);
    EVP_PKEY_free(signing);
    X509_CRL_free(crl);
    return der;
}

static void foreign(void **state)
{
    struct crl ours = {0};
    struct crl_entry entry = {0};
    struct err_info why = {0};

    (void)state;
    assert_int_equal(crl_read(made_by_them(1, true), &ours, &why), ERR_OK);
    struct der_reader r = crl_entries(&ours);
    assert_true(crl_entry_next(&r, &entry));
    assert_int_equal(entry.serial.len, 1);
    assert_int_equal(entry.serial.data[0], 77);
    assert_int_equal(entry.reason, 4);
    assert_true(entry.has_others);
    assert_false(crl_entry_next(&r, &entry));
    assert_int_equal(crl_read(made_by_them(0, false), &ours, &why), ERR_MALFORMED);
}

/* Nothing that is cut off is read. */
static void cut_off(void **state)
{
    static const char *const urls[] = {"http://ca.test/crl/01/1.crl"};
    struct crl_head h = head();
    AUTO(buf) struct buf entries = buf_make(4096);
    struct crl ours = {0};
    struct err_info why = {0};

    (void)state;
    h.urls = urls;
    h.url_count = 1;
    crl_entry_add(&entries, span_make("\x05", 1), NOW, 1);
    struct span der = whole(&h, buf_span(&entries));
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(crl_read(span_slice(der, 0, len), &ours, &why), ERR_MALFORMED);
    assert_int_equal(crl_read(der, &ours, &why), ERR_OK);
}

static int setup(void **state)
{
    struct err_info why = {0};

    (void)state;
    arena = arena_new();
    return key_generate(KEY_P256, 0, &key, &why) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    key_free(key);
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty), cmocka_unit_test(reasons), cmocka_unit_test(point),
        cmocka_unit_test(many),  cmocka_unit_test(foreign), cmocka_unit_test(cut_off),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
