/* Tests of server/perspective/perspective_key. What openssl thinks of the certificate is
 * in tests/flow/test_perspectives.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/text.h"
#include "server/perspective/perspective_key.h"

struct folder {
    struct arena *a;
    char path[64];
};

static int make(void **state)
{
    struct folder *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->a = arena_new();
    assert_true(text_copy(f->path, sizeof f->path, "/tmp/perspective_key_XXXXXX"));
    assert_non_null(mkdtemp(f->path));
    *state = f;
    return 0;
}

static int drop(void **state)
{
    struct folder *f = *state;

    (void)unlink(file_path(f->a, f->path, PERSPECTIVE_KEY_FILE));
    (void)unlink(file_path(f->a, f->path, PERSPECTIVE_CERTIFICATE_FILE));
    assert_int_equal(rmdir(f->path), 0);
    arena_free(f->a);
    free(f);
    return 0;
}

static void made_once(void **state)
{
    const struct folder *f = *state;
    struct perspective_key key = {0};
    struct stat about;
    uint8_t pin[SETTINGS_PIN_SIZE];
    uint8_t again[SETTINGS_PIN_SIZE];
    struct err_info why = {0};

    assert_int_equal(perspective_key_pin(f->a, f->path, pin, &why), ERR_NOT_FOUND);
    assert_int_equal(perspective_key_ensure(f->a, f->path, "fra", pin, &why), ERR_OK);
    assert_int_equal(perspective_key_ensure(f->a, f->path, "fra", again, &why), ERR_OK);
    assert_memory_equal(pin, again, sizeof pin);
    assert_int_equal(perspective_key_read(f->a, f->path, &key, &why), ERR_OK);
    assert_memory_equal(pin, key.pin, sizeof pin);
    assert_int_equal(stat(file_path(f->a, f->path, PERSPECTIVE_KEY_FILE), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(perspective_key_create(f->a, f->path, &key, &why), ERR_EXISTS);
    perspective_key_free(&key);
}

/* The key is there, the certificate is not, or the other way round. */
static void half_a_pair(void **state)
{
    const struct folder *f = *state;
    const char *files[] = {PERSPECTIVE_KEY_FILE, PERSPECTIVE_CERTIFICATE_FILE};
    const enum err expected[] = {ERR_CONFIG, ERR_NOT_FOUND};
    struct perspective_key key = {0};
    uint8_t pin[SETTINGS_PIN_SIZE];
    struct err_info why = {0};

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(perspective_key_ensure(f->a, f->path, "fra", pin, &why), ERR_OK);
        assert_int_equal(unlink(file_path(f->a, f->path, files[i])), 0);
        assert_int_equal(perspective_key_read(f->a, f->path, &key, &why), expected[i]);
        (void)unlink(file_path(f->a, f->path, files[1 - i]));
    }
}

static void not_a_certificate(void **state)
{
    const struct folder *f = *state;
    const char *path = file_path(f->a, f->path, PERSPECTIVE_CERTIFICATE_FILE);
    struct perspective_key key = {0};
    struct err_info why = {0};

    assert_int_equal(file_create(path, span_of("hello\n"), 0644, &why), ERR_OK);
    assert_int_equal(perspective_key_read(f->a, f->path, &key, &why), ERR_CONFIG);
    assert_non_null(strstr(why.detail, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(made_once, make, drop),
        cmocka_unit_test_setup_teardown(half_a_pair, make, drop),
        cmocka_unit_test_setup_teardown(not_a_certificate, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
