/* One certificate, by the rules of today. The time it is judged at is that of its
 * issuance: what a rule asks of the day it is made is not asked again later. */
#include <string.h>

#include "core/acme/identifier_device.h"
#include "core/crypto/hash.h"
#include "core/jose/jwk.h"
#include "core/x509/certificate.h"
#include "core/x509/oid.h"
#include "server/check/check_private.h"
#include "server/issue/publication.h"
#include "server/policy/policy.h"
#include "server/store/store_device.h"
#include "server/store/store_key.h"
#include "server/store/store_precertificate.h"
#include "server/transparency/precertificate.h"

/* What is judged. */
struct subject {
    struct check_run *run;
    const struct store_review *row;
    const struct store_issuance *issuance;
    struct certificate *certificate;
    struct check_issuer *issuer;
    const struct settings_directory *directory; /* NULL: it is not there now */
    const struct settings_profile *profile;     /* NULL: so, or the server's own */
    const struct lint_profile *rules;           /* NULL: it is not there now */
    enum lint_kind kind;                        /* of the certificate */
};

static void report(const struct subject *s, enum check_kind kind, const char *rule,
                   const char *detail)
{
    check_report(s->run, kind, span_make(s->issuance->serial, s->issuance->serial_len),
                 NULL, rule, detail);
}

/* ---- what was signed ---- */

/* A certificate with timestamps is made of the precertificate that was recorded, to the
 * last octet, and is the one that was decided on (X-CT-1). */
static bool is_of_precertificate(const struct subject *s)
{
    struct arena *a = s->run->step;
    struct store_precertificate *kept = NULL;
    struct certificate *signed_one = NULL;
    struct span before = {0};

    return store_precertificate_of(s->run->check->session, a, s->issuance->id, &kept,
                                   NULL) == ERR_OK &&
           span_equal(kept->final, s->certificate->tbs) &&
           certificate_read(a, kept->der, &signed_one, NULL) == ERR_OK &&
           span_equal(signed_one->tbs, s->issuance->tbs) &&
           precertificate_of(a, s->certificate->tbs, &before, NULL) == ERR_OK &&
           span_equal(before, s->issuance->tbs);
}

static struct span without_zeros(struct span octets)
{
    while (octets.len > 0 && octets.data[0] == 0)
        octets = span_slice(octets, 1, octets.len);
    return octets;
}

static void check_octets(const struct subject *s)
{
    const struct certificate *c = s->certificate;
    struct span serial = span_make(s->issuance->serial, s->issuance->serial_len);
    uint8_t hash[HASH_SHA256_SIZE];

    if (!span_equal(c->tbs, s->issuance->tbs) && !is_of_precertificate(s))
        report(s, CHECK_FOUND_NOT_AS_DECIDED, NULL,
               "what is signed is not what was to be signed");
    if (!span_equal(without_zeros(c->serial), without_zeros(serial)))
        report(s, CHECK_FOUND_WRONG_SERIAL, NULL,
               "the serial in it is not the one it is known by");
    hash_sha256(c->spki, hash);
    if (memcmp(hash, s->issuance->key_hash, sizeof hash) != 0 ||
        c->not_after != s->issuance->not_after)
        report(s, CHECK_FOUND_NOT_AS_DECIDED, NULL,
               "its key or its end is not the one it is known by");
}

static enum err check_signature(struct subject *s, struct err_info *why)
{
    const struct certificate *c = s->certificate;
    struct span key_id = span_make(s->issuance->issuer, s->issuance->issuer_len);

    if (key_id.len == 0)
        key_id = c->authority_key_id;
    enum err result = check_issuer_find(s->run, key_id, s->issuance->id, &s->issuer, why);
    if (result != ERR_OK && result != ERR_NOT_FOUND)
        return result;
    if (s->issuer == NULL || s->issuer->issuer == NULL) {
        s->issuer = NULL;
        report(s, CHECK_FOUND_ISSUER_UNKNOWN, NULL,
               "the certificate of its issuer is neither configured nor kept with it");
        return ERR_OK;
    }
    if (c->signature_kind != s->issuer->issuer->signature_kind ||
        key_verify(s->issuer->issuer->key, c->signature_kind, c->tbs, c->signature,
                   NULL) != ERR_OK)
        report(s, CHECK_FOUND_SIGNATURE, NULL, "the signature is not its issuer's");
    return ERR_OK;
}

/* ---- rules ---- */

/* "rule_NAME (citation): complaint" in its two halves. */
static void report_rule(const struct subject *s, const char *text)
{
    static const char of_profiles[] = "rule_profile";
    const char *end = strstr(text, "): ");
    const bool is_profile = strncmp(text, of_profiles, sizeof of_profiles - 1) == 0;
    const enum check_kind kind = is_profile ? CHECK_FOUND_PROFILE : CHECK_FOUND_RULE;

    if (end == NULL)
        report(s, kind, NULL, text);
    else
        report(s, kind,
               arena_string_of(s->run->step, span_make((const uint8_t *)text,
                                                       (size_t)(end + 1 - text))),
               end + 3);
}

