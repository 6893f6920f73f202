/* Placing orders: what is used again and what is made. */
#include "server/order/order_place.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/crypto/hash.h"
#include "server/order/order_state.h"
#include "server/store/store_star.h"

#define SECOND             1000  /* in milliseconds, as settings are */
#define MARGIN_PART        8     /* of a lifetime; as Boulder does */
#define MARGIN_MOST        86400 /* seconds */
#define FULL_RETRY_SECONDS 3600  /* until pending authorizations may have been decided */
#define KEY_MAX            (STORE_ORDER_MAX_IDENTIFIERS * 600) /* octets before hashing */

/* How much longer than now something must live to be used again. */
static int64_t margin(const struct settings *settings)
{
    int64_t least = settings->order_lifetime;

    if (settings->authorization_lifetime != 0 && settings->authorization_lifetime < least)
        least = settings->authorization_lifetime;
    int64_t part = least / SECOND / MARGIN_PART;
    return part < MARGIN_MOST ? part : MARGIN_MOST;
}

/* What a device attested is not used again: it is about one key, and the next order may
 * be for another. Neither is what dns-persist-01 proved: it may be so for no longer than
 * the TTL of the record (draft-ietf-acme-dns-persist 7.8), and looking again costs the
 * client nothing. */
struct store_reuse order_place_reuse(const struct settings *settings, unsigned int proofs,
                                     int64_t now)
{
    return (struct store_reuse){
        .proved_first =
            now - settings->authorization_lifetime / SECOND + margin(settings),
        .proved_last = now,
        .lasts = settings->authorization_lifetime / SECOND,
        .outlives = now + margin(settings),
        .subdomains = settings->authorization_subdomains,
        .types = proofs & ~(1U << CHALLENGE_DNS_PERSIST_01) &
                 ~(1U << CHALLENGE_DEVICE_ATTEST_01),
    };
}

/* A fresh one for an identifier, or for all names below it. */
static struct store_authz fresh(const struct settings *settings,
                                const struct identifier *identifier, bool subdomains,
                                int64_t now)
{
    struct store_authz authz = {
        .identifier = {(int)identifier->type, identifier_base(identifier)},
        /* RFC 9444 4.1: wildcards below it may be certified as well */
        .wildcard = subdomains || identifier_is_wildcard(identifier),
        .subdomains = subdomains,
        .created = now,
        .expires = now + settings->order_lifetime / SECOND,
        .lifetime = settings->authorization_lifetime / SECOND};

    random_fill(authz.seed, sizeof authz.seed);
    return authz;
}

void order_place_prepare(struct arena *a, const struct settings *settings,
                         const struct order_place_wish *wish, struct store_order *order)
{
    struct store_identifier *shown = arena_array(a, wish->count, sizeof *shown);
    struct store_authz *authzs = arena_array(a, wish->count, sizeof *authzs);

    for (size_t i = 0; i < wish->count; i++) {
        const char *above = wish->ancestors != NULL ? wish->ancestors[i] : NULL;
        const struct identifier ancestor = {IDENTIFIER_DNS, above};
        shown[i].type = (int)wish->identifiers[i].type;
        shown[i].value = wish->identifiers[i].value;
        authzs[i] = fresh(settings, above != NULL ? &ancestor : &wish->identifiers[i],
                          above != NULL, order->created);
        authzs[i].challenges = wish->challenges;
    }
    order->identifiers = shown;
    order->identifier_count = wish->count;
    order->authzs = authzs;
    order->expires = order->created + settings->order_lifetime / SECOND;
    /* what has ended already cannot be issued */
    if (order->not_after != 0 && order->not_after < order->expires)
        order->expires = order->not_after;
    if (order->star != NULL && order->star->end < order->expires)
        order->expires = order->star->end;
}

