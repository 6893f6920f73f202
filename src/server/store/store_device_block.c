/* What a device has in the store, and taking it away. */
#include <string.h>

#include "core/acme/terms.h"
#include "server/store/store_device.h"
#include "server/store/store_private.h"

#define AT_ONCE 100 /* issuances looked at together */

enum err store_device_note_order(struct store_connection *c,
                                 const struct store_order *order, struct err_info *why)
{
    for (size_t i = 0; i < order->identifier_count; i++) {
        const struct store_identifier *identifier = &order->identifiers[i];
        if (!terms_is_device((enum identifier_type)identifier->type))
            continue;
        sqlite3_stmt *q = store_connection_statement(c, STATEMENT_DEVICE_ORDER_ADD);
        sqlite3_bind_int(q, 1, identifier->type);
        store_connection_bind_text(q, 2, identifier->value);
        sqlite3_bind_int64(q, 3, order->id);
        TRY(store_connection_do(c, q, why));
    }
    return ERR_OK;
}

enum err store_device_check_order(struct store_connection *c, int64_t order_id,
                                  struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_DEVICE_ORDER_BLOCKED);
    bool found = false;

    sqlite3_bind_int64(q, 1, order_id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return ERR_OK;
    const char *value = store_connection_text(q, 1, a);
    sqlite3_reset(q);
    return err_set(why, ERR_REJECTED_IDENTIFIER, "the device \"%s\" is blocked", value);
}

enum err store_device_note_attested(struct store_connection *c, int64_t authz_id,
                                    int64_t now, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_DEVICE_ATTESTED);

    sqlite3_bind_int64(q, 1, authz_id);
    sqlite3_bind_int64(q, 2, now);
    return store_connection_do(c, q, why);
}

/* ---- certificates ---- */

static enum err issuances(struct store_connection *c, struct arena *a,
                          const struct store_identifier *identifier, int64_t after,
                          size_t max, struct store_found **rows, size_t *count,
                          struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_DEVICE_ISSUANCES);

    sqlite3_bind_int(q, 1, identifier->type);
    store_connection_bind_text(q, 2, identifier->value);
    sqlite3_bind_int64(q, 3, after);
    sqlite3_bind_int64(q, 4, (int64_t)max);
    return store_search_rows(c, q, a, max, rows, count, why);
}

enum err store_device_issuances(struct store_session *s, struct arena *a,
                                const struct store_identifier *identifier, int64_t after,
                                size_t max, struct store_found **rows, size_t *count,
                                struct err_info *why)
{
    return store_read_end(
        s, issuances(store_read_begin(s), a, identifier, after, max, rows, count, why));
}

static enum err blocked_of(struct store_connection *c, struct arena *a,
                           const struct store_issuance *issuance,
                           struct store_identifier **device, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_DEVICE_ISSUANCE_BLOCKED);
    bool found = false;

    sqlite3_bind_int64(q, 1, issuance->order_id);
    sqlite3_bind_int64(q, 2, issuance->id);
    TRY(store_connection_next(c, q, &found, why));
    *device = NULL;
    if (!found)
        return ERR_OK;
    *device = arena_get(a, sizeof **device);
    (*device)->type = sqlite3_column_int(q, 0);
    (*device)->value = store_connection_text(q, 1, a);
    sqlite3_reset(q);
    return ERR_OK;
}

enum err store_device_blocked_of(struct store_session *s, struct arena *a,
                                 const struct store_issuance *issuance,
                                 struct store_identifier **device, struct err_info *why)
{
    return store_read_end(s, blocked_of(store_read_begin(s), a, issuance, device, why));
}

