/* Tests of core/attest/attest_cbor: the tree, and the limits. What a CBOR encoder of
 * others makes is read in tests/flow/test_attest_vectors.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/attest/attest.h"
#include "core/attest/attest_cbor.h"

/* {"a": [1, -7, h'0102'], "b": {"c": "text"}}, with an array of indefinite length. */
static const uint8_t small[] = {0xa2, 0x61, 'a',  0x9f, 0x01, 0x26, 0x42,
                                0x01, 0x02, 0xff, 0x61, 'b',  0xa1, 0x61,
                                'c',  0x64, 't',  'e',  'x',  't'};

static void tree(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct attest_cbor *top = NULL;
    struct err_info why = {0};

    (void)state;
    assert_int_equal(attest_cbor_read(a, span_make(small, sizeof small), &top, &why),
                     ERR_OK);
    assert_int_equal(top->kind, ATTEST_CBOR_MAP);
    assert_int_equal(top->count, 4);
    const struct attest_cbor *list = attest_cbor_member(top, "a");
    assert_int_equal(list->kind, ATTEST_CBOR_ARRAY);
    assert_int_equal(list->count, 3);
    assert_int_equal(list->first->number, 1);
    assert_int_equal(list->first->next->number, -7);
    assert_int_equal(list->first->next->next->kind, ATTEST_CBOR_OCTETS);
    assert_int_equal(list->first->next->next->octets.len, 2);
    assert_null(list->first->next->next->next);
    const struct attest_cbor *text =
        attest_cbor_member(attest_cbor_member(top, "b"), "c");
    assert_true(text->kind == ATTEST_CBOR_TEXT && span_is(text->octets, "text"));
    assert_null(attest_cbor_member(top, "c"));
    assert_null(attest_cbor_member(list, "a"));
}

/* Each beginning of a good object, and nothing else of it, ends too early. */
static void beginnings(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof small; len++) {
        AUTO(arena) struct arena *a = arena_new();
        const struct attest_cbor *top = NULL;
        struct err_info why = {0};
        uint8_t *exact = malloc(len + 1); /* so that a sanitizer sees reads behind it */
        memcpy(exact, small, len);
        assert_int_equal(attest_cbor_read(a, span_make(exact, len), &top, &why),
                         ERR_MALFORMED);
        assert_non_null(strstr(why.detail, "it ends too early"));
        free(exact);
    }
}

static void refused(size_t len, uint8_t octet, const char *sentence)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct attest_cbor *top = NULL;
    struct err_info why = {0};
    uint8_t *octets = malloc(len);

    memset(octets, octet, len);
    assert_int_equal(attest_cbor_read(a, span_make(octets, len), &top, &why),
                     ERR_MALFORMED);
    assert_string_equal(why.detail, sentence);
    free(octets);
}

/* What is large costs nothing: where reading stopped says how little of it was looked at.
 */
static void large(void **state)
{
    static const char too_long[] = "the CBOR is longer than 65536 octets";
    static const char too_deep[] =
        "the CBOR is not good: maps and arrays are nested too deeply, at octet 4";

    (void)state;
    refused(1024 * 1024, 0x00, too_long);
    refused(1024 * 1024, 0x81, too_long);
    refused(200000, 0x81, too_long);
    refused(ATTEST_OBJECT_MAX, 0x81, too_deep);
    refused(ATTEST_OBJECT_MAX, 0x9f, too_deep);
    refused(ATTEST_OBJECT_MAX, 0xbf, /* a map's name must be a text */
            "the CBOR is not good: a name in a map is no text, at octet 1");
    refused(ATTEST_OBJECT_MAX, 0xc1, "the CBOR is not good: it has a tag, at octet 0");
    refused(ATTEST_OBJECT_MAX, 0x9b,
            "the CBOR is not good: it has too many items, at octet 0");
    refused(
        ATTEST_OBJECT_MAX, 0x5f,
        "the CBOR is not good: octets or a text are of indefinite length, at octet 0");
}

/* An array of indefinite length with very many items. */
static void many(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct attest_cbor *top = NULL;
    struct err_info why = {0};
    static uint8_t octets[ATTEST_OBJECT_MAX];

    (void)state;
    octets[0] = 0x9f;
    assert_int_equal(attest_cbor_read(a, span_make(octets, sizeof octets), &top, &why),
                     ERR_MALFORMED);
    assert_string_equal(why.detail,
                        "the CBOR is not good: it has too many items, at octet 256");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree),
        cmocka_unit_test(beginnings),
        cmocka_unit_test(large),
        cmocka_unit_test(many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
