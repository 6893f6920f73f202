/* ACME's requests and their buckets. */
#include "server/limit/limit_rules.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "server/limit/limit_key.h"
#include "server/limit/limit_pause.h"

#define PAUSED_RETRY_SECONDS 86400 /* somebody has to do something first */
#define WILDCARD             "*."

/* Buckets of one request. */
struct list {
    struct limit_use *uses;
    size_t count;
};

static struct list list_make(struct arena *a, size_t room)
{
    struct list list = {arena_array(a, room, sizeof *list.uses), 0};

    return list;
}

static void add(struct list *list, enum rate_kind kind, const char *key,
                const char *shown, bool look_only)
{
    struct limit_use *use = &list->uses[list->count++];

    use->kind = kind;
    use->key = key;
    use->shown = shown;
    use->look_only = look_only;
    use->rate = NULL;
}

static enum err spend(struct limit *l, struct arena *a, const struct list *list,
                      struct limit_rules_spent *spent, struct err_info *why)
{
    if (list->count == 0)
        return ERR_OK;
    TRY(limit_spend(l, a, list->uses, list->count, limit_now_us(), why));
    if (spent != NULL) {
        spent->uses = list->uses;
        spent->count = list->count;
    }
    return ERR_OK;
}

void limit_rules_refund(struct limit *l, const struct limit_rules_spent *spent)
{
    if (spent->count > 0)
        limit_refund(l, spent->uses, spent->count, limit_now_us());
}

/* ---- addresses ---- */

enum err limit_rules_request(struct limit *l, struct arena *a, const struct address *peer,
                             struct err_info *why)
{
    if (peer == NULL || peer->family == ADDRESS_NONE ||
        !limit_is_on(l, RATE_REQUESTS_PER_ADDRESS))
        return ERR_OK;
    const struct limit_use use = {.kind = RATE_REQUESTS_PER_ADDRESS,
                                  .key = limit_key_network(a, peer, 32, 64)};
    return limit_spend(l, a, &use, 1, limit_now_us(), why);
}

enum err limit_rules_enrollment(struct limit *l, struct arena *a,
                                const struct address *peer, struct err_info *why)
{
    if (peer == NULL || peer->family == ADDRESS_NONE ||
        !limit_is_on(l, RATE_ENROLLMENTS_PER_ADDRESS))
        return ERR_OK;
    const struct limit_use use = {.kind = RATE_ENROLLMENTS_PER_ADDRESS,
                                  .key = limit_key_network(a, peer, 32, 64)};
    return limit_spend(l, a, &use, 1, limit_now_us(), why);
}

enum err limit_rules_account(struct limit *l, struct arena *a, const struct address *peer,
                             struct limit_rules_spent *spent, struct err_info *why)
{
    struct list list = list_make(a, 2);

    if (peer == NULL || peer->family == ADDRESS_NONE)
        return ERR_OK;
    if (limit_is_on(l, RATE_NEW_ACCOUNTS_PER_ADDRESS))
        add(&list, RATE_NEW_ACCOUNTS_PER_ADDRESS, limit_key_network(a, peer, 32, 64),
            NULL, false);
    if (limit_is_on(l, RATE_NEW_ACCOUNTS_PER_NETWORK))
        add(&list, RATE_NEW_ACCOUNTS_PER_NETWORK, limit_key_network(a, peer, 24, 48),
            NULL, false);
    return spend(l, a, &list, spent, why);
}

/* ---- identifiers ---- */

static const char *base(const char *value)
{
    return strncmp(value, WILDCARD, 2) == 0 ? value + 2 : value;
}