static void check_rules(const struct subject *s)
{
    struct err_info broken = {0};
    const struct lint_pass *pass = NULL;
    struct lint_question question = {.kind = s->kind,
                                     .set = s->rules != NULL ? s->rules->set
                                                             : LINT_SET_RFC5280,
                                     .issuers = s->issuer->issuer,
                                     .issuer_count = 1,
                                     .profile = s->rules,
                                     .no_profile = s->rules == NULL,
                                     .now = s->issuance->begun};

    if (lint_tbs(s->run->step, &question, s->certificate->tbs, &pass, &broken) == ERR_OK)
        return;
    report_rule(s, broken.detail);
    /* the profile has changed: does it keep the rules all the same? */
    if (s->rules != NULL && strncmp(broken.detail, "rule_profile", 12) == 0) {
        question.no_profile = true;
        if (lint_tbs(s->run->step, &question, s->certificate->tbs, &pass, &broken) !=
            ERR_OK)
            report_rule(s, broken.detail);
    }
}

/* ---- keys ---- */

static enum err check_key(const struct subject *s, struct err_info *why)
{
    struct store_session *session = s->run->check->session;
    uint8_t hash[HASH_SHA256_SIZE];
    uint8_t thumbprint[JWK_THUMBPRINT_SIZE];
    struct err_info weak = {0};
    struct store_account *holder = NULL;
    struct key *key = NULL;
    bool blocked = false;

    if (key_from_spki(s->certificate->spki, &key, &weak) != ERR_OK) {
        report(s, CHECK_FOUND_KEY_WEAK, NULL, weak.detail);
        return ERR_OK;
    }
    if (policy_subject_key(s->run->key_lists, key, NULL, &weak) != ERR_OK)
        report(s, CHECK_FOUND_KEY_WEAK, NULL, weak.detail);
    jwk_thumbprint(key, thumbprint);
    key_free(key);
    hash_sha256(s->certificate->spki, hash);
    TRY(store_key_is_blocked(session, hash, &blocked, why));
    if (blocked)
        report(s, CHECK_FOUND_KEY_BLOCKED, NULL, "its key is blocked");
    enum err result = store_account_by_thumbprint(
        session, s->run->step,
        s->directory != NULL ? s->directory->name : s->issuance->directory, thumbprint,
        &holder, why);
    if (result == ERR_OK)
        report(s, CHECK_FOUND_KEY_OF_ACCOUNT, NULL,
               arena_printf(s->run->step, "its key is that of account %lld",
                            (long long)holder->id));
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}

static enum err check_device(const struct subject *s, struct err_info *why)
{
    struct store_identifier *device = NULL;

    TRY(store_device_blocked_of(s->run->check->session, s->run->step, s->issuance,
                                &device, why));
    if (device != NULL)
        report(s, CHECK_FOUND_DEVICE_BLOCKED, NULL,
               arena_printf(s->run->step, "its device \"%s\" is blocked", device->value));
    return ERR_OK;
}

/* ---- names ---- */

static void check_name(const struct subject *s, const struct identifier *name)
{
    const struct settings *settings = s->run->check->settings;
    const struct policy_scope scope = {
        .settings = settings, .directory = s->directory, .profile = s->profile};
    const char *refusal =
        s->issuer->configured != NULL ? issuer_refuse(s->issuer->configured, name) : NULL;
    struct err_info refused = {0};

    if (refusal != NULL)
        report(s, CHECK_FOUND_NAME_CONSTRAINED, NULL,
               arena_printf(s->run->step, "\"%s\" %s", name->value, refusal));
    if (s->directory != NULL && s->profile != NULL &&
        policy_identifier_allowed(&scope, name, &refused) != ERR_OK)
        report(s,
               refused.code == ERR_INVALID_PROFILE ? CHECK_FOUND_PROFILE
                                                   : CHECK_FOUND_NAME_REFUSED,
               NULL, refused.detail);
}

static void check_names(const struct subject *s)
{
    const struct certificate *c = s->certificate;

    for (size_t i = 0; i < c->dns_name_count; i++) {
        const struct identifier name = {IDENTIFIER_DNS, c->dns_names[i]};
        check_name(s, &name);
    }
    for (size_t i = 0; i < c->address_count; i++) {
        char text[ADDRESS_TEXT_SIZE];
        struct address address;
        if (!address_from_octets(c->addresses[i], &address))
            continue; /* a rule says so */
        address_text(&address, text);
        const struct identifier name = {IDENTIFIER_IP, text};
        check_name(s, &name);
    }
    for (size_t i = 0; i < c->device_count; i++) {
        struct identifier name = {0};
        if (identifier_device_of(s->run->step, &c->devices[i], &name, NULL) == ERR_OK)
            check_name(s, &name);
    }
}

/* ---- where its list is ---- */

static bool has_text(struct span tbs, const char *text)
{
    return memmem(tbs.data, tbs.len, text, strlen(text)) != NULL;
}

