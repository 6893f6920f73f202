/* Tests of server/issue/template: what is written is what OpenSSL reads. The flow tests
 * have more judges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "core/x509/certificate.h"
#include "core/x509/oid.h"
#include "server/issue/template.h"

#define NOW      INT64_C(1800000000)
#define LIFETIME INT64_C(7776000)

static struct arena *arena;
static struct key *ca_key;
static struct span ca_der;
static struct template_issuer issuer;

static struct span sign(struct span tbs)
{
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    assert_int_equal(
        key_sign(ca_key, KEY_SIGNATURE_ECDSA_SHA256, tbs, signature, &len, NULL), ERR_OK);
    return template_assemble(arena, tbs, KEY_SIGNATURE_ECDSA_SHA256,
                             span_make(signature, len));
}

static X509 *theirs(struct span der)
{
    const unsigned char *at = der.data;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);

    assert_non_null(x);
    assert_ptr_equal(at, der.data + der.len);
    return x;
}

static struct template_oids server_usages(void)
{
    static struct span list[1];

    list[0] = oid_octets(OID_SERVER_AUTH);
    return (struct template_oids){list, 1};
}

static void leaf_of(enum key_type type, int bits, uint32_t usage)
{
    static const char *const names[] = {"a.flow.test", "xn--fiqs8s.test"};
    AUTO(key) struct key *key = NULL;
    struct template_leaf leaf = {.usages = server_usages(),
                                 .not_before = NOW,
                                 .not_after = NOW + LIFETIME - 1,
                                 .dns_names = names,
                                 .dns_name_count = 2,
                                 .key_type = type};
    struct span tbs = {0};
    uint8_t key_id[TEMPLATE_KEY_ID_SIZE];

    assert_int_equal(key_generate(type, bits, &key, NULL), ERR_OK);
    leaf.spki = key_spki(key);
    serial_make(NOW, leaf.serial);
    assert_int_equal(template_leaf_write(arena, &issuer, &leaf, &tbs, NULL), ERR_OK);
    X509 *x = theirs(sign(tbs));
    X509 *ca = theirs(ca_der);

    assert_int_equal(X509_get_version(x), 2);
    assert_int_equal(X509_verify(x, X509_get0_pubkey(ca)), 1);
    assert_int_equal(X509_check_issued(ca, x), X509_V_OK);
    assert_int_equal(X509_check_ca(x), 0);
    assert_int_equal(X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 0), 1);
    assert_int_equal(X509_check_purpose(x, X509_PURPOSE_SSL_CLIENT, 0), 0);
    assert_int_equal(X509_get_key_usage(x), usage);
    assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_SERVER);
    assert_int_equal(X509_check_host(x, names[0], 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x, names[1], 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x, "b.flow.test", 0, 0, NULL), 0);
    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(x)), 0);
    time_t first = (time_t)NOW;
    time_t last = (time_t)(NOW + LIFETIME - 1);
    assert_int_equal(ASN1_TIME_cmp_time_t(X509_get0_notBefore(x), first), 0);
    assert_int_equal(ASN1_TIME_cmp_time_t(X509_get0_notAfter(x), last), 0);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
    assert_true(span_equal(span_make(serial->data, (size_t)serial->length),
                           span_make(leaf.serial, SERIAL_SIZE)));
    template_key_id(leaf.spki, key_id);
    const ASN1_OCTET_STRING *found = X509_get0_subject_key_id(x);
    assert_true(span_equal(span_make(found->data, (size_t)found->length),
                           span_make(key_id, sizeof key_id)));
    const int at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1);
    assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(x, at)), 1);
    X509_free(ca);
    X509_free(x);
}

/* Addresses beside a name, and alone. */
static void addresses(void **state)
{
    static const char *const name = "a.flow.test";
    static const uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
    const struct span list[] = {span_make("\xc0\0\2\1", 4), span_make(v6, sizeof v6)};

    (void)state;
    for (size_t names = 0; names < 2; names++) {
        struct template_leaf leaf = {.not_before = NOW,
                                     .not_after = NOW + LIFETIME - 1,
                                     .dns_names = &name,
                                     .dns_name_count = names,
                                     .addresses = list,
                                     .address_count = 2,
                                     .spki = key_spki(ca_key),
                                     .key_type = KEY_P256};
        struct certificate *read = NULL;
        struct span tbs = {0};
        serial_make(NOW, leaf.serial);
        assert_int_equal(template_leaf_write(arena, &issuer, &leaf, &tbs, NULL), ERR_OK);
        struct span der = sign(tbs);
        X509 *x = theirs(der);
        assert_int_equal(X509_check_ip_asc(x, "192.0.2.1", 0), 1);
        assert_int_equal(X509_check_ip_asc(x, "2001:db8::1", 0), 1);
        assert_int_equal(X509_check_ip_asc(x, "192.0.2.2", 0), 0);
        assert_int_equal(X509_check_host(x, name, 0, 0, NULL), names);
        assert_int_equal(X509_check_host(x, "192.0.2.1", 0, 0, NULL), 0);
        X509_free(x);
        assert_int_equal(certificate_read(arena, der, &read, NULL), ERR_OK);
        assert_int_equal(read->dns_name_count, names);
        assert_int_equal(read->address_count, 2);
        assert_true(span_equal(read->addresses[0], list[0]));
        assert_true(span_equal(read->addresses[1], list[1]));
    }
}

