/* Rows of orders. The identifiers and the authorizations' ids are kept in the order's
 * row: per identifier one octet type, two octets length, the value; per authorization
 * eight octets. */
#include <string.h>

#include "core/base/buf.h"
#include "server/store/store_private.h"
#include "server/store/store_star.h"

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

/* The octets of the first identifier, 0 if they are not what put_identifiers writes. */
static size_t identifier_size(struct span octets)
{
    if (octets.len < 3)
        return 0;
    size_t len = (size_t)octets.data[1] << 8 | octets.data[2];
    return octets.len - 3 < len ? 0 : 3 + len;
}

enum err store_order_identifiers(struct span octets, struct arena *a,
                                 const struct store_identifier **identifiers,
                                 size_t *count, struct err_info *why)
{
    size_t found = 0;
    size_t size = 0;

    for (struct span rest = octets; rest.len > 0;
         rest = span_slice(rest, size, rest.len)) {
        size = identifier_size(rest);
        if (size == 0)
            return err_set(why, ERR_STORE, "the identifiers of an order are damaged");
        found++;
    }
    struct store_identifier *list = arena_array(a, found, sizeof *list);
    for (size_t i = 0; i < found; i++) {
        size = identifier_size(octets);
        list[i].type = octets.data[0];
        list[i].value = arena_string_of(a, span_slice(octets, 3, size - 3));
        octets = span_slice(octets, size, octets.len);
    }
    *identifiers = list;
    *count = found;
    return ERR_OK;
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

enum err store_order_check_account(struct store_connection *c, int64_t account_id,
                                   struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ACCOUNT_STATUS);
    bool found = false;

    sqlite3_bind_int64(q, 1, account_id);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such account");
    int status = sqlite3_column_int(q, 0);
    sqlite3_reset(q);
    return status == STORE_ACCOUNT_VALID
               ? ERR_OK
               : err_set(why, ERR_UNAUTHORIZED, "the account is not valid any more");
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
    if (order->replaces != NULL)
        store_connection_bind_text(q, 9, order->replaces);
    if (order->reuse_key.len > 0)
        store_connection_bind_span(q, 10, order->reuse_key);
    TRY(store_connection_do(c, q, why));
    order->id = sqlite3_last_insert_rowid(c->db);
    return ERR_OK;
}

/* One made for this order already that covers the same subdomains; NULL if there is
 * none. */
static const struct store_authz *made_before(const struct store_order *order, size_t i)
{
    const struct store_authz *wanted = &order->authzs[i];

    for (size_t j = 0; wanted->subdomains && j < i; j++) {
        const struct store_authz *made = &order->authzs[j];
        if (made->order_id == order->id && made->subdomains &&
            made->identifier.type == wanted->identifier.type &&
            strcmp(made->identifier.value, wanted->identifier.value) == 0)
            return made;
    }
    return NULL;
}

/* The authorization of one identifier: one that is there, or a new one. */
static enum err give_authz(struct store_connection *c, struct arena *a,
                           struct store_order *order, const struct store_reuse *reuse,
                           size_t i, struct err_info *why)
{
    struct store_authz *authz = &order->authzs[i];
    bool found = false;

    if (reuse != NULL)
        TRY(store_reuse_find(c, a, order->account_id, &order->identifiers[i], reuse,
                             authz, &found, why));
    if (found) {
        int64_t serves =
            reuse->lasts != 0 ? authz->attempt_finished + reuse->lasts : authz->expires;
        if (authz->expires < order->expires)
            order->expires = authz->expires;
        if (serves < order->expires)
            order->expires = serves;
        return ERR_OK;
    }
    const struct store_authz *made = made_before(order, i);
    if (made != NULL) {
        *authz = *made;
        return ERR_OK;
    }
    authz->account_id = order->account_id;
    authz->order_id = order->id;
    return store_authz_insert(c, authz, why);
}

/* Everything is checked before the first row is written. */
enum err store_order_insert(struct store_connection *c, struct arena *a,
                            struct store_order *order, const struct store_reuse *reuse,
                            struct err_info *why)
{
    AUTO(buf) struct buf ids = buf_make(8 * STORE_ORDER_MAX_IDENTIFIERS);

