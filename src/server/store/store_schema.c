/* The schema: numbered steps, forward only, each in one transaction. */
#include <stdio.h>

#include "schema_sql.h"
#include "server/store/store_private.h"

#define APPLICATION_ID                                                                   \
    0x4361726e /* "Carn", in the file's header (SQLite file format 1.3.14) */

/* One step for each file of schema/: step N leads from version N-1 to N. */
static const char *const steps[] = {SCHEMA_001, SCHEMA_002, SCHEMA_003,
                                    SCHEMA_004, SCHEMA_005, SCHEMA_006};

#define STEP_COUNT ((int)(sizeof steps / sizeof steps[0]))

static enum err pragma_number(struct store_connection *c, const char *sql, int *number,
                              struct err_info *why)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(c->db, sql, -1, &statement, NULL);

    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return result == SQLITE_ROW ? ERR_OK : store_connection_error(c, result, why);
}

static enum err migrate(struct store_connection *c, int version, struct err_info *why)
{
    char after[128];

    (void)snprintf(after, sizeof after,
                   "PRAGMA user_version=%d;PRAGMA application_id=%d;COMMIT", version + 1,
                   APPLICATION_ID);
    TRY(store_connection_run(c, "BEGIN EXCLUSIVE", why));
    enum err result = store_connection_run(c, steps[version], why);
    if (result == ERR_OK)
        result = store_connection_run(c, after, why);
    if (result != ERR_OK)
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

enum err store_schema_check(struct store_connection *c, const char *path, int *version,
                            struct err_info *why)
{
    int application = 0;
    int tables = 0;

    TRY(pragma_number(c, "PRAGMA application_id", &application, why));
    TRY(pragma_number(c, "PRAGMA user_version", version, why));
    TRY(pragma_number(c, "SELECT count(*) FROM sqlite_schema", &tables, why));
    if (tables > 0 && application != APPLICATION_ID)
        return err_set(why, ERR_STORE, "%s is a database of another program", path);
    if (*version > STEP_COUNT)
        return err_set(
            why, ERR_STORE,
            "%s was written by a newer version of cairn-ca (schema %d; this knows %d)",
            path, *version, STEP_COUNT);
    return ERR_OK;
}

enum err store_schema_prepare(struct store_connection *c, int version,
                              struct err_info *why)
{
    for (; version < STEP_COUNT; version++)
        TRY(migrate(c, version, why));
    return ERR_OK;
}

enum err store_schema_is_current(const char *path, int version, struct err_info *why)
{
    if (version < STEP_COUNT)
        return err_set(why, ERR_STORE,
                       "%s was written by an older version of cairn-ca (schema %d; this "
                       "knows %d): start the CA once",
                       path, version, STEP_COUNT);
    return ERR_OK;
}
