/* Tests of client/settings/settings_names: names made canonical, and what a certificate
 * is called after them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "client/settings/settings_names.h"

#define LABEL "a23456789b23456789c23456789d23456789e23456789."

static const char *title(struct arena *a, const char *name)
{
    const char *const items[] = {name};
    const struct config_list list = {items, 1};
    const char *made = settings_names_title(a, &list);

    assert_true(settings_is_certificate_name(made));
    assert_true(made[0] != '-');
    return made;
}

static void titles(void **state)
{
    static const struct {
        const char *name;
        const char *title;
    } rows[] = {
        {"www.example.test", "www.example.test"},
        {"*.example.test", "_.example.test"},
        {"192.0.2.1", "192.0.2.1"},
        {"2001:db8::1", "2001-db8--1"},
        {"::1", "ip--1"},
        {"::", "ip--"},
        {"permanent-identifier:A/B", "A_B"},
        {"permanent-identifier:-a", "_a"},
        {"permanent-identifier:.a", "_a"},
        {LABEL LABEL LABEL LABEL "test", LABEL LABEL LABEL LABEL "test"},
    };
    AUTO(arena) struct arena *a = arena_new();
    const struct config_list none = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(title(a, rows[i].name), rows[i].title);
    assert_string_equal(settings_names_title(a, &none), "device");
}

/* Two that begin alike are not one, and each is always called the same. */
static void long_titles(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *one = title(a, LABEL LABEL LABEL LABEL LABEL "one.test");
    const char *two = title(a, LABEL LABEL LABEL LABEL LABEL "two.test");

    (void)state;
    assert_string_not_equal(one, two);
    assert_int_equal(strlen(one), SETTINGS_CERTIFICATE_NAME_MAX);
    assert_int_equal(strncmp(one, LABEL LABEL LABEL, strlen(LABEL LABEL LABEL)), 0);
    assert_string_equal(one, title(a, LABEL LABEL LABEL LABEL LABEL "one.test"));
}

static enum err read_one(struct arena *a, const char *text, const char **name,
                         struct err_info *why)
{
    const char *const items[] = {text};
    struct config_list list = {items, 1};
    enum err result = settings_names_read(a, &list, why);

    *name = result == ERR_OK ? list.items[0] : "";
    return result;
}

static void canonical(void **state)
{
    static const struct {
        const char *text;
        const char *name; /* NULL: it is refused */
        const char *says;
    } rows[] = {
        {"WWW.example.test", "www.example.test", ""},
        {"www.example.test.", "www.example.test", ""},
        {"*.example.test.", "*.example.test", ""},
        {"b\xc3\xbc"
         "cher.test.",
         "xn--bcher-kva.test", ""},
        {"::0:1", "::1", ""},
        {"www.example.test..", NULL, "dot"},
        {".", NULL, "dot"},
        {"1.2.3", NULL, "four numbers, such as 192.0.2.1"},
        {"127.1", NULL, "four numbers, such as 192.0.2.1"},
        {"127.0.0.256", NULL, "four numbers, such as 192.0.2.1"},
        {"1.2.3.4.", NULL, "four numbers, such as 192.0.2.1"},
        {"https://a.test/", NULL, "is not one name"},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *name = NULL;
        struct err_info why = {0};
        enum err result = read_one(a, rows[i].text, &name, &why);
        assert_int_equal(result, rows[i].name != NULL ? ERR_OK : ERR_CONFIG);
        assert_string_equal(name, rows[i].name != NULL ? rows[i].name : "");
        if (strstr(why.detail, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].text, why.detail);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(titles),
        cmocka_unit_test(long_titles),
        cmocka_unit_test(canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
