/* Rows of orders. The identifiers and the authorizations' ids are kept in the order's
 * row: per identifier one octet type, two octets length, the value; per authorization
 * eight octets. */
#include "core/base/buf.h"
#include "server/store/store_private.h"

#define IDENTIFIERS_MAX (STORE_ORDER_MAX_IDENTIFIERS * 300) /* octets */

static void put_identifiers(struct buf *b, const struct store_order *order)
{
    for (size_t i = 0; i < order->identifier_count; i++) {
        struct span value = span_of(order->identifiers[i].value);
        buf_add_octet(b, (uint8_t)order->identifiers[i].type);
        buf_add_octet(b, (uint8_t)(value.len >> 8));
        buf_add_octet(b, (uint8_t)value.len);
        buf_add_span(b, value);
    }
}

/* False if the octets are not what put_identifiers writes. */
static bool get_identifiers(struct span octets, struct arena *a,
                            struct store_order *order)
{
    struct store_identifier *list = arena_array(a, order->authz_count, sizeof *list);

    for (size_t i = 0; i < order->authz_count; i++) {
        if (octets.len < 3)
            return false;
        size_t len = (size_t)octets.data[1] << 8 | octets.data[2];
        if (octets.len - 3 < len)
            return false;
        list[i].type = octets.data[0];
        list[i].value = arena_string_of(a, span_slice(octets, 3, len));
        octets = span_slice(octets, 3 + len, octets.len);
    }
    order->identifiers = list;
    order->identifier_count = order->authz_count;
    return octets.len == 0;
}

static void put_id(struct buf *b, int64_t id)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        buf_add_octet(b, (uint8_t)((uint64_t)id >> shift));
}

static int64_t get_id(const uint8_t *from)
{
    uint64_t id = 0;

    for (int i = 0; i < 8; i++)
        id = id << 8 | from[i];
    return (int64_t)id;
}

static enum err check_account(struct store_connection *c, int64_t account_id,
                              struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ACCOUNT_STATUS);
    bool found = false;

    sqlite3_bind_int64(q, 1, account_id);
    TRY(store_connection_next(c, q, &found, why));
    bool good = found && sqlite3_column_int(q, 0) == STORE_ACCOUNT_VALID;
    if (found)
        sqlite3_reset(q);
    return good ? ERR_OK : err_set(why, ERR_NOT_FOUND, "there is no such valid account");
}

static enum err add_authz(struct store_connection *c, const struct store_order *order,
                          struct store_authz *authz, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_ADD);

    sqlite3_bind_int64(q, 1, order->account_id);
    sqlite3_bind_int64(q, 2, order->id);
    sqlite3_bind_int(q, 3, authz->identifier.type);
    store_connection_bind_text(q, 4, authz->identifier.value);
    sqlite3_bind_int(q, 5, authz->wildcard ? 1 : 0);
    store_connection_bind_span(q, 6, span_make(authz->seed, sizeof authz->seed));
    sqlite3_bind_int64(q, 7, authz->created);
    sqlite3_bind_int64(q, 8, authz->expires);
    TRY(store_connection_do(c, q, why));
    authz->id = sqlite3_last_insert_rowid(c->db);
    authz->order_id = order->id;
    authz->account_id = order->account_id;
    authz->attempt_type = -1;
    return ERR_OK;
}

static enum err add_order(struct store_connection *c, struct store_order *order,
                          struct err_info *why)
{
    AUTO(buf) struct buf identifiers = buf_make(IDENTIFIERS_MAX);
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ORDER_ADD);

    put_identifiers(&identifiers, order);
    sqlite3_bind_int64(q, 1, order->account_id);
    sqlite3_bind_int64(q, 2, order->created);
    sqlite3_bind_int64(q, 3, order->expires);
    sqlite3_bind_int64(q, 4, order->not_before);
    sqlite3_bind_int64(q, 5, order->not_after);
    store_connection_bind_text(q, 6, order->profile);
    store_connection_bind_span(q, 7, buf_span(&identifiers));
    store_connection_bind_span(q, 8, span_make(NULL, 0));
    TRY(store_connection_do(c, q, why));
    order->id = sqlite3_last_insert_rowid(c->db);
    return ERR_OK;
}

/* Everything is checked before the first row is written. */
static enum err add(struct store_connection *c, struct store_order *order,
                    struct err_info *why)
{
    AUTO(buf) struct buf ids = buf_make(8 * STORE_ORDER_MAX_IDENTIFIERS);

    if (order->identifier_count == 0 ||
        order->identifier_count > STORE_ORDER_MAX_IDENTIFIERS)
        return err_set(why, ERR_MALFORMED, "an order has 1 to %d identifiers",
                       STORE_ORDER_MAX_IDENTIFIERS);
    TRY(check_account(c, order->account_id, why));
    TRY(add_order(c, order, why));
    for (size_t i = 0; i < order->identifier_count; i++) {
        TRY(add_authz(c, order, &order->authzs[i], why));
        put_id(&ids, order->authzs[i].id);
    }
    order->authz_count = order->identifier_count;
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ORDER_AUTHZS);
    sqlite3_bind_int64(q, 1, order->id);
    store_connection_bind_span(q, 2, buf_span(&ids));
    return store_connection_do(c, q, why);
}

enum err store_order_add(struct store_session *s, struct store_order *order,
                         struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = add(&s->store->writer, order, why);
    return store_batch_end(s, result);
}

