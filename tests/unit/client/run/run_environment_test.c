/* Tests of client/run/run_environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/run/run.h"
#include "core/base/file.h"

static char path[] = "/tmp/run_environment_test.XXXXXX/dns.env";

static int set_up(void **state)
{
    (void)state;
    char *slash = strrchr(path, '/');

    *slash = '\0';
    bool made = mkdtemp(path) != NULL;
    *slash = '/';
    return made ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    *strrchr(path, '/') = '\0';
    return rmdir(path);
}

static enum err read_text(struct arena *a, const char *text, mode_t mode,
                          const char *const **list, struct err_info *why)
{
    assert_int_equal(file_replace(path, span_of(text), mode, why), ERR_OK);
    return run_read_environment(a, "dns.x.credentials", path, list, why);
}

static void forms(void **state)
{
    (void)state;
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    const char *const *list = NULL;
    static const char *const expected[] = {"CF_Token=abc",     "A=b c", "Q=it's",
                                           "D=$HOME `id` \\n", "E=",    "F=a=b",
                                           "G=\"open",         "_9=x#y"};

    assert_int_equal(read_text(a,
                               "# comment\n\nCF_Token=abc\r\nexport A=\"b c\"\n"
                               "  export\tQ='it's'\nD=$HOME `id` \\n\nE=\nF=a=b\n"
                               "G=\"open\n_9=x#y",
                               0600, &list, &why),
                     ERR_OK);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_string_equal(list[i], expected[i]);
    assert_null(list[sizeof expected / sizeof expected[0]]);
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        {"A=1\nsecret value\n", "line 2: it is not NAME=VALUE"},
        {"1A=1\n", "line 1: it is not NAME=VALUE"},
        {"=x\n", "line 1: "},
        {"dns_x token = y\n", "line 1: "},
        {"export =x\n", "line 1: "},
    };
    AUTO(arena) struct arena *a = arena_new();
    const char *const *list = NULL;
    struct err_info why = {0};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(read_text(a, rows[i].text, 0600, &list, &why), ERR_CONFIG);
        assert_non_null(strstr(why.detail, rows[i].says));
        assert_null(strstr(why.detail, "secret"));
    }
}

static void others_can_read_it(void **state)
{
    (void)state;
    AUTO(arena) struct arena *a = arena_new();
    const char *const *list = NULL;
    struct err_info why = {0};

    assert_int_equal(read_text(a, "A=1\n", 0640, &list, &why), ERR_CONFIG);
    assert_non_null(strstr(why.detail, "give it mode 0600"));
    assert_int_equal(
        run_read_environment(a, "dns.x.credentials", "/nowhere", &list, &why),
        ERR_CONFIG);
    assert_int_equal(run_read_environment(a, "dns.x.credentials", "/tmp", &list, &why),
                     ERR_CONFIG);
    assert_non_null(strstr(why.detail, "dns.x.credentials"));
}

static void credentials_of_systemd(void **state)
{
    (void)state;
    AUTO(arena) struct arena *a = arena_new();
    const char *const *list = NULL;
    struct err_info why = {0};
    char *folder = arena_string(a, path);

    *strrchr(folder, '/') = '\0';
    assert_int_equal(file_replace(path, span_of("A=1\n"), 0400, &why), ERR_OK);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(
        run_read_environment(a, "dns.x.credentials", "credential:dns.env", &list, &why),
        ERR_CONFIG);
    assert_non_null(strstr(why.detail, "credential"));
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    assert_int_equal(
        run_read_environment(a, "dns.x.credentials", "credential:dns.env", &list, &why),
        ERR_OK);
    assert_string_equal(list[0], "A=1");
    assert_int_equal(run_read_environment(a, "dns.x.credentials", "credential:../dns.env",
                                          &list, &why),
                     ERR_CONFIG);
    assert_int_equal(
        run_read_environment(a, "dns.x.credentials", "credential:", &list, &why),
        ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(others_can_read_it),
        cmocka_unit_test(credentials_of_systemd),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
