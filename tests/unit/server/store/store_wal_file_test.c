/* Tests of server/store/store_wal_file: what another program finds after each commit, and
 * that it is written at once. SQLite's own VFS is the judge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/file.h"
#include "server/store/store_wal_file.h"

#define ROWS      400
#define FILE_MAX  (64 * 1024 * 1024)
#define TEXT_MAX  512
#define FOLDER    "/tmp/cairn-wal-XXXXXX"
#define ROW_BYTES 900

struct world {
    char folder[sizeof FOLDER];
    char path[sizeof FOLDER + 16];
    char copy[sizeof FOLDER + 16];
    sqlite3 *db;
    unsigned int random;
};

static unsigned int next_random(struct world *w)
{
    w->random = w->random * 1103515245U + 12345U;
    return w->random >> 16;
}

static void run(sqlite3 *db, const char *sql)
{
    char *why = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s = NULL;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t result = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return result;
}

/* Everything there is, as one number. */
static const char SUM[] = "SELECT coalesce(sum(id * length(text) + unicode(text) * v), 0)"
                          " FROM t";

static void copy_file(const char *from, const char *to)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span text = {0};
    struct err_info why = {0};

    assert_int_equal(file_read(a, from, FILE_MAX, &text, &why), ERR_OK);
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_true(file_write_all(fd, text));
    assert_int_equal(close(fd), 0);
}

/* What is in the files now, as after a crash of this process: read by SQLite alone. */
static int64_t sum_in_files(const struct world *w)
{
    char from[TEXT_MAX];
    char to[TEXT_MAX];
    sqlite3 *db = NULL;

    copy_file(w->path, w->copy);
    (void)snprintf(from, sizeof from, "%s-wal", w->path);
    (void)snprintf(to, sizeof to, "%s-wal", w->copy);
    copy_file(from, to);
    assert_int_equal(sqlite3_open_v2(w->copy, &db, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    int64_t sum = number(db, SUM);
    assert_int_equal(number(db, "SELECT count(*) FROM pragma_integrity_check"
                                " WHERE integrity_check <> 'ok'"),
                     0);
    sqlite3_close(db);
    (void)snprintf(to, sizeof to, "%s-shm", w->copy);
    (void)unlink(to);
    return sum;
}

static int start(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    (void)snprintf(w->folder, sizeof w->folder, "%s", FOLDER);
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->path, sizeof w->path, "%s/store.db", w->folder);
    (void)snprintf(w->copy, sizeof w->copy, "%s/copy.db", w->folder);
    w->random = 7;
    assert_non_null(store_wal_file_vfs());
    assert_string_equal(store_wal_file_vfs(), store_wal_file_vfs());
    assert_int_equal(sqlite3_open_v2(w->path, &w->db,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                     store_wal_file_vfs()),
                     SQLITE_OK);
    run(w->db, "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
               "PRAGMA wal_autocheckpoint=0;"
               "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, text TEXT);"
               "CREATE INDEX t_text ON t(text)");
    *state = w;
    return 0;
}

static int end(void **state)
{
    static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm",
                                        "copy.db", "copy.db-wal"};
    struct world *w = *state;
    char path[TEXT_MAX];

    sqlite3_close(w->db);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", w->folder, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(w->folder), 0);
    free(w);
    return 0;
}

/* As the store does it. */
static int commit(const struct world *w)
{
    store_wal_file_gather(w->db);
    int result = sqlite3_exec(w->db, "COMMIT", NULL, NULL, NULL);
    assert_true(store_wal_file_gathered(w->db, result == SQLITE_OK));
    return result;
}

static void put(struct world *w)
{
    char sql[TEXT_MAX];

    (void)snprintf(sql, sizeof sql,
                   "INSERT OR REPLACE INTO t VALUES (%u, %u,"
                   " char(%u) || hex(zeroblob(%u)))",
                   next_random(w) % ROWS + 1, next_random(w), 65 + next_random(w) % 26,
                   next_random(w) % ROW_BYTES);
    run(w->db, sql);
}

/* Transactions of all sizes, some of which the cache is too small for, so that pages are
 * written before the commit, written again, and read back; the WAL begun anew now and
 * then. */
static void every_commit_is_there(void **state)
{
    struct world *w = *state;
    int64_t committed = 0;

    for (int i = 0; i < 120; i++) {
        run(w->db, i % 3 == 0 ? "PRAGMA cache_size=10" : "PRAGMA cache_size=2000");
        run(w->db, "BEGIN");
        unsigned int count = i % 10 == 9 ? 300 : next_random(w) % 8 + 1;
        for (unsigned int n = 0; n < count; n++) {
            if (n == 3)
                run(w->db, "SAVEPOINT s");
            put(w);
            if (n == 5 && i % 2 == 0)
                run(w->db, "ROLLBACK TO s");
        }
        if (i % 5 == 4) {
            assert_int_equal(sum_in_files(w), committed);
            run(w->db, "ROLLBACK");
        } else {
            assert_int_equal(commit(w), SQLITE_OK);
            /* first, since a read of ours would do what the commit forgot */
            committed = sum_in_files(w);
        }
        assert_int_equal(number(w->db, SUM), committed);
        assert_int_equal(sum_in_files(w), committed);
        if (i % 16 == 15)
            run(w->db, i % 32 == 15 ? "PRAGMA wal_checkpoint(RESTART)"
                                    : "PRAGMA wal_checkpoint(TRUNCATE)");
    }
}

