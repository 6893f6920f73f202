/* CAA (RFC 8659): which CAs may issue for a name. Its records are those of the lowest of
 * the name and the names above it that has any. Several are looked up at once, for the
 * time it saves, and judged from below; what cannot be looked up allows nothing. */
#include <string.h>

#include "core/base/log.h"
#include "server/validate/caa_judge.h"
#include "server/validate/validate_private.h"

#define AT_ONCE          8   /* lookups under way of one check */
#define RECORDS_RECORDED 16  /* in the check's record, */
#define RECORD_ROOM      400 /* octets that one of them takes there at most */

/* One name on the way up. */
struct look {
    struct validate_check *check;
    const char *name; /* an end of the identifier */
    struct resolver_query *query;
    bool answered;
    bool bogus;
    int rcode;
    const char *reason;
    const struct dns_caa *records;
    size_t count;
};

struct caa {
    struct look *looks; /* from below */
    size_t count;
    size_t asked;  /* of them, the first ones */
    size_t judged; /* of those: no records */
    bool asking;
};

static void go_on(struct validate_check *c);

bool caa_is_wanted(const struct validate_check *c)
{
    struct address address;

    return c->question.purpose != VALIDATE_CONTROL_ONLY &&
           c->question.caa_identities[0] != '\0' && c->question.identifier[0] != '\0' &&
           !address_parse(span_of(c->question.identifier), &address);
}

void caa_stop(struct validate_check *c)
{
    for (size_t i = 0; c->caa != NULL && i < c->caa->asked; i++) {
        if (c->caa->looks[i].query != NULL)
            resolver_cancel(c->caa->looks[i].query);
        c->caa->looks[i].query = NULL;
    }
    c->caa = NULL;
}

/* ---- the end ---- */

static void note(struct validate_check *c, const struct look *look, bool allowed)
{
    size_t most = validate_step_room(c) / RECORD_ROOM;
    size_t shown = look != NULL ? look->count : 0;

    /* the name and what it came to are as much as a record or two */
    most = most > 2 ? most - 2 : 0;
    if (most > RECORDS_RECORDED)
        most = RECORDS_RECORDED;
    if (shown > most)
        shown = most;
    validate_step_begin(c);
    json_write_begin_object(&c->record, "caa");
    if (look != NULL)
        json_write_text(&c->record, "at", look->name);
    json_write_begin_array(&c->record, "records");
    for (size_t i = 0; i < shown; i++)
        json_write_text(&c->record, NULL, caa_judge_shown(c->arena, &look->records[i]));
    json_write_end_array(&c->record);
    if (look != NULL && look->count > shown)
        json_write_number(&c->record, "more", (int64_t)(look->count - shown));
    if (look != NULL && look->rcode != DNS_NOERROR)
        json_write_text(&c->record, "error", look->reason);
    json_write_bool(&c->record, "allowed", allowed);
    json_write_end_object(&c->record);
    validate_step_end(c);
}

/* Nothing is awaited any more. */
static void settle(struct validate_check *c)
{
    c->answers_due = 0;
    loop_timer_clear(c->timer);
}

static void fail(struct validate_check *c, const struct look *look)
{
    settle(c);
    note(c, look, false);
    if (look->bogus)
        validate_trouble(c, ERR_CAA,
                         "the answer about the CAA records of %s fails DNSSEC "
                         "validation, so no certificate is issued for %s: %s",
                         look->name, c->question.identifier, look->reason);
    else
        validate_trouble(c, ERR_DNS,
                         "looking up the CAA records of %s failed, so no certificate is "
                         "issued for %s: %s",
                         look->name, c->question.identifier, look->reason);
}

static const char *method(const struct validate_check *c)
{
    return (int)c->question.type >= 0 && (int)c->question.type < CHALLENGE_TYPE_COUNT
               ? terms_challenge_type(c->question.type)
               : "";
}

