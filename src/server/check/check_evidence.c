/* Why it was issued: the order, the account, each authorization with what its validation
 * saw, CAA. What housekeeping removes after its time is told from what is missing:
 * orders stay longer than their certificates, authorizations may not. */
#include <string.h>

#include "core/acme/identifier_device.h"
#include "core/x509/certificate.h"
#include "server/check/check_private.h"
#include "server/order/evidence.h"
#include "server/store/store_caa.h"
#include "server/store/store_precertificate.h"
#include "server/store/store_star.h"

#define CLOCK_NOISE   5 /* seconds between two looks at the clock of one request */
#define CAA_LOOKS_MAX 1000

struct subject {
    struct check_run *run;
    const struct store_issuance *issuance;
    struct store_order *order;
};

static void report(const struct subject *s, enum check_kind kind, const char *detail)
{
    check_report(s->run, kind, span_make(s->issuance->serial, s->issuance->serial_len),
                 NULL, NULL, detail);
}

/* ---- what is no certificate ---- */

static const char *names_of(struct arena *a, struct span tbs)
{
    struct certificate *c = NULL;

    if (certificate_read_tbs(a, tbs, &c, NULL) != ERR_OK || c->dns_name_count == 0)
        return "it has no names that can be read";
    return arena_printf(a, "it is for %s%s", c->dns_names[0],
                        c->dns_name_count + c->address_count > 1 ? " and others" : "");
}

/* Begun, and never finished: was it signed all the same? */
static enum err check_unfinished(const struct subject *s, struct err_info *why)
{
    const struct check_run *run = s->run;
    const struct store_issuance *i = s->issuance;
    struct arena *a = run->step;
    struct span serial = span_make(i->serial, i->serial_len);
    struct store_precertificate *pre = NULL;

    enum err result = store_precertificate_of(run->check->session, a, i->id, &pre, why);
    if (result == ERR_OK) {
        report(s, CHECK_FOUND_PRECERTIFICATE,
               arena_printf(a,
                            "a precertificate was signed, and there is no certificate of "
                            "it%s; %s",
                            i->waiting ? " yet (its order can be finalized again)" : "",
                            names_of(a, i->tbs)));
        return ERR_OK;
    }
    if (result != ERR_NOT_FOUND)
        return result;
    if (check_journal_has(run->journal, serial))
        report(s, CHECK_FOUND_UNFINISHED,
               arena_printf(a,
                            "the signer was asked to sign it, and the certificate is "
                            "not known; %s",
                            names_of(a, i->tbs)));
    else if (!check_journal_is_known(run->journal))
        report(s, CHECK_FOUND_UNFINISHED,
               arena_printf(a,
                            "it may have been signed (the signer's journal cannot be "
                            "read); %s",
                            names_of(a, i->tbs)));
    else if (!i->abandoned && i->order_id != 0)
        report(s, CHECK_FOUND_UNFINISHED,
               arena_printf(a,
                            "it was begun and neither finished nor given up; the "
                            "signer knows nothing of it; %s",
                            names_of(a, i->tbs)));
    return ERR_OK;
}

/* ---- names ---- */

static bool has_name(const struct store_order *order, enum identifier_type type,
                     const char *value)
{
    for (size_t i = 0; i < order->identifier_count; i++)
        if (order->identifiers[i].type == (int)type &&
            strcmp(order->identifiers[i].value, value) == 0)
            return true;
    return false;
}

static void check_names(const struct subject *s)
{
    struct certificate *c = NULL;
    struct arena *a = s->run->step;
    char text[ADDRESS_TEXT_SIZE];
    struct address address;

    if (certificate_read_tbs(a, s->issuance->tbs, &c, NULL) != ERR_OK)
        return; /* check_certificate says so */
    for (size_t i = 0; i < c->dns_name_count; i++)
        if (!has_name(s->order, IDENTIFIER_DNS, c->dns_names[i]))
            report(s, CHECK_FOUND_NAME_NOT_ORDERED,
                   arena_printf(a, "\"%s\" is no name of its order", c->dns_names[i]));
    for (size_t i = 0; i < c->address_count; i++) {
        if (!address_from_octets(c->addresses[i], &address))
            continue;
        address_text(&address, text);
        if (!has_name(s->order, IDENTIFIER_IP, text))
            report(s, CHECK_FOUND_NAME_NOT_ORDERED,
                   arena_printf(a, "\"%s\" is no address of its order", text));
    }
    for (size_t i = 0; i < c->device_count; i++) {
        struct identifier device = {0};
        if (identifier_device_of(a, &c->devices[i], &device, NULL) == ERR_OK &&
            !has_name(s->order, device.type, device.value))
            report(s, CHECK_FOUND_NAME_NOT_ORDERED,
                   arena_printf(a, "\"%s\" is no device of its order", device.value));
    }
}

