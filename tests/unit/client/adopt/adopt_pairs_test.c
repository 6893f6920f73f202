/* Tests of client/adopt/adopt_pairs: what certbot, acme.sh and dehydrated write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/adopt/adopt_pairs.h"
#include "core/base/buf.h"

struct row {
    const char *text;
    const char *section;
    const char *key;
    const char *value; /* NULL: not known */
};

static void check(const struct adopt_pairs *pairs, const struct row *row, size_t number)
{
    const char *value = adopt_pairs_get(pairs, row->section, row->key);

    if (row->value == NULL ? value != NULL
                           : value == NULL || strcmp(value, row->value) != 0)
        fail_msg("row %zu: %s", number, value != NULL ? value : "NULL");
}

static void test_ini(void **state)
{
    static const struct row rows[] = {
        {"version = 2.1.0\n[renewalparams]\nserver = https://a/b?c=d\n", "", "version",
         "2.1.0"},
        {"[renewalparams]\nserver = https://a/b?c=d\n", "renewalparams", "server",
         "https://a/b?c=d"},
        {"[renewalparams]\n[[webroot_map]]\na.test = /var/www\n", "webroot_map", "a.test",
         "/var/www"},
        {"[a]\nx = 1\n[b]\nx = 2\n", "a", "x", "1"},
        {"x = 1\nx = 2", "", "x", "2"},
        {"x = \"a b \"\r\n", "", "x", "a b "},
        {"x = 'it''s'", "", "x", "it''s"},
        {"x = \"", "", "x", "\""},
        {"x =", "", "x", ""},
        {"# x = 1\n; y = 2", "", "x", NULL},
        {"", "", "x", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct adopt_pairs pairs = {0};
        struct err_info why = {0};
        assert_int_equal(
            adopt_pairs_parse_ini(a, "f", span_of(rows[i].text), &pairs, &why), ERR_OK);
        check(&pairs, &rows[i], i);
    }
}

static void test_ini_refused(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct adopt_pairs pairs = {0};
    struct err_info why = {0};

    (void)state;
    assert_int_equal(
        adopt_pairs_parse_ini(a, "f.conf", span_of("x = 1\nwhat\n"), &pairs, &why),
        ERR_CONFIG);
    assert_non_null(strstr(why.detail, "f.conf:2:"));
}

static void test_shell(void **state)
{
    static const struct row rows[] = {
        {"Le_Domain='a.test'\nLe_Alt='no'\n", "", "Le_Domain", "a.test"},
        {"export X=1\n", "", "X", "1"},
        {"  X=1 # why\n", "", "X", "1"},
        {"X=a#b\n", "", "X", "a"}, /* a shell would keep it: nobody writes that */
        {"X=\"a b\"'c d'e\\ f\n", "", "X", "a bc de f"},
        {"X='a\nb'\nY=2\n", "", "X", "a\nb"},
        {"X='a\nb'\nY=2\n", "", "Y", "2"},
        {"X='it'\\''s'\n", "", "X", "it's"},
        {"X=\"a\\\"b\\$c\\d\"\n", "", "X", "a\"b$c\\d"},
        {"B=/var/lib\nD=\"${B}/x\"\n", "", "D", "/var/lib/x"},
        {"B=/var/lib\nD=$B/x\n", "", "D", "/var/lib/x"},
        {"D=\"${KNOWN}/x\"\n", "", "D", "/known/x"},
        {"D='$KNOWN'\n", "", "D", "$KNOWN"},
        {"X=$(id)\n", "", "X", NULL},
        {"X=`id`\n", "", "X", NULL},
        {"X=\"`id`\"\n", "", "X", NULL},
        {"X=\"$(id)\"\n", "", "X", NULL},
        {"X=${UNSET:-1}\n", "", "X", NULL},
        {"X=(a b)\n", "", "X", NULL},
        {"X=1; rm -rf /\n", "", "X", "1"},
        {"X=1 | y\n", "", "X", NULL},
        {"X='open\n", "", "X", NULL},
        {"X=\n", "", "X", ""},
        {"#X=1\n", "", "X", NULL},
        {"echo X=1\n", "", "X", NULL},
        {"1X=1\n", "", "1X", NULL},
        {"X='__ACME_BASE64__START_ZWNobyAiaGVsbG8iPz8+__ACME_BASE64__END_'\n", "", "X",
         "echo \"hello\"?\?>"},
        {"X='__ACME_BASE64__START_!__ACME_BASE64__END_'\n", "", "X", NULL},
        {"X='__ACME_BASE64__START___ACME_BASE64__END_'\n", "", "X", ""},
    };
    struct adopt_pair item = {"", "KNOWN", "/known"};
    const struct adopt_pairs known = {.items = &item, .count = 1};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct adopt_pairs pairs = {0};
        struct err_info why = {0};
        assert_int_equal(
            adopt_pairs_parse_shell(a, "f", span_of(rows[i].text), &known, &pairs, &why),
            ERR_OK);
        check(&pairs, &rows[i], i);
    }
}

static void test_too_many(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(1024 * 1024);
    struct adopt_pairs pairs = {0};
    struct err_info why = {0};

    (void)state;
    for (size_t i = 0; i <= ADOPT_PAIRS_MAX; i++)
        buf_add_text(&b, "X=1\n");
    assert_int_equal(adopt_pairs_parse_shell(a, "f", buf_span(&b), NULL, &pairs, &why),
                     ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ini),
        cmocka_unit_test(test_ini_refused),
        cmocka_unit_test(test_shell),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