static int compare_texts(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Each registered domain once. */
static void add_domains(const struct limit *l, struct arena *a,
                        const struct limit_rules_order *order, bool look_only,
                        struct list *list)
{
    const char **keys = arena_array(a, order->count, sizeof *keys);

    for (size_t i = 0; i < order->count; i++)
        keys[i] = limit_key_domain(l, a, limit_key_text(a, &order->identifiers[i]));
    qsort(keys, order->count, sizeof *keys, compare_texts);
    for (size_t i = 0; i < order->count; i++)
        if (i == 0 || strcmp(keys[i], keys[i - 1]) != 0)
            add(list, RATE_CERTIFICATES_PER_DOMAIN, keys[i], NULL, look_only);
}

static void add_set(struct arena *a, const struct limit_rules_order *order,
                    bool look_only, struct list *list)
{
    const char *shown = NULL;
    const char *key = limit_key_set(a, order->identifiers, order->count, &shown);

    add(list, RATE_CERTIFICATES_PER_SET, key, shown, look_only);
}

/* Is there a valid certificate for exactly these identifiers? */
static enum err has_certificate(struct store_session *session, struct arena *a,
                                const struct limit_rules_order *order, bool *has,
                                struct err_info *why)
{
    uint8_t hash[STORE_HASH_SIZE];
    int64_t not_after = 0;

    limit_key_hash(a, order->identifiers, order->count, hash);
    TRY(store_limit_set_get(session, hash, &not_after, why));
    *has = not_after > clock_now();
    return ERR_OK;
}

/* The buckets of the order's certificate. */
static enum err add_certificate(struct limit *l, struct store_session *session,
                                struct arena *a, const struct limit_rules_order *order,
                                bool look_only, struct list *list, struct err_info *why)
{
    bool renews = false;

    if (order->is_renewal)
        return ERR_OK;
    if (limit_is_on(l, RATE_CERTIFICATES_PER_SET))
        add_set(a, order, look_only, list);
    if (!limit_is_on(l, RATE_CERTIFICATES_PER_DOMAIN))
        return ERR_OK;
    TRY(has_certificate(session, a, order, &renews, why));
    if (!renews)
        add_domains(l, a, order, look_only, list);
    return ERR_OK;
}

/* ---- orders and certificates ---- */

static enum err check_pause(struct limit *l, struct arena *a, int64_t account_id,
                            const char *identifier, struct err_info *why)
{
    const char *reason = limit_pause_reason(l, a, account_id, identifier);

    if (reason == NULL)
        return ERR_OK;
    (void)err_set(why, ERR_RATE_LIMITED,
                  "%s is paused for account %lld: %s; when what was wrong is corrected, "
                  "the operator of this CA ends that with: cairn-ca pause remove %lld %s",
                  identifier, (long long)account_id, reason, (long long)account_id,
                  log_value(a, identifier));
    why->retry_after_seconds = PAUSED_RETRY_SECONDS;
    return ERR_RATE_LIMITED;
}

static void add_failures(struct arena *a, int64_t account_id, const char *identifier,
                         struct list *list)
{
    add(list, RATE_FAILED_VALIDATIONS, limit_pause_key(a, account_id, identifier),
        arena_printf(a, "%s by account %lld", identifier, (long long)account_id), true);
}

/* One of the account, and of the key it is bound with. */
static void add_account(const struct limit *l, struct arena *a, int64_t account_id,
                        const struct limit_rules_key *key, struct list *list)
{
    if (limit_is_on(l, RATE_NEW_ORDERS_PER_ACCOUNT))
        add(list, RATE_NEW_ORDERS_PER_ACCOUNT,
            arena_printf(a, "%lld", (long long)account_id), NULL, false);
    if (key == NULL ||
        (key->orders.count == 0 && !limit_is_on(l, RATE_NEW_ORDERS_PER_EXTERNAL_KEY)))
        return;
    add(list, RATE_NEW_ORDERS_PER_EXTERNAL_KEY, key->kid, NULL, false);
    list->uses[list->count - 1].rate = &key->orders;
}

/* What is to be proved for the identifier at that place. */
static const char *proved(struct arena *a, const struct limit_rules_order *order,
                          size_t i)
{
    return order->proved != NULL && order->proved[i] != NULL
               ? order->proved[i]
               : base(limit_key_text(a, &order->identifiers[i]));
}

enum err limit_rules_order(struct limit *l, struct store_session *session,
                           struct arena *a, const struct limit_rules_order *order,
                           struct limit_rules_spent *spent, struct err_info *why)
{
    /* one each of the account, its key, and the set; a name and its wildcard fail
     * together */
    struct list list = list_make(a, 3 + 2 * order->count);

    for (size_t i = 0; i < order->count; i++)
        TRY(check_pause(l, a, order->account_id, proved(a, order, i), why));
    if (limit_is_on(l, RATE_FAILED_VALIDATIONS))
        for (size_t i = 0; i < order->count; i++)
            add_failures(a, order->account_id, proved(a, order, i), &list);
    if (!order->is_renewal)
        add_account(l, a, order->account_id, order->key, &list);
    TRY(add_certificate(l, session, a, order, true, &list, why));
    return spend(l, a, &list, spent, why);
}

enum err limit_rules_authz(struct limit *l, struct arena *a, int64_t account_id,
                           const struct limit_rules_key *key, const char *identifier,
                           struct limit_rules_spent *spent, struct err_info *why)
{
    struct list list = list_make(a, 3);

    TRY(check_pause(l, a, account_id, identifier, why));
    if (limit_is_on(l, RATE_FAILED_VALIDATIONS))
        add_failures(a, account_id, identifier, &list);
    add_account(l, a, account_id, key, &list);
    return spend(l, a, &list, spent, why);
}

enum err limit_rules_certificate(struct limit *l, struct store_session *session,
                                 struct arena *a, const struct limit_rules_order *order,
                                 struct limit_rules_spent *spent, struct err_info *why)
{
    struct list list = list_make(a, 1 + order->count);

    TRY(add_certificate(l, session, a, order, false, &list, why));
    return spend(l, a, &list, spent, why);
}

void limit_rules_refused(struct limit *l, struct store_session *session,
                         const struct limit_rules_order *order)
{
    AUTO(arena) struct arena *a = arena_new();
    struct list list = list_make(a, 1 + order->count);
    struct err_info why = {0};

    if (add_certificate(l, session, a, order, false, &list, &why) == ERR_OK)
        limit_refund(l, list.uses, list.count, limit_now_us());
}

enum err limit_rules_issued(struct limit *l, struct store_session *session,
                            const struct limit_rules_order *order, int64_t not_after,
                            struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    uint8_t hash[STORE_HASH_SIZE];

    if (!limit_is_on(l, RATE_CERTIFICATES_PER_DOMAIN))
        return ERR_OK;
    limit_key_hash(a, order->identifiers, order->count, hash);
    return store_limit_set_put(session, hash, not_after, why);
}

/* ---- validations ---- */

enum err limit_rules_validation(struct limit *l, struct arena *a, int64_t account_id,
                                const char *identifier, struct limit_rules_spent *spent,
                                struct err_info *why)
{
    struct list list = list_make(a, 2);

    TRY(check_pause(l, a, account_id, identifier, why));
    if (limit_is_on(l, RATE_FAILED_VALIDATIONS))
        add_failures(a, account_id, identifier, &list);
    if (limit_is_on(l, RATE_VALIDATIONS_PER_DOMAIN))
        add(&list, RATE_VALIDATIONS_PER_DOMAIN, limit_key_domain(l, a, identifier), NULL,
            false);
    return spend(l, a, &list, spent, why);
}

static void pause(struct limit *l, struct store_session *session, struct arena *a,
                  int64_t account_id, const char *identifier)
{
    struct rate rate = limit_rate(l, RATE_PAUSE_AFTER);
    struct err_info why = {0};
    char words[RATE_TEXT_SIZE];

    rate_words(&rate, words);
    const struct store_limit_pause row = {
        account_id, identifier, clock_now(),
        arena_printf(a, "its validation failed again and again (%s)", words)};
    enum err result = limit_pause_add(l, session, &row, &why);
    if (result == ERR_OK)
        log_event(LOG_LEVEL_NOTICE, "limit.paused", "account=%lld identifier=%s",
                  (long long)account_id, log_value(a, identifier));
    else if (result != ERR_CONFLICT)
        log_event(LOG_LEVEL_WARNING, "limit.not_paused",
                  "account=%lld identifier=%s why=" LOG_QUOTE, (long long)account_id,
                  log_value(a, identifier), why.detail);
}

void limit_rules_validated(struct limit *l, struct store_session *session,
                           int64_t account_id, const char *identifier, bool valid)
{
    if (!limit_is_on(l, RATE_PAUSE_AFTER) &&
        (valid || !limit_is_on(l, RATE_FAILED_VALIDATIONS)))
        return;
    AUTO(arena) struct arena *a = arena_new();
    struct limit_use use = {.kind = RATE_PAUSE_AFTER,
                            .key = limit_pause_key(a, account_id, identifier)};
    if (valid) {
        (void)limit_reset(l, RATE_PAUSE_AFTER, use.key);
        return;
    }
    if (limit_charge(l, &use, limit_now_us()))
        pause(l, session, a, account_id, identifier);
    use.kind = RATE_FAILED_VALIDATIONS;
    (void)limit_charge(l, &use, limit_now_us());
}
