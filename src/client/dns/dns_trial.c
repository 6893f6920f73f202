/* One record, there and gone. */
#include "client/dns/dns_trial.h"

#include "client/dns/dns_wait.h"
#include "core/base/base64url.h"
#include "core/base/random.h"
#include "core/crypto/hash.h"

/* What looks like the answer to a challenge, which some services insist on. */
static struct dns_task make_task(struct arena *a, const char *name)
{
    uint8_t octets[HASH_SHA256_SIZE];
    uint8_t digest[HASH_SHA256_SIZE];

    random_fill(octets, sizeof octets);
    const char *token = base64url_string(a, span_make(octets, sizeof octets));
    const char *authorization = arena_printf(a, "%s.%s", token, token);
    hash_sha256(span_of(authorization), digest);
    const struct dns_task task = {
        .name = arena_printf(a, "_acme-challenge.%s", name),
        .value = base64url_string(a, span_make(digest, sizeof digest)),
        .domain = name,
        .token = token,
        .key_authorization = authorization};
    return task;
}

static enum err remove_again(struct dns_desk *d, const struct dns_entry *e,
                             struct err_info *why)
{
    TRY(dns_desk_remove(d, e, why));
    if (dns_provider_keeps(&e->dns))
        report_step(d->report, "stays",
                    "TXT %s: %s removes nothing, it keeps the last two", e->task.owner,
                    e->dns.provider);
    else
        report_step(d->report, "removed", "TXT %s", e->task.owner);
    return ERR_OK;
}

enum err dns_trial_run(struct dns_desk *d, struct arena *a,
                       const struct settings_dns *dns, const char *name,
                       struct dns_task *task, struct err_info *why)
{
    const struct dns_task asked = make_task(a, name);
    struct err_info second = {0};
    struct dns_entry e = {0};

    enum err result = dns_desk_add(d, a, dns, &asked, &e, why);
    if (result == ERR_OK) {
        report_step(d->report, "added", "TXT %s \"%s\"%s%s, by %s", e.task.owner,
                    e.task.value, e.task.zone[0] != '\0' ? ", in the zone " : "",
                    e.task.zone, dns->provider);
        result = dns_wait_until_seen(d, dns->timeout_ms, dns->settle_ms, why);
    }
    if (result == ERR_OK && e.task.zone[0] != '\0' && !d->is_blind &&
        !dns_desk_is_unchecked(dns))
        report_step(d->report, "seen", "by everybody whom there is to ask");
    *task = e.task;
    if (e.task.name == NULL)
        return result;
    enum err removal = remove_again(d, &e, &second);
    if (result == ERR_OK && removal != ERR_OK) {
        *why = second;
        return err_prefix(why, "the record was added, but not removed");
    }
    if (removal != ERR_OK)
        report_warning("the record is still there: %s; the next run of cairn removes it",
                       second.detail);
    return result;
}