enum err store_device_begin(struct store_connection *c, struct store_issuance *issuance,
                            const struct store_identifier *device, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_device *row = NULL;

    enum err result = store_device_load(c, a, device, &row, why);
    if (result == ERR_OK && row->blocked != 0)
        return err_set(why, ERR_REJECTED_IDENTIFIER, "the device \"%s\" is blocked",
                       device->value);
    if (result != ERR_NOT_FOUND)
        TRY(result);
    TRY(store_issuance_insert_own(c, issuance, 0, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_DEVICE_ISSUANCE_ADD);
    sqlite3_bind_int(q, 1, device->type);
    store_connection_bind_text(q, 2, device->value);
    sqlite3_bind_int64(q, 3, issuance->id);
    return store_connection_do(c, q, why);
}

enum err store_device_issuance_begin(struct store_session *s,
                                     struct store_issuance *issuance,
                                     const struct store_identifier *device,
                                     struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = store_device_begin(&s->store->writer, issuance, device, why);
    return store_batch_end(s, result);
}

/* ---- blocking ---- */

static enum err set_blocked(struct store_connection *c, int64_t id, int64_t since,
                            const char *reason, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_DEVICE_BLOCK);

    sqlite3_bind_int64(q, 1, id);
    sqlite3_bind_int64(q, 2, since);
    store_connection_bind_text(q, 3, reason);
    return store_connection_do(c, q, why);
}

static enum err revoke_everything(struct store_connection *c,
                                  const struct store_identifier *identifier,
                                  int crl_reason, int64_t now,
                                  const struct store_revoking *told,
                                  struct store_revoked *sum, struct err_info *why)
{
    const struct store_revocation revocation = {.at = now, .reason = crl_reason};
    size_t count = AT_ONCE;
    int64_t after = 0;

    while (count == AT_ONCE) {
        AUTO(arena) struct arena *a = arena_new();
        const struct store_issuance **list = arena_array(a, AT_ONCE, sizeof *list);
        struct store_found *rows = NULL;
        struct store_revoked some = {0};
        TRY(issuances(c, a, identifier, after, AT_ONCE, &rows, &count, why));
        for (size_t i = 0; i < count; i++) {
            after = rows[i].issuance.id;
            list[i] = &rows[i].issuance;
        }
        TRY(store_revocation_of_all(c, list, count, &revocation, now, &some, told, why));
        sum->revoked += some.revoked;
        sum->siblings += some.siblings;
    }
    return ERR_OK;
}

enum err store_device_block_row(struct store_connection *c,
                                const struct store_device *device, int crl_reason,
                                int64_t now, const struct store_revoking *told,
                                struct store_device_blocked *result, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_device_blocked made = {0};
    struct store_device *row = NULL;
    int64_t id = 0;

    enum err known = store_device_load(c, a, &device->identifier, &row, why);
    if (known == ERR_NOT_FOUND)
        TRY(store_device_insert(c, device, now, &id, why));
    else
        TRY(known);
    made.before = row != NULL && row->blocked != 0;
    if (!made.before)
        TRY(set_blocked(c, row != NULL ? row->id : id,
                        device->blocked != 0 ? device->blocked : now, device->reason,
                        why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_DEVICE_AUTHZS_DEACTIVATE);
    sqlite3_bind_int(q, 1, device->identifier.type);
    store_connection_bind_text(q, 2, device->identifier.value);
    sqlite3_bind_int64(q, 3, now);
    TRY(store_connection_do(c, q, why));
    made.authorizations = sqlite3_changes(c->db);
    TRY(revoke_everything(c, &device->identifier, crl_reason, now, told, &made.revoked,
                          why));
    *result = made;
    return ERR_OK;
}

enum err store_device_block(struct store_session *s,
                            const struct store_identifier *identifier, const char *reason,
                            int crl_reason, int64_t now,
                            const struct store_revoking *told,
                            struct store_device_blocked *result, struct err_info *why)
{
    const struct store_device device = {
        .identifier = *identifier, .label = "", .reason = reason};

    enum err outcome = store_batch_begin(s, why);
    if (outcome == ERR_OK)
        outcome = store_device_block_row(&s->store->writer, &device, crl_reason, now,
                                         told, result, why);
    if (outcome == ERR_OK)
        atomic_fetch_add(&s->store->revoked, 1);
    return store_batch_end(s, outcome);
}

static enum err unblock(struct store_connection *c,
                        const struct store_identifier *identifier, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_device *row = NULL;

    TRY(store_device_load(c, a, identifier, &row, why));
    if (row->blocked == 0)
        return err_set(why, ERR_NOT_FOUND, "the device is not blocked");
    return set_blocked(c, row->id, 0, "", why);
}

enum err store_device_unblock(struct store_session *s,
                              const struct store_identifier *identifier,
                              struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = unblock(&s->store->writer, identifier, why);
    return store_batch_end(s, result);
}