/* ---- authorizations ---- */

static const char *base_of(const char *name)
{
    return strncmp(name, "*.", 2) == 0 ? name + 2 : name;
}

/* Does it prove that name, or all below one above it (RFC 9444)? */
static bool proves(const struct store_authz *authz, const struct store_identifier *name)
{
    const char *base = base_of(name->value);
    const char *above = authz->identifier.value;
    size_t len = strlen(base);
    size_t most = strlen(above);

    if (authz->identifier.type != name->type)
        return false;
    if (strcmp(base, above) == 0)
        return authz->subdomains || authz->wildcard == (base != name->value);
    return authz->subdomains && len > most + 1 && base[len - most - 1] == '.' &&
           strcmp(base + len - most, above) == 0;
}

/* Only its number is there (store_order_by_id). */
static bool is_removed(const struct store_authz *authz)
{
    return authz->expires == 0;
}

/* What it was when the certificate was begun; NULL: valid. What the CA renews by itself
 * goes on when an authorization has expired (RFC 8739 3.1). */
static const char *not_valid(const struct subject *s, const struct store_authz *authz)
{
    const int64_t begun = s->issuance->begun;

    if (authz->account_id != s->order->account_id)
        return "is another account's";
    if (authz->verdict != STORE_VERDICT_VALID)
        return "is not valid";
    if (authz->attempt_finished > begun + CLOCK_NOISE)
        return "was proved only after it was issued";
    if (authz->deactivated != 0 && authz->deactivated < begun - CLOCK_NOISE)
        return "was deactivated before it was issued";
    if (s->order->star == NULL && authz->expires <= begun - CLOCK_NOISE)
        return "had expired when it was issued";
    return NULL;
}

/* Could housekeeping have removed one that was valid then? */
static bool may_be_removed(const struct subject *s)
{
    const struct check_run *run = s->run;
    int64_t retention = run->check->settings->authz_retention / 1000;

    /* an order that renews itself was proved when it was made */
    int64_t valid = s->order->star != NULL ? s->order->created : s->issuance->begun;
    return valid < run->sweep.clock - retention;
}

static void check_record(const struct subject *s, const struct store_identifier *name,
                         const struct store_authz *authz)
{
    struct arena *a = s->run->step;
    const struct json *document = NULL;
    struct err_info broken = {0};

    if (authz->record == NULL || authz->record[0] == '\0')
        report(s, CHECK_FOUND_RECORD_MISSING,
               arena_printf(a,
                            "authorization %lld of \"%s\" has no record of its "
                            "validation",
                            (long long)authz->id, name->value));
    else if (evidence_read(a, authz->record, &document, &broken) != ERR_OK)
        report(s, CHECK_FOUND_RECORD_MISSING,
               arena_printf(a,
                            "authorization %lld of \"%s\": the record of its "
                            "validation cannot be read: %s",
                            (long long)authz->id, name->value, broken.detail));
}

static void check_authz(const struct subject *s, const struct store_identifier *name,
                        const struct store_authz *authz)
{
    struct arena *a = s->run->step;

    if (is_removed(authz)) {
        if (may_be_removed(s))
            s->run->sums->evidence_expired++;
        else
            report(s, CHECK_FOUND_AUTHORIZATION_MISSING,
                   arena_printf(a,
                                "authorization %lld of \"%s\" is not there, and is too "
                                "young for housekeeping to have removed it",
                                (long long)authz->id, name->value));
        return;
    }
    const char *refusal =
        proves(authz, name) ? not_valid(s, authz) : "is one of another name";
    if (refusal != NULL)
        report(s, CHECK_FOUND_NOT_AUTHORIZED,
               arena_printf(a, "authorization %lld of \"%s\" %s", (long long)authz->id,
                            name->value, refusal));
    else
        check_record(s, name, authz);
}

