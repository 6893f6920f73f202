/* Lint: read the to-be-signed octets and run every rule. */
#include "server/lint/lint.h"

#include <string.h>

#include "core/crypto/der_read.h"
#include "core/x509/certificate_authority.h"
#include "server/lint/lint_kinds.h"
#include "server/lint/lint_row.h"
#include "server/lint/lint_rule.h"

#define OUTER_DEPTH 2

static const struct {
    struct lint_row row;
    lint_rule *check;
} rules[] = {
#define LINT(function, kinds, set, severity, citation)                                   \
    {{#function, kinds, LINT_SET_##set, LINT_##severity, citation}, function},
#include "server/lint/lints.def"
#undef LINT
};

/* Read once for all the rules: OpenSSL takes its time. */
static const struct key *read_key(struct arena *a, struct span spki)
{
    struct key *key = NULL;

    if (key_from_spki(spki, &key, NULL) != ERR_OK)
        return NULL;
    return arena_own(a, key, key_drop);
}

/* Whose certificate is it? By the rules that judge just that; the first issuer's if it is
 * nobody's, who will complain. */
static size_t find_issuer(struct lint_subject *s, const struct lint_issuer *issuers,
                          size_t count)
{
    for (size_t i = 0; i < count && count > 1; i++) {
        s->issuer_expected = &issuers[i];
        if (rule_issuer(s) == NULL && rule_authority_key_id(s) == NULL)
            return i;
    }
    s->issuer_expected = issuers;
    return 0;
}

/* A rule about its profile? */
static bool is_of_profile(const struct lint_row *row)
{
    static const char start[] = "rule_profile";

    return strncmp(row->name, start, sizeof start - 1) == 0;
}

/* Run every rule that applies. `warning` is the first that warns; NULL: those that only
 * warn are left out. */
static enum err run(const struct lint_subject *s, const char **warning,
                    struct err_info *why)
{
    const struct lint_question *question = s->question;

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct lint_row *row = &rules[i].row;
        if (!lint_row_applies(row, question->kind, question->set) ||
            (warning == NULL && row->severity == LINT_WARNING) ||
            (question->no_profile && is_of_profile(row)))
            continue;
        const char *complaint = rules[i].check(s);
        TRY(lint_row_report(row, s->serial, complaint, why));
        if (complaint != NULL && *warning == NULL)
            *warning = row->name;
    }
    return ERR_OK;
}

enum err lint_tbs(struct arena *a, const struct lint_question *question, struct span tbs,
                  const struct lint_pass **pass, struct err_info *why)
{
    struct lint_subject *s = arena_get(a, sizeof *s);

    s->question = question;
    s->arena = a;
    TRY(lint_rule_read(tbs, s, why));
    size_t issuer = find_issuer(s, question->issuers, question->issuer_count);
    s->key = read_key(a, s->spki);
    struct lint_pass *made = arena_get(a, sizeof *made);
    TRY(run(s, &made->warning, why));
    made->issuer = issuer;
    made->tbs = tbs;
    made->serial = s->serial;
    made->spki = s->spki;
    made->key = s->key;
    *pass = made;
    return ERR_OK;
}

enum err lint_signed(struct arena *a, const struct lint_question *question,
                     const struct lint_pass *pass, struct span certificate,
                     struct err_info *why)
{
    struct lint_subject *s = arena_get(a, sizeof *s);
    struct der_reader r = der_read_start(certificate, OUTER_DEPTH);

    s->question = question;
    s->arena = a;
    s->issuer_expected = &question->issuers[pass->issuer];
    der_read_enter(&r, DER_SEQUENCE);
    struct span tbs = der_read_element(&r);
    struct span algorithm = der_read_element(&r);
    struct span signature = der_read_bits(&r);
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_LINT, "the signed certificate", why));
    if (!span_equal(tbs, pass->tbs))
        return err_set(why, ERR_LINT, "what was signed is not what was linted");
    TRY(lint_rule_read(tbs, s, why));
    if (!span_equal(algorithm, s->algorithm))
        return err_set(why, ERR_LINT,
                       "the two signature algorithms differ (RFC 5280 4.1.1.2)");
    s->key = span_equal(s->spki, pass->spki) ? pass->key : NULL;
    TRY(run(s, NULL, why));
    if (key_verify(s->issuer_expected->key, s->issuer_expected->signature_kind, tbs,
                   signature, NULL) != ERR_OK)
        return err_set(
            why, ERR_LINT,
            "the signature that was made is not the issuer's (RFC 5280 6.1.3)");
    return ERR_OK;
}

