/* Tests of client/store/account_store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/store/account_store.h"
#include "client/store/state.h"
#include "core/base/clock.h"
#include "core/base/text.h"

#define CA  "https://ca.test/dir"
#define URL "https://ca.test/account/1"

struct place {
    struct arena *arena;
    char directory[64];
    struct err_info why;
};

static int set_up(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);

    (void)text_copy(p->directory, sizeof p->directory, "/tmp/cairn-accounts-XXXXXX");
    p->arena = arena_new();
    if (mkdtemp(p->directory) == NULL)
        return -1;
    *state = p;
    return state_prepare(p->arena, p->directory, &p->why) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    char *command[] = {(char[]){"rm"}, (char[]){"-rf"}, p->directory, NULL};

    arena_free(p->arena);
    pid_t child = fork();
    if (child == 0) {
        execv("/bin/rm", command);
        _exit(1);
    }
    test_free(p);
    return child > 0 ? 0 : -1;
}

static void test_find_makes_nothing(void **state)
{
    struct place *p = *state;
    struct account first;
    struct account second;

    assert_int_equal(account_store_find(p->arena, p->directory, CA, &first, &p->why),
                     ERR_NOT_FOUND);
    assert_int_equal(account_store_open(p->arena, p->directory, CA, &first, &p->why),
                     ERR_OK);
    assert_int_equal(account_store_find(p->arena, p->directory, CA, &second, &p->why),
                     ERR_OK);
    assert_true(key_equal(first.key, second.key));
    assert_null(second.url);
}

static void test_adopt(void **state)
{
    struct place *p = *state;
    AUTO(key) struct key *key = NULL;
    AUTO(key) struct key *other = NULL;
    struct account account;
    bool is_new = false;

    assert_int_equal(key_generate(KEY_RSA, 2048, &key, &p->why), ERR_OK);
    assert_int_equal(key_generate(KEY_P256, 0, &other, &p->why), ERR_OK);
    assert_int_equal(account_store_adopt(p->arena, p->directory, CA, key, NULL, NULL,
                                         NULL, &is_new, &p->why),
                     ERR_OK);
    assert_true(is_new);
    /* again, and now its URL is known */
    assert_int_equal(account_store_adopt(p->arena, p->directory, CA, key, NULL, URL,
                                         "a@b.test", &is_new, &p->why),
                     ERR_OK);
    assert_false(is_new);
    assert_int_equal(account_store_open(p->arena, p->directory, CA, &account, &p->why),
                     ERR_OK);
    assert_true(key_equal(account.key, key));
    assert_string_equal(account.url, URL);
    /* who uses it meanwhile is not waited for, which would take a minute */
    AUTO(state_lock) struct state_lock used = {0};
    assert_int_equal(state_lock_account(p->arena, account.folder, STATE_LOCK_SHARED, 0,
                                        &used, &p->why),
                     ERR_OK);
    int64_t begun = clock_monotonic_us();
    assert_int_equal(account_store_adopt(p->arena, p->directory, CA, key, NULL, URL, NULL,
                                         &is_new, &p->why),
                     ERR_OK);
    assert_true(clock_monotonic_us() - begun < 30 * 1000000LL);
    assert_false(is_new);
    state_unlock(&used);
    /* another one changes nothing */
    assert_int_equal(account_store_adopt(p->arena, p->directory, CA, other, NULL, URL,
                                         NULL, &is_new, &p->why),
                     ERR_EXISTS);
    assert_int_equal(account_store_open(p->arena, p->directory, CA, &account, &p->why),
                     ERR_OK);
    assert_true(key_equal(account.key, key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_find_makes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_adopt, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