static int compare(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* A hash of everything in which orders for the same are equal; the identifiers are a set.
 */
static struct span reuse_key(struct arena *a, const struct order_place_wish *wish,
                             const struct store_order *order)
{
    AUTO(buf) struct buf b = buf_make(KEY_MAX);
    const char **names = arena_array(a, wish->count, sizeof *names);
    uint8_t *digest = arena_get(a, HASH_SHA256_SIZE);

    for (size_t i = 0; i < wish->count; i++)
        names[i] = arena_printf(
            a, "%d %s %s", (int)wish->identifiers[i].type, wish->identifiers[i].value,
            wish->ancestors != NULL && wish->ancestors[i] != NULL ? wish->ancestors[i]
                                                                  : "");
    qsort(names, wish->count, sizeof *names, compare);
    buf_printf(&b, "%lld %lld %lld %s\n", (long long)order->account_id,
               (long long)order->not_before, (long long)order->not_after, order->profile);
    for (size_t i = 0; i < wish->count; i++)
        buf_printf(&b, "%s\n", names[i]);
    if (b.failed)
        return (struct span){0};
    hash_sha256(buf_span(&b), digest);
    return span_make(digest, HASH_SHA256_SIZE);
}

/* Were its proofs made by challenges that count? */
static bool is_proved_by(const struct store_order *order, unsigned int proofs)
{
    for (size_t i = 0; i < order->authz_count; i++)
        if (order->authzs[i].verdict == STORE_VERDICT_VALID &&
            (proofs >> (unsigned int)order->authzs[i].attempt_type & 1U) == 0)
            return false;
    return true;
}

static bool is_good(const struct store_order *order, const struct store_reuse *reuse,
                    int64_t now)
{
    enum order_status status = order_state_order(order, now);

    return (status == ORDER_PENDING || status == ORDER_READY) &&
           order->expires > reuse->outlives && is_proved_by(order, reuse->types);
}

enum err order_place(struct store_session *session, struct arena *a,
                     const struct settings *settings, const struct order_place_wish *wish,
                     struct store_order **order, struct err_info *why)
{
    struct store_order *made = *order;
    const struct store_reuse reuse =
        order_place_reuse(settings, wish->proofs, made->created);

    if (settings->order_reuse && !wish->alone) {
        struct store_order *before = NULL;
        made->reuse_key = reuse_key(a, wish, made);
        enum err result = store_reuse_order(session, a, made->reuse_key, &before, why);
        if (result != ERR_OK && result != ERR_NOT_FOUND)
            return result;
        /* with what a device attested for it: it can be finalized with that key */
        struct store_reuse whole = reuse;
        whole.types |= wish->proofs & 1U << CHALLENGE_DEVICE_ATTEST_01;
        if (result == ERR_OK && is_good(before, &whole, made->created)) {
            *order = before;
            return ERR_OK;
        }
    }
    return settings->authorization_lifetime == 0
               ? store_order_add(session, made, why)
               : store_reuse_order_add(session, a, made, &reuse, why);
}

enum err order_place_replacing(struct store_session *session, struct arena *a,
                               const struct settings *settings,
                               const struct order_place_wish *wish,
                               const struct renewal *replaced, struct store_order *order,
                               struct err_info *why)
{
    const struct store_reuse reuse =
        order_place_reuse(settings, wish->proofs, order->created);
    const struct store_replacing replacing = {replaced->row->issuance.id,
                                              renewal_order_is_over, order->created};

    order->replaces = replaced->id;
    return store_order_add_replacing(
        session, a, order, settings->authorization_lifetime != 0 ? &reuse : NULL,
        &replacing, why);
}

const struct store_authz *order_place_too_old(const struct settings *settings,
                                              const struct store_order *order,
                                              int64_t now)
{
    int64_t lasts = settings->authorization_lifetime / SECOND;

    for (size_t i = 0; i < order->authz_count; i++) {
        const struct store_authz *authz = &order->authzs[i];
        if (authz->order_id != order->id &&
            (lasts == 0 || authz->attempt_finished < now - lasts))
            return authz;
    }
    return NULL;
}

bool order_place_has_authz(const struct settings *settings)
{
    return settings->authorization_lifetime != 0 &&
           settings->max_pending_authorizations != 0;
}

enum err order_place_authz(struct store_session *session, struct arena *a,
                           const struct settings *settings,
                           const struct order_place_request *request,
                           struct store_authz **authz, bool *existed,
                           struct err_info *why)
{
    int64_t now = clock_now();
    const struct store_reuse reuse = order_place_reuse(settings, request->proofs, now);
    struct store_authz wanted =
        fresh(settings, &request->identifier, request->subdomains, now);

    wanted.account_id = request->account_id;
    enum err result =
        store_reuse_authz(session, a, &wanted, &reuse,
                          settings->max_pending_authorizations, authz, existed, why);
    if (result != ERR_CONFLICT)
        return result;
    (void)err_set(why, ERR_RATE_LIMITED,
                  "the account has %lld pending authorizations it asked for without an "
                  "order, which is the limit; answer or deactivate some of them",
                  (long long)settings->max_pending_authorizations);
    why->retry_after_seconds = FULL_RETRY_SECONDS;
    return ERR_RATE_LIMITED;
}
