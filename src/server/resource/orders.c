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

static void write_urls(struct exchange *x, struct store_order *const *orders,
                       size_t count)
{
    struct json_writer w = json_writer_make(&x->reply.body);
    int64_t now = clock_now();

    json_write_begin_object(&w, NULL);
    json_write_begin_array(&w, "orders");
    for (size_t i = 0; i < count; i++)
        if (order_state_order(orders[i], now) != ORDER_INVALID)
            json_write_text(&w, NULL, exchange_url(x, "order", orders[i]->id));
    json_write_end_array(&w);
    json_write_end_object(&w);
}

static enum err page(struct exchange *x, int64_t before, struct err_info *why)
{
    struct store_order **orders = NULL;
    size_t count = 0;

    if (x->id != x->account->id)
        return err_set(why, ERR_UNAUTHORIZED, "these are the orders of another account");
    if (!x->post_as_get)
        return err_set(why, ERR_MALFORMED,
                       "orders are fetched with an empty payload (POST-as-GET)");
    TRY(store_orders_of_account(x->session, x->arena, x->id, before, PAGE + 1, &orders,
                                &count, why));
    if (count > PAGE)
        exchange_header_add(x, "Link",
                            arena_printf(x->arena, "<%s/%lld>;rel=\"next\"",
                                         exchange_url(x, "orders", x->id),
                                         (long long)orders[PAGE - 1]->id));
    write_urls(x, orders, count > PAGE ? PAGE : count);
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
