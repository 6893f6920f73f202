/* Tests of core/x509/alpn_certificate, with certificates by OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/x509/alpn_certificate.h"

#include "alpn_maker.h"

static const uint8_t digest[ALPN_DIGEST_LEN] = "0123456789abcdef0123456789ABCDE";

static void fields(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct alpn_certificate *c = NULL;
    static const struct alpn_made made = {
        .names = "DNS:A.flow.test,IP:192.0.2.1,email:x@flow.test,URI:https://flow.test/,"
                 "RID:1.2.3",
        .digest = digest,
        .is_ca = true};
    struct span der = alpn_make_der(&made);

    (void)state;
    assert_int_equal(alpn_certificate_read(a, der, &c, NULL), ERR_OK);
    assert_true(c->has_names && c->has_identifier && c->is_critical);
    assert_false(c->has_draft_identifier);
    assert_true(span_equal(c->digest, span_make(digest, sizeof digest)));
    assert_true(span_equal(c->issuer, c->subject));
    assert_int_equal(c->name_count, 5);
    assert_int_equal(c->names[0].kind, ALPN_CERTIFICATE_DNS);
    assert_true(span_is(c->names[0].value, "A.flow.test"));
    assert_int_equal(c->names[1].kind, ALPN_CERTIFICATE_IP);
    assert_true(span_equal(c->names[1].value, span_make("\xc0\0\2\1", 4)));
    assert_int_equal(c->names[2].kind, ALPN_CERTIFICATE_EMAIL);
    assert_int_equal(c->names[3].kind, ALPN_CERTIFICATE_URI);
    assert_int_equal(c->names[4].kind, ALPN_CERTIFICATE_REGISTERED_ID);
    assert_true(c->signature_known);
    assert_int_equal(c->signature_kind, KEY_SIGNATURE_ECDSA_SHA256);
    AUTO(key) struct key *key = NULL;
    assert_int_equal(key_from_spki(c->spki, &key, NULL), ERR_OK);
    assert_int_equal(key_verify(key, c->signature_kind, c->tbs, c->signature, NULL),
                     ERR_OK);
    alpn_unmake(der);
}

static void refused(void **state)
{
    static const struct {
        struct alpn_made made;
        const char *word;
    } rows[] = {
        /* S-ALPN-6 */
        {{.names = "DNS:a.test", .digest = digest, .twice = true}, "twice"},
        {{.names = "DNS:a.test", .digest = digest, .names_twice = true}, "twice"},
        {{.names = "DNS:a.test", .digest = digest, .version_before = 1}, "version"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct alpn_certificate *c = NULL;
        struct err_info why = {0};
        struct span der = alpn_make_der(&rows[i].made);
        assert_int_equal(alpn_certificate_read(a, der, &c, &why), ERR_MALFORMED);
        if (strstr(why.detail, rows[i].word) == NULL)
            print_error("row %zu: %s\n", i, why.detail);
        assert_non_null(strstr(why.detail, rows[i].word));
        assert_null(c);
        alpn_unmake(der);
    }
}

/* An identifier that is no OCTET STRING is read, and has no digest. */
static void other_identifiers(void **state)
{
    static const struct alpn_made rows[] = {
        {.names = "DNS:a.test", .digest = digest, .no_inner = true},
        {.names = "DNS:a.test", .digest = digest, .trailing = true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct alpn_certificate *c = NULL;
        struct span der = alpn_make_der(&rows[i]);
        assert_int_equal(alpn_certificate_read(a, der, &c, NULL), ERR_OK);
        assert_true(c->has_identifier);
        assert_int_equal(c->digest.len, 0);
        alpn_unmake(der);
    }
}

/* Cut anywhere, with something behind, with any one octet changed: no crash, and what is
 * cut or longer is refused. */
static void damaged(void **state)
{
    static const struct alpn_made made = {.names = "DNS:a.test,IP:::1", .digest = digest};
    struct span der = alpn_make_der(&made);
    AUTO(arena) struct arena *a = arena_new();
    uint8_t *copy = arena_get(a, der.len + 1);
    struct alpn_certificate *c = NULL;

    (void)state;
    memcpy(copy, der.data, der.len);
    for (size_t len = 0; len < der.len; len++)
        assert_int_equal(alpn_certificate_read(a, span_make(copy, len), &c, NULL),
                         ERR_MALFORMED);
    assert_int_equal(alpn_certificate_read(a, span_make(copy, der.len + 1), &c, NULL),
                     ERR_MALFORMED);
    assert_null(c);
    for (size_t i = 0; i < der.len; i++) {
        AUTO(arena) struct arena *inner = arena_new();
        for (unsigned int bit = 0; bit < 8; bit++) {
            copy[i] ^= (uint8_t)(1U << bit);
            (void)!alpn_certificate_read(inner, span_make(copy, der.len), &c, NULL);
            copy[i] = der.data[i];
        }
    }
    uint8_t *large = arena_get(a, ALPN_CERTIFICATE_MAX + 1);
    assert_int_equal(
        alpn_certificate_read(a, span_make(large, ALPN_CERTIFICATE_MAX + 1), &c, NULL),
        ERR_MALFORMED);
    alpn_unmake(der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),
        cmocka_unit_test(refused),
        cmocka_unit_test(other_identifiers),
        cmocka_unit_test(damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
