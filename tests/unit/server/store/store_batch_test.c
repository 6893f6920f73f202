/* Tests of server/store/store_batch: batches that cannot be written. The disk is full
 * when the process's limit on the size of files is reached. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/store/store_notes.h"

#define MANY 600 /* more failures than anyone would keep one by one */

static _Atomic int sync_fails;

/* In the place of the C library's, for the store too. */
int fdatasync(int fd)
{
    if (atomic_load(&sync_fails) == 0)
        return fsync(fd);
    errno = EIO;
    return -1;
}

static _Thread_local bool read_fails; /* not the checkpoint's */

/* What SQLite reads with; by a name of its own, since headers may have an inline one. */
__attribute__((visibility("default"))) ssize_t
pread_or_fail(int fd, void *to, size_t len, off64_t at) __asm__("pread64");

ssize_t pread_or_fail(int fd, void *to, size_t len, off64_t at)
{
    if (!read_fails)
        return syscall(SYS_pread64, fd, to, len, at);
    errno = EACCES; /* of EIO SQLite says that the file is damaged, and goes on */
    return -1;
}

struct fixture {
    char directory[64];
    char path[96];
    struct store *store;
    struct store_session *session;
    struct arena *arena;
    struct err_info why;
    int names; /* given to settings so far */
};

static void open_store(struct fixture *f)
{
    assert_int_equal(store_open(f->path, &f->store, &f->why), ERR_OK);
    assert_int_equal(store_session_open(f->store, &f->session, &f->why), ERR_OK);
}

static void close_store(struct fixture *f)
{
    store_session_close(f->session);
    store_close(f->store);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    (void)snprintf(f->directory, sizeof f->directory, "/tmp/cairn-batch-XXXXXX");
    if (mkdtemp(f->directory) == NULL)
        return -1;
    (void)snprintf(f->path, sizeof f->path, "%s/cairn.db", f->directory);
    f->arena = arena_new();
    (void)signal(SIGXFSZ, SIG_IGN);
    open_store(f);
    *state = f;
    return 0;
}

static void fill_disk(const struct fixture *f)
{
    struct rlimit limit;
    struct stat wal;
    char path[128];

    (void)snprintf(path, sizeof path, "%s-wal", f->path);
    assert_int_equal(stat(path, &wal), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = (rlim_t)wal.st_size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void free_disk(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int tear_down(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    struct fixture *f = *state;
    char path[128];

    free_disk();
    close_store(f);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", f->path, endings[i]);
        (void)unlink(path);
    }
    (void)rmdir(f->directory);
    arena_free(f->arena);
    free(f);
    return 0;
}

/* Change something; the batch it is in. */
static store_ticket_number change(struct fixture *f)
{
    store_session_begin(f->session);
    assert_int_equal(store_setting_add(f->session,
                                       arena_printf(f->arena, "name%d", f->names++),
                                       span_of("value"), &f->why),
                     ERR_OK);
    return store_session_ticket(f->session);
}

static enum err wait_for(struct fixture *f, store_ticket_number ticket)
{
    return store_wait(f->store, ticket, &f->why);
}

static enum err look(struct fixture *f, int name)
{
    struct span value = {0};

    store_session_begin(f->session);
    return store_setting_get(f->session, f->arena, arena_printf(f->arena, "name%d", name),
                             &value, &f->why);
}

static void undone_and_over(void **state)
{
    struct fixture *f = *state;
    store_ticket_number good = change(f);

    assert_int_equal(wait_for(f, good), ERR_OK);
    fill_disk(f);
    store_ticket_number bad = change(f);
    assert_int_equal(wait_for(f, bad), ERR_STORE);
    assert_non_null(strstr(f->why.detail, "could not be stored"));
    assert_int_equal(store_session_undone(f->session), 1);
    assert_int_equal(look(f, 1), ERR_NOT_FOUND);
    assert_int_equal(look(f, 0), ERR_OK);
    free_disk();
    store_ticket_number again = change(f);
    assert_int_equal(wait_for(f, again), ERR_OK);
    assert_int_equal(wait_for(f, bad), ERR_STORE);
    assert_int_equal(wait_for(f, good), ERR_OK);
    close_store(f);
    open_store(f);
    assert_int_equal(look(f, 0), ERR_OK);
    assert_int_equal(look(f, 1), ERR_NOT_FOUND);
    assert_int_equal(look(f, 2), ERR_OK);
    assert_int_equal(store_check(f->session, &f->why), ERR_OK);
}

/* What was there before can be read and answered, though no batch works any more. */
static void reading_goes_on(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(wait_for(f, change(f)), ERR_OK);
    fill_disk(f);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wait_for(f, change(f)), ERR_STORE);
        assert_int_equal(look(f, 0), ERR_OK);
        assert_int_equal(wait_for(f, store_session_ticket(f->session)), ERR_OK);
    }
}

struct called {
    atomic_int times;
    _Atomic enum err result;
};

static void note(void *argument, enum err result)
{
    struct called *called = argument;

    atomic_store(&called->result, result);
    atomic_fetch_add(&called->times, 1);
}

