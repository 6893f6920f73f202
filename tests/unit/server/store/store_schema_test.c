/* Tests of server/store/store_schema and store_connection: files of every older version,
 * of a newer one, of other programs, damaged, and in the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/file.h"
#include "schema_sql.h"
#include "server/store/store_private.h"

/* The steps, and for each version what a database of that version holds. A new step needs
 * a row: what is below must still be there after it. */
static const struct {
    const char *step;
    const char *content;
} versions[] = {
    {SCHEMA_001,
     "INSERT INTO setting VALUES ('key', x'0102');"
     "INSERT INTO account VALUES (7, zeroblob(32), '{}', '[\"mailto:a@b\"]', 1, 0, 11);"
     "INSERT INTO orders VALUES (3, 7, 1, 2, 0, 0, '', x'000003612e62', "
     "x'0000000000000005', NULL);"
     "INSERT INTO authz VALUES (5, 7, 3, 0, 'a.b', 0, zeroblob(32), 1, 2, 0, 0, 4, 0, 0, "
     "NULL, NULL);"
     "INSERT INTO issuance VALUES (9, 3, 7, x'0a', x'0b', zeroblob(32), zeroblob(32), 1, "
     "2, 1);"
     "INSERT INTO chain VALUES (1, x'0c');"
     "INSERT INTO certificate VALUES (9, x'0d', 1);"},
    {SCHEMA_002, "INSERT INTO revocation VALUES (9, 12, 1);"
                 "INSERT INTO blocked_key VALUES (x'0e', 12);"},
    {SCHEMA_003,
     "INSERT INTO account (thumbprint, jwk, contacts, terms_agreed, status, "
     "created, directory) VALUES (zeroblob(32), '{}', '[]', 0, 0, 1, 'x');"
     "INSERT INTO sweep VALUES (1, 15, 3, 5);"
     "INSERT INTO external_key VALUES (4, 'kid', x'0f', '', '{}', 1, 0, 0, 1, 0);"
     "UPDATE account SET external_key = 4, external_binding = '{}', "
     "terms = 'https://a.b/terms', terms_at = 12 WHERE id = 7;"
     "INSERT INTO replacement VALUES (9, 3);"
     "INSERT INTO incident VALUES (1, 12, 7200, '', 9, 0, 0, 0, NULL, NULL, "
     "NULL, NULL, 1);"
     "INSERT INTO incident_serial VALUES (x'0a', 1);"
     "INSERT INTO limit_bucket VALUES ('new_orders_per_account', '7', 12);"
     "INSERT INTO limit_override VALUES ('new_orders_per_account', '7', "
     "'9/1h');"
     "INSERT INTO limit_pause VALUES (7, 'a.b', 12, 'it failed');"
     "INSERT INTO limit_set VALUES (zeroblob(32), 13);"
     "UPDATE authz SET lifetime = 13, subdomains = 1;"
     "UPDATE orders SET reuse_key = x'0f';"
     "INSERT INTO star VALUES (3, 0, 99, 9, 0, 0, zeroblob(16), 0, 0, 0, x'');"},
    {SCHEMA_004, "UPDATE authz SET caa_checked = 14, challenges = 2;"
                 "UPDATE orders SET caa_checked = 15;"
                 "INSERT INTO caa_look VALUES (1, 3, 1, 'a.b', 15, 1, 9, '{}');"},
    {SCHEMA_005,
     "UPDATE issuance SET issuer = x'10', shard = 3, profile = 'p', directory = 'd';"
     "UPDATE revocation SET listed = 1;"
     "INSERT INTO crl_entry VALUES (x'10', 3, 9, x'0a', 12, 1, 2);"
     "INSERT INTO crl VALUES (x'10', 3, 2, 1, 700, 12, 13, 1, zeroblob(32));"

     "UPDATE blocked_key SET reason = 'found on a web page';"
     "INSERT INTO precertificate VALUES (1, x'30', NULL);"},
    {SCHEMA_006, "INSERT INTO attestation VALUES (5, 2, zeroblob(32), 14);"
                 "INSERT INTO device VALUES (1, 2, 'abc', 'x', 12, 0, 13, 'lost', 11);"
                 "INSERT INTO device_key VALUES (zeroblob(32), 1, 2, 1);"
                 "INSERT INTO device_order VALUES (2, 'abc', 3);"
                 "INSERT INTO device_issuance VALUES (2, 'abc', 9);"
                 "INSERT INTO enrollment VALUES (zeroblob(32), 15, 'd', zeroblob(32), 1, "
                 "x'30', 'a', 'b', 'c');"},
};

#define VERSIONS    ((int)(sizeof versions / sizeof versions[0]))
#define OUR_NUMBER  "1130459758" /* "Carn" */
#define FOREIGN_SQL "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1);"

struct fixture {
    char directory[64];
    char path[96];
    struct arena *arena;
    struct err_info why;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    (void)snprintf(f->directory, sizeof f->directory, "/tmp/cairn-schema-XXXXXX");
    if (mkdtemp(f->directory) == NULL)
        return -1;
    (void)snprintf(f->path, sizeof f->path, "%s/cairn.db", f->directory);
    f->arena = arena_new();
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    DIR *folder = opendir(f->directory);

