/* Adding, looking, removing. */
#include "client/dns/dns_desk.h"

#include <string.h>

#include "client/dns/dns_place.h"
#include "core/base/interrupt.h"

#define LOCK_WAIT_MS 120000 /* another cairn may be removing what was left */
#define LOOK_FIELDS  3      /* of the answer to DNS_LOOK */
#define FOUND_FIELDS 5      /* of the answer to DNS_FIND */

/* ---- where ---- */

/* What says how a place is found and looked at: first in DNS_FIND and DNS_WATCH. */
static void put_place(struct wire_message *m, struct arena *a,
                      const struct settings_dns *dns, bool needs_primary,
                      const char *name)
{
    m->fields[0] = span_of(name);
    m->fields[1] = span_of(dns->resolver);
    m->fields[2] = span_of(dns->check);
    m->fields[3] = span_of(needs_primary ? "primary" : "");
    m->fields[4] = span_of(dns->server);
    m->fields[5] = span_of(arena_printf(a, "%lld", (long long)dns->timeout_ms));
    m->count = 6;
}

bool dns_desk_is_unchecked(const struct settings_dns *dns)
{
    return strcmp(dns->check, DNS_PLACE_NO_CHECK) == 0;
}

/* Where nobody can be asked and nobody is to be asked, the name itself will do. */
static enum err find(struct dns_desk *d, struct arena *a, const struct settings_dns *dns,
                     bool needs_primary, struct dns_task *task, struct err_info *why)
{
    struct wire_message m = {.type = WIRE_DNS_FIND};
    struct wire_message place;

    put_place(&m, a, dns, needs_primary, task->name);
    enum err result = dns_line_call(&d->worker, a, &m, &place, false, why);
    if (result == ERR_NETWORK && !needs_primary && dns_desk_is_unchecked(dns)) {
        report_step(d->report, "dns", "%s; the record goes to that name itself",
                    why->detail);
        task->owner = task->name;
        return ERR_OK;
    }
    TRY(result);
    if (place.count != FOUND_FIELDS)
        return err_set(why, ERR_PROTOCOL, "the DNS process found no place");
    task->owner = (const char *)place.fields[0].data;
    task->zone = (const char *)place.fields[1].data;
    task->primary = (const char *)place.fields[2].data;
    d->is_blind = d->is_blind || place.fields[4].len > 0;
    if (place.fields[3].len > 0)
        report_step(d->report, "dns", "%s", (const char *)place.fields[3].data);
    return ERR_OK;
}

/* ---- adding ---- */

static struct dns_use use_of(struct dns_desk *d, struct arena *a,
                             const struct settings_dns *dns, bool cleaning)
{
    const struct dns_use use = {.arena = a,
                                .dns = dns,
                                .settings = d->settings,
                                .directory = d->directory,
                                .worker = &d->worker,
                                .runner = d->runner,
                                .report = d->report,
                                .cleaning = cleaning};
    return use;
}

static bool is_surely_absent(enum err failure)
{
    return failure == ERR_CONFIG || failure == ERR_NOT_FOUND || failure == ERR_DNS ||
           failure == ERR_UNAUTHORIZED || failure == ERR_REFUSED ||
           failure == ERR_NETWORK;
}

enum err dns_desk_watch(struct dns_desk *d, struct arena *a, const struct dns_entry *e,
                        struct err_info *why)
{
    const struct dns_provider *provider = dns_provider_find(e->dns.provider);
    struct wire_message m = {.type = WIRE_DNS_WATCH};
    struct wire_message answer;

    if (e->task.zone[0] == '\0')
        return ERR_OK; /* nobody can be asked */
    put_place(&m, a, &e->dns, provider->needs_primary, e->task.name);
    m.fields[m.count++] = span_of(e->task.value);
    return dns_line_call(&d->worker, a, &m, &answer, false, why);
}

static enum err add(struct dns_desk *d, struct arena *a, struct dns_entry *e,
                    struct err_info *why)
{
    const struct dns_provider *provider = dns_provider_find(e->dns.provider);
    const struct dns_use use = use_of(d, a, &e->dns, false);
    const char *note = e->task.note;

