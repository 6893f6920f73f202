/* cairn-ca eab ...: keys for external account binding (RFC 8555 7.3.4). */
#include <string.h>

#include "core/base/base64url.h"
#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "server/admin/admin.h"
#include "server/admin/admin_eab_policy.h"
#include "server/exchange/external_policy.h"

/* As long as the longest hash, so that HS512 may use it too (RFC 7518 3.2). */
#define SECRET_SIZE    64   /* octets */
#define KID_SIZE       12   /* octets of randomness in a key identifier that is made up */
#define LIST_MAX       1000 /* keys on one page; less than ADMIN_ANSWER_MAX */
#define ACCOUNTS_MAX   5000 /* ids on one page */
#define KID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* ---- how a key is shown ---- */

static const char *state_of(const struct admin_call *call,
                            const struct store_external_key *key)
{
    if (key->revoked != 0)
        return "revoked";
    if (key->expires != 0 && call->now >= key->expires)
        return "expired";
    return key->uses_most != 0 && key->uses >= key->uses_most ? "used up" : "active";
}

static void write_time(struct json_writer *w, const char *name, int64_t seconds)
{
    if (seconds != 0)
        json_write_time(w, name, seconds);
    else
        json_write_text(w, name, NULL);
}

/* The limit of the policy. */
static enum err write_orders(const struct admin_call *call,
                             const struct store_external_key *key, struct err_info *why)
{
    const struct external_policy *policy = NULL;
    char text[RATE_TEXT_SIZE];

    TRY(external_policy_read(call->arena, key->id, key->kid, key->policy, &policy, why));
    rate_text(&policy->limits.orders, text);
    json_write_text(call->result, "orders",
                    policy->limits.orders.count > 0 ? text : NULL);
    return ERR_OK;
}

/* Everything but the secret and the lists of the policy. */
static enum err write_key(const struct admin_call *call,
                          const struct store_external_key *key, struct err_info *why)
{
    struct json_writer *w = call->result;

    json_write_text(w, "kid", key->kid);
    json_write_text(w, "state", state_of(call, key));
    json_write_number(w, "uses", key->uses);
    if (key->uses_most != 0)
        json_write_number(w, "uses_most", key->uses_most);
    else
        json_write_text(w, "uses_most", NULL);
    json_write_time(w, "created", key->created);
    write_time(w, "expires", key->expires);
    write_time(w, "revoked", key->revoked);
    json_write_text(w, "label", key->label);
    return write_orders(call, key, why);
}

/* The lists of the policy, each as a member of its own. */
static enum err write_policy(const struct admin_call *call,
                             const struct store_external_key *key, struct err_info *why)
{
    const struct json *policy = NULL;
    const char *name = NULL;

    TRY(json_read(call->arena, span_of(key->policy), &policy, why));
    for (size_t i = 0; i < json_count(policy); i++) {
        const struct json *list = json_member_at(policy, i, &name);
        if (!json_is_array(list))
            continue;
        json_write_begin_array(call->result, name);
        for (size_t j = 0; j < json_count(list); j++)
            json_write_text(call->result, NULL, json_text(json_element(list, j)));
        json_write_end_array(call->result);
    }
    return ERR_OK;
}

/* ---- add ---- */

static enum err choose_kid(const struct admin_call *call, const char **kid,
                           struct err_info *why)
{
    const char *asked = admin_text(call, "kid");
    uint8_t octets[KID_SIZE];
    char *made = arena_get(call->arena, 2 * sizeof octets + 1);

    if (asked != NULL &&
        (asked[strspn(asked, KID_CHARACTERS)] != '\0' || asked[0] == '-'))
        return err_set(why, ERR_USAGE,
                       "--kid: \"%s\" is not made of letters, digits, dots, dashes and "
                       "underscores, or begins with a dash",
                       asked);
    random_fill(octets, sizeof octets);
    text_hex(made, octets, sizeof octets);
    *kid = asked != NULL ? asked : made;
    return ERR_OK;
}

