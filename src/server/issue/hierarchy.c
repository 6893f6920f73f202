/* The certificates of CAs. */
#include "server/issue/hierarchy.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/x509/certificate_authority.h"
#include "core/x509/csr.h"
#include "core/x509/oid.h"
#include "server/lint/lint.h"

#define DAY            86400LL
#define BACKDATE       60 /* seconds */
#define USAGES_MAX     16 /* extended key usages of one certificate */
#define PEM_OUTPUT_MAX (256 * 1024)

/* ---- keys ---- */

static const struct {
    const char *word;
    enum key_type type;
    int bits;
} key_types[] = {
    {"p256", KEY_P256, 0},       {"p384", KEY_P384, 0},       {"rsa2048", KEY_RSA, 2048},
    {"rsa3072", KEY_RSA, 3072},  {"rsa4096", KEY_RSA, 4096},  {"ed25519", KEY_ED25519, 0},
    {"mldsa44", KEY_MLDSA44, 0}, {"mldsa65", KEY_MLDSA65, 0}, {"mldsa87", KEY_MLDSA87, 0},
};

enum err hierarchy_key_make(const char *type, struct key **key, struct err_info *why)
{
    enum key_type kind = KEY_P256;
    int bits = 0;

    TRY(hierarchy_key_type(type, &kind, &bits, why));
    return key_generate(kind, bits, key, why);
}

enum err hierarchy_key_type(const char *type, enum key_type *kind, int *bits,
                            struct err_info *why)
{
    for (size_t i = 0; i < sizeof key_types / sizeof key_types[0]; i++)
        if (strcmp(type, key_types[i].word) == 0) {
            *kind = key_types[i].type;
            *bits = key_types[i].bits;
            if (key_type_check(key_types[i].type, why) == ERR_OK)
                return ERR_OK;
            if (why != NULL)
                why->code = ERR_USAGE;
            return ERR_USAGE;
        }
    return err_set(why, ERR_USAGE, "there is no type of key \"%.40s\"; there are %s",
                   type, HIERARCHY_KEY_TYPES);
}

const char *hierarchy_key_text(struct arena *a, const struct key *key)
{
    switch (key_type(key)) {
    case KEY_RSA:
        return arena_printf(a, "RSA %d", key_bits(key));
    case KEY_ED25519:
        return "Ed25519";
    case KEY_MLDSA44:
    case KEY_MLDSA65:
    case KEY_MLDSA87:
        return arena_printf(a, "ML-DSA-%d", key_bits(key));
    default:
        return arena_printf(a, "ECDSA P-%d", key_bits(key));
    }
}

/* ---- making ---- */

static void fill(const struct hierarchy_wish *wish, struct template_ca *ca)
{
    ca->not_before = wish->not_before != 0 ? wish->not_before : wish->now - BACKDATE;
    ca->path_length = wish->path_length;
    ca->usages = wish->usages;
    ca->policies = wish->policies;
    ca->ocsp_urls = wish->ocsp_urls;
    ca->issuer_urls = wish->issuer_urls;
    ca->crl_urls = wish->crl_urls;
    ca->constraints = wish->constraints;
    serial_make(wish->now, ca->serial);
}

static enum err sign(struct arena *a, const struct key *key, struct span tbs,
                     struct span *der, struct err_info *why)
{
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    TRY(key_sign(key, key_x509_signature(key), tbs, signature, &len, why));
    *der = template_assemble(a, tbs, key_x509_signature(key), span_make(signature, len));
    return ERR_OK;
}

enum err hierarchy_root_write(struct arena *a, const struct key *key,
                              const struct hierarchy_wish *wish, struct span *tbs,
                              struct err_info *why)
{
    struct template_ca ca = {.subject = wish->subject, .spki = key_spki(key)};

