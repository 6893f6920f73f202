/* The issuers of this CA, from their files. */
#include "server/issue/issuer.h"

#include <string.h>

#include "core/base/buf.h"
#include "core/crypto/der_read.h"
#include "core/x509/certificate.h"
#include "core/x509/certificate_authority.h"
#include "core/x509/oid.h"
#include "server/settings/settings_bundle.h"

#define CERTIFICATE_DEPTH 8
#define DER_AKI_KEY_ID    0x80

/* ---- reading ---- */

struct chain {
    struct span ders[CERTIFICATE_CHAIN_MAX];
    size_t count;
    struct span der; /* all of them */
    struct span pem;
};

static enum err read_chain(struct arena *a, const struct settings *s, const char *name,
                           struct chain *chain, struct err_info *why)
{
    char *path = settings_path(a, s, name);
    AUTO(buf) struct buf der = buf_make(SETTINGS_BUNDLE_FILE_MAX);
    AUTO(buf) struct buf text = buf_make(2 * SETTINGS_BUNDLE_FILE_MAX);
    struct span pem;

    TRY(settings_bundle_read(a, s, name, &pem, why));
    if (certificate_from_pem(a, pem, chain->ders, CERTIFICATE_CHAIN_MAX, &chain->count,
                             why) != ERR_OK)
        return err_prefix(why, "%s", path);
    for (size_t i = 0; i < chain->count; i++) {
        buf_add_span(&der, chain->ders[i]);
        certificate_pem_add(&text, chain->ders[i]);
    }
    chain->der = arena_span(a, buf_span(&der));
    chain->pem = arena_span(a, buf_span(&text));
    return ERR_OK;
}

/* Another certificate for the same key and name: what the issuer signed fits behind it.
 */
static enum err check_alternate(struct arena *a, const struct chain *own,
                                const struct chain *other, struct err_info *why)
{
    struct certificate *certificates[2] = {0};

    TRY(certificate_read(a, own->ders[0], &certificates[0], why));
    TRY(certificate_read(a, other->ders[0], &certificates[1], why));
    if (!span_equal(certificates[0]->spki, certificates[1]->spki) ||
        !span_equal(certificates[0]->subject, certificates[1]->subject) ||
        !certificates[1]->is_ca)
        return err_set(why, ERR_CONFIG,
                       "its first certificate must be a CA certificate for the issuer's "
                       "own key and name");
    return ERR_OK;
}

static enum err read_alternates(struct arena *a, const struct settings *s,
                                const struct config_list *files, const struct chain *own,
                                struct issuer *issuer, struct err_info *why)
{
    struct span *alternates = arena_array(a, files->count, sizeof *alternates);

    for (size_t i = 0; i < files->count; i++) {
        struct chain other = {0};
        TRY(read_chain(a, s, files->items[i], &other, why));
        if (check_alternate(a, own, &other, why) != ERR_OK) {
            if (why != NULL)
                why->code = ERR_CONFIG;
            return err_prefix(why, "%s", settings_path(a, s, files->items[i]));
        }
        alternates[i] = other.pem;
    }
    issuer->alternates = alternates;
    issuer->alternate_count = files->count;
    return ERR_OK;
}

/* What binds it: the chain's name constraints; those of a root count for those
 * who believe it by its certificate, as OpenSSL does. */
static enum err read_bounds(struct arena *a, const struct chain *own, struct span root,
                            struct issuer *issuer, struct err_info *why)
{
    struct name_constraints *all =
        arena_array(a, own->count + CERTIFICATE_CHAIN_MAX, sizeof *all);
    struct span ders[2 * CERTIFICATE_CHAIN_MAX];
    size_t count = own->count;
    size_t roots = 0;

    memcpy(ders, own->ders, own->count * sizeof *ders);
    TRY(certificate_from_pem(a, root, ders + count, CERTIFICATE_CHAIN_MAX, &roots, why));
    issuer->constraints = all;
    for (size_t i = 0; i < count + roots; i++) {
        struct certificate *c = NULL;
        TRY(certificate_read(a, ders[i], &c, why));
        /* of several roots we do not know which one it is */
        if (c->name_constraints.len > 0 && (i < count || roots == 1))
            TRY(certificate_authority_constraints(a, c, &all[issuer->constraint_count++],
                                                  why));
    }
    return ERR_OK;
}

static enum err read_issuer(struct arena *a, const struct settings *s,
                            const struct settings_issuer *from, struct issuer *issuer,
                            struct err_info *why)
{
    struct chain own = {0};
    const char *root = from->root[0] != '\0' ? from->root : s->root_file;

