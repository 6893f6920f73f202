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
    {OID_SUBJECT_KEY_IDENTIFIER, "2.5.29.14"},
    {OID_KEY_USAGE, "2.5.29.15"},
    {OID_SUBJECT_ALTERNATIVE_NAME, "2.5.29.17"},
    {OID_BASIC_CONSTRAINTS, "2.5.29.19"},
    {OID_CERTIFICATE_POLICIES, "2.5.29.32"},
    {OID_AUTHORITY_KEY_IDENTIFIER, "2.5.29.35"},
    {OID_EXTENDED_KEY_USAGE, "2.5.29.37"},
    {OID_EXTENSION_REQUEST, "1.2.840.113549.1.9.14"},
    {OID_TLS_FEATURE, "1.3.6.1.5.5.7.1.24"},
    {OID_SERVER_AUTH, "1.3.6.1.5.5.7.3.1"},
    {OID_DOMAIN_VALIDATED, "2.23.140.1.2.1"},
    {OID_ECDSA_SHA256, "1.2.840.10045.4.3.2"},
    {OID_ECDSA_SHA384, "1.2.840.10045.4.3.3"},
    {OID_ECDSA_SHA512, "1.2.840.10045.4.3.4"},
    {OID_RSA_SHA256, "1.2.840.113549.1.1.11"},
    {OID_RSA_SHA384, "1.2.840.113549.1.1.12"},
    {OID_RSA_SHA512, "1.2.840.113549.1.1.13"},
    {OID_ED25519, "1.3.101.112"},
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
        cmocka_unit_test(signatures),
        cmocka_unit_test(signatures_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
