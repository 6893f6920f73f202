/* Tests of core/base/secret: what is equal, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/secret.h"

#define OCTETS 64

/* Every single bit counts, wherever it is. */
static void equal(void **state)
{
    uint8_t a[OCTETS];
    uint8_t b[OCTETS];

    (void)state;
    for (uint8_t i = 0; i < OCTETS; i++)
        a[i] = b[i] = (uint8_t)(i * 37);
    assert_true(secret_equal(span_make(a, OCTETS), span_make(b, OCTETS)));
    assert_true(secret_equal(span_make(a, 0), span_make(b, 0)));
    assert_true(secret_equal(span_make(NULL, 0), span_make(b, 0)));
    for (size_t len = 0; len < OCTETS; len++) {
        assert_false(secret_equal(span_make(a, len), span_make(b, len + 1)));
        assert_false(secret_equal(span_make(a, len + 1), span_make(b, len)));
    }
    for (size_t bit = 0; bit < OCTETS * 8; bit++) {
        b[bit / 8] = (uint8_t)(b[bit / 8] ^ 1U << bit % 8);
        assert_false(secret_equal(span_make(a, OCTETS), span_make(b, OCTETS)));
        b[bit / 8] = a[bit / 8];
    }
}

static void copied_and_freed(void **state)
{
    struct secret s = secret_make(span_of("passphrase"));

    (void)state;
    assert_int_equal(s.len, 10);
    assert_memory_equal(s.data, "passphrase", 10);
    secret_free(&s);
    assert_null(s.data);
    assert_int_equal(s.len, 0);
    secret_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal),
        cmocka_unit_test(copied_and_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