/* Another connection of this process, and one of SQLite's own. */
static void others_see_it(void **state)
{
    struct world *w = *state;
    const char *const ways[] = {store_wal_file_vfs(), NULL};

    for (size_t i = 0; i < 2; i++) {
        sqlite3 *other = NULL;
        assert_int_equal(sqlite3_open_v2(w->path, &other, SQLITE_OPEN_READWRITE, ways[i]),
                         SQLITE_OK);
        for (int n = 0; n < 10; n++) {
            run(w->db, "BEGIN");
            int64_t before = number(other, SUM);
            for (int k = 0; k < 20; k++)
                put(w);
            assert_int_equal(number(other, SUM), before);
            assert_int_equal(commit(w), SQLITE_OK);
            int64_t seen = number(other, SUM);
            assert_int_equal(seen, number(w->db, SUM));
            if (n % 4 == 3)
                run(other, "PRAGMA wal_checkpoint(PASSIVE)");
        }
        sqlite3_close(other);
    }
}

/* How long a file may become; what is too much fails. */
static int limit_files(uint64_t octets)
{
    const struct rlimit limit = {.rlim_cur = octets == UINT64_MAX ? RLIM_INFINITY
                                                                  : (rlim_t)octets,
                                 .rlim_max = RLIM_INFINITY};

    (void)signal(SIGXFSZ, SIG_IGN);
    return setrlimit(RLIMIT_FSIZE, &limit);
}

/* No room: the transaction fails, the one before stays, and the next one succeeds. */
static void no_room(void **state)
{
    struct world *w = *state;
    struct stat about;
    char wal[TEXT_MAX];

    run(w->db, "PRAGMA cache_size=2000");
    run(w->db, "PRAGMA wal_checkpoint(TRUNCATE)");
    run(w->db, "BEGIN");
    put(w);
    assert_int_equal(commit(w), SQLITE_OK);
    int64_t before = number(w->db, SUM);
    (void)snprintf(wal, sizeof wal, "%s-wal", w->path);
    assert_int_equal(stat(wal, &about), 0);
    /* a limit of the process, as a file system's: EFBIG instead of ENOSPC */
    assert_int_equal(limit_files((uint64_t)about.st_size + 8192), 0);
    run(w->db, "BEGIN");
    for (int i = 0; i < 40; i++)
        put(w);
    assert_int_not_equal(commit(w), SQLITE_OK);
    assert_int_equal(limit_files(UINT64_MAX), 0);
    if (sqlite3_get_autocommit(w->db) == 0)
        run(w->db, "ROLLBACK");
    assert_int_equal(sum_in_files(w), before);
    assert_int_equal(number(w->db, SUM), before);
    run(w->db, "BEGIN");
    put(w);
    assert_int_equal(commit(w), SQLITE_OK);
    int64_t after = sum_in_files(w);
    assert_int_equal(after, number(w->db, SUM));
}

/* What a transaction that did not end well wrote or had waiting does not come later, over
 * what another program committed meanwhile. */
static void nothing_comes_late(void **state)
{
    struct world *w = *state;
    struct stat about;
    char wal[TEXT_MAX];
    sqlite3 *other = NULL;

    (void)snprintf(wal, sizeof wal, "%s-wal", w->path);
    assert_int_equal(sqlite3_open_v2(w->path, &other, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    for (int i = 0; i < 2; i++) {
        run(w->db, i == 0 ? "PRAGMA cache_size=10" : "PRAGMA cache_size=2000");
        run(w->db, "PRAGMA wal_checkpoint(TRUNCATE)");
        run(w->db, "BEGIN");
        for (int n = 0; n < 300; n++)
            put(w);
        if (i == 0) { /* the cache is too small */
            assert_int_equal(stat(wal, &about), 0);
            assert_true(about.st_size > 0);
            run(w->db, "ROLLBACK");
        } else {
            assert_int_equal(limit_files(64 * 1024), 0);
            assert_int_not_equal(commit(w), SQLITE_OK);
            assert_int_equal(limit_files(UINT64_MAX), 0);
        }
        run(other, "UPDATE t SET v = v + 1");
        int64_t sum = number(other, SUM);
        assert_int_equal(number(w->db, SUM), sum);
        assert_int_equal(number(other, SUM), sum);
        assert_int_equal(sum_in_files(w), sum);
    }
    sqlite3_close(other);
}

/* A connection that is not one of these is left alone. */
static void another_vfs(void **state)
{
    sqlite3 *db = NULL;

    (void)state;
    assert_int_equal(sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    store_wal_file_gather(db);
    assert_true(store_wal_file_gathered(db, true));
    assert_true(store_wal_file_gathered(db, false));
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_commit_is_there),
        cmocka_unit_test(others_see_it),
        cmocka_unit_test(no_room),
        cmocka_unit_test(nothing_comes_late),
        cmocka_unit_test(another_vfs),
    };

    return cmocka_run_group_tests(tests, start, end);
}