static enum err load_authzs(struct store_connection *c, struct arena *a, struct span ids,
                            struct store_order *order, struct err_info *why)
{
    order->authz_count = ids.len / 8;
    order->authzs = arena_array(a, order->authz_count, sizeof *order->authzs);
    for (size_t i = 0; i < order->authz_count; i++) {
        sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_BY_ID);
        bool found = false;
        sqlite3_bind_int64(q, 1, get_id(ids.data + 8 * i));
        TRY(store_connection_next(c, q, &found, why));
        if (!found)
            return err_set(why, ERR_STORE, "an authorization of order %lld is missing",
                           (long long)order->id);
        store_authz_from_row(q, a, &order->authzs[i]);
        sqlite3_reset(q);
    }
    return ERR_OK;
}

static enum err load_issuance(struct store_connection *c, struct arena *a,
                              struct store_order *order, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ISSUANCE_OF_ORDER);
    bool found = false;

    sqlite3_bind_int64(q, 1, order->id);
    TRY(store_connection_next(c, q, &found, why));
    if (found) {
        order->issuance = arena_get(a, sizeof *order->issuance);
        store_issuance_from_row(q, order->issuance);
        sqlite3_reset(q);
    }
    return ERR_OK;
}

static enum err by_id(struct store_connection *c, struct arena *a, int64_t id,
                      struct store_order **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ORDER_BY_ID);
    bool found = false;

    sqlite3_bind_int64(q, 1, id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such order");
    struct store_order *order = arena_get(a, sizeof *order);
    order->id = sqlite3_column_int64(q, 0);
    order->account_id = sqlite3_column_int64(q, 1);
    order->created = sqlite3_column_int64(q, 2);
    order->expires = sqlite3_column_int64(q, 3);
    order->not_before = sqlite3_column_int64(q, 4);
    order->not_after = sqlite3_column_int64(q, 5);
    order->profile = store_connection_text(q, 6, a);
    struct span identifiers = store_connection_blob(q, 7, a);
    struct span ids = store_connection_blob(q, 8, a);
    order->error = store_connection_text(q, 9, a);
    sqlite3_reset(q);
    TRY(load_authzs(c, a, ids, order, why));
    if (!get_identifiers(identifiers, a, order))
        return err_set(why, ERR_STORE, "the identifiers of order %lld are damaged",
                       (long long)id);
    TRY(load_issuance(c, a, order, why));
    *row = order;
    return ERR_OK;
}

enum err store_order_by_id(struct store_session *s, struct arena *a, int64_t id,
                           struct store_order **row, struct err_info *why)
{
    return store_read_end(s, by_id(store_read_begin(s), a, id, row, why));
}

static enum err of_account(struct store_connection *c, int64_t account_id, int64_t before,
                           size_t max, int64_t *ids, size_t *count, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ORDERS_OF_ACCOUNT);
    size_t found = 0;
    bool more = true;

    sqlite3_bind_int64(q, 1, account_id);
    sqlite3_bind_int64(q, 2, before);
    sqlite3_bind_int64(q, 3, (int64_t)max);
    TRY(store_connection_next(c, q, &more, why));
    while (more) {
        ids[found++] = sqlite3_column_int64(q, 0);
        TRY(store_connection_next(c, q, &more, why));
    }
    *count = found;
    return ERR_OK;
}

enum err store_orders_of_account(struct store_session *s, int64_t account_id,
                                 int64_t before, size_t max, int64_t *ids, size_t *count,
                                 struct err_info *why)
{
    return store_read_end(
        s, of_account(store_read_begin(s), account_id, before, max, ids, count, why));
}

static enum err check_authz(struct store_connection *c, int64_t id, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_IS_GOOD);
    bool found = false;

    sqlite3_bind_int64(q, 1, id);
    TRY(store_connection_next(c, q, &found, why));
    bool good = found && sqlite3_column_int(q, 0) != 0;
    if (found)
        sqlite3_reset(q);
    return good ? ERR_OK
                : err_set(why, ERR_CONFLICT,
                          "an authorization of the order is not valid any more");
}

enum err store_order_check(struct store_connection *c, int64_t id, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ORDER_FACTS);
    bool found = false;

    sqlite3_bind_int64(q, 1, id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such order");
    bool failed = sqlite3_column_int(q, 0) != 0;
    struct span ids = store_connection_blob(q, 1, a);
    sqlite3_reset(q);
    if (failed)
        return err_set(why, ERR_CONFLICT, "the order is invalid");
    for (size_t i = 0; i < ids.len / 8; i++)
        TRY(check_authz(c, get_id(ids.data + 8 * i), why));
    return ERR_OK;
}

static enum err fail(struct store_connection *c, int64_t order_id, const char *error,
                     struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ORDER_ERROR);
    bool found = false;

    sqlite3_bind_int64(q, 1, order_id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such order");
    bool failed = sqlite3_column_int(q, 0) != 0;
    sqlite3_reset(q);
    AUTO(arena) struct arena *a = arena_new();
    struct store_order order = {.id = order_id};
    TRY(load_issuance(c, a, &order, why));
    if (failed || (order.issuance != NULL && order.issuance->finished))
        return err_set(why, ERR_CONFLICT, "the order is decided already");
    q = store_connection_statement(c, STATEMENT_ORDER_FAIL);
    sqlite3_bind_int64(q, 1, order_id);
    store_connection_bind_text(q, 2, error);
    return store_connection_do(c, q, why);
}

enum err store_order_fail(struct store_session *s, int64_t order_id, const char *error,
                          struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = fail(&s->store->writer, order_id, error, why);
    return store_batch_end(s, result);
}
