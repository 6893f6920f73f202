/* The orders of an account, a page at a time (RFC 8555 7.1.2.1). */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/json/json_write.h"
#include "server/exchange/account_cache.h"
#include "server/order/order_state.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"

#define PAGE                                                                             \
    100 /* orders looked at for one page; those that are invalid are left out            \
         */

/* The cursor at the end of the URL: the id that the page before ended with. */
static enum err read_cursor(const struct exchange *x, int64_t *before,
                            struct err_info *why)
{
    const char *last = strrchr(x->path, '/');
    uint64_t number = 0;

    if (last == NULL || !text_number(span_of(last + 1), INT64_MAX, &number))
        return err_set(why, ERR_NOT_FOUND, "there is no such page of orders");
    *before = (int64_t)number;
    return ERR_OK;
}

/* Each order is loaded by itself: nobody waits for the store while many are. */
static enum err write_urls(struct exchange *x, const int64_t *ids, size_t count,
                           struct err_info *why)
{
    struct json_writer w = json_writer_make(&x->reply.body);
    int64_t now = clock_now();

    json_write_begin_object(&w, NULL);
    json_write_begin_array(&w, "orders");
    for (size_t i = 0; i < count; i++) {
        struct store_order *order = NULL;
        enum err result = store_order_by_id(x->session, x->arena, ids[i], &order, why);
        if (result == ERR_NOT_FOUND) /* housekeeping was quicker */
            continue;
        TRY(result);
        if (order_state_order(order, now) != ORDER_INVALID)
            json_write_text(&w, NULL, exchange_url(x, "order", ids[i]));
    }
    json_write_end_array(&w);
    json_write_end_object(&w);
    return ERR_OK;
}

static enum err page(struct exchange *x, int64_t before, struct err_info *why)
{
    int64_t ids[PAGE + 1];
    size_t count = 0;

    if (x->id != x->account->id)
        return err_set(why, ERR_UNAUTHORIZED, "these are the orders of another account");
    if (!x->post_as_get)
        return err_set(why, ERR_MALFORMED,
                       "orders are fetched with an empty payload (POST-as-GET)");
    TRY(store_orders_of_account(x->session, x->id, before, PAGE + 1, ids, &count, why));
    if (count > PAGE)
        exchange_header_add(x, "Link",
                            arena_printf(x->arena, "<%s/%lld>;rel=\"next\"",
                                         exchange_url(x, "orders", x->id),
                                         (long long)ids[PAGE - 1]));
    TRY(write_urls(x, ids, count > PAGE ? PAGE : count, why));
    exchange_reply_set(x, 200, RENDER_JSON);
    return ERR_OK;
}

enum err resource_orders(struct exchange *x, struct err_info *why)
{
    return page(x, INT64_MAX, why);
}

enum err resource_orders_next(struct exchange *x, struct err_info *why)
{
    int64_t before = 0;

    TRY(read_cursor(x, &before, why));
    return page(x, before, why);
}
