/* Lint: read the to-be-signed octets and run every rule. */
#include "server/lint/lint.h"

#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

#define LINT_DEPTH 8

static const struct {
    const char *name;
    lint_rule *check;
    const char *citation;
} rules[] = {
#define LINT(function, citation) {#function, function, citation},
#include "server/lint/lints.def"
#undef LINT
};

const struct lint_extension *lint_rule_extension(const struct lint_subject *s,
                                                 enum oid oid)
{
    for (size_t i = 0; i < s->extension_count; i++)
        if (oid_is(s->extensions[i].id, oid))
            return &s->extensions[i];
    return NULL;
}

static void read_extensions(struct der_reader *r, struct lint_subject *s)
{
    der_read_enter(r, DER_CONTEXT_CONSTRUCTED(3));
    der_read_enter(r, DER_SEQUENCE);
    while (der_read_more(r)) {
        struct lint_extension e = {0};
        der_read_enter(r, DER_SEQUENCE);
        e.id = der_read_oid(r);
        if (der_read_peek(r) == DER_BOOLEAN) {
            e.critical = der_read_boolean(r);
            if (!e.critical)
                der_read_fail(r, "a default value is written out");
        }
        e.value = der_read_expect(r, DER_OCTET_STRING);
        der_read_leave(r);
        if (s->extension_count == LINT_EXTENSIONS_MAX)
            der_read_fail(r, "there are too many extensions");
        else
            s->extensions[s->extension_count++] = e;
    }
    der_read_leave(r);
    der_read_leave(r);
}

static enum err read_tbs(struct span tbs, struct lint_subject *s, struct err_info *why)
{
    struct der_reader r = der_read_start(tbs, LINT_DEPTH);

    der_read_enter(&r, DER_SEQUENCE);
    der_read_enter(&r, DER_CONTEXT_CONSTRUCTED(0));
    if (der_read_small(&r, 2) != 2)
        der_read_fail(&r, "the version is not 3");
    der_read_leave(&r);
    s->serial = der_read_integer(&r);
    s->signature_kind = oid_read_signature(&r);
    s->issuer = der_read_element(&r);
    der_read_enter(&r, DER_SEQUENCE);
    s->not_before_tag = der_read_peek(&r);
    s->not_before = der_read_time(&r);
    s->not_after_tag = der_read_peek(&r);
    s->not_after = der_read_time(&r);
    der_read_leave(&r);
    s->subject = der_read_element(&r);
    s->spki = der_read_element(&r);
    read_extensions(&r, s);
    der_read_leave(&r);
    return der_read_finish(&r, ERR_LINT, "the certificate", why);
}

/* Read once for all the rules: OpenSSL takes its time. */
static const struct key *read_key(struct arena *a, struct span spki)
{
    struct key *key = NULL;

    if (key_from_spki(spki, &key, NULL) != ERR_OK)
        return NULL;
    return arena_own(a, key, key_drop);
}

enum err lint_tbs(struct arena *a, const struct lint_issuer *issuer, struct span tbs,
                  const struct lint_pass **pass, struct err_info *why)
{
    struct lint_subject s = {.issuer_expected = issuer};

    TRY(read_tbs(tbs, &s, why));
    s.key = read_key(a, s.spki);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const char *complaint = rules[i].check(&s);
        if (complaint != NULL)
            return err_set(why, ERR_LINT, "%s (%s): %s", rules[i].name, rules[i].citation,
                           complaint);
    }
    struct lint_pass *made = arena_get(a, sizeof *made);
    made->tbs = tbs;
    made->serial = s.serial;
    *pass = made;
    return ERR_OK;
}
