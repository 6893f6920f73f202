/* dns-persist-01 (draft-ietf-acme-dns-persist): a record that stays, which the owner of
 * the name adds once. It is looked for before the CA is told; if it is not there, the
 * user is told what to add. */
#include <string.h>

#include "client/solve/dns_records.h"
#include "core/acme/dns_persist.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/dns/dns_name.h"

#define LOOK_MS     4000 /* how long a record that may be new is looked for */
#define PAUSE_MS    500
#define ISSUERS_MAX 10   /* names of a CA (draft-ietf-acme-dns-persist 3.1) */
#define MISSING_MAX 2048 /* octets of a phrase */
#define NAMES_MAX   (SOLVE_TOKENS_MAX * (DNS_NAME_MAX + 1))

struct wish {
    const char *name;   /* of the record */
    const char *record; /* as it stands in a zone */
    bool wildcard;
};

struct persist {
    struct dns_desk desk;
    struct wish wishes[SOLVE_TOKENS_MAX];
    size_t count;
};

/* ---- what the CA says ---- */

/* Scheme, host and port: of another one, the account would be somebody else's, and the
 * record might speak to another CA. */
static bool same_origin(const char *x, const char *y)
{
    const char *host = strstr(x, "://");

    if (host == NULL)
        return false;
    size_t len = (size_t)(host - x) + 3 + strcspn(host + 3, "/");
    return strncmp(x, y, len) == 0 && y[len] == '/';
}

/* It is shown, and becomes part of a record of parameters (RFC 8659 4.2). */
static bool is_plain(const char *uri)
{
    for (const char *p = uri; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~' || strchr(";\"\\\\", *p) != NULL)
            return false;
    return true;
}

/* The first of the CA's names is the one to write; all must be as the draft has them: a
 * record is compared with them octet by octet. */
static enum err first_issuer(struct arena *a, const char *issuers, const char **first,
                             struct err_info *why)
{
    char *rest = arena_string(a, issuers);
    char name[DNS_NAME_MAX + 1];
    int count = 0;

    *first = NULL;
    for (char *each = strsep(&rest, " "); each != NULL; each = strsep(&rest, " ")) {
        if (!dns_name_read(span_of(each), name) || strcmp(each, name) != 0)
            return err_set(
                why, ERR_PROTOCOL,
                "the CA says it is called \"%.260s\", which is no name, or not "
                "in its plain form",
                each);
        if (++count > ISSUERS_MAX)
            return err_set(why, ERR_PROTOCOL, "the CA has more than %d names",
                           ISSUERS_MAX);
        *first = *first != NULL ? *first : arena_string(a, name);
    }
    return ERR_OK;
}

static enum err present(struct solver *s, const struct solve_task *task,
                        struct err_info *why)
{
    struct persist *d = s->state;
    const char *uri =
        task->account_uri[0] != '\0' ? task->account_uri : task->account_url;
    const char *issuer = NULL;

    if (d->count == SOLVE_TOKENS_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d challenges", SOLVE_TOKENS_MAX);
    if (!is_plain(uri) || !same_origin(task->account_url, uri))
        return err_set(why, ERR_PROTOCOL,
                       "the CA wants a record for an account that is not its own");
    TRY(first_issuer(s->arena, task->issuers, &issuer, why));
    const struct dns_desk_persist persist = {
        .name = arena_printf(s->arena, DNS_PERSIST_LABEL "%s", task->identifier.value),
        .issuers = arena_string(s->arena, task->issuers),
        .account_uri = arena_string(s->arena, uri),
        .wildcard = task->wildcard};
    d->wishes[d->count++] = (struct wish){
        .name = persist.name,
        .record = dns_persist_zone_text(
            s->arena, dns_persist_record(s->arena, issuer, uri, task->wildcard)),
        .wildcard = task->wildcard};
    return dns_desk_watch_persist(
        &d->desk, s->arena, dns_records_settings(s->options, task->identifier.value),
        &persist, why);
}

/* ---- looking ---- */

static bool has_line(struct span lines, const char *line)
{
    size_t len = strlen(line);

    for (size_t at = 0; at + len < lines.len; at++)
        if ((at == 0 || lines.data[at - 1] == '\n') && lines.data[at + len] == '\n' &&
            memcmp(lines.data + at, line, len) == 0)
            return true;
    return false;
}

/* A record for the wildcard is good for the name, too: one is enough. */
static bool is_told_by_another(const struct persist *d, size_t i)
{
    for (size_t n = 0; n < d->count; n++)
        if (n != i && strcmp(d->wishes[n].name, d->wishes[i].name) == 0 &&
            (d->wishes[n].wildcard > d->wishes[i].wildcard ||
             (d->wishes[n].wildcard == d->wishes[i].wildcard && n < i)))
            return true;
    return false;
}

static enum err refuse(const struct persist *d, struct span names, struct err_info *why)
{
    const struct wish *last = NULL;
    size_t count = 0;

    for (size_t i = 0; i < d->count; i++) {
        if (!has_line(names, d->wishes[i].name) || is_told_by_another(d, i))
            continue;
        if (last != NULL)
            report_warning("add the record: %s. TXT %s", last->name, last->record);
        last = &d->wishes[i];
        count++;
    }
    if (last == NULL)
        return err_set(why, ERR_INTERNAL, "a record is missing that nobody asked for");
    if (count == 1)
        return err_set(why, ERR_VALIDATION,
                       "dns-persist-01 needs a record that stays: %s. TXT %s; add it "
                       "and try again",
                       last->name, last->record);
    report_warning("add the record: %s. TXT %s", last->name, last->record);
    return err_set(why, ERR_VALIDATION,
                   "dns-persist-01 needs these %zu records, which stay; add them and try "
                   "again",
                   count);
}

static enum err ready(struct solver *s, struct err_info *why)
{
    struct persist *d = s->state;
    int64_t end_us = clock_monotonic_us() + LOOK_MS * 1000LL;
    bool told = false;

    for (;;) {
        AUTO(buf) struct buf missing = buf_make(MISSING_MAX);
        AUTO(buf) struct buf names = buf_make(NAMES_MAX);
        TRY(dns_desk_look(&d->desk, &missing, &names, why));
        if (missing.len == 0)
            return ERR_OK;
        if (clock_monotonic_us() + PAUSE_MS * 1000LL > end_us)
            return refuse(d, buf_span(&names), why);
        if (!told)
            report_step(s->options->report, "wait", "%.*s", (int)missing.len,
                        (const char *)missing.data);
        told = true;
        if (!interrupt_sleep_ms(PAUSE_MS))
            return err_set(why, ERR_INTERRUPTED, "interrupted");
    }
}

static void forget(struct solver *s)
{
    struct persist *d = s->state;

    dns_desk_close(&d->desk);
}

enum err dns_persist_01_open(struct solver *s, struct err_info *why)
{
    struct persist *d = arena_get(s->arena, sizeof *d);

    (void)why;
    d->desk = dns_records_desk(s->options);
    s->state = d;
    s->present = present;
    s->ready = ready;
    s->close = forget;
    s->description = "by records that stay";
    return ERR_OK;
}
