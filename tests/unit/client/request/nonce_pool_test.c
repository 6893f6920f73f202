/* Tests of client/request/nonce_pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/request/nonce_pool.h"

static void youngest_first(void **state)
{
    struct nonce_pool p = {0};

    (void)state;
    assert_null(nonce_pool_take(&p));
    nonce_pool_add(&p, "first");
    nonce_pool_add(&p, "second");
    assert_string_equal(nonce_pool_take(&p), "second");
    assert_string_equal(nonce_pool_take(&p), "first");
    assert_null(nonce_pool_take(&p));
}

/* The oldest make room. */
static void bounded(void **state)
{
    struct nonce_pool p = {0};
    char text[16];

    (void)state;
    for (int i = 0; i < 3 * NONCE_POOL_MAX; i++) {
        (void)snprintf(text, sizeof text, "n%d", i);
        nonce_pool_add(&p, text);
    }
    for (int i = 3 * NONCE_POOL_MAX - 1; i >= 2 * NONCE_POOL_MAX; i--) {
        (void)snprintf(text, sizeof text, "n%d", i);
        assert_string_equal(nonce_pool_take(&p), text);
    }
    assert_null(nonce_pool_take(&p));
    nonce_pool_add(&p, "again");
    nonce_pool_clear(&p);
    assert_null(nonce_pool_take(&p));
}

/* RFC 8555 6.5.1: what is not base64url is ignored. */
static void no_nonces(void **state)
{
    static char longest[NONCE_OCTETS_MAX + 2];
    static const char *const rows[] = {
        NULL, "", "a b", "pad=", "a+b", "a/b", "\xc3\xa4", "a\n"};
    struct nonce_pool p = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        nonce_pool_add(&p, rows[i]);
    memset(longest, 'x', NONCE_OCTETS_MAX + 1);
    nonce_pool_add(&p, longest);
    assert_null(nonce_pool_take(&p));
    longest[NONCE_OCTETS_MAX] = '\0';
    nonce_pool_add(&p, longest);
    assert_string_equal(nonce_pool_take(&p), longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(youngest_first),
                                       cmocka_unit_test(bounded),
                                       cmocka_unit_test(no_nonces)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
