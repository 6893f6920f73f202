/* Tests of core/attest/attest_vendor: the roots are those the vendors publish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/attest/attest.h"
#include "core/base/text.h"
#include "core/x509/certificate.h"
#include "core/x509/certificate_authority.h"

/* SHA-256 of the DER, from the vendors' pages. */
static const struct {
    enum attest_format format;
    const char *sha256;
} rows[] = {
    {ATTEST_APPLE, "ccf59ef8fcb3017d97f8b5fa6fa90e7a3f9283f76b55ac6cf6eda8b8b949f05b"},
    {ATTEST_STEP, "63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546"},
    {ATTEST_STEP, "62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8"},
    {ATTEST_ANDROID_KEY,
     "cedb1cb6dc896ae5ec797348bce9286753c2b38ee71ce0fbe34a9a1248800dfc"},
    {ATTEST_ANDROID_KEY,
     "6d9db4ce6c5c0b293166d08986e05774a8776ceb525d9e4329520de12ba4bcc0"},
};

static void fingerprints(void **state)
{
    size_t seen = 0;

    (void)state;
    for (size_t f = 0; f < ATTEST_FORMAT_COUNT; f++) {
        AUTO(arena) struct arena *a = arena_new();
        struct span ders[CERTIFICATE_CHAIN_MAX];
        struct err_info why = {0};
        size_t count = 0;
        struct span pem = attest_vendor_roots((enum attest_format)f);
        if (pem.len == 0)
            continue;
        assert_int_equal(
            certificate_from_pem(a, pem, ders, CERTIFICATE_CHAIN_MAX, &count, &why),
            ERR_OK);
        for (size_t i = 0; i < count; i++, seen++) {
            uint8_t digest[HASH_SHA256_SIZE];
            char hex[2 * HASH_SHA256_SIZE + 1];
            struct certificate *c = NULL;
            hash_sha256(ders[i], digest);
            text_hex(hex, digest, sizeof digest);
            assert_int_equal(rows[seen].format, f);
            assert_string_equal(rows[seen].sha256, hex);
            assert_int_equal(certificate_read(a, ders[i], &c, &why), ERR_OK);
            assert_int_equal(certificate_authority_signed(c, c->spki, &why), ERR_OK);
        }
    }
    assert_int_equal(seen, sizeof rows / sizeof *rows);
}

/* formats.def says who has some. */
static void table(void **state)
{
    (void)state;
#define ATTEST_FORMAT(name, wire, option, proof, vendor)                                 \
    assert_true((attest_vendor_roots(ATTEST_##name).len > 0) == (vendor));               \
    assert_string_equal(attest_format_name(ATTEST_##name), wire);
#include "core/attest/formats.def"
#undef ATTEST_FORMAT
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprints),
        cmocka_unit_test(table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
