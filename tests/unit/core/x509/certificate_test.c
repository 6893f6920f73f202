/* Tests of core/x509/certificate and its chains and PEM, with certificates by openssl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/x509/certificate.h"
#include "x509_fixtures.h"

#define BEGIN INT64_C(1795564323) /* of the leaf: 2026-11-24T23:52:03Z */
#define END   INT64_C(4387564323) /* 2109-01-13T23:52:03Z */

static struct span der_of(struct arena *a, const char *pem)
{
    struct span der = {0};
    size_t count = 0;

    assert_int_equal(certificate_from_pem(a, span_of(pem), &der, 1, &count, NULL),
                     ERR_OK);
    assert_int_equal(count, 1);
    return der;
}

static void fields(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct certificate *leaf = NULL;
    struct certificate *issuer = NULL;

    (void)state;
    assert_int_equal(certificate_read(a, der_of(a, pem_leaf), &leaf, NULL), ERR_OK);
    assert_int_equal(certificate_read(a, der_of(a, pem_intermediate), &issuer, NULL),
                     ERR_OK);
    assert_true(span_equal(leaf->serial, span_make("\xff\x01", 2)));
    assert_true(span_equal(issuer->serial, span_make("\x10\x01", 2)));
    assert_true(leaf->not_before == BEGIN && leaf->not_after == END);
    assert_true(span_equal(leaf->issuer, issuer->subject));
    assert_true(span_equal(leaf->subject, span_make("\x30\x00", 2)));
    assert_true(span_equal(leaf->authority_key_id, issuer->subject_key_id));
    assert_int_equal(leaf->subject_key_id.len, 20);
    assert_false(leaf->is_ca);
    assert_true(issuer->is_ca);
    assert_int_equal(leaf->signature_kind, KEY_SIGNATURE_ECDSA_SHA256);
    assert_int_equal(issuer->signature_kind, KEY_SIGNATURE_ECDSA_SHA384);
    assert_int_equal(leaf->dns_name_count, 2);
    assert_string_equal(leaf->dns_names[0], "a.flow.test");
    assert_string_equal(leaf->dns_names[1], "B.flow.test");
    /* the issuer's key made that signature over exactly those octets */
    AUTO(key) struct key *key = NULL;
    assert_int_equal(key_from_spki(issuer->spki, &key, NULL), ERR_OK);
    assert_int_equal(
        key_verify(key, leaf->signature_kind, leaf->tbs, leaf->signature, NULL), ERR_OK);
}

static void devices(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct certificate *read = NULL;

    (void)state;
    assert_int_equal(certificate_read(a, der_of(a, pem_devices), &read, NULL), ERR_OK);
    assert_int_equal(read->dns_name_count, 1);
    assert_int_equal(read->device_count, 2);
    assert_int_equal(read->devices[0].kind, DEVICE_NAME_PERMANENT);
    assert_true(span_is(read->devices[0].id, "ABCDEF123456"));
    assert_true(span_equal(read->devices[0].oid, span_make("\x2a\x03\x04", 3)));
    assert_int_equal(read->devices[1].kind, DEVICE_NAME_MODULE);
    assert_true(span_is(read->devices[1].id, "ABCD"));
}

static void other_keys(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct certificate *c = NULL;

    (void)state;
    assert_int_equal(certificate_read(a, der_of(a, pem_rsa_root), &c, NULL), ERR_OK);
    assert_int_equal(c->signature_kind, KEY_SIGNATURE_RS256);
    assert_int_equal(certificate_read(a, der_of(a, pem_ed25519_root), &c, NULL), ERR_OK);
    assert_int_equal(c->signature_kind, KEY_SIGNATURE_EDDSA);
}