    if (order->identifier_count == 0 ||
        order->identifier_count > STORE_ORDER_MAX_IDENTIFIERS)
        return err_set(why, ERR_MALFORMED, "an order has 1 to %d identifiers",
                       STORE_ORDER_MAX_IDENTIFIERS);
    TRY(store_order_check_account(c, order->account_id, why));
    TRY(add_order(c, order, why));
    for (size_t i = 0; i < order->identifier_count; i++) {
        TRY(give_authz(c, a, order, reuse, i, why));
        put_id(&ids, order->authzs[i].id);
    }
    order->authz_count = order->identifier_count;
    TRY(store_device_note_order(c, order, why));
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ORDER_AUTHZS);
    sqlite3_bind_int64(q, 1, order->id);
    store_connection_bind_span(q, 2, buf_span(&ids));
    sqlite3_bind_int64(q, 3, order->expires);
    TRY(store_connection_do(c, q, why));
    return order->star != NULL ? store_star_add(c, order->id, order->star, why) : ERR_OK;
}

enum err store_reuse_order_add(struct store_session *s, struct arena *a,
                               struct store_order *order, const struct store_reuse *reuse,
                               struct err_info *why)
{
    enum err result = store_batch_begin(s, why);

    if (result == ERR_OK)
        result = store_order_insert(&s->store->writer, a, order, reuse, why);
    return store_batch_end(s, result);
}

enum err store_order_add(struct store_session *s, struct store_order *order,
                         struct err_info *why)
{
    return store_reuse_order_add(s, NULL, order, NULL, why);
}

/* Housekeeping takes authorizations that expired long ago, also before their order: this
 * one is expired for ever. */
static void put_removed(const struct store_order *order, int64_t id,
                        struct store_authz *authz)
{
    authz->id = id;
    authz->account_id = order->account_id;
    authz->order_id = order->id;
    authz->identifier.value = "";
    authz->attempt_type = -1;
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
        if (!found) {
            put_removed(order, get_id(ids.data + 8 * i), &order->authzs[i]);
            continue;
        }
        store_authz_from_row(q, a, &order->authzs[i]);
        sqlite3_reset(q);
    }
    return ERR_OK;
}

static enum err load_issuance(struct store_connection *c, struct arena *a,
                              enum store_statement which, struct store_order *order,
                              struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, which);
    bool found = false;

    sqlite3_bind_int64(q, 1, order->id);
    TRY(store_connection_next(c, q, &found, why));
    if (found) {
        order->issuance = arena_get(a, sizeof *order->issuance);
        store_issuance_from_row(q, a, order->issuance);
        sqlite3_reset(q);
    }
    return ERR_OK;
}

/* An order that is renewed is shown with what it has, not with what is being made. */
static enum err load_star(struct store_connection *c, struct arena *a,
                          struct store_order *order, struct err_info *why)
{
    TRY(store_star_load(c, a, order->id, &order->star, why));
    return load_issuance(c, a, STATEMENT_STAR_ISSUANCE, order, why);
}

enum err store_order_load(struct store_connection *c, struct arena *a, int64_t id,
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
    order->replaces = store_connection_text(q, 10, a);
    bool is_star = sqlite3_column_int(q, 11) != 0;
    order->caa_checked = sqlite3_column_int64(q, 12);
    sqlite3_reset(q);
    TRY(load_authzs(c, a, ids, order, why));
    TRY(store_order_identifiers(identifiers, a, &order->identifiers,
                                &order->identifier_count, why));
    if (is_star)
        TRY(load_star(c, a, order, why));
    if (order->issuance == NULL)
        TRY(load_issuance(c, a, STATEMENT_ISSUANCE_OF_ORDER, order, why));
    *row = order;
    return ERR_OK;
}

enum err store_order_by_id(struct store_session *s, struct arena *a, int64_t id,
                           struct store_order **row, struct err_info *why)
{
    return store_read_end(s, store_order_load(store_read_begin(s), a, id, row, why));
}

static enum err by_reuse_key(struct store_connection *c, struct arena *a, struct span key,
                             struct store_order **row, struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ORDER_BY_REUSE_KEY);
    bool found = false;

    store_connection_bind_span(q, 1, key);
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such order");
    int64_t id = sqlite3_column_int64(q, 0);
    sqlite3_reset(q);
    return store_order_load(c, a, id, row, why);
}