/* Names of devices: X-DEV-3, X-DEV-4, octet for octet; critical beside an empty subject
 * only. */
static void devices(void **state)
{
#define NAME(text)                                                                       \
    {                                                                                    \
        (const uint8_t *)(text), sizeof(text) - 1                                        \
    }
#define OTHER "\x06\x08\x2b\x06\x01\x05\x05\x07\x08"
    static const struct {
        struct device_name name;
        struct span expected; /* value of the extension */
    } rows[] = {
        {{DEVICE_NAME_PERMANENT, NAME("ABCDEF123456"), {0}},
         NAME("\x30\x1e\xa0\x1c" OTHER "\x03\xa0\x10\x30\x0e\x0c\x0c"
              "ABCDEF123456")},
        {{DEVICE_NAME_PERMANENT, NAME("ABCDEF123456"), NAME("\x2a\x03\x04")},
         NAME("\x30\x23\xa0\x21" OTHER "\x03\xa0\x15\x30\x13\x0c\x0c"
              "ABCDEF123456\x06\x03\x2a\x03\x04")},
        {{DEVICE_NAME_MODULE, NAME("ABCD"), NAME("\x2a\x03\x04")},
         NAME("\x30\x1b\xa0\x19" OTHER "\x04\xa0\x0d\x30\x0b\x06\x03\x2a\x03\x04\x04\x04"
              "ABCD")},
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        struct template_leaf leaf = {.not_before = NOW,
                                     .not_after = NOW + LIFETIME - 1,
                                     .devices = &rows[i / 2].name,
                                     .device_count = 1,
                                     .common_name = i % 2 == 0 ? NULL : "ABCD",
                                     .spki = key_spki(ca_key),
                                     .key_type = KEY_P256};
        struct span tbs = {0};
        serial_make(NOW, leaf.serial);
        assert_int_equal(template_leaf_write(arena, &issuer, &leaf, &tbs, NULL), ERR_OK);
        X509 *x = theirs(sign(tbs));
        X509_EXTENSION *names =
            X509_get_ext(x, X509_get_ext_by_NID(x, NID_subject_alt_name, -1));
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(names);
        assert_true(span_equal(span_make(value->data, (size_t)value->length),
                               rows[i / 2].expected));
        assert_int_equal(X509_EXTENSION_get_critical(names), i % 2 == 0);
        X509_free(x);
    }
#undef OTHER
#undef NAME
}