/* What was to be signed, without the signature. */
static void to_be_signed(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct certificate *whole = NULL;
    struct certificate *c = NULL;

    (void)state;
    assert_int_equal(certificate_read(a, der_of(a, pem_leaf), &whole, NULL), ERR_OK);
    assert_int_equal(certificate_read_tbs(a, whole->tbs, &c, NULL), ERR_OK);
    assert_true(span_equal(c->serial, whole->serial));
    assert_true(span_equal(c->spki, whole->spki));
    assert_int_equal(c->not_after, END);
    assert_int_equal(c->signature_kind, whole->signature_kind);
    assert_int_equal(c->dns_name_count, 2);
    assert_int_equal(c->der.len + c->signature.len, 0);
    for (size_t len = 0; len < whole->tbs.len; len++)
        assert_int_equal(
            certificate_read_tbs(a, span_make(whole->tbs.data, len), &c, NULL),
            ERR_MALFORMED);
    assert_int_equal(certificate_read_tbs(a, whole->der, &c, NULL), ERR_MALFORMED);
}

/* Cut anywhere, or with something behind: refused. */
static void cut(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span whole = der_of(a, pem_leaf);
    struct certificate *c = NULL;

    (void)state;
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(certificate_read(a, span_slice(whole, 0, len), &c, NULL),
                         ERR_MALFORMED);
    uint8_t *more = arena_get(a, whole.len + 1);
    memcpy(more, whole.data, whole.len);
    assert_int_equal(certificate_read(a, span_make(more, whole.len + 1), &c, NULL),
                     ERR_MALFORMED);
    assert_int_equal(certificate_read(a, der_of(a, pem_version_1), &c, NULL),
                     ERR_MALFORMED);
    assert_null(c);
    uint8_t *huge = arena_get(a, CERTIFICATE_MAX + 1);
    assert_int_equal(certificate_read(a, span_make(huge, CERTIFICATE_MAX + 1), &c, NULL),
                     ERR_MALFORMED);
}

/* X-GEN-5: The algorithm outside must be the one inside (RFC 5280 4.1.1.2). */
static void algorithms_differ(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span whole = der_of(a, pem_leaf);
    uint8_t *changed = arena_copy(a, whole.data, whole.len);
    static const uint8_t ecdsa[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
    struct certificate *c = NULL;
    int found = 0;

    (void)state;
    for (size_t i = 0; i + sizeof ecdsa <= whole.len; i++) {
        if (memcmp(changed + i, ecdsa, sizeof ecdsa) != 0)
            continue;
        found++;
        changed[i + 7] = 3;
        assert_int_equal(certificate_read(a, span_make(changed, whole.len), &c, NULL),
                         ERR_MALFORMED);
        changed[i + 7] = 2;
    }
    assert_int_equal(found, 2);
    assert_int_equal(certificate_read(a, span_make(changed, whole.len), &c, NULL),
                     ERR_OK);
}

/* Our PEM is the openssl command's, for every length of the last line. */
static void pem(void **state)
{
    static const char *const texts[] = {pem_root, pem_intermediate, pem_leaf,
                                        pem_rsa_root, pem_ed25519_root};
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        AUTO(buf) struct buf b = buf_make(100000);
        certificate_pem_add(&b, der_of(a, texts[i]));
        assert_true(span_is(buf_span(&b), texts[i]));
    }
    for (size_t len = 1; len < 200; len++) {
        AUTO(buf) struct buf b = buf_make(100000);
        uint8_t octets[200];
        struct span again = {0};
        size_t count = 0;
        for (size_t i = 0; i < len; i++)
            octets[i] = (uint8_t)(i * 37 + len);
        certificate_pem_add(&b, span_make(octets, len));
        assert_int_equal(certificate_from_pem(a, buf_span(&b), &again, 1, &count, NULL),
                         ERR_OK);
        assert_true(span_equal(again, span_make(octets, len)));
    }
}

