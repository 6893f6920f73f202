/* Tests of core/base/random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/random.h"

#define SIZE     16
#define CHILDREN 3

/* What was drawn in advance before a fork is nobody's afterwards but the parent's. */
static void processes_share_nothing(void **state)
{
    uint8_t seen[CHILDREN + 1][SIZE];
    int ends[2];

    (void)state;
    random_fill(seen[0], SIZE); /* there is a pool now */
    assert_int_equal(pipe(ends), 0);
    for (size_t i = 0; i < CHILDREN; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            random_fill(seen[0], SIZE);
            _exit(write(ends[1], seen[0], SIZE) == SIZE ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(read(ends[0], seen[i], SIZE), SIZE);
    }
    random_fill(seen[CHILDREN], SIZE);
    for (size_t i = 0; i <= CHILDREN; i++)
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(seen[i], seen[k], SIZE);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(processes_share_nothing)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