    for (struct dirent *e = readdir(folder); e != NULL; e = readdir(folder))
        (void)unlinkat(dirfd(folder), e->d_name, 0);
    (void)closedir(folder);
    int result = rmdir(f->directory);
    arena_free(f->arena);
    free(f);
    return result;
}

static void run_sql(const struct fixture *f, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int collect(void *to, int count, char **texts, char **names)
{
    (void)names;
    for (int i = 0; i < count; i++)
        buf_printf(to, "%s|", texts[i] != NULL ? texts[i] : "NULL");
    return 0;
}

/* The answer as text. */
static char *ask(const struct fixture *f, const char *sql)
{
    AUTO(buf) struct buf b = buf_make(64 * 1024);
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, collect, &b, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return arena_string_of(f->arena, buf_span(&b));
}

static struct span content(struct fixture *f)
{
    struct span octets = {0};

    assert_int_equal(file_read(f->arena, f->path, 1 << 24, &octets, &f->why), ERR_OK);
    return octets;
}

static void open_and_close(struct fixture *f)
{
    struct store *store = NULL;

    assert_int_equal(store_open(f->path, &store, &f->why), ERR_OK);
    store_close(store);
}

static void refused(struct fixture *f, const char *words)
{
    struct store *store = NULL;

    assert_int_equal(store_open(f->path, &store, &f->why), ERR_STORE);
    if (strstr(f->why.detail, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, f->why.detail);
    assert_null(strchr(f->why.detail, '\n'));
}

/* --- versions ----------------------------------------------------------------------- */

#define SCHEMA "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY sql"

static void every_older_version_is_migrated(void **state)
{
    struct fixture *f = *state;

    open_and_close(f);
    const char *newest = ask(f, SCHEMA);
    /* a new step must have a row above */
    assert_string_equal(ask(f, "PRAGMA user_version"),
                        arena_printf(f->arena, "%d|", VERSIONS));
    assert_string_equal(ask(f, "PRAGMA application_id"), OUR_NUMBER "|");
    for (int version = 0; version <= VERSIONS; version++) {
        (void)unlink(f->path);
        for (int i = 0; i < version; i++) {
            run_sql(f, versions[i].step);
            run_sql(f, versions[i].content);
        }
        run_sql(f,
                arena_printf(f->arena, "PRAGMA user_version=%d; PRAGMA application_id=%s",
                             version, version > 0 ? OUR_NUMBER : "0"));
        open_and_close(f);
        assert_string_equal(ask(f, SCHEMA), newest);
        assert_string_equal(ask(f, "PRAGMA user_version"),
                            arena_printf(f->arena, "%d|", VERSIONS));
        assert_string_equal(ask(f, "PRAGMA journal_mode"), "wal|");
    }
}

/* What an old database held is served by today's program. */
static void old_content_is_kept(void **state)
{
    struct fixture *f = *state;
    struct store *store = NULL;
    struct store_session *s = NULL;
    struct store_order *order = NULL;
    struct store_issuance *issuance = NULL;
    struct store_account *account = NULL;

    run_sql(f, versions[0].step);
    run_sql(f, versions[0].content);
    run_sql(f, "PRAGMA user_version=1; PRAGMA application_id=" OUR_NUMBER);
    assert_int_equal(store_open(f->path, &store, &f->why), ERR_OK);
    assert_int_equal(store_session_open(store, &s, &f->why), ERR_OK);
    assert_int_equal(store_account_by_id(s, f->arena, 7, &account, &f->why), ERR_OK);
    assert_string_equal(account->contacts, "[\"mailto:a@b\"]");
    assert_true(account->terms_agreed);
    assert_string_equal(account->terms, ""); /* to which is not known */
    assert_int_equal(store_order_by_id(s, f->arena, 3, &order, &f->why), ERR_OK);
    assert_string_equal(order->identifiers[0].value, "a.b");
    assert_int_equal(order->authzs[0].attempt_begun, 4);
    assert_int_equal(order->authzs[0].lifetime, 0);
    assert_false(order->authzs[0].subdomains);
    assert_int_equal(order->authzs[0].caa_checked, 0);
    assert_int_equal(order->caa_checked, 0);
    assert_int_equal(store_certificate_by_id(s, f->arena, 9, &issuance, &f->why), ERR_OK);
    assert_int_equal(issuance->certificate.data[0], 0x0d);
    assert_int_equal(issuance->issuers.data[0], 0x0c);
    store_session_close(s);
    store_close(store);
}

static void a_newer_version_is_refused(void **state)
{
    struct fixture *f = *state;

    open_and_close(f);
    run_sql(f, arena_printf(f->arena, "PRAGMA user_version=%d", VERSIONS + 1));
    struct span before = content(f);
    refused(f, "newer version");
    assert_true(span_equal(content(f), before));
}

/* A migration that cannot be done leaves the old version whole. */
static void a_migration_is_all_or_nothing(void **state)
{
    struct fixture *f = *state;

    /* a name that the first step wants to take, in a database that says it is ours */
    run_sql(f, "CREATE TABLE certificate (x); PRAGMA application_id=" OUR_NUMBER);
    refused(f, "already exists");
    assert_string_equal(ask(f, "SELECT name FROM sqlite_schema"), "certificate|");
    assert_string_equal(ask(f, "PRAGMA user_version"), "0|");
}

/* --- what is not ours, or not whole ------------------------------------------------- */

static void another_programs_database_is_left_alone(void **state)
{
    struct fixture *f = *state;

    run_sql(f, FOREIGN_SQL);
    struct span before = content(f);
    refused(f, "another program");
    assert_true(span_equal(content(f), before));
    assert_false(file_exists(arena_printf(f->arena, "%s-wal", f->path)));
}

static void no_database_at_all(void **state)
{
    struct fixture *f = *state;
    const char *text = arena_printf(f->arena, "%0*d", 5000, 0);

    assert_int_equal(file_create(f->path, span_of(text), 0644, &f->why), ERR_OK);
    refused(f, "not a database");
    assert_true(span_is(content(f), text));
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(mkdir(f->path, 0700), 0);
    refused(f, ": Is a directory");
    assert_int_equal(rmdir(f->path), 0);
    (void)snprintf(f->path, sizeof f->path, "%s/no/folder", f->directory);
    refused(f, "cannot open");
}

static void damage_is_said(void **state)
{
    struct fixture *f = *state;
    struct store *store = NULL;
    struct store_session *s = NULL;

    for (int v = 0; v < VERSIONS; v++) {
        run_sql(f, versions[v].step);
        run_sql(f, versions[v].content);
    }
    run_sql(f, arena_printf(f->arena,
                            "PRAGMA user_version=%d; PRAGMA application_id=" OUR_NUMBER,
                            VERSIONS));
    /* the first page of every table and index, which are not the schema's own */
    const char *pages =
        ask(f, "SELECT rootpage FROM sqlite_schema WHERE rootpage > 0 ORDER BY 1");
    int fd = open(f->path, O_WRONLY | O_CLOEXEC);
    char noise[4096];
    memset(noise, 0x5a, sizeof noise);
    for (const char *page = pages; *page != '\0'; page = strchr(page, '|') + 1)
        assert_int_equal(pwrite(fd, noise, sizeof noise,
                                (strtol(page, NULL, 10) - 1) * (off_t)sizeof noise),
                         sizeof noise);
    assert_int_equal(close(fd), 0);
    assert_int_equal(store_open(f->path, &store, &f->why), ERR_OK);
    assert_int_equal(store_session_open(store, &s, &f->why), ERR_OK);
    assert_int_equal(store_check(s, &f->why), ERR_STORE);
    assert_non_null(strstr(f->why.detail, "damaged"));
    struct store_account *row = NULL;
    assert_int_equal(store_account_by_id(s, f->arena, 7, &row, &f->why), ERR_STORE);
    assert_non_null(strstr(f->why.detail, "restore a backup"));
    store_session_close(s);
    store_close(store);
}

static void files_are_for_the_owner_only(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    struct fixture *f = *state;
    struct stat status;
    mode_t old = umask(0);

    open_and_close(f);
    assert_int_equal(umask(old), 0);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char *path = arena_printf(f->arena, "%s%s", f->path, endings[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
}

static void failures_have_sentences(void **state)
{
    static const struct {
        int code;
        const char *words;
    } rows[] = {
        {SQLITE_FULL, "disk of the store is full"},
        {SQLITE_NOTADB, "not a database"},
        {SQLITE_CORRUPT_VTAB, "restore a backup"},
        {SQLITE_BUSY_SNAPSHOT, "another program"},
        {SQLITE_CANTOPEN_ISDIR, "cannot be opened"},
        {SQLITE_READONLY_DIRECTORY, "cannot be written"},
        {SQLITE_IOERR_WRITE, "disk I/O error"},
    };
    struct store_connection none = {0};
    struct err_info why = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(store_connection_error(&none, rows[i].code, &why), ERR_STORE);
        assert_non_null(strstr(why.detail, rows[i].words));
    }
}

/* Each statement of statements.def fits the newest schema. */
static void every_statement_can_be_prepared(void **state)
{
    struct fixture *f = *state;
    struct store_connection c;

    open_and_close(f);
    assert_int_equal(store_connection_open(f->path, &c, &f->why), ERR_OK);
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_stmt *statement = store_connection_statement(&c, (enum store_statement)i);
        assert_non_null(statement);
        assert_ptr_equal(store_connection_statement(&c, (enum store_statement)i),
                         statement);
    }
    store_connection_close(&c);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_older_version_is_migrated),
        TEST(old_content_is_kept),
        TEST(a_newer_version_is_refused),
        TEST(a_migration_is_all_or_nothing),
        TEST(another_programs_database_is_left_alone),
        TEST(no_database_at_all),
        TEST(damage_is_said),
        TEST(files_are_for_the_owner_only),
        TEST(failures_have_sentences),
        TEST(every_statement_can_be_prepared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