static void pem_of_many(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span ders[3] = {{0}};
    size_t count = 0;
    char *text =
        arena_printf(a, "a comment\r\n%s\nanother\n%s", pem_leaf, pem_intermediate);

    (void)state;
    assert_int_equal(certificate_from_pem(a, span_of(text), ders, 3, &count, NULL),
                     ERR_OK);
    assert_int_equal(count, 2);
    assert_true(span_equal(ders[0], der_of(a, pem_leaf)));
    assert_true(span_equal(ders[1], der_of(a, pem_intermediate)));
    assert_int_equal(certificate_from_pem(a, span_of(text), ders, 1, &count, NULL),
                     ERR_MALFORMED);
}

static void pem_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\nAAAA\n",
        "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAA=A\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nA===\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAA!A\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAA-_\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    };
    AUTO(arena) struct arena *a = arena_new();
    struct span der = {0};
    size_t count = 7;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(
            certificate_from_pem(a, span_of(texts[i]), &der, 1, &count, NULL),
            ERR_MALFORMED);
    assert_int_equal(count, 7);
}

static enum err check(const char *leaf, const char *issuer, const char *roots,
                      const char *host, int64_t now)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span chain[2] = {{0}};
    size_t count = 0;

    if (leaf != NULL)
        chain[count++] = der_of(a, leaf);
    if (issuer != NULL)
        chain[count++] = der_of(a, issuer);
    return certificate_check_chain(chain, count, span_of(roots), host, now, NULL);
}

static void chains(void **state)
{
    (void)state;
    assert_int_equal(check(pem_leaf, pem_intermediate, pem_root, NULL, BEGIN), ERR_OK);
    assert_int_equal(check(pem_leaf, pem_intermediate, pem_root, "a.flow.test", END - 1),
                     ERR_OK);
    assert_int_equal(check(pem_leaf, pem_intermediate, pem_root, "b.flow.test", BEGIN),
                     ERR_OK);
    static const struct {
        const char *leaf, *issuer, *roots, *host;
        int64_t now;
    } bad[] = {
        {pem_leaf, pem_intermediate, pem_root, "c.flow.test", BEGIN},
        {pem_leaf, pem_intermediate, pem_root, "flow.test", BEGIN},
        {pem_leaf, pem_intermediate, pem_root, NULL, BEGIN - 86400},
        {pem_leaf, pem_intermediate, pem_root, NULL, END + 1},
        {pem_leaf, pem_intermediate, pem_other_root, NULL, BEGIN},
        {pem_leaf, NULL, pem_root, NULL, BEGIN},
        {pem_leaf, pem_rsa_root, pem_root, NULL, BEGIN},
        {NULL, NULL, pem_root, NULL, BEGIN},
        {pem_leaf, pem_intermediate, "", NULL, BEGIN},
        {pem_leaf, pem_intermediate, "rubbish", NULL, BEGIN},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(
            check(bad[i].leaf, bad[i].issuer, bad[i].roots, bad[i].host, bad[i].now),
            ERR_UNAUTHORIZED);
}

/* One changed bit anywhere in the leaf: never accepted. */
static void changed(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span leaf = der_of(a, pem_leaf);
    struct span chain[2] = {{0}, der_of(a, pem_intermediate)};

    (void)state;
    for (size_t i = 0; i < leaf.len; i += 5) {
        uint8_t *octets = arena_copy(a, leaf.data, leaf.len);
        octets[i] ^= 1;
        chain[0] = span_make(octets, leaf.len);
        assert_int_equal(
            certificate_check_chain(chain, 2, span_of(pem_root), NULL, BEGIN, NULL),
            ERR_UNAUTHORIZED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),      cmocka_unit_test(devices),
        cmocka_unit_test(other_keys),  cmocka_unit_test(to_be_signed),
        cmocka_unit_test(cut),         cmocka_unit_test(algorithms_differ),
        cmocka_unit_test(pem),         cmocka_unit_test(pem_of_many),
        cmocka_unit_test(pem_refused), cmocka_unit_test(chains),
        cmocka_unit_test(changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