    TRY(provider->add(&use, &e->task, why));
    return strcmp(note, e->task.note) != 0 ? dns_journal_add(a, d->directory, e, why)
                                           : ERR_OK;
}

/* A refusal of a name server or a service is none of a CA's. */
enum err dns_desk_blame(enum err failure, struct err_info *why)
{
    if (failure == ERR_UNAUTHORIZED || failure == ERR_REFUSED ||
        failure == ERR_NOT_FOUND || failure == ERR_DNS || failure == ERR_PROTOCOL)
        why->code = ERR_VALIDATION;
    return why->code;
}

enum err dns_desk_hold(struct dns_desk *d, struct arena *a, struct err_info *why)
{
    if (d->lock.held)
        return ERR_OK;
    return state_lock_dns(a, d->directory, STATE_LOCK_SHARED, LOCK_WAIT_MS, &d->lock,
                          why);
}

enum err dns_desk_begin(struct dns_desk *d, struct arena *a,
                        const struct settings_dns *dns, const struct dns_task *asked,
                        struct dns_entry *e, struct err_info *why)
{
    const struct dns_provider *provider = dns_provider_find(dns->provider);
    struct dns_entry made = {.dns = *dns, .task = *asked};

    TRY(dns_provider_check(dns, why));
    TRY(dns_desk_hold(d, a, why));
    made.task.owner = made.task.zone = made.task.primary = made.task.note = "";
    enum err found = find(d, a, dns, provider->needs_primary, &made.task, why);
    if (found != ERR_OK)
        return dns_desk_blame(found, why);
    *e = made;
    return ERR_OK;
}

enum err dns_desk_put(struct dns_desk *d, struct arena *a, struct dns_entry *e,
                      bool *is_there, struct err_info *why)
{
    *is_there = false;
    TRY(dns_journal_add(a, d->directory, e, why));
    enum err result = add(d, a, e, why);
    *is_there = !is_surely_absent(result);
    if (!*is_there) {
        struct err_info ignored = {0};
        TRY(dns_journal_remove(a, d->directory, e, &ignored));
    }
    return result;
}

enum err dns_desk_add(struct dns_desk *d, struct arena *a, const struct settings_dns *dns,
                      const struct dns_task *asked, struct dns_entry *e,
                      struct err_info *why)
{
    struct dns_entry made;
    bool is_there = false;

    TRY(dns_desk_begin(d, a, dns, asked, &made, why));
    enum err result = dns_desk_put(d, a, &made, &is_there, why);
    if (is_there)
        *e = made;
    if (result == ERR_OK)
        result = dns_desk_watch(d, a, &made, why);
    return result == ERR_OK ? ERR_OK : dns_desk_blame(result, why);
}

enum err dns_desk_find(struct dns_desk *d, struct arena *a,
                       const struct settings_dns *dns, struct dns_task *task,
                       struct err_info *why)
{
    const struct dns_provider *provider = dns_provider_find(dns->provider);

    TRY(dns_provider_check(dns, why));
    task->owner = task->zone = task->primary = task->note = "";
    return find(d, a, dns, provider->needs_primary, task, why);
}

enum err dns_desk_watch_persist(struct dns_desk *d, struct arena *a,
                                const struct settings_dns *dns,
                                const struct dns_desk_persist *persist,
                                struct err_info *why)
{
    struct wire_message m = {.type = WIRE_DNS_WATCH_PERSIST};
    struct dns_task task = {.name = persist->name, .zone = ""};
    struct wire_message answer;

    enum err found = find(d, a, dns, false, &task, why);
    if (found != ERR_OK)
        return dns_desk_blame(found, why);
    if (task.zone[0] == '\0')
        return ERR_OK; /* nobody can be asked */
    put_place(&m, a, dns, false, persist->name);
    m.fields[m.count++] = span_of(persist->issuers);
    m.fields[m.count++] = span_of(persist->account_uri);
    m.fields[m.count++] = span_of(persist->wildcard ? "wildcard" : "");
    return dns_line_call(&d->worker, a, &m, &answer, false, why);
}

/* ---- removing and looking ---- */