/* Its text must not begin with a dash: clients take it for an option then. */
static void make_secret(struct arena *a, uint8_t *secret)
{
    do
        random_fill(secret, SECRET_SIZE);
    while (base64url_string(a, span_make(secret, SECRET_SIZE))[0] == '-');
}

enum err admin_eab_add(struct admin_call *call, struct err_info *why)
{
    const char *label = admin_text(call, "label");
    uint8_t secret[SECRET_SIZE];
    struct store_external_key key = {.label = label != NULL ? label : "",
                                     .created = call->now,
                                     .expires = admin_time(call, "expires", 0),
                                     .uses_most = admin_number(call, "uses", 0)};

    TRY(choose_kid(call, &key.kid, why));
    TRY(admin_eab_policy(call, &key.policy, why));
    make_secret(call->arena, secret);
    key.secret = span_make(secret, sizeof secret);
    admin_hold(call);
    enum err result = store_external_add(call->session, &key, why);
    if (result == ERR_OK) {
        json_write_text(call->result, "kid", key.kid);
        json_write_base64url(call->result, "hmac_key", key.secret);
        write_time(call->result, "expires", key.expires);
        result = write_policy(call, &key, why);
        if (result == ERR_OK)
            result = write_orders(call, &key, why);
    }
    memory_wipe(secret, sizeof secret);
    return result;
}

/* ---- the others ---- */

static enum err find(const struct admin_call *call, const char *kid,
                     struct store_external_key **key, struct err_info *why)
{
    enum err result = store_external_by_kid(call->session, call->arena, kid, key, why);

    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "there is no external account key \"%s\"",
                       kid);
    return result;
}

enum err admin_eab_list(struct admin_call *call, struct err_info *why)
{
    const char *after = admin_text(call, "after");
    struct store_external_key *rows = NULL;
    struct store_external_key *last = NULL;
    size_t count = 0;

    if (after != NULL)
        TRY(find(call, after, &last, why));
    TRY(store_external_list(call->session, call->arena, last != NULL ? last->id : 0,
                            LIST_MAX, &rows, &count, why));
    json_write_begin_array(call->result, "keys");
    for (size_t i = 0; i < count; i++) {
        json_write_begin_object(call->result, NULL);
        TRY(write_key(call, &rows[i], why));
        json_write_end_object(call->result);
    }
    json_write_end_array(call->result);
    if (count == LIST_MAX)
        json_write_text(call->result, "next_after", rows[count - 1].kid);
    return ERR_OK;
}

enum err admin_eab_show(struct admin_call *call, struct err_info *why)
{
    int64_t *ids = arena_array(call->arena, ACCOUNTS_MAX, sizeof *ids);
    struct store_external_key *key = NULL;
    size_t count = 0;

    TRY(find(call, admin_text(call, "kid"), &key, why));
    TRY(store_external_accounts(call->session, key->id, admin_number(call, "after", 0),
                                ACCOUNTS_MAX, ids, &count, why));
    TRY(write_key(call, key, why));
    TRY(write_policy(call, key, why));
    json_write_begin_array(call->result, "accounts");
    for (size_t i = 0; i < count; i++)
        json_write_number(call->result, NULL, ids[i]);
    json_write_end_array(call->result);
    if (count == ACCOUNTS_MAX)
        json_write_number(call->result, "next_after", ids[count - 1]);
    return ERR_OK;
}

enum err admin_eab_revoke(struct admin_call *call, struct err_info *why)
{
    struct store_external_key *key = NULL;
    int64_t accounts = 0;

    TRY(find(call, admin_text(call, "kid"), &key, why));
    admin_hold(call);
    TRY(store_external_revoke(call->session, key->id, call->now,
                              admin_flag(call, "revoke_accounts"), &accounts, why));
    if (accounts > 0)
        admin_forget_accounts(call);
    TRY(find(call, key->kid, &key, why));
    TRY(write_key(call, key, why));
    json_write_number(call->result, "accounts_revoked", accounts);
    return ERR_OK;
}
