/* Tests of client/store/account_key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/store/account_key.h"
#include "core/base/file.h"

static struct arena *arena;
static char folder[] = "/tmp/account-key-XXXXXX";
static char *path;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    if (mkdtemp(folder) == NULL)
        return -1;
    path = file_path(arena, folder, "key.pem");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)rmdir(folder);
    arena_free(arena);
    return 0;
}

static void test_in_a_file(void **state)
{
    AUTO(key) struct key *made = NULL;
    struct account_place place = {.device = "not this"};
    struct err_info why = {0};
    struct key *read = NULL;

    (void)state;
    assert_int_equal(key_generate(KEY_P256, 0, &made, &why), ERR_OK);
    assert_int_equal(account_key_write(path, made, NULL, &why), ERR_OK);
    assert_int_equal(account_key_read(arena, path, &read, &place, &why), ERR_OK);
    assert_true(key_equal(read, made) && key_is_private(read));
    assert_null(place.device);
    account_key_find(arena, path, &place);
    assert_null(place.device);
}

static void test_in_a_device(void **state)
{
    const struct account_place put = {"tpm:a=b", "credential:pin", span_of("TEXT\n")};
    AUTO(key) struct key *made = NULL;
    struct account_place place = {0};
    struct err_info why = {0};
    struct key *read = NULL;
    struct span text;

    (void)state;
    assert_int_equal(key_generate(KEY_P256, 0, &made, &why), ERR_OK);
    assert_int_equal(account_key_write(path, made, &put, &why), ERR_OK);
    assert_int_equal(account_key_read(arena, path, &read, &place, &why), ERR_OK);
    assert_true(key_equal(read, made) && !key_is_private(read));
    assert_string_equal(place.device, "tpm:a=b");
    assert_string_equal(place.pin_file, "credential:pin");
    assert_memory_equal(place.text.data, "TEXT\n-----BEGIN PUBLIC KEY-----\n", 32);
    account_key_find(arena, path, &place);
    assert_string_equal(place.device, "tpm:a=b");
    assert_string_equal(place.pin_file, "credential:pin");
    assert_int_equal(file_read(arena, path, KEY_PEM_MAX, &text, &why), ERR_OK);
    assert_null(strstr((const char *)text.data, "PRIVATE"));
}

#define NO_KEY "device: tpm\n-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"

static void test_what_is_none(void **state)
{
    static const char *const texts[] = {"", "device: ", "device: tpm", "device: tpm\npin",
                                        NO_KEY};
    struct account_place place = {0};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct err_info why = {0};
        struct key *read = NULL;
        assert_int_equal(file_replace(path, span_of(texts[i]), 0600, &why), ERR_OK);
        assert_int_not_equal(account_key_read(arena, path, &read, &place, &why), ERR_OK);
        assert_non_null(strstr(why.detail, path));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_a_file),
        cmocka_unit_test(test_in_a_device),
        cmocka_unit_test(test_what_is_none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