static void leaves(void **state)
{
    (void)state;
    leaf_of(KEY_P256, 0, KU_DIGITAL_SIGNATURE);
    leaf_of(KEY_P384, 0, KU_DIGITAL_SIGNATURE);
    leaf_of(KEY_P521, 0, KU_DIGITAL_SIGNATURE);
    leaf_of(KEY_ED25519, 0, KU_DIGITAL_SIGNATURE);
    leaf_of(KEY_RSA, 2048, KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
}

/* Everything a leaf can have, as OpenSSL reads it; a precertificate is the same but for
 * the place of the timestamps. */
static void everything(void **state)
{
    static const char *const names[] = {"a.flow.test"};
    static const char *const lists[] = {"http://ca.test/1.crl", "http://ca.test/2.crl"};
    static const char *const ocsp[] = {"http://ca.test/ocsp"};
    static const char *const above[] = {"http://ca.test/ca.cer"};
    const struct span policies[] = {oid_octets(OID_DOMAIN_VALIDATED),
                                    oid_octets(OID_ACME_IDENTIFIER)};
    struct template_leaf leaf = {.not_before = NOW,
                                 .not_after = NOW + LIFETIME - 1,
                                 .common_name = "a.flow.test",
                                 .spki = key_spki(ca_key),
                                 .key_usage = TEMPLATE_USAGE_DIGITAL_SIGNATURE |
                                              TEMPLATE_USAGE_KEY_AGREEMENT,
                                 .usages = server_usages(),
                                 .dns_names = names,
                                 .dns_name_count = 1,
                                 .policies = {policies, 2},
                                 .ocsp_urls = {ocsp, 1},
                                 .issuer_urls = {above, 1},
                                 .crl_urls = {lists, 2},
                                 .must_staple = true,
                                 .scts = span_make("\0\0", 2)};
    struct span tbs = {0};
    struct span pre = {0};
    int critical = 0;

    (void)state;
    serial_make(NOW, leaf.serial);
    assert_int_equal(template_leaf_write(arena, &issuer, &leaf, &tbs, NULL), ERR_OK);
    X509 *x = theirs(sign(tbs));
    assert_int_equal(X509_get_ext_count(x), 11);
    assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT);
    STACK_OF(DIST_POINT) *points =
        X509_get_ext_d2i(x, NID_crl_distribution_points, NULL, NULL);
    assert_int_equal(sk_DIST_POINT_num(points), 1);
    GENERAL_NAMES *urls = sk_DIST_POINT_value(points, 0)->distpoint->name.fullname;
    assert_int_equal(sk_GENERAL_NAME_num(urls), 2);
    CRL_DIST_POINTS_free(points);
    AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(x, NID_info_access, NULL, NULL);
    assert_int_equal(sk_ACCESS_DESCRIPTION_num(access), 2);
    AUTHORITY_INFO_ACCESS_free(access);
    TLS_FEATURE *feature = X509_get_ext_d2i(x, NID_tlsfeature, NULL, NULL);
    assert_int_equal(sk_ASN1_INTEGER_num(feature), 1);
    TLS_FEATURE_free(feature);
    GENERAL_NAMES *alternatives =
        X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
    assert_int_equal(critical, 0); /* there is a subject */
    GENERAL_NAMES_free(alternatives);
    assert_true(X509_get_ext_by_NID(x, NID_ct_precert_scts, -1) >= 0);
    X509_free(x);
    leaf.scts = span_make(NULL, 0);
    leaf.poison = true;
    assert_int_equal(template_leaf_write(arena, &issuer, &leaf, &pre, NULL), ERR_OK);
    x = theirs(sign(pre));
    ASN1_NULL *poison = X509_get_ext_d2i(x, NID_ct_precert_poison, &critical, NULL);
    assert_non_null(poison);
    assert_int_equal(critical, 1);
    ASN1_NULL_free(poison);
    assert_int_equal(X509_get_ext_count(x), 11);
    X509_free(x);
}