/* ---- CAs ---- */

/* Its own key identifier, without which nobody can be issued by it. */
static struct span own_key_id(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_SUBJECT_KEY_IDENTIFIER);
    struct der_reader r = der_read_start(e != NULL ? e->value : span_make(NULL, 0), 1);
    struct span id = der_read_expect(&r, DER_OCTET_STRING);

    return der_read_ok(&r) && !der_read_more(&r) ? id : span_make(NULL, 0);
}

/* As an issuer of others. */
static enum err as_issuer(struct arena *a, const struct lint_subject *s,
                          struct lint_issuer *issuer, struct err_info *why)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_EXTENDED_KEY_USAGE);
    struct key *key = NULL;

    TRY(key_from_spki(s->spki, &key, why));
    *issuer = (struct lint_issuer){.name = s->subject,
                                   .key_id = own_key_id(s),
                                   .signature_kind = key_x509_signature(key),
                                   .not_after = s->not_after,
                                   .key = arena_own(a, key, key_drop),
                                   .path_length = s->path_length,
                                   .usages = e != NULL ? e->value : span_make(NULL, 0)};
    return ERR_OK;
}

enum err lint_issuer_read(struct arena *a, struct span der, struct lint_issuer *issuer,
                          struct err_info *why)
{
    const struct lint_question question = {.kind = LINT_CA_CERTIFICATE};
    struct lint_subject *s = arena_get(a, sizeof *s);
    struct der_reader r = der_read_start(der, OUTER_DEPTH);
    struct lint_issuer read = {0};

    s->question = &question;
    s->arena = a;
    der_read_enter(&r, DER_SEQUENCE);
    struct span tbs = der_read_element(&r);
    (void)der_read_element(&r);
    (void)der_read_bits(&r);
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_MALFORMED, "the issuing certificate", why));
    TRY(lint_rule_read(tbs, s, why));
    TRY(as_issuer(a, s, &read, why));
    if (!s->is_ca || read.key_id.len == 0)
        return err_set(
            why, ERR_CONFIG,
            "the issuing certificate is no CA certificate with a key identifier");
    *issuer = read;
    return ERR_OK;
}

enum err lint_issuer_bind(struct arena *a, struct span der, struct lint_issuer *issuer,
                          struct err_info *why)
{
    struct certificate *c = NULL;

    TRY(certificate_read(a, der, &c, why));
    if (c->name_constraints.len == 0)
        return ERR_OK;
    if (issuer->constraint_count == LINT_CONSTRAINTS_MAX)
        return err_set(why, ERR_TOO_LARGE,
                       "more than %d certificates above it have name constraints",
                       LINT_CONSTRAINTS_MAX);
    return certificate_authority_constraints(
        a, c, &issuer->constraints[issuer->constraint_count++], why);
}

enum err lint_ca_certificate(struct arena *a, const struct lint_issuer *issuer,
                             enum lint_set set, int64_t now, struct span tbs,
                             const struct lint_pass **pass, struct err_info *why)
{
    struct lint_issuer self = {0};
    struct lint_question question = {.kind = LINT_CA_CERTIFICATE,
                                     .set = set,
                                     .issuers = issuer != NULL ? issuer : &self,
                                     .issuer_count = 1,
                                     .now = now,
                                     .self_signed = issuer == NULL};
    struct lint_subject *s = arena_get(a, sizeof *s);

    if (issuer == NULL) {
        s->question = &question;
        s->arena = a;
        TRY(lint_rule_read(tbs, s, why));
        TRY(as_issuer(a, s, &self, why));
    }
    return lint_tbs(a, &question, tbs, pass, why);
}