enum err dns_desk_remove(struct dns_desk *d, const struct dns_entry *e,
                         struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct dns_provider *provider = dns_provider_find(e->dns.provider);
    const struct dns_use use = use_of(d, a, &e->dns, true);

    if (provider == NULL)
        return err_set(why, ERR_CONFIG, "there is no provider \"%.100s\"",
                       e->dns.provider);
    TRY(provider->remove(&use, &e->task, why));
    return dns_journal_remove(a, d->directory, e, why);
}

enum err dns_desk_look(struct dns_desk *d, struct buf *missing, struct buf *names,
                       struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct wire_message m = {.type = WIRE_DNS_LOOK};
    struct wire_message answer;

    TRY(dns_line_call(&d->worker, a, &m, &answer, false, why));
    if (answer.count != LOOK_FIELDS)
        return err_set(why, ERR_PROTOCOL, "the DNS process has not looked");
    buf_add_span(missing, answer.fields[0]);
    if (names != NULL)
        buf_add_span(names, answer.fields[2]);
    if (answer.fields[1].len > 0)
        report_step(d->report, "dns", "%s", (const char *)answer.fields[1].data);
    return ERR_OK;
}

void dns_desk_close(struct dns_desk *d)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct wire_message m = {.type = WIRE_CLOSE};
    struct wire_message answer;
    struct err_info ignored = {0};

    /* a process that is gone knows nothing any more */
    (void)!dns_line_call(&d->worker, a, &m, &answer, true, &ignored);
    state_unlock(&d->lock);
}

/* ---- what earlier runs left ---- */

/* Nobody answers at the same place: it is not waited for again. */
static bool same_server(const struct dns_entry *x, const struct dns_entry *y)
{
    return strcmp(x->dns.provider, y->dns.provider) == 0 &&
           strcmp(x->dns.url, y->dns.url) == 0 &&
           strcmp(x->task.primary, y->task.primary) == 0;
}

/* One of them; `gone` is where nobody answers. */
static enum err clean_next(struct dns_desk *d, const struct dns_entry *e,
                           const struct dns_entry **gone, struct err_info *why)
{
    enum err result =
        *gone != NULL && same_server(*gone, e) ? why->code : dns_desk_remove(d, e, why);

    if (result == ERR_NETWORK || result == ERR_TIMEOUT)
        *gone = e;
    if (result == ERR_OK && !dns_provider_keeps(&e->dns))
        report_step(d->report, "clean",
                    "removed a TXT record of %s, left by an earlier run", e->task.owner);
    else if (result != ERR_OK)
        report_warning("a TXT record of %s, left by an earlier run, is still there: %s; "
                       "the next run tries again",
                       e->task.owner, why->detail);
    return result;
}

/* We have the lock exclusively: nobody is writing any of it. */
static void sweep(struct dns_desk *d, const struct dns_entry *e)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct dns_provider *provider = dns_provider_find(e->dns.provider);
    const struct dns_use use = use_of(d, a, &e->dns, true);

    if (provider != NULL && provider->sweep != NULL)
        provider->sweep(&use, &e->task);
}

static enum err clean_all(struct dns_desk *d, struct arena *a, struct err_info *why)
{
    const struct dns_entry *entries = NULL;
    const struct dns_entry *gone = NULL;
    size_t count = 0;
    size_t damaged = 0;

    dns_journal_sweep(a, d->directory);
    TRY(dns_journal_list(a, d->directory, &entries, &count, &damaged, why));
    if (damaged > 0)
        report_warning("%zu files in %s/dns-01 cannot be understood; they told of TXT "
                       "records to remove",
                       damaged, d->directory);
    for (size_t i = 0; i < count; i++) {
        sweep(d, &entries[i]);
        enum err result = clean_next(d, &entries[i], &gone, why);
        if (result == ERR_IO || result == ERR_INTERRUPTED)
            return result;
        if (interrupt_signal() != 0)
            return err_set(why, ERR_INTERRUPTED, "interrupted");
    }
    return ERR_OK;
}

enum err dns_desk_clean(struct dns_desk *d, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();

    enum err result =
        state_lock_dns(a, d->directory, STATE_LOCK_EXCLUSIVE, 0, &d->lock, why);
    if (result == ERR_LOCKED)
        return ERR_OK;
    TRY(result);
    result = clean_all(d, a, why);
    state_unlock(&d->lock);
    return result;
}