    fill(wish, &ca);
    ca.not_after = wish->not_after;
    if (ca.not_after == 0)
        ca.not_after =
            wish->now + (wish->days > 0 ? wish->days : HIERARCHY_ROOT_DAYS) * DAY;
    return template_ca_write(a, NULL, key_x509_signature(key), &ca, tbs, why);
}

enum err hierarchy_root_sign(struct arena *a, const struct key *key, struct span tbs,
                             int64_t now, struct span *der, struct err_info *why)
{
    const struct lint_pass *pass = NULL;

    TRY(lint_ca_certificate(a, NULL, LINT_SET_RFC5280, now, tbs, &pass, why));
    return sign(a, key, pass->tbs, der, why);
}

enum err hierarchy_root(struct arena *a, const struct key *key,
                        const struct hierarchy_wish *wish, struct span *der,
                        struct err_info *why)
{
    struct span tbs = {0};

    TRY(hierarchy_root_write(a, key, wish, &tbs, why));
    return hierarchy_root_sign(a, key, tbs, wish->now, der, why);
}

/* May the issuer have such a CA below it, and until when? */
static enum err check_issuer(struct arena *a, const struct certificate *issuer,
                             const struct hierarchy_wish *wish, struct template_ca *ca,
                             struct err_info *why)
{
    char text[CLOCK_TEXT_SIZE];
    int64_t days = wish->days > 0 ? wish->days : HIERARCHY_INTERMEDIATE_DAYS;

    if (certificate_authority_check(a, issuer, why) != ERR_OK)
        return err_prefix(why, "the issuing certificate");
    if (wish->now < issuer->not_before || wish->now > issuer->not_after)
        return err_set(why, ERR_UNAUTHORIZED, "the issuing certificate is not valid now");
    if (issuer->path_length == 0 ||
        (issuer->path_length > 0 &&
         (wish->path_length < 0 || wish->path_length >= issuer->path_length)))
        return err_set(why, ERR_UNAUTHORIZED,
                       "the issuing certificate allows %d CAs below it (path length), "
                       "which is too few",
                       issuer->path_length);
    ca->not_after = wish->not_after != 0 ? wish->not_after : wish->now + days * DAY;
    if (ca->not_after > issuer->not_after && (wish->days > 0 || wish->not_after != 0)) {
        clock_text(text, issuer->not_after);
        return err_set(why, ERR_USAGE, "it would outlive its issuer, which ends on %.10s",
                       text);
    }
    if (ca->not_after > issuer->not_after)
        ca->not_after = issuer->not_after;
    if (ca->not_before < issuer->not_before)
        ca->not_before = issuer->not_before;
    return ERR_OK;
}

static enum err write_below(struct arena *a, struct span issuer_der,
                            const struct hierarchy_wish *wish, struct template_ca *ca,
                            struct span *tbs, struct err_info *why)
{
    struct certificate *issuer = NULL;
    struct template_issuer by = {0};

    fill(wish, ca);
    TRY(certificate_read(a, issuer_der, &issuer, why));
    TRY(check_issuer(a, issuer, wish, ca, why));
    TRY(template_issuer_read(a, issuer_der, &by, why));
    return template_ca_write(a, &by, by.signature_kind, ca, tbs, why);
}

enum err hierarchy_intermediate(struct arena *a, struct span issuer, struct span spki,
                                const struct hierarchy_wish *wish, struct span *tbs,
                                struct err_info *why)
{
    struct template_ca ca = {.subject = wish->subject, .spki = spki};

    return write_below(a, issuer, wish, &ca, tbs, why);
}

/* What binds the CA by its own certificate binds it by the other, too, unless the wish
 * says something else. */
static enum err take_over(struct arena *a, const struct certificate *own,
                          struct hierarchy_wish *wish, struct err_info *why)
{
    struct name_constraints *constraints = arena_get(a, sizeof *constraints);