/* What no other leaf has: RFC 9608 2, and RFC 3161 2.3. */
static void rarities(void **state)
{
    static const char *const names[] = {"a.flow.test"};
    struct template_leaf leaf = {.not_before = NOW,
                                 .not_after = NOW + LIFETIME - 1,
                                 .spki = key_spki(ca_key),
                                 .usages = server_usages(),
                                 .usages_critical = true,
                                 .no_rev_avail = true,
                                 .without_key_id = true,
                                 .dns_names = names,
                                 .dns_name_count = 1};
    struct span tbs = {0};
    int critical = 0;

    (void)state;
    serial_make(NOW, leaf.serial);
    assert_int_equal(template_leaf_write(arena, &issuer, &leaf, &tbs, NULL), ERR_OK);
    X509 *x = theirs(sign(tbs));
    ASN1_OBJECT *id = OBJ_txt2obj("2.5.29.56", 1);
    X509_EXTENSION *e = X509_get_ext(x, X509_get_ext_by_OBJ(x, id, -1));
    ASN1_OBJECT_free(id);
    assert_non_null(e);
    assert_int_equal(X509_EXTENSION_get_critical(e), 0);
    ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(e);
    assert_int_equal(ASN1_STRING_length(value), 2);
    assert_memory_equal(ASN1_STRING_get0_data(value), "\x05\x00", 2);
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(x, NID_ext_key_usage, &critical, NULL);
    assert_int_equal(critical, 1);
    EXTENDED_KEY_USAGE_free(usages);
    assert_int_equal(X509_get_ext_by_NID(x, NID_subject_key_identifier, -1), -1);
    X509_free(x);
}

/* As large as may be, and larger. */
static void too_large(void **state)
{
    static char name[254];
    static const char *names[1000];
    struct template_leaf leaf = {.usages = server_usages(),
                                 .not_before = NOW,
                                 .not_after = NOW + LIFETIME,
                                 .dns_names = names,
                                 .spki = key_spki(ca_key)};
    struct span tbs = {0};

    (void)state;
    memset(name, 'a', sizeof name - 1);
    for (size_t i = 0; i < 1000; i++)
        names[i] = name;
    leaf.dns_name_count = 185;
    assert_int_equal(template_leaf_write(arena, &issuer, &leaf, &tbs, NULL), ERR_OK);
    assert_true(tbs.len > 47000 && tbs.len <= TEMPLATE_TBS_MAX);
    leaf.dns_name_count = 1000;
    assert_int_equal(template_leaf_write(arena, &issuer, &leaf, &tbs, NULL),
                     ERR_TOO_LARGE);
}

static void issuers(void **state)
{
    struct template_issuer read = {0};
    AUTO(key) struct key *key = NULL;
    struct template_leaf leaf = {
        .usages = server_usages(), .not_before = NOW, .not_after = NOW + LIFETIME};
    struct span tbs = {0};

    (void)state;
    assert_int_equal(template_issuer_read(arena, ca_der, &read, NULL), ERR_OK);
    assert_true(span_equal(read.name, issuer.name));
    assert_true(read.not_after == NOW + LIFETIME);
    assert_int_equal(read.signature_kind, KEY_SIGNATURE_ECDSA_SHA256);
    /* a leaf is no issuer */
    assert_int_equal(key_generate(KEY_P256, 0, &key, NULL), ERR_OK);
    leaf.spki = key_spki(key);
    serial_make(NOW, leaf.serial);
    assert_int_equal(template_leaf_write(arena, &issuer, &leaf, &tbs, NULL), ERR_OK);
    assert_int_equal(template_issuer_read(arena, sign(tbs), &read, NULL), ERR_CONFIG);
    assert_int_equal(template_issuer_read(arena, span_of("x"), &read, NULL),
                     ERR_MALFORMED);
}

static int set_up(void **state)
{
    const struct template_name name = {.common_name = "Test CA"};
    struct template_ca ca = {
        .not_before = NOW, .not_after = NOW + LIFETIME, .path_length = 0};
    struct span tbs = {0};

    (void)state;
    arena = arena_new();
    if (key_generate(KEY_P256, 0, &ca_key, NULL) != ERR_OK)
        return -1;
    if (template_name_write(arena, &name, &ca.subject, NULL) != ERR_OK)
        return -1;
    ca.spki = key_spki(ca_key);
    serial_make(NOW, ca.serial);
    if (template_ca_write(arena, NULL, KEY_SIGNATURE_ECDSA_SHA256, &ca, &tbs, NULL) !=
        ERR_OK)
        return -1;
    ca_der = sign(tbs);
    return template_issuer_read(arena, ca_der, &issuer, NULL) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    key_free(ca_key);
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves),   cmocka_unit_test(addresses),
        cmocka_unit_test(devices),  cmocka_unit_test(everything),
        cmocka_unit_test(rarities), cmocka_unit_test(too_large),
        cmocka_unit_test(issuers),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
