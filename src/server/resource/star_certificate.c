/* The certificate of an auto-renewal order, the newest there is (RFC 8739 3.3, 3.4). */
#include <string.h>

#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/base/secret.h"
#include "core/x509/certificate.h"
#include "server/exchange/account_cache.h"
#include "server/resource/resource.h"
#include "server/store/store_star.h"

/* HTTP-date (RFC 9110 5.6.7), in the arena. */
static char *http_date(struct arena *a, int64_t seconds)
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970 began with a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct clock_civil c = clock_civil(seconds);

    return arena_printf(
        a, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * (seconds / 86400 % 7),
        c.day, months + (ptrdiff_t)3 * (c.month - 1), c.year, c.hour, c.minute, c.second);
}

/* Is the order one of this directory? The gate has seen to it that an account is. */
static enum err is_of_directory(struct exchange *x, const struct store_order *order,
                                bool *is, struct err_info *why)
{
    struct store_account *account = NULL;

    if (x->account != NULL) {
        *is = x->account->id == order->account_id;
        return ERR_OK;
    }
    TRY(store_account_by_id(x->session, x->arena, order->account_id, &account, why));
    *is = strcmp(account->directory, x->directory->name) == 0;
    return ERR_OK;
}

/* The order of the URL, if what stands at its end is right: who knows that may know of
 * the order. */
static enum err load(struct exchange *x, struct store_order **order, struct err_info *why)
{
    const char *last = strrchr(x->path, '/');
    struct span token = {0};
    bool ours = false;

    enum err result = store_order_by_id(x->session, x->arena, x->id, order, why);
    if (result == ERR_OK &&
        ((*order)->star == NULL || last == NULL ||
         !base64url_decode(x->arena, span_of(last + 1), &token) ||
         !secret_equal(token, span_make((*order)->star->token, STORE_STAR_TOKEN_SIZE))))
        result = ERR_NOT_FOUND;
    if (result == ERR_OK)
        result = is_of_directory(x, *order, &ours, why);
    if (result == ERR_OK && !ours)
        result = ERR_NOT_FOUND;
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "there is no such certificate");
    return result;
}

/* Caches keep it until the next is there, and never longer than it is valid (RFC 8739
 * 4.3). */
static void add_headers(struct exchange *x, const struct store_star *star,
                        const struct certificate *certificate, int64_t now)
{
    int64_t until = certificate->not_after;

    if (star->due != 0 && star->due < until)
        until = star->due;
    exchange_header_add(x, "Cert-Not-Before",
                        http_date(x->arena, certificate->not_before));
    exchange_header_add(x, "Cert-Not-After", http_date(x->arena, certificate->not_after));
    if (x->account == NULL)
        exchange_header_add(x, "Cache-Control",
                            arena_printf(x->arena, "public, max-age=%lld",
                                         (long long)(until > now ? until - now : 0)));
}

enum err resource_star_certificate(struct exchange *x, struct err_info *why)
{
    struct store_order *order = NULL;
    struct store_issuance *issuance = NULL;
    struct certificate *certificate = NULL;
    int64_t now = clock_now();

    TRY(load(x, &order, why));
    if (x->account == NULL && !order->star->allow_get) {
        exchange_header_add(x, "Allow", "POST, OPTIONS");
        return err_set(why, ERR_METHOD_NOT_ALLOWED,
                       "this certificate is fetched with POST-as-GET by its account; "
                       "GET was not agreed on (allow-certificate-get)");
    }
    if (order->star->canceled != 0)
        return err_set(why, ERR_AUTO_RENEWAL_CANCELED, "the order was canceled%s",
                       order->error != NULL ? " by the CA; the order says why" : "");
    if (order->star->end <= now)
        return err_set(why, ERR_AUTO_RENEWAL_EXPIRED, "the order has ended");
    enum err result =
        store_star_certificate(x->session, x->arena, order->id, &issuance, why);
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "there is no such certificate");
    TRY(result);
    TRY(certificate_read(x->arena, issuance->certificate, &certificate, why));
    add_headers(x, order->star, certificate, now);
    return resource_certificate_show(x, issuance, why);
}
