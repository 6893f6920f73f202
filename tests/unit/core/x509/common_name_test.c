/* Tests of core/x509/common_name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509.h>

#include "core/base/err.h"
#include "core/x509/common_name.h"

static struct span name_of(struct arena *a, int type, const char *const *values)
{
    X509_NAME *name = X509_NAME_new();
    unsigned char *der = NULL;

    for (; *values != NULL; values += 2)
        assert_int_equal(X509_NAME_add_entry_by_txt(name, values[0], type,
                                                    (const unsigned char *)values[1], -1,
                                                    -1, 0),
                         1);
    int len = i2d_X509_NAME(name, &der);
    struct span s = arena_span(a, span_make(der, (size_t)len));
    OPENSSL_free(der);
    X509_NAME_free(name);
    return s;
}

static void names(void **state)
{
    static const char *const root[] = {"C", "DE", "O", "Test", "CN", "Root \xc3\xa4 1",
                                       NULL};
    static const char *const plain[] = {"CN", "one", "CN", "two", NULL};
    static const char *const none[] = {"O", "Test", NULL};
    AUTO(arena) struct arena *a = arena_new();
    struct span s = name_of(a, MBSTRING_UTF8, root);

    (void)state;
    assert_string_equal(common_name_of(a, s), "Root \xc3\xa4 1");
    assert_string_equal(common_name_of(a, name_of(a, MBSTRING_ASC, plain)), "two");
    assert_null(common_name_of(a, name_of(a, MBSTRING_ASC, none)));
    for (size_t len = 0; len < s.len; len++)
        assert_null(common_name_of(a, span_make(s.data, len)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
