/* Tests of server/proc/user: which user a process becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pwd.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/proc/user.h"

#define NOBODY_HERE "cairn-no-such-user"
#define FALLBACK    64399

static void needs_root(void)
{
    if (geteuid() != 0)
        skip();
}

/* The one that is configured, and its own group. */
static void configured(void **state)
{
    const struct passwd *daemon = getpwnam("nobody");
    struct err_info why = {0};
    uid_t uid = 1;
    gid_t gid = 1;

    (void)state;
    needs_root();
    assert_non_null(daemon);
    assert_int_equal(user_find("nobody", NOBODY_HERE, FALLBACK, &uid, &gid, &why),
                     ERR_OK);
    assert_int_equal(uid, daemon->pw_uid);
    assert_int_equal(gid, daemon->pw_gid);
    /* it wins over the usual one */
    assert_int_equal(user_find("nobody", "daemon", FALLBACK, &uid, &gid, &why), ERR_OK);
    assert_int_equal(uid, daemon->pw_uid);
}

static void usual_then_fallback(void **state)
{
    struct err_info why = {0};
    uid_t uid = 0;
    gid_t gid = 0;

    (void)state;
    needs_root();
    assert_int_equal(user_find("", "nobody", FALLBACK, &uid, &gid, &why), ERR_OK);
    assert_int_equal(uid, getpwnam("nobody")->pw_uid);
    assert_int_equal(user_find("", NOBODY_HERE, FALLBACK, &uid, &gid, &why), ERR_OK);
    assert_int_equal(uid, FALLBACK);
    assert_int_equal(gid, FALLBACK);
    /* a user called as usual that is root is no other user */
    assert_int_equal(user_find("", "root", FALLBACK, &uid, &gid, &why), ERR_OK);
    assert_int_equal(uid, FALLBACK);
}

/* Never root, and never another one than was named. */
static void refused(void **state)
{
    static const char *const names[] = {NOBODY_HERE, "root", "0", " nobody", "nobody "};
    uid_t uid = 1;
    gid_t gid = 1;

    (void)state;
    needs_root();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct err_info why = {0};
        assert_int_equal(user_find(names[i], "nobody", FALLBACK, &uid, &gid, &why),
                         ERR_CONFIG);
        assert_non_null(strstr(why.detail, names[i]));
    }
}

/* Who is not root stays who he is, whatever is configured. */
static void ordinary_user(void **state)
{
    int status = 0;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        struct err_info why = {0};
        uid_t uid = 1;
        gid_t gid = 1;
        if (geteuid() == 0 && (setgid(FALLBACK) != 0 || setuid(FALLBACK) != 0))
            _exit(2);
        if (user_find(NOBODY_HERE, "nobody", FALLBACK, &uid, &gid, &why) != ERR_OK)
            _exit(3);
        _exit(uid == 0 && gid == 0 ? 0 : 4);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Three processes, three users. */
static void fallbacks_differ(void **state)
{
    (void)state;
    assert_int_not_equal(USER_FRONT_UID, USER_VALIDATOR_UID);
    assert_int_not_equal(USER_VALIDATOR_UID, USER_SIGNER_UID);
    assert_int_not_equal(USER_FRONT_UID, USER_SIGNER_UID);
    assert_null(getpwuid(USER_FRONT_UID));
    assert_null(getpwuid(USER_VALIDATOR_UID));
    assert_null(getpwuid(USER_SIGNER_UID));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configured),       cmocka_unit_test(usual_then_fallback),
        cmocka_unit_test(refused),          cmocka_unit_test(ordinary_user),
        cmocka_unit_test(fallbacks_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
