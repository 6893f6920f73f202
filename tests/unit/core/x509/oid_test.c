/* Tests of core/x509/oid: the object identifiers as OpenSSL writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/objects.h>
#include <string.h>

#include "core/x509/oid.h"

static const struct {
    enum oid oid;
    const char *dotted;
} rows[] = {
    {OID_COMMON_NAME, "2.5.4.3"},
    {OID_COUNTRY, "2.5.4.6"},
    {OID_ORGANIZATION, "2.5.4.10"},
    {OID_SUBJECT_KEY_IDENTIFIER, "2.5.29.14"},
    {OID_KEY_USAGE, "2.5.29.15"},
    {OID_SUBJECT_ALTERNATIVE_NAME, "2.5.29.17"},
    {OID_BASIC_CONSTRAINTS, "2.5.29.19"},
    {OID_CRL_NUMBER, "2.5.29.20"},
    {OID_CRL_REASON, "2.5.29.21"},
    {OID_ISSUING_DISTRIBUTION_POINT, "2.5.29.28"},
    {OID_NAME_CONSTRAINTS, "2.5.29.30"},
    {OID_CRL_DISTRIBUTION_POINTS, "2.5.29.31"},
    {OID_CERTIFICATE_POLICIES, "2.5.29.32"},
    {OID_AUTHORITY_KEY_IDENTIFIER, "2.5.29.35"},
    {OID_EXTENDED_KEY_USAGE, "2.5.29.37"},
    {OID_ANY_EXTENDED_KEY_USAGE, "2.5.29.37.0"},
    {OID_EXTENSION_REQUEST, "1.2.840.113549.1.9.14"},
    {OID_AUTHORITY_INFORMATION_ACCESS, "1.3.6.1.5.5.7.1.1"},
    {OID_OCSP, "1.3.6.1.5.5.7.48.1"},
    {OID_CA_ISSUERS, "1.3.6.1.5.5.7.48.2"},
    {OID_SIGNED_CERTIFICATE_TIMESTAMPS, "1.3.6.1.4.1.11129.2.4.2"},
    {OID_PRECERTIFICATE_POISON, "1.3.6.1.4.1.11129.2.4.3"},
    {OID_ACME_IDENTIFIER, "1.3.6.1.5.5.7.1.31"},
    {OID_ACME_IDENTIFIER_DRAFT, "1.3.6.1.5.5.7.1.30.1"},
    {OID_TLS_FEATURE, "1.3.6.1.5.5.7.1.24"},
    {OID_SERVER_AUTH, "1.3.6.1.5.5.7.3.1"},
    {OID_CLIENT_AUTH, "1.3.6.1.5.5.7.3.2"},
    {OID_OCSP_SIGNING, "1.3.6.1.5.5.7.3.9"},
    {OID_DOMAIN_VALIDATED, "2.23.140.1.2.1"},
    {OID_ECDSA_SHA256, "1.2.840.10045.4.3.2"},
    {OID_ECDSA_SHA384, "1.2.840.10045.4.3.3"},
    {OID_ECDSA_SHA512, "1.2.840.10045.4.3.4"},
    {OID_RSA_SHA256, "1.2.840.113549.1.1.11"},
    {OID_RSA_SHA384, "1.2.840.113549.1.1.12"},
    {OID_RSA_SHA512, "1.2.840.113549.1.1.13"},
    {OID_ED25519, "1.3.101.112"},
    {OID_MLDSA44, "2.16.840.1.101.3.4.3.17"},
    {OID_MLDSA65, "2.16.840.1.101.3.4.3.18"},
    {OID_MLDSA87, "2.16.840.1.101.3.4.3.19"},
    {OID_PERMANENT_IDENTIFIER, "1.3.6.1.5.5.7.8.3"},
    {OID_HARDWARE_MODULE_NAME, "1.3.6.1.5.5.7.8.4"},
    {OID_TPM_MANUFACTURER, "2.23.133.2.1"},
    {OID_TPM_MODEL, "2.23.133.2.2"},
    {OID_TPM_VERSION, "2.23.133.2.3"},
    {OID_EK_CERTIFICATE, "2.23.133.8.1"},
    {OID_AK_CERTIFICATE, "2.23.133.8.3"},
    {OID_ORGANIZATIONAL_UNIT, "2.5.4.11"},
    {OID_ANY_POLICY, "2.5.29.32.0"},
    {OID_NO_REVOCATION_AVAILABLE, "2.5.29.56"},
    {OID_OCSP_BASIC, "1.3.6.1.5.5.7.48.1.1"},
    {OID_OCSP_NONCE, "1.3.6.1.5.5.7.48.1.2"},
    {OID_SHA1, "1.3.14.3.2.26"},
    {OID_SHA256, "2.16.840.1.101.3.4.2.1"},
    {OID_OCSP_NO_CHECK, "1.3.6.1.5.5.7.48.1.5"},
    {OID_CODE_SIGNING, "1.3.6.1.5.5.7.3.3"},
    {OID_EMAIL_PROTECTION, "1.3.6.1.5.5.7.3.4"},
    {OID_TIME_STAMPING, "1.3.6.1.5.5.7.3.8"},
    {OID_PRECERTIFICATE_SIGNING, "1.3.6.1.4.1.11129.2.4.4"},
    {OID_EXTENDED_VALIDATION, "2.23.140.1.1"},
    {OID_ORGANIZATION_VALIDATED, "2.23.140.1.2.2"},
    {OID_INDIVIDUAL_VALIDATED, "2.23.140.1.2.3"},
};

static void octets(void **state)
{
    (void)state;
    assert_int_equal(sizeof rows / sizeof rows[0], OID_COUNT);
    for (size_t i = 0; i < OID_COUNT; i++) {
        ASN1_OBJECT *object = OBJ_txt2obj(rows[i].dotted, 1);
        struct span theirs = span_make(OBJ_get0_data(object), OBJ_length(object));
        assert_true(span_equal(oid_octets(rows[i].oid), theirs));
        for (size_t j = 0; j < OID_COUNT; j++)
            assert_int_equal(oid_is(theirs, rows[j].oid), i == j);
        ASN1_OBJECT_free(object);
    }
}

/* Dotted texts as OpenSSL reads and writes them. */
static void texts(void **state)
{
    static const char *const good[] = {
        "0.0",
        "0.39",
        "1.39.1",
        "2.0",
        "2.39",
        "2.40",
        "2.47",
        "2.48.127",
        "2.999.1",
        "2.100.128.16383.16384",
        "1.3.6.1.4.1.11129.2.4.2",
        "2.5.29.32.0",
        "1.3.6.1.4.1.2147483647.4294967296",
        "1.2.9223372036854775807",
        "2.9223372036854775727",
    };
    static const char *const bad[] = {
        "",
        ".",
        "1",
        "1.",
        "1.2.",
        ".1.2",
        "1..2",
        "3.1",
        "0.40",
        "1.40",
        "01.2",
        "1.02",
        "1.2.00",
        "1.2.3 ",
        " 1.2",
        "1.2.-3",
        "1.2.+3",
        "1.2.0x3",
        "1.2,3",
        "-1.2",
        "serverAuth",
        "1.2.9223372036854775808",
        "2.9223372036854775807",
        "1.2.99999999999999999999",
        "2.9223372036854775728",
    };
    AUTO(arena) struct arena *a = arena_new();
    struct span content;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!oid_from_text(a, span_of(good[i]), &content))
            fail_msg("%s is not taken", good[i]);
        ASN1_OBJECT *object = OBJ_txt2obj(good[i], 1);
        assert_non_null(object);
        assert_true(
            span_equal(content, span_make(OBJ_get0_data(object), OBJ_length(object))));
        ASN1_OBJECT_free(object);
        assert_string_equal(oid_to_text(a, content), good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (oid_from_text(a, span_of(bad[i]), &content))
            fail_msg("%s is taken", bad[i]);
    char *longest = arena_string(a, "1.2");
    while (strlen(longest) < OID_TEXT_MAX - 1)
        longest = arena_printf(a, "%s.1", longest);
    assert_true(oid_from_text(a, span_of(longest), &content));
    assert_false(oid_from_text(a, span_of(arena_printf(a, "%s.1", longest)), &content));
}