/* ---- CAA ---- */

static bool is_within(int64_t checked, int64_t since, int64_t until)
{
    return checked >= since && checked <= until;
}

static bool was_looked_up(const struct subject *s, size_t index,
                          const struct store_caa_look *looks, size_t count, int64_t since)
{
    const char *name = s->order->identifiers[index].value;
    const struct store_authz *authz = &s->order->authzs[index];
    int64_t until = s->issuance->begun + CLOCK_NOISE;

    if (is_within(s->order->caa_checked, since, until) ||
        (!is_removed(authz) && is_within(authz->caa_checked, since, until)))
        return true;
    for (size_t i = 0; i < count; i++)
        if (looks[i].outcome == STORE_CAA_ALLOWED && strcmp(looks[i].name, name) == 0 &&
            is_within(looks[i].asked, since, until))
            return true;
    return false;
}

/* Where CAA is looked at, it was, and not too long ago. */
static enum err check_caa(const struct subject *s, struct err_info *why)
{
    const struct settings *settings = s->run->check->settings;
    const struct settings_directory *d =
        settings_directory(settings, s->issuance->directory);
    const struct settings_profile *p = settings_profile(settings, s->issuance->profile);
    struct arena *a = s->run->step;
    struct store_caa_look *looks = NULL;
    size_t count = 0;

    if (d == NULL || p == NULL || !d->check_caa || d->caa_identities.count == 0)
        return ERR_OK;
    int64_t since = s->issuance->begun - p->caa_age / 1000 - CLOCK_NOISE;
    TRY(store_caa_looks(s->run->check->session, a, s->order->id, INT64_MAX, CAA_LOOKS_MAX,
                        &looks, &count, why));
    for (size_t i = 0; i < s->order->identifier_count && i < s->order->authz_count; i++) {
        const struct store_identifier *name = &s->order->identifiers[i];
        if (name->type != (int)IDENTIFIER_DNS ||
            was_looked_up(s, i, looks, count, since) ||
            (is_removed(&s->order->authzs[i]) && may_be_removed(s)))
            continue;
        report(s, CHECK_FOUND_CAA_MISSING,
               arena_printf(a,
                            "no look at the CAA records of \"%s\" is known within "
                            "caa_age before it was issued",
                            name->value));
    }
    return ERR_OK;
}

/* ---- all of it ---- */

static enum err check_account(const struct subject *s, struct err_info *why)
{
    struct store_account *account = NULL;
    enum err result = store_account_by_id(s->run->check->session, s->run->step,
                                          s->issuance->account_id, &account, why);

    if (result != ERR_OK && result != ERR_NOT_FOUND)
        return result;
    if (result == ERR_NOT_FOUND)
        report(s, CHECK_FOUND_ACCOUNT_MISSING,
               arena_printf(s->run->step, "account %lld is not there",
                            (long long)s->issuance->account_id));
    if (s->order->account_id != s->issuance->account_id)
        report(s, CHECK_FOUND_ACCOUNT_DIFFERS, "its order is another account's");
    return ERR_OK;
}

enum err check_evidence(struct check_run *run, const struct store_review *row,
                        struct err_info *why)
{
    struct subject s = {.run = run, .issuance = &row->issuance};

    if (!row->issuance.finished)
        return check_unfinished(&s, why);
    if (row->issuance.order_id == 0)
        return ERR_OK; /* the server's own: nobody ordered it */
    enum err result = store_order_by_id(run->check->session, run->step,
                                        row->issuance.order_id, &s.order, why);
    if (result == ERR_NOT_FOUND) {
        report(&s, CHECK_FOUND_ORDER_MISSING,
               arena_printf(run->step, "order %lld is not there",
                            (long long)row->issuance.order_id));
        return ERR_OK;
    }
    TRY(result);
    TRY(check_account(&s, why));
    check_names(&s);
    for (size_t i = 0; i < s.order->identifier_count; i++)
        if (i >= s.order->authz_count)
            report(&s, CHECK_FOUND_AUTHORIZATION_MISSING,
                   arena_printf(run->step, "its order has no authorization for \"%s\"",
                                s.order->identifiers[i].value));
        else
            check_authz(&s, &s.order->identifiers[i], &s.order->authzs[i]);
    return check_caa(&s, why);
}
