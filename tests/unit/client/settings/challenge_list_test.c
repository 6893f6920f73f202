/* Tests of client/settings/challenge_list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/settings/challenge_list.h"

static void lists(void **state)
{
    static const struct {
        const char *list;
        const char *read; /* NULL: refused */
    } rows[] = {
        {"http-01", "http-01"},
        {"tls-alpn-01,http-01", "tls-alpn-01,http-01"},
        {"dns-01,dns-01,http-01,dns-01", "dns-01,http-01"},
        {"", NULL},
        {",", NULL},
        {"http-01,", NULL},
        {",http-01", NULL},
        {"HTTP-01", NULL},
        {"http-01 ", NULL},
        {"http-01;dns-01", NULL},
        {"http-0", NULL},
        {"http-01,"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
         NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(buf) struct buf b = buf_make(1000);
        struct challenge_list c = {0};
        struct err_info why = {0};
        enum err result = challenge_list_read(rows[i].list, &c, &why);
        assert_int_equal(result, rows[i].read != NULL ? ERR_OK : ERR_USAGE);
        if (rows[i].read == NULL)
            continue;
        challenge_list_write(&b, &c);
        assert_true(span_is(buf_span(&b), rows[i].read));
    }
}

static void what_can_be_proved(void **state)
{
    struct challenge_list c = {0};
    (void)state;

    assert_false(challenge_list_answer(&c, IDENTIFIER_DNS, false));
    challenge_list_add(&c, CHALLENGE_HTTP_01);
    assert_true(challenge_list_answer(&c, IDENTIFIER_DNS, false));
    assert_true(challenge_list_answer(&c, IDENTIFIER_IP, false));
    assert_false(challenge_list_answer(&c, IDENTIFIER_DNS, true));
    challenge_list_add(&c, CHALLENGE_DNS_01);
    assert_true(challenge_list_answer(&c, IDENTIFIER_DNS, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(what_can_be_proved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
