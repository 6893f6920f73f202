/* cairn-ca limit ... and cairn-ca pause ... */
#include <string.h>

#include "server/admin/admin.h"
#include "server/exchange/external_policy.h"
#include "server/limit/limit_domain.h"
#include "server/limit/limit_key.h"
#include "server/limit/limit_pause.h"
#include "server/limit/limit_persist.h"

#define OVERRIDES_SHOWN 2000 /* as ADMIN_ANSWER_MAX allows */
#define PAUSES_SHOWN    1500

static void drop_limit(void *l)
{
    limit_free(l);
}

/* Those of the running CA, or what the next one will begin with. */
static enum err open_limits(const struct admin_call *call, struct limit **limits,
                            struct err_info *why)
{
    const struct settings *s = call->settings;

    if (call->services != NULL) {
        *limits = call->services->limits;
        return ERR_OK;
    }
    struct limit *l = arena_own(call->arena, limit_new(), drop_limit);
    limit_configure(l, s->rates);
    if (s->suffix_list[0] != '\0')
        TRY(limit_domain_load(l, settings_path(call->arena, s, s->suffix_list), why));
    TRY(limit_persist_load(l, call->session, limit_now_us(), why));
    TRY(limit_pause_load(l, call->session, why));
    *limits = l;
    return ERR_OK;
}

/* A bucket as it was asked for. */
struct target {
    struct limit *limits;
    enum rate_kind kind;
    const char *key;
    const struct rate *rate; /* NULL: the configured one, unless it has one of its own */
};

/* The rate that the policy of an external account key says. */
static enum err find_key_rate(const struct admin_call *call, struct target *t,
                              struct err_info *why)
{
    const struct external_policy *policy = NULL;
    struct store_external_key *key = NULL;

    if (t->kind != RATE_NEW_ORDERS_PER_EXTERNAL_KEY)
        return ERR_OK;
    enum err result =
        store_external_by_kid(call->session, call->arena, t->key, &key, why);
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "there is no external account key \"%s\"",
                       t->key);
    TRY(result);
    TRY(external_policy_read(call->arena, key->id, key->kid, key->policy, &policy, why));
    t->rate = &policy->limits.orders;
    return ERR_OK;
}

static enum err find_target(const struct admin_call *call, struct target *t,
                            struct err_info *why)
{
    const char *word = admin_text(call, "limit");

    TRY(open_limits(call, &t->limits, why));
    if (!rate_kind_read(word, &t->kind))
        return err_set(why, ERR_USAGE,
                       "there is no limit \"%s\"; cairn-ca limit list has them all",
                       word);
    TRY(limit_key_read(t->limits, call->arena, t->kind, admin_text(call, "bucket"),
                       &t->key, why));
    return find_key_rate(call, t, why);
}

static void write_target(const struct admin_call *call, const struct target *t)
{
    struct json_writer *w = call->result;
    struct limit_bucket_state state;
    char rate[RATE_TEXT_SIZE];

    limit_look(t->limits, t->kind, t->key, t->rate, limit_now_us(), &state);
    rate_text(&state.rate, rate);
    json_write_text(w, "limit", rate_kind_word(t->kind));
    json_write_text(w, "bucket", t->key);
    json_write_text(w, "rate", rate);
    json_write_bool(w, "own_rate", state.overridden);
    if (state.rate.count > 0)
        json_write_number(w, "left", state.left);
    else
        json_write_text(w, "left", NULL);
    if (state.new_us != 0)
        json_write_time(w, "new", (state.new_us + 999999) / 1000000);
    else
        json_write_text(w, "new", NULL);
}

enum err admin_limit_show(struct admin_call *call, struct err_info *why)
{
    struct target t = {0};

    TRY(find_target(call, &t, why));
    write_target(call, &t);
    return ERR_OK;
}

static enum err write_overrides(const struct admin_call *call, struct err_info *why)
{
    struct store_limit_override *rows = NULL;
    size_t count = 0;

    TRY(store_limit_overrides(call->session, call->arena, OVERRIDES_SHOWN, &rows, &count,
                              why));
    json_write_begin_array(call->result, "own_rates");
    for (size_t i = 0; i < count; i++) {
        json_write_begin_object(call->result, NULL);
        json_write_text(call->result, "limit", rows[i].kind);
        json_write_text(call->result, "bucket", rows[i].key);
        json_write_text(call->result, "rate", rows[i].rate);
        json_write_end_object(call->result);
    }
    json_write_end_array(call->result);
    return ERR_OK;
}

enum err admin_limit_list(struct admin_call *call, struct err_info *why)
{
    struct json_writer *w = call->result;
    struct limit *limits = NULL;

    TRY(open_limits(call, &limits, why));
    json_write_begin_array(w, "limits");
    for (int i = 0; i < RATE_KINDS; i++) {
        const struct rate rate = limit_rate(limits, (enum rate_kind)i);
        char text[RATE_TEXT_SIZE];
        size_t buckets = 0;
        size_t used_up = 0;
        rate_text(&rate, text);
        limit_count(limits, (enum rate_kind)i, limit_now_us(), &buckets, &used_up);
        json_write_begin_object(w, NULL);
        json_write_text(w, "limit", rate_kind_word((enum rate_kind)i));
        /* each external account key has its own */
        bool of_key = i == RATE_NEW_ORDERS_PER_EXTERNAL_KEY;
        json_write_text(w, "rate", of_key ? NULL : text);
        json_write_number(w, "buckets", (int64_t)buckets);
        if (of_key)
            json_write_text(w, "used_up", NULL);
        else
            json_write_number(w, "used_up", (int64_t)used_up);
        json_write_end_object(w);
    }
    json_write_end_array(w);
    return write_overrides(call, why);
}