    wish->path_length = own->path_length;
    TRY(certificate_authority_constraints(a, own, constraints, why));
    if (wish->constraints == NULL && own->name_constraints.len > 0) {
        if (constraints->has_others || constraints->permitted.directory_count > 0 ||
            constraints->excluded.directory_count > 0)
            return err_set(
                why, ERR_CONFIG,
                "its name constraints are about subjects or other kinds of "
                "names, which cannot be repeated here; say what it may certify");
        wish->constraints = constraints;
    }
    if (wish->usages.count > 0 || own->extended_key_usage.len == 0)
        return ERR_OK;
    struct span *usages = arena_array(a, USAGES_MAX, sizeof *usages);
    struct der_reader r = der_read_start(own->extended_key_usage, 2);
    size_t count = 0;
    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r) && count < USAGES_MAX)
        usages[count++] = der_read_oid(&r);
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_CONFIG, "its extended key usage", why));
    wish->usages = (struct template_oids){usages, count};
    return ERR_OK;
}

enum err hierarchy_cross(struct arena *a, struct span issuer, struct span certificate,
                         const struct hierarchy_wish *wish, struct span *tbs,
                         struct err_info *why)
{
    struct certificate *own = NULL;
    struct certificate *by = NULL;

    TRY(certificate_read(a, certificate, &own, why));
    TRY(certificate_read(a, issuer, &by, why));
    if (certificate_authority_check(a, own, why) != ERR_OK)
        return err_prefix(why, "the certificate to be cross-signed");
    if (span_equal(own->spki, by->spki))
        return err_set(
            why, ERR_USAGE,
            "both certificates are of the same key: there is nothing to cross");
    struct template_ca ca = {
        .subject = own->subject, .spki = own->spki, .key_id = own->subject_key_id};
    struct hierarchy_wish all = *wish;
    TRY(take_over(a, own, &all, why));
    return write_below(a, issuer, &all, &ca, tbs, why);
}

enum err hierarchy_bounds(struct arena *a, const struct span *chain, size_t count,
                          struct lint_issuer *bounds, struct err_info *why)
{
    struct lint_issuer made = {0};
    struct certificate *below = NULL;

    TRY(lint_issuer_read(a, chain[0], &made, why));
    for (size_t i = 0; i < count; i++) {
        struct certificate *c = NULL;
        TRY(certificate_read(a, chain[i], &c, why));
        if (below != NULL && (!span_equal(below->issuer, c->subject) ||
                              certificate_authority_signed(below, c->spki, why)))
            return err_set(why, ERR_CONFIG,
                           "certificate %zu is not of the CA that signed the one before "
                           "it, as those above an issuer must be",
                           i + 1);
        TRY(lint_issuer_bind(a, chain[i], &made, why));
        below = c;
    }
    *bounds = made;
    return ERR_OK;
}

enum err hierarchy_sign_below(struct arena *a, const struct key *key,
                              const struct span *chain, size_t count, struct span tbs,
                              int64_t now, struct span *der, struct err_info *why)
{
    struct lint_issuer bounds = {0};
    const struct lint_pass *pass = NULL;
    struct certificate *by = NULL;
    struct certificate *made = NULL;
    struct span signed_der = {0};

    TRY(certificate_read(a, chain[0], &by, why));
    if (!span_equal(by->spki, key_spki(key)))
        return err_set(why, ERR_CONFIG,
                       "the key does not belong to the issuing certificate");
    TRY(hierarchy_bounds(a, chain, count, &bounds, why));
    TRY(lint_ca_certificate(a, &bounds, LINT_SET_RFC5280, now, tbs, &pass, why));
    TRY(sign(a, key, pass->tbs, &signed_der, why));
    TRY(certificate_read(a, signed_der, &made, why));
    TRY(certificate_authority_signed(made, by->spki, why));
    *der = signed_der;
    return ERR_OK;
}

