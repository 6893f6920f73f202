/* Locks of folders: shared by many, or one's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/base/file_lock.h"

static void shared_and_alone(void **state)
{
    char folder[] = "/tmp/cairn-file-lock-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(folder));
    int first = file_lock_folder(folder, LOCK_SH);
    int second = file_lock_folder(folder, LOCK_SH | LOCK_NB);
    assert_true(first >= 0 && second >= 0);
    assert_int_equal(file_lock_folder(folder, LOCK_EX | LOCK_NB), -1);
    (void)close(first);
    (void)close(second);
    int alone = file_lock_folder(folder, LOCK_EX | LOCK_NB);
    assert_true(alone >= 0);
    assert_int_equal(file_lock_folder(folder, LOCK_SH | LOCK_NB), -1);
    (void)close(alone);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(file_lock_folder(folder, LOCK_SH), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shared_and_alone)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
