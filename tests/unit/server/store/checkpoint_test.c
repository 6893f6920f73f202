/* The WAL is copied into the database when it has grown, not each time from then on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/store/store.h"

#define VALUE_OCTETS (64 * 1024)
#define WAL_OCTETS   (9 * 1024 * 1024) /* more than starts a checkpoint */
#define COMMITS      50

static atomic_int syncs;
static atomic_long sync_ns; /* how long one takes */

/* In place of the library's, for SQLite too: the files lie on a disk that is let be. */
__attribute__((visibility("default"))) int fdatasync(int fd)
{
    const struct timespec pause = {.tv_nsec = atomic_load(&sync_ns)};

    (void)fd;
    atomic_fetch_add(&syncs, 1);
    return nanosleep(&pause, NULL);
}

__attribute__((visibility("default"))) int fsync(int fd)
{
    return fdatasync(fd);
}

struct fixture {
    char directory[64];
    char path[96];
    char wal[96];
    struct store *store;
    struct store_session *session;
    unsigned int names;
    struct err_info why;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    (void)snprintf(f->directory, sizeof f->directory, "/tmp/cairn-wal-XXXXXX");
    if (mkdtemp(f->directory) == NULL)
        return -1;
    (void)snprintf(f->path, sizeof f->path, "%s/cairn.db", f->directory);
    (void)snprintf(f->wal, sizeof f->wal, "%s/cairn.db-wal", f->directory);
    assert_int_equal(store_open(f->path, &f->store, &f->why), ERR_OK);
    assert_int_equal(store_session_open(f->store, &f->session, &f->why), ERR_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    struct fixture *f = *state;
    char path[128];

    store_session_close(f->session);
    store_close(f->store);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", f->path, endings[i]);
        (void)unlink(path);
    }
    (void)rmdir(f->directory);
    free(f);
    return 0;
}

static void put(struct fixture *f, size_t octets)
{
    static uint8_t value[VALUE_OCTETS];
    char name[32];

    (void)snprintf(name, sizeof name, "setting %u", f->names++);
    store_session_begin(f->session);
    assert_int_equal(
        store_setting_add(f->session, name, span_make(value, octets), &f->why), ERR_OK);
    assert_int_equal(store_wait(f->store, store_session_ticket(f->session), &f->why),
                     ERR_OK);
}

static off_t size_of(const char *path)
{
    struct stat about;

    assert_int_equal(stat(path, &about), 0);
    return about.st_size;
}

/* Changes follow each other without a pause, on a disk that takes its time. */
static void test_begun_anew_under_load(void **state)
{
    struct fixture *f = *state;
    off_t before = size_of(f->path);

    atomic_store(&sync_ns, 500000);
    for (int i = 0; i < 12 * WAL_OCTETS / VALUE_OCTETS; i++)
        put(f, VALUE_OCTETS);
    assert_true(size_of(f->path) > before + WAL_OCTETS / 2);
    assert_true(size_of(f->wal) < 3 * WAL_OCTETS);
}

/* Each change is one sync. A checkpoint after each would be two more. */
static void test_not_each_time_from_then_on(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 2 * WAL_OCTETS / VALUE_OCTETS; i++)
        put(f, VALUE_OCTETS);
    put(f, 1);
    put(f, 1); /* a checkpoint may have been under way */
    atomic_store(&syncs, 0);
    for (int i = 0; i < COMMITS; i++)
        put(f, 1);
    assert_in_range(atomic_load(&syncs), COMMITS, COMMITS + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_begun_anew_under_load, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_each_time_from_then_on, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