/* Octets that are no number to the end, not in the shortest form, or too large. */
static void octets_refused(void **state)
{
    static const char *const bad[] = {
        "",         "\x80",
        "\x81",     "\x2b\x80\x01",
        "\x2b\x81", "\x2b\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"};
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_null(oid_to_text(a, span_of(bad[i])));
}

static void signatures(void **state)
{
    static const enum key_signature kinds[] = {
        KEY_SIGNATURE_ECDSA_SHA256, KEY_SIGNATURE_ECDSA_SHA384,
        KEY_SIGNATURE_ECDSA_SHA512, KEY_SIGNATURE_RS256,
        KEY_SIGNATURE_RS384,        KEY_SIGNATURE_RS512,
        KEY_SIGNATURE_EDDSA};
    uint8_t room[64];

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct der_writer w = der_writer_make(room, sizeof room);
        oid_write_signature(&w, kinds[i]);
        struct der_reader r = der_read_start(der_write_take(&w), 2);
        assert_int_equal(oid_read_signature(&r), kinds[i]);
        assert_int_equal(der_read_finish(&r, ERR_CRYPTO, "", NULL), ERR_OK);
    }
    struct der_writer w = der_writer_make(room, sizeof room);
    oid_write_signature(&w, KEY_SIGNATURE_ES256); /* of JOSE, none of X.509 */
    assert_int_equal(der_write_take(&w).len, 0);
}

/* S-FIN-7, X-TLS-18 */
static void signatures_refused(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
    } refused[] = {
        /* sha1WithRSAEncryption, ecdsa-with-SHA1, md5WithRSAEncryption, id-RSASSA-PSS */
        {"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00", 15},
        {"\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01", 11},
        {"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04\x05\x00", 15},
        {"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x00", 15},
        /* RSA without NULL, ECDSA and Ed25519 with NULL (RFC 4055 5, 5758 3.2, 8410 3) */
        {"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", 13},
        {"\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00", 14},
        {"\x30\x07\x06\x03\x2b\x65\x70\x05\x00", 9},
        /* more behind the NULL; nothing at all */
        {"\x30\x0f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00\x05\x00", 17},
        {"\x30\x00", 2},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct der_reader r =
            der_read_start(span_make(refused[i].octets, refused[i].len), 2);
        (void)oid_read_signature(&r);
        assert_false(der_read_ok(&r));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets),
        cmocka_unit_test(texts),
        cmocka_unit_test(octets_refused),
        cmocka_unit_test(signatures),
        cmocka_unit_test(signatures_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