enum err admin_limit_override(struct admin_call *call, struct err_info *why)
{
    const char *text = admin_text(call, "rate");
    bool remove = strcmp(text, "default") == 0;
    struct rate rate = {0};
    struct target t = {0};
    char written[RATE_TEXT_SIZE];

    TRY(find_target(call, &t, why));
    if (!remove && rate_read(span_of(text), &rate, why) != ERR_OK) {
        why->code = ERR_USAGE;
        return ERR_USAGE;
    }
    rate_text(&rate, written);
    const struct store_limit_override row = {rate_kind_word(t.kind), t.key,
                                             remove ? NULL : written};
    admin_hold(call);
    TRY(store_limit_override_set(call->session, &row, LIMIT_OVERRIDES_MAX, why));
    limit_override(t.limits, t.kind, t.key, t.rate, remove ? NULL : &rate);
    write_target(call, &t);
    return ERR_OK;
}

/* A bucket, here and in the store. Whoever saves buckets waits for the store with a lock,
 * so that is taken first: nothing older is written afterwards. */
static enum err forget(struct admin_call *call, struct limit *limits, enum rate_kind kind,
                       const char *key, struct err_info *why)
{
    const struct store_limit_bucket row = {rate_kind_word(kind), key, 0};

    limit_persist_stop(limits);
    admin_hold(call);
    (void)limit_reset(limits, kind, key);
    enum err result = store_limit_buckets_put(call->session, &row, 1, why);
    limit_persist_go_on(limits);
    return result;
}

enum err admin_limit_reset(struct admin_call *call, struct err_info *why)
{
    struct target t = {0};

    TRY(find_target(call, &t, why));
    TRY(forget(call, t.limits, t.kind, t.key, why));
    write_target(call, &t);
    return ERR_OK;
}

/* ---- pauses ---- */

/* The identifier as authorizations have it. */
static const char *identifier_of(const struct admin_call *call)
{
    char *text = limit_key_canonical(call->arena, admin_text(call, "identifier"));
    struct address address;

    if (address_parse(span_of(text), &address)) {
        text = arena_get(call->arena, ADDRESS_TEXT_SIZE);
        address_text(&address, text);
    }
    return strncmp(text, "*.", 2) == 0 ? text + 2 : text;
}

static void write_pause(struct json_writer *w, const struct store_limit_pause *pause)
{
    json_write_number(w, "account", pause->account_id);
    json_write_text(w, "identifier", pause->identifier);
    json_write_time(w, "since", pause->since);
    json_write_text(w, "reason", pause->reason);
}

enum err admin_pause_add(struct admin_call *call, struct err_info *why)
{
    const char *reason = admin_text(call, "reason");
    struct store_account *account = NULL;
    struct limit *limits = NULL;
    const struct store_limit_pause pause = {
        admin_number(call, "id", 0), identifier_of(call), call->now,
        reason != NULL ? reason : "the operator of this CA paused it"};

    TRY(store_account_by_id(call->session, call->arena, pause.account_id, &account, why));
    TRY(open_limits(call, &limits, why));
    admin_hold(call);
    TRY(limit_pause_add(limits, call->session, &pause, why));
    write_pause(call->result, &pause);
    return ERR_OK;
}

enum err admin_pause_list(struct admin_call *call, struct err_info *why)
{
    int64_t only = admin_number(call, "id", 0);
    struct store_limit_pause *rows = NULL;
    size_t count = 0;
    size_t shown = 0;

    TRY(store_limit_pauses(call->session, call->arena, LIMIT_PAUSES_MAX, &rows, &count,
                           why));
    json_write_begin_array(call->result, "pauses");
    for (size_t i = 0; i < count && shown < PAUSES_SHOWN; i++) {
        if (only != 0 && rows[i].account_id != only)
            continue;
        json_write_begin_object(call->result, NULL);
        write_pause(call->result, &rows[i]);
        json_write_end_object(call->result);
        shown++;
    }
    json_write_end_array(call->result);
    json_write_number(call->result, "all", (int64_t)count);
    return ERR_OK;
}

enum err admin_pause_remove(struct admin_call *call, struct err_info *why)
{
    int64_t id = admin_number(call, "id", 0);
    const char *identifier = identifier_of(call);
    struct limit *limits = NULL;

    TRY(open_limits(call, &limits, why));
    if (limit_pause_reason(limits, call->arena, id, identifier) != NULL)
        TRY(forget(call, limits, RATE_PAUSE_AFTER,
                   limit_pause_key(call->arena, id, identifier), why));
    admin_hold(call);
    TRY(limit_pause_remove(limits, call->session, id, identifier, why));
    json_write_number(call->result, "account", id);
    json_write_text(call->result, "identifier", identifier);
    return ERR_OK;
}