    issuer->name = from->name;
    TRY(read_chain(a, s, from->certificate, &own, why));
    if (template_issuer_read(a, own.ders[0], &issuer->template, why) != ERR_OK)
        return err_prefix(why, "%s", settings_path(a, s, from->certificate));
    issuer->chain_der = own.der;
    issuer->chain_pem = own.pem;
    TRY(settings_bundle_read(a, s, root, &issuer->root_pem, why));
    if (read_bounds(a, &own, issuer->root_pem, issuer, why) != ERR_OK) {
        if (why != NULL)
            why->code = ERR_CONFIG;
        return err_prefix(why, "%s", settings_path(a, s, from->certificate));
    }
    return read_alternates(a, s, &from->alternates, &own, issuer, why);
}

enum err issuer_set_read(struct arena *a, const struct settings *s,
                         struct issuer_set *set, struct err_info *why)
{
    struct issuer *issuers = arena_array(a, s->issuers.count + 1, sizeof *issuers);

    for (size_t i = 0; i <= s->issuers.count; i++) {
        const struct settings_issuer from = settings_issuer_at(s, i);
        TRY(read_issuer(a, s, &from, &issuers[i], why));
    }
    set->issuers = issuers;
    set->count = s->issuers.count + 1;
    set->before = NULL;
    return ERR_OK;
}

/* ---- asking ---- */

const char *issuer_refuse(const struct issuer *issuer,
                          const struct identifier *identifier)
{
    struct address address;
    const char *refusal = NULL;
    bool is_address = identifier->type == IDENTIFIER_IP;
    bool is_device = terms_is_device(identifier->type);

    if (is_address && !identifier_address(identifier, &address))
        return "is no address";
    for (size_t i = 0; i < issuer->constraint_count && refusal == NULL; i++) {
        const struct name_constraints *constraints = &issuer->constraints[i];
        if (is_device) /* an otherName: as lint/rule_name_constraints.c */
            refusal =
                constraints->has_others ? "is of a kind that cannot be judged" : NULL;
        else if (is_address)
            refusal =
                name_constraints_refuse_address(constraints, address_octets(&address));
        else
            refusal =
                name_constraints_refuse_dns(constraints, span_of(identifier->value));
    }
    return refusal;
}

enum err issuer_set_check_server(const struct issuer_set *set, const struct settings *s,
                                 struct err_info *why)
{
    for (size_t i = 0; i < s->dns_names.count; i++) {
        const struct identifier name = {IDENTIFIER_DNS, s->dns_names.items[i]};
        const char *refusal = issuer_refuse(&set->issuers[0], &name);
        if (refusal != NULL)
            return err_set(why, ERR_CONFIG,
                           "dns_names: \"%s\" %s; %s certifies this server, too",
                           name.value, refusal, s->intermediate_file);
    }
    return ERR_OK;
}

/* ---- finding ---- */

const struct issuer *issuer_set_find(const struct issuer_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->issuers[i].name, name) == 0)
            return &set->issuers[i];
    return NULL;
}

/* The keyIdentifier out of the extensions; empty if there is none. */
static struct span read_key_id(struct der_reader *r)
{
    struct span key_id = {0};

    if (!der_read_enter_optional(r, DER_CONTEXT_CONSTRUCTED(3)))
        return key_id;
    der_read_enter(r, DER_SEQUENCE);
    while (der_read_more(r)) {
        der_read_enter(r, DER_SEQUENCE);
        bool wanted = oid_is(der_read_oid(r), OID_AUTHORITY_KEY_IDENTIFIER);
        if (der_read_peek(r) == DER_BOOLEAN)
            (void)der_read_boolean(r);
        struct der_reader inner = der_read_start(der_read_expect(r, DER_OCTET_STRING), 2);
        der_read_leave(r);
        if (!wanted || !der_read_enter_optional(&inner, DER_SEQUENCE))
            continue;
        (void)der_read_optional(&inner, DER_AKI_KEY_ID, &key_id);
        return key_id;
    }
    return key_id;
}

const struct issuer *issuer_set_of_certificate(const struct issuer_set *set,
                                               struct span certificate)
{
    struct der_reader r = der_read_start(certificate, CERTIFICATE_DEPTH);

    der_read_enter(&r, DER_SEQUENCE);
    der_read_enter(&r, DER_SEQUENCE);
    (void)der_read_element(&r); /* version */
    (void)der_read_element(&r); /* serial */
    (void)der_read_element(&r); /* algorithm */
    struct span name = der_read_element(&r);
    (void)der_read_element(&r); /* validity */
    (void)der_read_element(&r); /* subject */
    (void)der_read_element(&r); /* key */
    struct span key_id = read_key_id(&r);
    for (; set != NULL; set = set->before)
        for (size_t i = 0; i < set->count; i++)
            if (span_equal(set->issuers[i].template.name, name) &&
                span_equal(set->issuers[i].template.key_id, key_id))
                return &set->issuers[i];
    return NULL;
}
