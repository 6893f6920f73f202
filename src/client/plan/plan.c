/* When, and what for. */
#include "client/plan/plan.h"

#include <stdio.h>
#include <string.h>

#include "client/settings/name.h"
#include "client/settings/renew_rule.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"

#define HOUR 3600 /* seconds */
#define DAY  86400

#define DIGESTED_MAX (256 * 1024) /* octets: all names and CAs of a certificate */

bool plan_same_names(const struct certificate_metadata *m, const char *const *names,
                     size_t count)
{
    if (m->name_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t j = 0; j < m->name_count && !found; j++)
            found = strcmp(names[i], m->names[j]) == 0;
        if (!found)
            return false;
    }
    return true;
}

static bool names_device(const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (name_is_device(names[i]))
            return true;
    return false;
}

/* What a device was not asked for again is as it was. */
static bool has_names(const struct settings_certificate *c,
                      const struct certificate_metadata *there)
{
    struct certificate_metadata open = *there;
    const char *names[SETTINGS_NAMES_MAX + 1];

    if (c->device[0] != '\0' && !names_device(c->names.items, c->names.count)) {
        open.names = names;
        open.name_count = 0;
        for (size_t i = 0; i < there->name_count && i < SETTINGS_NAMES_MAX; i++)
            if (!name_is_device(there->names[i]))
                names[open.name_count++] = there->names[i];
    }
    return plan_same_names(&open, c->names.items, c->names.count);
}

static bool has_keys(const struct settings_certificate *c,
                     const struct certificate_metadata *there)
{
    if (there->part_count != c->keys.count)
        return false;
    for (size_t i = 0; i < c->keys.count; i++)
        if (strcmp(c->keys.items[i], there->parts[i].key_type) != 0)
            return false;
    return true;
}

/* One that came from elsewhere is as good as any. */
static bool is_from(const struct wanted *w, const struct certificate_metadata *there)
{
    for (size_t i = 0; i < w->ca_count; i++)
        if (strcmp(w->cas[i]->directory, there->ca) == 0)
            return true;
    return there->ca[0] == '\0';
}

static const char *difference(const struct wanted *w,
                              const struct certificate_metadata *there,
                              const struct plan_facts *facts)
{
    const struct settings_certificate *c = w->certificate;
    const struct certificate_asked asked = certificate_asked_make(c, facts->csr);

    if (c->csr[0] == '\0' && !has_names(c, there))
        return "the one that is there has other names";
    if (c->csr[0] == '\0' && !has_keys(c, there))
        return "the one that is there has keys of other types";
    if (strcmp(c->device, there->device) != 0)
        return "the key is to be in another place";
    if (!is_from(w, there))
        return "the one that is there is from another CA";
    return certificate_asked_difference(&asked, &there->asked);
}

static void add_list(struct buf *b, const char *what, const struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        buf_printf(b, "%s %s\n", what, list->items[i]);
}

void plan_digest(const struct wanted *w, const struct plan_facts *facts, char *to)
{
    AUTO(buf) struct buf b = buf_make(DIGESTED_MAX);
    const struct settings_certificate *c = w->certificate;
    uint8_t digest[HASH_SHA256_SIZE];

    add_list(&b, "name", &c->names);
    add_list(&b, "key", &c->keys);
    for (size_t i = 0; i < w->ca_count; i++)
        buf_printf(&b, "ca %s\n", w->cas[i]->directory);
    buf_printf(&b, "device %s\nprofile %s\nlifetime %lld\nmust-staple %d\ncsr %s\n",
               c->device, c->profile, (long long)c->lifetime_ms, c->must_staple,
               facts->csr != NULL ? facts->csr : "unknown");
    hash_sha256(buf_span(&b), digest);
    text_hex(to, digest, sizeof digest);
}

/* Was it rolled back to with these very settings? */
static bool is_rolled_back(const struct wanted *w, const struct renewal_state *state,
                           const struct plan_facts *facts)
{
    char digest[PLAN_DIGEST_SIZE];

    if (state->rolled_back == NULL)
        return false;
    plan_digest(w, facts, digest);
    return strcmp(digest, state->rolled_back) == 0;
}

