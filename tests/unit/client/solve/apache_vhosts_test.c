/* Tests of client/solve/apache_vhosts: what Apache httpd 2.4.71 printed of a
 * configuration with several addresses, aliases and a macro. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/solve/apache_vhosts.h"
#include "core/base/err.h"

static const char output[] =
    "Included configuration files:\n"
    "  (*) /etc/apache2/apache2.conf\n"
    "    (24) /etc/apache2/sites-enabled/a.conf\n"
    "VirtualHost configuration:\n"
    "[::1]:80               v6.test (/etc/apache2/sites-enabled/a.conf:21)\n"
    "*:80                   is a NameVirtualHost\n"
    "         default server a.test (/etc/apache2/sites-enabled/a.conf:1)\n"
    "         port 80 namevhost a.test (/etc/apache2/sites-enabled/a.conf:1)\n"
    "                 alias www.a.test\n"
    "                 wild alias *.a.test\n"
    "         port 80 namevhost b.test (/etc/apache2/sites-enabled/with (1).conf:7)\n"
    "         port 80 namevhost macro.test (macro 'vh' (defined on line 19 of "
    "\"/etc/apache2/apache2.conf\") used on line 25 of \"/etc/apache2/apache2.conf\":1)\n"
    "*:443                  b.test (/etc/apache2/sites-enabled/tls.conf:3)\n"
    "ServerRoot: \"/etc/apache2\"\n"
    "Main DocumentRoot: \"/var/www\"\n"
    "PidFile: \"/run/apache2/apache2.pid\"\n"
    "Loaded Modules:\n"
    " core_module (static)\n"
    " rewrite_module (shared)\n";

static void lists(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct apache_vhosts v;
    (void)state;

    apache_vhosts_read(a, span_of(output), &v);
    assert_int_equal(v.count, 5);
    assert_string_equal(v.main_file, "/etc/apache2/apache2.conf");
    assert_string_equal(v.pid_file, "/run/apache2/apache2.pid");
    assert_true(v.has_rewrite);
    assert_false(v.list[0].any);
    assert_int_equal(v.list[0].at.family, ADDRESS_V6);
    assert_true(v.list[0].is_default && v.list[1].is_default && !v.list[2].is_default);
    assert_int_equal(v.list[1].name_count, 3);
    assert_string_equal(v.list[1].names[2], "*.a.test");
    assert_string_equal(v.list[2].file, "/etc/apache2/sites-enabled/with (1).conf");
    assert_int_equal(v.list[2].line, 7);
    assert_null(v.list[3].file);
    assert_int_equal(v.list[4].at.port, 443);
}

static void choices(void **state)
{
    static const struct {
        const char *name;
        uint16_t port;
        bool served[5];
    } rows[] = {
        {"a.test", 80, {1, 1, 0, 0, 0}},  {"x.A.test", 80, {1, 1, 0, 0, 0}},
        {"b.test", 80, {1, 0, 1, 0, 0}},  {"other.test", 80, {1, 1, 0, 0, 0}},
        {"v6.test", 80, {1, 1, 0, 0, 0}}, {"macro.test", 80, {1, 0, 0, 1, 0}},
        {"a.test", 443, {0, 0, 0, 0, 1}}, {"a.test", 81, {0, 0, 0, 0, 0}},
    };
    AUTO(arena) struct arena *a = arena_new();
    struct apache_vhosts v;
    (void)state;

    apache_vhosts_read(a, span_of(output), &v);
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        for (size_t i = 0; i < v.count; i++)
            assert_int_equal(apache_vhosts_may_serve(&v, i, rows[r].name, rows[r].port),
                             rows[r].served[i]);
    assert_false(apache_vhosts_main_serves(&v, 80));
    assert_true(apache_vhosts_main_serves(&v, 81));
}

static void nothing_and_nonsense(void **state)
{
    static const char *const rows[] = {
        "",
        "\n\n",
        "VirtualHost configuration:\n",
        "VirtualHost configuration:\n*:80\n",
        "VirtualHost configuration:\n*:80 is a NameVirtualHost\n   alias x\n",
        "VirtualHost configuration:\n*:99999 x (/a:1)\n",
        "VirtualHost configuration:\nhost:80 x (/a:1)\n",
        "Included configuration files:\n  (*)",
        "VirtualHost configuration:\n:80 x (/a:1)\n   port 80\n   port x namevhost\n"};
    AUTO(arena) struct arena *a = arena_new();
    struct apache_vhosts v;
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        apache_vhosts_read(a, span_of(rows[i]), &v);
        assert_int_equal(v.count, 0);
        assert_true(apache_vhosts_main_serves(&v, 80));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(choices),
        cmocka_unit_test(nothing_and_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
