/* Renewal information (RFC 9773): shown to everybody, and used by orders that replace a
 * certificate. */
#include "core/base/clock.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"
#include "server/exchange/account_cache.h"
#include "server/order/order_place.h"
#include "server/order/renewal.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"
#include "server/store/store_renewal.h"

enum err resource_renewal_info(struct exchange *x, struct err_info *why)
{
    struct json_writer w = json_writer_make(&x->reply.body);
    struct renewal *renewal = NULL;

    TRY(renewal_find(x->session, x->arena, x->services->settings, span_of(x->name),
                     clock_now(), &renewal, why));
    const struct renewal_window *window = &renewal->window;
    json_write_begin_object(&w, NULL);
    json_write_begin_object(&w, "suggestedWindow");
    json_write_time(&w, "start", window->start);
    json_write_time(&w, "end", window->end);
    json_write_end_object(&w);
    if (window->explanation != NULL)
        json_write_text(&w, "explanationURL", window->explanation);
    json_write_end_object(&w);
    const char *poll = arena_printf(x->arena, "%lld", (long long)window->poll);
    exchange_header_add(x, "Retry-After", poll);
    /* RFC 9773 6: caches may shed the load; answers to POST are no-store as all are */
    if (x->jws == NULL)
        exchange_header_add(x, "Cache-Control",
                            arena_printf(x->arena, "public, max-age=%s", poll));
    exchange_reply_set(x, 200, RENDER_JSON);
    return ERR_OK;
}

enum err resource_replaced(struct exchange *x, const struct store_identifier *identifiers,
                           size_t count, struct renewal **replaced, struct err_info *why)
{
    const char *id = NULL;
    struct renewal *found = NULL;

    *replaced = NULL;
    TRY(json_take_text(x->payload, "replaces", &id, why));
    if (id == NULL)
        return ERR_OK;
    enum err result = renewal_find(x->session, x->arena, x->services->settings,
                                   span_of(id), clock_now(), &found, why);
    /* 404 would be about newOrder itself */
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_MALFORMED,
                       "this CA has not issued the certificate to be replaced, %s; order "
                       "without replaces",
                       id);
    if (result != ERR_OK)
        return result == ERR_MALFORMED ? err_prefix(why, "replaces") : result;
    TRY(renewal_check(found, x->account->id, identifiers, count, why));
    *replaced = found;
    return ERR_OK;
}

enum err resource_order_replacing(struct exchange *x, const struct order_place_wish *wish,
                                  const struct renewal *replaced,
                                  struct store_order *order, struct err_info *why)
{
    enum err result = order_place_replacing(x->session, x->arena, x->services->settings,
                                            wish, replaced, order, why);

    if (result == ERR_CONFLICT)
        return err_set(why, ERR_ALREADY_REPLACED,
                       "another order replaces this certificate, and it is not invalid "
                       "(RFC 9773 5); order without replaces");
    return result;
}
