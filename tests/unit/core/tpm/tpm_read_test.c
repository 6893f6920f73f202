/* Tests of core/tpm/tpm_read: structures a software TPM made. That signatures verify, and
 * everything a format makes of them: tests/flow/test_attest_vectors.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/tpm/tpm_read.h"

static const char cert_info[] =
    "ff54434780170022000bb48073950494abd9b2ac449d4f0ef14cac6be6532243"
    "f175ee24b0e39c875e380020290966ea3c94c5522008ec55669d0b29e6cfb526"
    "7fec58cc4cd8175a7d79bce5000000000003762d000000020000000001201910"
    "23001636360022000b376e3993b2427c8db9490bf74ecbb9a32da3c7dc158846"
    "395901365a3e5937fa0022000be3d82d7506d218da7e3d979fcf586ea302e3c8"
    "888e805a1de6e08057b3e237af";
static const char pub_area[] =
    "0023000b00040072000000100018000b0003001000204ebc894367066fde8017"
    "c8bfdb413827c81a8a60f195ad017ca4aea66c142fde002051d91ff909ea6fb6"
    "f830b408ea846cc26200f88d5b8755e78612f68c6807bb30";
static const char ecdsa[] =
    "0018000b0020726b0f70de291e087e922af358356860217d3d17b95aed722d52"
    "4a608925f5a80020ada64d8aaeaafd6b477a86695cd535a5134c50746ad5abdf"
    "d67659a07ab0102c";

static struct span unhex(struct arena *a, const char *hex)
{
    size_t len = 0;
    uint8_t *octets = arena_get(a, strlen(hex) / 2);

    assert_true(text_unhex(span_of(hex), octets, strlen(hex) / 2, &len));
    return span_make(octets, len);
}

static void good(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    struct tpm_public *object = NULL;
    struct tpm_attest *attest = NULL;
    struct tpm_signature *signature = NULL;

    (void)state;
    assert_int_equal(tpm_read_public(a, unhex(a, pub_area), &object, &why), ERR_OK);
    assert_int_equal(object->attributes, TPM_FIXED_TPM | TPM_FIXED_PARENT |
                                             TPM_SENSITIVE_DATA_ORIGIN |
                                             TPM_USER_WITH_AUTH | TPM_SIGN);
    assert_int_equal(key_type(object->key), KEY_P256);
    assert_true(span_equal(object->spki, key_spki(object->key)));
    assert_int_equal(object->name_hash, HASH_SHA256);
    assert_int_equal(object->auth_policy.len, 0);
    assert_int_equal(object->symmetric_bits, 0);
    assert_int_equal(
        tpm_read_attest(a, unhex(a, cert_info), TPM_ATTEST_CERTIFY, &attest, &why),
        ERR_OK);
    assert_true(span_equal(attest->name, object->name));
    assert_int_equal(attest->extra_data.len, 32);
    assert_int_equal(attest->qualified_signer.len, 34);
    assert_int_equal(attest->qualified_name.len, 34);
    assert_true(attest->firmware_version == 0x2019102300163636);
    assert_int_equal(tpm_read_signature(a, unhex(a, ecdsa), &signature, &why), ERR_OK);
    assert_int_equal(signature->scheme, TPM_SCHEME_ECDSA);
    assert_int_equal(signature->hash, HASH_SHA256);
    assert_int_equal(signature->octets.data[0], 0x30);
    /* the certified key did not sign it */
    assert_int_equal(
        tpm_read_signature_check(object->key, signature, unhex(a, cert_info), &why),
        ERR_UNAUTHORIZED);
}

enum reader { PUBLIC, CERTIFY, CREATION, SIGNATURE };

static enum err read(struct arena *a, enum reader which, struct span octets,
                     struct err_info *why)
{
    struct tpm_public *object = NULL;
    struct tpm_attest *attest = NULL;
    struct tpm_signature *signature = NULL;

    switch (which) {
    case PUBLIC:
        return tpm_read_public(a, octets, &object, why);
    case CERTIFY:
        return tpm_read_attest(a, octets, TPM_ATTEST_CERTIFY, &attest, why);
    case CREATION:
        return tpm_read_attest(a, octets, TPM_ATTEST_CREATION, &attest, why);
    case SIGNATURE:
        return tpm_read_signature(a, octets, &signature, why);
    }
    return ERR_OK;
}

/* Each beginning, and one octet more, are refused. */
static void exact(void **state)
{
    static const struct {
        enum reader which;
        const char *hex;
    } rows[] = {{PUBLIC, pub_area}, {CERTIFY, cert_info}, {SIGNATURE, ecdsa}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct err_info why = {0};
        struct span whole = unhex(a, rows[i].hex);
        assert_int_equal(read(a, rows[i].which, whole, &why), ERR_OK);
        for (size_t len = 0; len <= whole.len + 1; len++) {
            uint8_t *octets = calloc(1, len + 1); /* of exactly that size */
            memcpy(octets, whole.data, len < whole.len ? len : whole.len);
            enum err code = read(a, rows[i].which, span_make(octets, len), &why);
            free(octets);
            if (len != whole.len)
                assert_true(code == ERR_MALFORMED || code == ERR_BAD_PUBLIC_KEY);
        }
    }
}

/* A size that is claimed and not there, or larger than any TPM's buffer. */
static void refused(void **state)
{
    static const struct {
        enum reader which;
        const char *hex;
        const char *says;
    } rows[] = {
        {CREATION, cert_info, "of type 0x8017, not 0x801a"},
        {CERTIFY, "ff5443478017ffff", "no such structure"},
        {CERTIFY, "ff5443478018", "of type 0x8018, not 0x8017"},
        {CERTIFY, "00000000", "the mark of what a TPM makes itself"},
        {SIGNATURE, "0014000bffff", "no such structure"},
        {SIGNATURE, "0010", "scheme 0x0010"},
        {SIGNATURE, "0005000b", "scheme 0x0005"},
        {PUBLIC, "0001000b00040072ffff", "no such structure"},
        {PUBLIC, "0025000b00040072", "not RSA or ECC"},
        {PUBLIC, "", "has 0 octets"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct err_info why = {0};
        assert_int_not_equal(read(a, rows[i].which, unhex(a, rows[i].hex), &why), ERR_OK);
        if (strstr(why.detail, rows[i].says) == NULL)
            fail_msg("row %zu: %s", i, why.detail);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(exact),
        cmocka_unit_test(refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
