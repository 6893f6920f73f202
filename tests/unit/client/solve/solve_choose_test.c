/* Tests of client/solve/solve_choose: offers of CAs against what was set up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/solve/solve_choose.h"

#define OFFERS_MAX 4

static void choices(void **state)
{
    static const struct {
        const char *wanted;
        const char *name;
        bool wildcard;
        const char *offered[OFFERS_MAX];
        const char *chosen; /* NULL: refused, with `says` in the sentence */
        const char *says;
    } rows[] = {
        {"http-01", "a.test", false, {"foo-01", "http-01"}, "http-01", NULL},
        {"dns-01,http-01", "a.test", false, {"http-01", "dns-01"}, "dns-01", NULL},
        {"dns-01,http-01", "a.test", false, {"http-01"}, "http-01", NULL},
        {"http-01,dns-01", "a.test", true, {"http-01", "dns-01"}, "dns-01", NULL},
        {"dns-01,http-01", "192.0.2.1", false, {"dns-01", "http-01"}, "http-01", NULL},
        {"http-01",
         "a.test",
         false,
         {"dns-01", "foo-01"},
         NULL,
         "for a.test the CA offers dns-01 and foo-01, and this is set up for http-01"},
        {"dns-01",
         "a.test",
         false,
         {"foo-01", "bar-01", "http-01"},
         NULL,
         "for a.test the CA offers foo-01, bar-01 and http-01, and this is set up for "
         "dns-01; take --challenge http-01"},
        {"http-01",
         "a.test",
         true,
         {"http-01"},
         NULL,
         "for *.a.test the CA offers http-01, and this is set up for http-01; cairn can "
         "answer none of those for it"},
        {"http-01", "a.test", false, {NULL}, NULL, "the CA offers no challenge"},
        {"http-01", "a.test", false, {""}, NULL, "the CA offers "},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address address;
        bool is_ip = address_parse(span_of(rows[i].name), &address);
        const struct identifier identifier = {is_ip ? IDENTIFIER_IP : IDENTIFIER_DNS,
                                              rows[i].name};
        struct challenge_list wanted = {0};
        struct err_info why = {0};
        size_t count = 0;
        size_t index = OFFERS_MAX;
        while (count < OFFERS_MAX && rows[i].offered[count] != NULL)
            count++;
        assert_int_equal(challenge_list_read(rows[i].wanted, &wanted, &why), ERR_OK);
        enum err result = solve_choose(&wanted, &identifier, rows[i].wildcard,
                                       rows[i].offered, count, &index, &why);
        assert_int_equal(result, rows[i].chosen != NULL ? ERR_OK : ERR_REFUSED);
        if (rows[i].chosen != NULL)
            assert_string_equal(rows[i].offered[index], rows[i].chosen);
        else
            assert_non_null(strstr(why.detail, rows[i].says));
    }
}

/* Names of another world must not make the sentence endless. */
static void a_flood_of_offers(void **state)
{
    const char *offered[200];
    const struct identifier identifier = {IDENTIFIER_DNS, "a.test"};
    struct challenge_list wanted = {{CHALLENGE_HTTP_01}, 1};
    struct err_info why = {0};
    size_t index;
    (void)state;

    for (size_t i = 0; i < 200; i++)
        offered[i] =
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    assert_int_equal(
        solve_choose(&wanted, &identifier, false, offered, 200, &index, &why),
        ERR_REFUSED);
    assert_non_null(strstr(why.detail, "set up for http-01"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices),
        cmocka_unit_test(a_flood_of_offers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
