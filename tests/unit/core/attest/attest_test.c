/* Tests of core/attest/attest: what is no attestation at all, and the contract of its
 * results. All checks of the formats: tests/flow/test_attest_vectors.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/attest/attest.h"

static enum err verify(struct span object, bool enabled, bool *differs,
                       struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct attest_rules rules = {0};
    struct attest_question question = {
        .object = object,
        .token = "token",
        .key_authorization = "token.thumbprint",
        .identifier = {IDENTIFIER_PERMANENT_IDENTIFIER, "device"},
        .now = 1800000000,
    };
    struct attest_result result = {.format = ATTEST_FORMAT_COUNT};

    for (size_t i = 0; i < ATTEST_FORMAT_COUNT; i++)
        rules.formats[i].enabled = enabled;
    enum err code = attest_verify(a, &rules, &question, &result, differs, why);
    assert_true(code == ERR_OK || result.format == ATTEST_FORMAT_COUNT);
    return code;
}

/* 1 MB, and 200,000 levels: refused by their size, before anything is read. */
static void large(void **state)
{
    static const size_t sizes[] = {1024 * 1024, 200000, ATTEST_OBJECT_MAX + 1};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct err_info why = {0};
        bool differs = true;
        uint8_t *octets = malloc(sizes[i]);
        memset(octets, 0x81, sizes[i]);
        assert_int_equal(verify(span_make(octets, sizes[i]), true, &differs, &why),
                         ERR_BAD_ATTESTATION_STATEMENT);
        assert_string_equal(why.detail, "the attestation is not acceptable: the CBOR is "
                                        "longer than 65536 octets");
        assert_false(differs);
        free(octets);
    }
}

/* {"fmt": "none", ...}: S-DA-7, and a NULL for each result nobody wants. */
static void unknown(void **state)
{
    static const uint8_t none[] = {0xa2, 0x63, 'f', 'm', 't', 0x64, 'n', 'o', 'n', 'e',
                                   0x67, 'a',  't', 't', 'S', 't',  'm', 't', 0xa0};

    (void)state;
    assert_int_equal(verify(span_make(none, sizeof none), true, NULL, NULL),
                     ERR_BAD_ATTESTATION_STATEMENT);
    assert_int_equal(verify(span_make(NULL, 0), true, NULL, NULL),
                     ERR_BAD_ATTESTATION_STATEMENT);
}

static void names(void **state)
{
    enum attest_format format = ATTEST_FORMAT_COUNT;

    (void)state;
    for (size_t i = 0; i < ATTEST_FORMAT_COUNT; i++) {
        const char *name = attest_format_name((enum attest_format)i);
        assert_true(attest_format_find(span_of(name), &format));
        assert_int_equal(format, i);
    }
    assert_false(attest_format_find(span_of("TPM"), &format));
    assert_false(attest_format_find(span_of("tpm "), &format));
    assert_false(attest_format_find(span_make("tpm", 4), &format));
    assert_false(attest_format_find(span_make(NULL, 0), &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large),
        cmocka_unit_test(unknown),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