enum err store_reuse_order(struct store_session *s, struct arena *a, struct span key,
                           struct store_order **row, struct err_info *why)
{
    return store_read_end(s, by_reuse_key(store_read_begin(s), a, key, row, why));
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

static enum err check_authz(struct store_connection *c, int64_t id, int64_t now,
                            struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_AUTHZ_IS_GOOD);
    bool found = false;

    sqlite3_bind_int64(q, 1, id);
    sqlite3_bind_int64(q, 2, now);
    TRY(store_connection_next(c, q, &found, why));
    bool good = found && sqlite3_column_int(q, 0) != 0;
    if (found)
        sqlite3_reset(q);
    return good ? ERR_OK
                : err_set(why, ERR_CONFLICT,
                          "an authorization of the order is not valid any more");
}

static enum err check_authz_kept(struct store_connection *c, int64_t id,
                                 struct err_info *why)
{
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ATTEMPT_STATE);
    bool found = false;

    sqlite3_bind_int64(q, 1, id);
    TRY(store_connection_next(c, q, &found, why));
    bool deactivated = found && sqlite3_column_int64(q, 3) != 0;
    if (found)
        sqlite3_reset(q);
    return deactivated ? err_set(why, ERR_UNAUTHORIZED,
                                 "an authorization of the order was deactivated")
                       : ERR_OK;
}

/* The two checks of an order differ in what they ask of each authorization, and in what
 * an order that failed is refused with. */
static enum err check_order(struct store_connection *c,
                            const struct store_issuance *issuance, bool renewal,
                            struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    sqlite3_stmt *q = store_connection_statement(c, STATEMENT_ORDER_FACTS);
    bool found = false;

    sqlite3_bind_int64(q, 1, issuance->order_id);
    store_connection_bind_span(q, 2, span_make(issuance->key_hash, STORE_HASH_SIZE));
    store_connection_bind_span(
        q, 3, span_make(issuance->key_thumbprint, STORE_THUMBPRINT_SIZE));
    TRY(store_connection_next(c, q, &found, why));
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no such order");
    bool failed = sqlite3_column_int(q, 0) != 0;
    struct span ids = store_connection_blob(q, 1, a);
    int account = sqlite3_column_int(q, 2);
    bool blocked = sqlite3_column_int(q, 3) != 0;
    bool is_account = sqlite3_column_int(q, 4) != 0;
    bool expired = sqlite3_column_int64(q, 5) <= issuance->begun;
    sqlite3_reset(q);
    if (account != STORE_ACCOUNT_VALID)
        return err_set(why, ERR_UNAUTHORIZED, "the account is not valid any more");
    if (blocked)
        return err_set(why, ERR_BAD_CSR,
                       "the key is blocked as compromised; make a new one");
    if (is_account)
        return err_set(why, ERR_BAD_CSR,
                       "the certificate's key is an account's key (RFC 8555 11.1)");
    enum err device = store_device_check_order(c, issuance->order_id, why);
    if (device == ERR_REJECTED_IDENTIFIER && renewal) { /* it ends, then */
        if (why != NULL)
            why->code = ERR_UNAUTHORIZED;
        return ERR_UNAUTHORIZED;
    }
    TRY(device);
    if (failed || expired)
        return err_set(why, failed && renewal ? ERR_UNAUTHORIZED : ERR_CONFLICT,
                       "the order is invalid or has expired");
    for (size_t i = 0; i < ids.len / 8; i++) {
        int64_t id = get_id(ids.data + 8 * i);
        TRY(renewal ? check_authz_kept(c, id, why)
                    : check_authz(c, id, issuance->begun, why));
    }
    return ERR_OK;
}

enum err store_order_check(struct store_connection *c,
                           const struct store_issuance *issuance, struct err_info *why)
{
    return check_order(c, issuance, false, why);
}

enum err store_order_check_kept(struct store_connection *c,
                                const struct store_issuance *issuance,
                                struct err_info *why)
{
    return check_order(c, issuance, true, why);
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
    TRY(load_issuance(c, a, STATEMENT_ISSUANCE_OF_ORDER, &order, why));
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