static void judge(struct validate_check *c, const struct look *look)
{
    const struct caa_judge_wish wish = {.name = c->question.identifier,
                                        .wildcard = c->question.wildcard,
                                        .issuers = c->question.caa_identities,
                                        .account_uri = c->question.account_uri,
                                        .method = method(c)};
    struct err_info why = {0};

    settle(c);
    enum err result =
        caa_judge(c->arena, look->records, look->count, look->name, &wish, &why);
    note(c, look, result == ERR_OK);
    if (result == ERR_OK) {
        validate_good(c);
        return;
    }
    log_event(LOG_LEVEL_NOTICE, "validator.caa_refused",
              "name=%s%s account=" LOG_QUOTE " why=" LOG_QUOTE, wish.wildcard ? "*." : "",
              wish.name, wish.account_uri, why.detail);
    validate_bad(c, ERR_CAA, "%s", why.detail);
}

void caa_late(struct validate_check *c)
{
    const struct look *look = &c->caa->looks[c->caa->judged];

    settle(c);
    validate_bad(c, ERR_DNS,
                 "looking up the CAA records of %s: no answer in time%s, so no "
                 "certificate is issued for %s",
                 look->name, validate_resolver_shown(c), c->question.identifier);
}

/* ---- looking ---- */

/* The answer lives no longer than the callback. */
static void keep_records(struct look *look, const struct resolver_result *r)
{
    struct arena *a = look->check->arena;
    struct dns_caa *records = arena_array(a, r->count + 1, sizeof *records);

    for (size_t i = 0; i < r->count; i++) {
        records[i].flags = r->caa[i].flags;
        records[i].tag = arena_span(a, r->caa[i].tag);
        records[i].value = arena_span(a, r->caa[i].value);
    }
    look->records = records;
    look->count = r->count;
}

static void on_answer(void *argument, const struct resolver_result *r)
{
    struct look *look = argument;

    look->query = NULL;
    look->answered = true;
    look->bogus = r->bogus;
    look->rcode = r->rcode;
    look->reason = arena_string(look->check->arena, r->reason != NULL ? r->reason : "");
    if (r->rcode == DNS_NOERROR && !r->bogus)
        keep_records(look, r);
    if (!look->check->caa->asking)
        go_on(look->check);
}

/* No such name is a name without records (RFC 8659 3), if that is no lie. */
static bool is_trouble(const struct look *look)
{
    return look->bogus || (look->rcode != DNS_NOERROR && look->rcode != DNS_NXDOMAIN);
}

static void ask_more(struct validate_check *c, struct caa *caa)
{
    caa->asking = true;
    while (caa->asked < caa->count && caa->asked - caa->judged < AT_ONCE) {
        struct look *look = &caa->looks[caa->asked++];
        struct resolver_query *query =
            resolver_ask(c->place->resolver, look->name, DNS_CAA, on_answer, look);
        if (!look->answered)
            look->query = query;
    }
    caa->asking = false;
}

/* Judge what is there, from below; ask on where nothing was found yet. */
static void go_on(struct validate_check *c)
{
    struct caa *caa = c->caa;

    for (;;) {
        ask_more(c, caa);
        if (caa->judged == caa->count) {
            settle(c);
            note(c, NULL, true);
            validate_good(c);
            return;
        }
        const struct look *look = &caa->looks[caa->judged];
        if (!look->answered)
            return;
        if (is_trouble(look)) {
            fail(c, look);
            return;
        }
        if (look->count > 0) {
            judge(c, look);
            return;
        }
        caa->judged++;
    }
}

void caa_start(struct validate_check *c)
{
    struct caa *caa = arena_get(c->arena, sizeof *caa);
    const char *name = c->question.identifier;

    if (!caa_is_wanted(c)) {
        validate_bad(c, ERR_INTERNAL, "the question is malformed");
        return;
    }
    caa->looks = arena_array(c->arena, strlen(name), sizeof *caa->looks);
    for (; name != NULL; name = strchr(name, '.') != NULL ? strchr(name, '.') + 1 : NULL)
        caa->looks[caa->count++] = (struct look){.check = c, .name = name};
    c->caa = caa;
    c->answers_due = 1;
    loop_timer_set(c->timer, validate_time_left_ms(c));
    go_on(c);
}
