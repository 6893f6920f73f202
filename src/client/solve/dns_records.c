/* Records of the DNS that answer challenges: whoever the settings name adds them, and
 * removes them whatever happens. */
#include "client/solve/dns_records.h"

#include "client/dns/dns_wait.h"
#include "core/base/base64url.h"
#include "core/crypto/hash.h"

struct records {
    struct dns_desk desk;
    const char *(*name_of)(struct solver *s, const struct solve_task *task);
    struct dns_entry entries[SOLVE_TOKENS_MAX];
    size_t count;
    int64_t timeout_ms; /* the longest of those that were used */
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
    struct dns_entry *e = &d->entries[d->count];
    enum err result = dns_desk_add(&d->desk, s->arena, dns, &asked, e, why);
    if (e->task.name != NULL)
        d->count++;
    TRY(result);
    d->timeout_ms = longer(d->timeout_ms, dns->timeout_ms);
    d->settle_ms = longer(d->settle_ms, dns->settle_ms);
    tell(s, e);
    return ERR_OK;
}

static enum err ready(struct solver *s, struct err_info *why)
{
    struct records *d = s->state;

    return dns_wait_until_seen(&d->desk, d->timeout_ms, d->settle_ms, why);
}

/* A server that cannot be reached is not waited for again and again: the journal has the
 * rest. */
static void remove_all(struct solver *s)
{
    struct records *d = s->state;
    size_t left = 0;
    bool reached = true;
    struct err_info why = {0};

    for (size_t i = 0; i < d->count; i++) {
        enum err result =
            reached ? dns_desk_remove(&d->desk, &d->entries[i], &why) : why.code;
        left += result != ERR_OK;
        reached = result != ERR_NETWORK && result != ERR_TIMEOUT && result != ERR_IO &&
                  result != ERR_INTERRUPTED;
    }
    if (left > 0)
        report_warning("%zu TXT record%s added for a challenge could not be removed: %s; "
                       "the next run of cairn removes %s",
                       left, left == 1 ? "" : "s", why.detail, left == 1 ? "it" : "them");
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
    s->close = remove_all;
    s->description = "by records in the DNS";
    return ERR_OK;
}