enum err hierarchy_sign(struct arena *a, const struct key *key, struct span issuer,
                        struct span tbs, int64_t now, struct span *der,
                        struct err_info *why)
{
    return hierarchy_sign_below(a, key, &issuer, 1, tbs, now, der, why);
}

enum err hierarchy_request(struct arena *a, const struct key *key, struct span subject,
                           struct span *der, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(CSR_MAX);

    TRY(csr_make_with(&b, key, subject, template_ca_request(a, 0), why));
    *der = arena_span(a, buf_span(&b));
    return ERR_OK;
}

/* ---- judging ---- */

static enum err check_times(const struct certificate *c, int64_t now,
                            struct err_info *why)
{
    char text[CLOCK_TEXT_SIZE];

    if (now > c->not_after) {
        clock_text(text, c->not_after);
        return err_set(why, ERR_CONFIG, "it expired on %.10s", text);
    }
    if (now < c->not_before) {
        clock_text(text, c->not_before);
        return err_set(why, ERR_CONFIG, "it is not valid before %s", text);
    }
    return ERR_OK;
}

/* Something must be left: no DNS name and no address can be certified where all of both
 * are excluded. */
static enum err check_constraints(struct arena *a, const struct certificate *c,
                                  struct err_info *why)
{
    struct name_constraints constraints = {0};
    bool names = false;
    bool addresses = false;

    TRY(certificate_authority_constraints(a, c, &constraints, why));
    for (size_t i = 0; i < constraints.excluded.dns_count; i++)
        names = names || constraints.excluded.dns[i].len == 0;
    int families = 0;
    for (size_t i = 0; i < constraints.excluded.network_count; i++) {
        struct span network = constraints.excluded.networks[i];
        bool all = true;
        for (size_t j = network.len / 2; j < network.len; j++)
            all = all && network.data[j] == 0;
        families |= all ? (network.len == 8 ? 1 : 2) : 0;
    }
    addresses = families == 3;
    if (names && addresses)
        return err_set(why, ERR_CONFIG,
                       "its name constraints exclude every DNS name and every address");
    return ERR_OK;
}

enum err hierarchy_check(struct arena *a, const struct hierarchy_claim *claim,
                         int64_t now, struct err_info *why)
{
    struct certificate *own = NULL;
    enum err result = certificate_read(a, claim->chain[0], &own, why);

    if (result == ERR_OK)
        result = certificate_authority_check(a, own, why);
    if (result == ERR_OK && claim->key != NULL &&
        !span_equal(own->spki, key_spki(claim->key)))
        result = err_set(why, ERR_CONFIG, "it is not for the private key that is here");
    if (result == ERR_OK)
        result = check_times(own, now, why);
    if (result == ERR_OK)
        result = check_constraints(a, own, why);
    if (result == ERR_OK &&
        !certificate_authority_allows(own, oid_octets(OID_SERVER_AUTH)) &&
        !certificate_authority_allows(own, oid_octets(OID_CLIENT_AUTH)))
        result = err_set(why, ERR_CONFIG,
                         "its extended key usage allows neither TLS servers nor clients");
    if (result == ERR_OK)
        result = certificate_authority_chain(claim->chain, claim->count,
                                             hierarchy_pem(a, claim->root), now, why);
    if (result != ERR_OK && why != NULL)
        why->code = ERR_CONFIG;
    return result != ERR_OK ? ERR_CONFIG : ERR_OK;
}

/* ---- showing ---- */

struct span hierarchy_pem(struct arena *a, struct span der)
{
    AUTO(buf) struct buf b = buf_make(PEM_OUTPUT_MAX);

    certificate_pem_add(&b, der);
    return arena_span(a, buf_span(&b));
}

const char *hierarchy_fingerprint(struct arena *a, struct span der)
{
    uint8_t digest[HASH_SHA256_SIZE];
    char *text = arena_get(a, 2 * sizeof digest + 1);

    hash_sha256(der, digest);
    text_hex(text, digest, sizeof digest);
    return text;
}