/* A certificate that names a list of this CA's names one that is published: with the URL
 * of now, or with one of former times. */
static void check_url(const struct subject *s)
{
    static const uint8_t points[] = {0x06, 0x03, 0x55, 0x1d,
                                     0x1f}; /* RFC 5280 4.2.1.13 */
    const struct settings *settings = s->run->check->settings;
    struct arena *a = s->run->step;
    struct span key_id = span_make(s->issuer->key_id, s->issuer->key_id_len);
    struct span tbs = s->certificate->tbs;
    const char *path = publication_crl_path(a, key_id, s->issuance->shard);

    if (memmem(tbs.data, tbs.len, points, sizeof points) == NULL ||
        (s->profile != NULL && !s->profile->crl.own && s->profile->crl.count > 0))
        return;
    bool found = settings->crl_enabled && settings->publish_base != NULL &&
                 has_text(tbs, arena_printf(a, "%s%s", settings->publish_base, path));
    for (size_t i = 0; i < settings->publish_former_urls.count && !found; i++)
        found = has_text(
            tbs, arena_printf(a, "%s%s", settings->publish_former_urls.items[i], path));
    if (!found)
        report(s, CHECK_FOUND_LIST_URL, NULL,
               "the URL of its revocation list is none that is published");
}

/* ---- all of it ---- */

static bool has_purpose(const struct certificate *c, enum oid purpose)
{
    const struct span octets = oid_octets(purpose);

    return memmem(c->extended_key_usage.data, c->extended_key_usage.len, octets.data,
                  octets.len) != NULL;
}

/* One of the CA's own: its server's, of an OCSP responder (RFC 6960 4.2.2.2), of a TPM's
 * attestation key; and what it is held against, as far as that is there now. */
static void find_own_rules(struct subject *s)
{
    const struct check_run *run = s->run;
    const char *name = "";

    if (has_purpose(s->certificate, OID_OCSP_SIGNING)) {
        s->kind = LINT_RESPONDER_CERTIFICATE;
        return;
    }
    if (has_purpose(s->certificate, OID_AK_CERTIFICATE)) {
        s->kind = LINT_ATTESTATION_CERTIFICATE;
        name = LINT_PROFILE_ATTESTATION;
    }
    for (size_t i = 0; i < run->profile_count; i++)
        if (strcmp(run->profiles[i].name, name) == 0)
            s->rules = &run->profiles[i];
}

/* By which profile, and where: as far as these are there now. Before the store kept that,
 * the order knew, and the directory's first profile stood for none. */
static enum err find_rules(struct subject *s, struct err_info *why)
{
    struct check_run *run = s->run;
    const struct settings *settings = run->check->settings;
    struct store_account *account = NULL;
    struct store_order *order = NULL;
    const char *name = s->issuance->profile;

    if (s->issuance->order_id == 0) { /* the CA's own */
        find_own_rules(s);
        return ERR_OK;
    }
    const char *directory = s->issuance->directory;
    if (directory[0] == '\0') {
        enum err result = store_account_by_id(run->check->session, run->step,
                                              s->issuance->account_id, &account, why);
        if (result != ERR_OK && result != ERR_NOT_FOUND)
            return result;
        directory = account != NULL ? account->directory : "";
    }
    s->directory = settings_directory(settings, directory);
    if (name[0] == '\0') {
        enum err result = store_order_by_id(run->check->session, run->step,
                                            s->issuance->order_id, &order, why);
        if (result != ERR_OK && result != ERR_NOT_FOUND)
            return result;
        name = order != NULL ? order->profile : "";
    }
    s->profile = name[0] != '\0'        ? settings_profile(settings, name)
                 : s->directory != NULL ? s->directory->offered[0]
                                        : NULL;
    for (size_t i = 0; s->profile != NULL && i < run->profile_count; i++)
        if (strcmp(run->profiles[i].name, s->profile->name) == 0)
            s->rules = &run->profiles[i];
    if (s->rules == NULL)
        run->sums->profile_gone++;
    return ERR_OK;
}

enum err check_certificate(struct check_run *run, const struct store_review *row,
                           struct err_info *why)
{
    struct subject s = {.run = run, .row = row, .issuance = &row->issuance};
    struct err_info broken = {0};

    if (!row->has_certificate) {
        report(&s, CHECK_FOUND_CERTIFICATE_MISSING, NULL,
               "it is not there; what was to be signed is in the column tbs");
        return ERR_OK;
    }
    if (certificate_read(run->step, row->issuance.certificate, &s.certificate, &broken) !=
        ERR_OK) {
        report(&s, CHECK_FOUND_UNREADABLE, NULL, broken.detail);
        return ERR_OK;
    }
    TRY(find_rules(&s, why));
    check_octets(&s);
    TRY(check_signature(&s, why));
    TRY(check_key(&s, why));
    TRY(check_device(&s, why));
    if (s.issuer == NULL)
        return ERR_OK;
    check_rules(&s);
    check_names(&s);
    check_url(&s);
    return ERR_OK;
}