/* The one who changed, the one who read it and the one who was refused for it. */
static void everyone_who_waits_is_told(void **state)
{
    struct fixture *f = *state;
    struct store_session *other = NULL;
    struct called called[3];
    struct span value = {0};

    memset(called, 0, sizeof called);
    assert_int_equal(store_session_open(f->store, &other, &f->why), ERR_OK);
    assert_int_equal(wait_for(f, change(f)), ERR_OK);
    fill_disk(f);
    for (int i = 0; i < 50; i++) {
        store_ticket_number bad = change(f);
        char *name = arena_printf(f->arena, "name%d", f->names - 1);
        store_session_begin(other);
        bool seen = store_setting_get(other, f->arena, name, &value, &f->why) == ERR_OK;
        store_ticket_number reader = store_session_ticket(other);
        store_session_begin(other);
        enum err refused = store_setting_add(other, name, span_of("x"), &f->why);
        store_ticket_number writer = store_session_ticket(other);
        store_when_durable(f->store, bad, note, &called[0]);
        store_when_durable(f->store, reader, note, &called[1]);
        store_when_durable(f->store, writer, note, &called[2]);
        assert_int_equal(wait_for(f, bad), ERR_STORE);
        if (seen)
            assert_int_equal(wait_for(f, reader), ERR_STORE);
        if (refused == ERR_CONFLICT)
            assert_int_equal(wait_for(f, writer), ERR_STORE);
        (void)wait_for(f, writer);
    }
    store_session_close(other);
    close_store(f); /* ends the thread that calls */
    free_disk();
    open_store(f);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(atomic_load(&called[i].times), 50);
    assert_int_equal(atomic_load(&called[0].result), ERR_STORE);
}

/* A request may be held for seconds while batch after batch fails: it asks late, and must
 * never be told that its change is on disk. */
static void who_asks_late_is_told_the_truth(void **state)
{
    struct fixture *f = *state;
    store_ticket_number good = change(f);

    assert_int_equal(wait_for(f, good), ERR_OK);
    fill_disk(f);
    store_ticket_number bad = change(f);
    for (int i = 0; i < MANY; i++)
        (void)wait_for(f, change(f));
    assert_int_equal(wait_for(f, bad), ERR_STORE);
    assert_int_equal(wait_for(f, good), ERR_OK);
    free_disk();
    store_ticket_number after = change(f);
    assert_int_equal(wait_for(f, after), ERR_OK);
    assert_int_equal(wait_for(f, bad), ERR_STORE);
    assert_int_equal(wait_for(f, good), ERR_OK);
}

/* The same when failures and successes alternate for longer than anyone keeps a list. */
static void who_asks_late_in_changing_times(void **state)
{
    struct fixture *f = *state;
    store_ticket_number first_bad = 0;
    store_ticket_number last_good = 0;

    assert_int_equal(wait_for(f, change(f)), ERR_OK);
    for (int i = 0; i < MANY; i++) {
        fill_disk(f);
        store_ticket_number bad = change(f);
        assert_int_equal(wait_for(f, bad), ERR_STORE);
        first_bad = first_bad == 0 ? bad : first_bad;
        free_disk();
        last_good = change(f);
        assert_int_equal(wait_for(f, last_good), ERR_OK);
    }
    assert_int_equal(wait_for(f, first_bad), ERR_STORE);
    assert_int_equal(wait_for(f, last_good), ERR_OK);
}

/* What could not be synced cannot be trusted: the process ends, and what was synced
 * before is there for the next one. */
static void failed_sync_ends_the_process(void **state)
{
    struct fixture *f = *state;
    int status = 0;

    assert_int_equal(wait_for(f, change(f)), ERR_OK);
    close_store(f);
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        open_store(f);
        atomic_store(&sync_fails, 1);
        (void)wait_for(f, change(f));
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    open_store(f);
    assert_int_equal(look(f, 0), ERR_OK);
    assert_int_equal(store_check(f->session, &f->why), ERR_OK);
}

/* SQLite rolls back by itself when a read fails: what the batch had is gone, so nothing
 * that comes after may be kept. */
static void a_read_fails(void **state)
{
    static uint8_t value[64 * 1024];
    struct fixture *f = *state;
    struct span got;

    for (int i = 0; i < 200; i++) { /* more than the cache keeps */
        store_session_begin(f->session);
        assert_int_equal(store_setting_add(f->session, arena_printf(f->arena, "old%d", i),
                                           span_make(value, sizeof value), &f->why),
                         ERR_OK);
    }
    assert_int_equal(store_wait(f->store, store_session_ticket(f->session), &f->why),
                     ERR_OK);
    store_session_begin(f->session);
    store_notes_hold(f->session); /* the batch stays open */
    enum err before = store_setting_add(f->session, "before", span_of("value"), &f->why);
    read_fails = true;
    enum err read = ERR_OK;
    for (int i = 0; i < 200 && read == ERR_OK; i++)
        read = store_setting_get(f->session, f->arena, arena_printf(f->arena, "old%d", i),
                                 &got, &f->why);
    read_fails = false;
    enum err after = store_setting_add(f->session, "after", span_of("value"), &f->why);
    store_notes_release(f->session);
    assert_int_equal(before, ERR_OK);
    assert_int_equal(read, ERR_STORE);
    assert_int_equal(after, ERR_STORE);
    assert_int_equal(store_wait(f->store, store_session_ticket(f->session), &f->why),
                     ERR_STORE);
    store_session_begin(f->session);
    assert_int_equal(store_setting_get(f->session, f->arena, "before", &got, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_setting_get(f->session, f->arena, "after", &got, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_setting_get(f->session, f->arena, "old0", &got, &f->why),
                     ERR_OK);
    assert_int_equal(store_wait(f->store, change(f), &f->why), ERR_OK);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(undone_and_over),
        TEST(reading_goes_on),
        TEST(everyone_who_waits_is_told),
        TEST(who_asks_late_is_told_the_truth),
        TEST(who_asks_late_in_changing_times),
        TEST(a_read_fails),
        TEST(failed_sync_ends_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