static int64_t end_of(const struct certificate_metadata *m)
{
    int64_t end = INT64_MAX;

    for (size_t i = 0; i < m->part_count; i++)
        if (m->parts[i].not_after < end)
            end = m->parts[i].not_after;
    return end;
}

static void say_left(struct plan *p, int64_t left)
{
    if (left <= 0)
        (void)snprintf(p->reason, sizeof p->reason, "it has expired");
    else if (left < 2 * HOUR)
        (void)snprintf(p->reason, sizeof p->reason, "%lld minutes are left",
                       (long long)(left / 60));
    else if (left < 2 * DAY)
        (void)snprintf(p->reason, sizeof p->reason, "%lld hours are left",
                       (long long)(left / HOUR));
    else
        (void)snprintf(p->reason, sizeof p->reason, "%lld days are left",
                       (long long)(left / DAY));
}

/* Of all parts the one that is due first: they are renewed as one. */
static struct renewal_when when(const struct renew_rule *rule,
                                const struct certificate_metadata *there,
                                const struct renewal_state *state, int64_t now)
{
    struct renewal_when first = {.due = RENEWAL_WHEN_NEVER};

    for (size_t i = 0; i < there->part_count; i++) {
        struct renewal_when w = renewal_when(rule, there->parts[i].not_before,
                                             there->parts[i].not_after, state, now);
        if (i == 0 || w.due < first.due)
            first = w;
    }
    return first;
}

static void decide(const struct wanted *w, const struct certificate_metadata *there,
                   const struct renewal_state *state, const struct plan_facts *facts,
                   int64_t now, struct plan *p)
{
    struct renew_rule rule = {.kind = RENEW_RULE_AUTO};
    const char *other = NULL;

    p->due = now;
    if (there == NULL) {
        (void)snprintf(p->reason, sizeof p->reason, "there is none yet");
        return;
    }
    other = difference(w, there, facts);
    if (other != NULL && !is_rolled_back(w, state, facts)) {
        p->action = PLAN_REISSUE;
        (void)snprintf(p->reason, sizeof p->reason, "%s", other);
        return;
    }
    if (state->revoked) { /* who revokes may not want another */
        p->action = PLAN_KEEP;
        p->due = RENEWAL_WHEN_NEVER;
        p->held = true;
        (void)snprintf(p->reason, sizeof p->reason,
                       "it was revoked; cairn renew --force %.200s gets another",
                       w->certificate->name);
        return;
    }
    if (facts->damage != NULL) { /* whatever the option renew says */
        p->action = PLAN_RENEW;
        (void)snprintf(p->reason, sizeof p->reason, "%s", facts->damage);
        return;
    }
    (void)renew_rule_read(w->certificate->renew, &rule);
    struct renewal_when first = when(&rule, there, state, now);
    p->due = first.due;
    p->asks = rule.kind == RENEW_RULE_AUTO;
    p->action = first.due <= now ? PLAN_RENEW : PLAN_KEEP;
    p->held = other != NULL && p->action == PLAN_KEEP;
    if (p->held)
        (void)snprintf(p->reason, sizeof p->reason, "it was rolled back to; %s", other);
    else if (first.due <= now && first.reason == RENEWAL_REASON_SUGGESTED)
        (void)snprintf(p->reason, sizeof p->reason, "%s",
                       renewal_when_reason(first.reason));
    else
        say_left(p, end_of(there) - now);
}

void plan_certificate(const struct wanted *w, const struct certificate_metadata *there,
                      const struct renewal_state *state, const struct plan_facts *facts,
                      int64_t now, struct plan *p)
{
    *p = (struct plan){.action = PLAN_ISSUE};
    decide(w, there, state, facts, now, p);
    p->attempt = renewal_when_attempt(state, p->due, now);
    p->waits = p->due <= now && p->attempt > now;
}

const char *plan_action(enum plan_action action)
{
    switch (action) {
    case PLAN_ISSUE:
        return "issue";
    case PLAN_REISSUE:
        return "reissue";
    case PLAN_RENEW:
        return "renew";
    default:
        return "keep";
    }
}
