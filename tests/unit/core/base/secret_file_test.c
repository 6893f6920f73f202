/* Tests of core/base/secret_file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/secret_file.h"
#include "core/base/text.h"

struct place {
    struct arena *arena;
    char root[64];
    struct err_info why;
};

static int set_up(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);

    (void)text_copy(p->root, sizeof p->root, "/tmp/cairn-secret-XXXXXX");
    p->arena = arena_new();
    *state = p;
    return mkdtemp(p->root) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    (void)unlink(file_path(p->arena, p->root, "token"));
    int result = rmdir(p->root);
    arena_free(p->arena);
    test_free(p);
    return result;
}

static const char *refusal(struct place *p, const char *path)
{
    struct span content = {0};

    p->why = (struct err_info){0};
    assert_int_equal(secret_file_read(p->arena, "opt", path, 8, &content, &p->why),
                     ERR_CONFIG);
    return p->why.detail;
}

static void files(void **state)
{
    struct place *p = *state;
    char *path = file_path(p->arena, p->root, "token");
    struct span content = {0};

    assert_non_null(strstr(refusal(p, path), "opt: cannot read /tmp/cairn-secret-"));
    assert_non_null(strstr(refusal(p, p->root), "is no file"));
    assert_int_equal(file_create(path, span_of("12345678"), 0600, &p->why), ERR_OK);
    assert_int_equal(secret_file_read(p->arena, "opt", path, 8, &content, &p->why),
                     ERR_OK);
    assert_true(span_is(content, "12345678"));
    assert_int_equal(content.data[8], 0);
    static const mode_t modes[] = {0640, 0604, 0620, 0601};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_non_null(strstr(refusal(p, path), "can be read by others; give it mode"));
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(file_replace(path, span_of("123456789"), 0600, &p->why), ERR_OK);
    assert_non_null(strstr(refusal(p, path), "is larger than 8 octets"));
}

static void credentials(void **state)
{
    struct place *p = *state;
    struct span content = {0};

    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_non_null(strstr(refusal(p, "credential:token"), "LoadCredential=token:FILE"));
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", p->root, 1), 0);
    assert_non_null(strstr(refusal(p, "credential:token"), "cannot read"));
    assert_int_equal(
        file_create(file_path(p->arena, p->root, "token"), span_of("x"), 0440, &p->why),
        ERR_OK);
    assert_int_equal(
        secret_file_read(p->arena, "opt", "credential:token", 8, &content, &p->why),
        ERR_OK);
    assert_true(span_is(content, "x"));
    static const char *const odd[] = {"credential:", "credential:../token",
                                      "credential:.", "credential:a/b"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        assert_non_null(strstr(refusal(p, odd[i]), "is no name of a credential"));
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(credentials, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
