/* Records of the DNS that answer challenges: whoever the settings name adds them, and
 * removes them whatever happens. */
#include "client/solve/dns_records.h"

#include <string.h>

#include "client/dns/dns_many.h"
#include "client/dns/dns_wait.h"
#include "core/base/base64url.h"
#include "core/crypto/hash.h"

struct records {
    struct dns_desk desk;
    const char *(*name_of)(struct solver *s, const struct solve_task *task);
    struct dns_entry entries[SOLVE_TOKENS_MAX];
    bool is_there[SOLVE_TOKENS_MAX]; /* it may be: it is removed in the end */
    size_t count;
    size_t added;                     /* so many were, or were to be */
    bool is_failed[SOLVE_TOKENS_MAX]; /* it could not be added */
    bool has_failed;                  /* one of them */
    int64_t timeout_ms;               /* the longest of those that were used */
    int64_t settle_ms;
};

/* Base64url of the SHA-256 of the key authorization. */
static char *value_of(struct arena *a, const char *key_authorization)
{
    uint8_t digest[HASH_SHA256_SIZE];

    hash_sha256(span_of(key_authorization), digest);
    return base64url_string(a, span_make(digest, sizeof digest));
}

static int64_t longer(int64_t x, int64_t y)
{
    return x > y ? x : y;
}

struct dns_desk dns_records_desk(const struct solve_options *options)
{
    const struct dns_desk desk = {.worker = {.fd = options->dns},
                                  .runner = options->runner,
                                  .directory = options->directory,
                                  .settings = options->wanted->settings,
                                  .report = options->report};

    return desk;
}

const struct settings_dns *dns_records_settings(const struct solve_options *options,
                                                const char *identifier)
{
    static const struct settings_dns looking = {.name = "",
                                                .provider = "",
                                                .key_file = "",
                                                .server = "",
                                                .url = "",
                                                .ca_file = "",
                                                .credentials = "",
                                                .program = "",
                                                .cleanup_program = "",
                                                .mode = "",
                                                .resolver = "",
                                                .check = "auto",
                                                .timeout_ms = 120000};
    const struct settings_dns *dns = settings_dns_for(options->wanted, identifier);

    return dns != NULL ? dns : &looking;
}

static void tell(struct solver *s, const struct dns_entry *e)
{
    if (e->task.primary[0] != '\0')
        report_step(s->options->report, "record", "TXT %s, in the zone %s at %s",
                    e->task.owner, e->task.zone, e->task.primary);
    else
        report_step(s->options->report, "record", "TXT %s, by %s", e->task.owner,
                    e->dns.provider);
}

static enum err present(struct solver *s, const struct solve_task *task,
                        struct err_info *why)
{
    struct records *d = s->state;
    const struct settings_dns *dns =
        settings_dns_for(s->options->wanted, task->identifier.value);
    const struct dns_task asked = {
        .name = d->name_of(s, task),
        .value = value_of(s->arena, task->key_authorization),
        .domain = arena_string(s->arena, task->identifier.value),
        .wildcard = task->wildcard,
        .token = arena_string(s->arena, task->token),
        .key_authorization = arena_string(s->arena, task->key_authorization)};

    if (dns == NULL)
        return err_set(why, ERR_CONFIG, "dns: nobody is named who adds records for %s",
                       task->identifier.value);
    if (d->count == SOLVE_TOKENS_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d challenges", SOLVE_TOKENS_MAX);
    TRY(dns_desk_begin(&d->desk, s->arena, dns, &asked, &d->entries[d->count], why));
    d->count++;
    d->timeout_ms = longer(d->timeout_ms, dns->timeout_ms);
    d->settle_ms = longer(d->settle_ms, dns->settle_ms);
    return ERR_OK;
}

/* A name and its wildcard need the same. */
static bool is_new(const struct dns_many *list, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (list[i].result == list[index].result &&
            strcmp(list[i].why.detail, list[index].why.detail) == 0)
            return false;
    return true;
}

/* Of several that need the user, all are told; the failure is about how many. */
static enum err sum_up(struct solver *s, const struct dns_many *list, size_t count,
                       struct err_info *why)
{
    const struct dns_many *first = NULL;
    size_t needy = 0;

    for (size_t i = 0; i < count; i++) {
        if (!list[i].done || list[i].result == ERR_OK)
            continue;
        first = first == NULL ? &list[i] : first;
        needy += list[i].result == ERR_DNS && is_new(list, i);
    }
    if (first == NULL)
        return ERR_OK;
    *why = first->why;
    if (needy > 1 && first->result == ERR_DNS) {
        for (size_t i = 0; i < count; i++)
            if (list[i].result == ERR_DNS && is_new(list, i))
                report_step(s->options->report, "needed", "%s", list[i].why.detail);
        (void)err_set(
            why, ERR_DNS,
            "%zu records are needed first, as is told above; add them, then give "
            "the same command again",
            needy);
    }
    return dns_desk_blame(first->result, why);
}

/* All that were presented since the last time, at the same time. */
static enum err add_all(struct solver *s, struct err_info *why)
{
    struct records *d = s->state;
    size_t count = d->count - d->added;
    struct dns_many *list = arena_array(s->arena, count + 1, sizeof *list);

    for (size_t i = 0; i < count; i++)
        list[i].entry = &d->entries[d->added + i];
    dns_many_add(&d->desk, s->arena, list, count);
    for (size_t i = 0; i < count; i++) {
        d->is_there[d->added + i] = list[i].is_there;
        d->is_failed[d->added + i] = list[i].done && list[i].result != ERR_OK;
        d->has_failed = d->has_failed || d->is_failed[d->added + i];
    }
    d->added = d->count;
    for (size_t i = 0; i < count; i++)
        if (list[i].done && list[i].result == ERR_OK) {
            TRY(dns_desk_watch(&d->desk, s->arena, list[i].entry, why));
            tell(s, list[i].entry);
        }
    return sum_up(s, list, count, why);
}

static enum err ready(struct solver *s, struct err_info *why)
{
    struct records *d = s->state;

    TRY(add_all(s, why));
    return dns_wait_until_seen(&d->desk, d->timeout_ms, d->settle_ms, why);
}

/* What was added is not to blame for what could not be; if all were, all are. */
static bool blames(struct solver *s, const struct identifier *name, bool wildcard)
{
    const struct records *d = s->state;

    for (size_t i = 0; i < d->count; i++)
        if (d->is_failed[i] && d->entries[i].task.wildcard == wildcard &&
            strcmp(d->entries[i].task.domain, name->value) == 0)
            return true;
    return !d->has_failed;
}

/* A server that cannot be reached is not waited for again and again: the journal has the
 * rest. */
static void remove_all(struct solver *s)
{
    AUTO(arena) struct arena *a = arena_new();
    struct records *d = s->state;
    struct dns_many *list = arena_array(a, d->added + 1, sizeof *list);
    const char *reason = "";
    size_t count = 0;
    size_t left = 0;

    for (size_t i = 0; i < d->added; i++)
        if (d->is_there[i])
            list[count++] = (struct dns_many){.entry = &d->entries[i], .is_there = true};
    dns_many_remove(&d->desk, list, count);
    for (size_t i = 0; i < count; i++) {
        left += list[i].is_there;
        if (list[i].done && list[i].is_there && reason[0] == '\0')
            reason = list[i].why.detail;
    }
    if (left > 0)
        report_warning("%zu TXT record%s added for a challenge could not be removed: %s; "
                       "the next run of cairn removes %s",
                       left, left == 1 ? "" : "s", reason, left == 1 ? "it" : "them");
    dns_desk_close(&d->desk);
}

enum err dns_records_open(struct solver *s,
                          const char *(*name_of)(struct solver *s,
                                                 const struct solve_task *task),
                          struct err_info *why)
{
    struct records *d = arena_get(s->arena, sizeof *d);

    if (s->options->wanted->dns_count == 0)
        return err_set(why, ERR_USAGE,
                       "this challenge needs --dns WHO or --dns-key FILE");
    d->desk = dns_records_desk(s->options);
    d->name_of = name_of;
    s->state = d;
    s->present = present;
    s->ready = ready;
    s->blames = blames;
    s->close = remove_all;
    s->description = "by records in the DNS";
    return ERR_OK;
}
