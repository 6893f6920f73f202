/* Certificates of CAs, judged. */
#include "core/x509/certificate_authority.h"

#include "core/x509/oid.h"

enum err certificate_authority_constraints(struct arena *a, const struct certificate *c,
                                           struct name_constraints *constraints,
                                           struct err_info *why)
{
    *constraints = (struct name_constraints){0};
    if (c->name_constraints.len == 0)
        return ERR_OK;
    return name_constraints_read(a, c->name_constraints, constraints, why);
}

/* RFC 5280 4.2.1.3: both bits, if there is a key usage. */
static enum err check_key_usage(const struct certificate *c, struct err_info *why)
{
    if (c->key_usage.len == 0)
        return ERR_OK;
    struct der_reader r = der_read_start(c->key_usage, 1);
    uint32_t bits = der_read_named_bits(&r);
    if (der_read_finish(&r, ERR_UNAUTHORIZED, "the key usage", why) != ERR_OK)
        return ERR_UNAUTHORIZED;
    if ((bits & CERTIFICATE_MAY_SIGN_CERTIFICATES) == 0)
        return err_set(why, ERR_UNAUTHORIZED,
                       "its key usage lacks keyCertSign: it may not sign certificates");
    if ((bits & CERTIFICATE_MAY_SIGN_LISTS) == 0)
        return err_set(why, ERR_UNAUTHORIZED,
                       "its key usage lacks cRLSign: it could not sign the revocation "
                       "lists of what it certifies");
    return ERR_OK;
}

enum err certificate_authority_check(struct arena *a, const struct certificate *c,
                                     struct err_info *why)
{
    struct name_constraints constraints;

    if (!c->is_ca)
        return err_set(why, ERR_UNAUTHORIZED,
                       "it is no CA certificate: its basic constraints lack cA");
    TRY(check_key_usage(c, why));
    if (c->subject.len <= 2)
        return err_set(why, ERR_UNAUTHORIZED, "its subject is empty");
    if (c->subject_key_id.len == 0 || c->subject_key_id.len > CERTIFICATE_KEY_ID_MAX)
        return err_set(why, ERR_UNAUTHORIZED,
                       "it has no subject key identifier of 1 to %d octets",
                       CERTIFICATE_KEY_ID_MAX);
    if (certificate_authority_constraints(a, c, &constraints, why) != ERR_OK) {
        if (why != NULL)
            why->code = ERR_UNAUTHORIZED;
        return ERR_UNAUTHORIZED;
    }
    if (c->name_constraints.len > 0 && constraints.has_others)
        return err_set(why, ERR_UNAUTHORIZED,
                       "its name constraints are about kinds of names that this CA does "
                       "not know");
    return ERR_OK;
}

enum err certificate_authority_signed(const struct certificate *c, struct span spki,
                                      struct err_info *why)
{
    AUTO(key) struct key *key = NULL;

    if (key_from_spki(spki, &key, why) != ERR_OK ||
        key_verify(key, c->signature_kind, c->tbs, c->signature, why) != ERR_OK)
        return err_set(why, ERR_UNAUTHORIZED, "its signature is not of that key");
    return ERR_OK;
}

bool certificate_authority_allows(const struct certificate *c, struct span usage)
{
    bool found = c->extended_key_usage.len == 0;
    struct der_reader r = der_read_start(c->extended_key_usage, 2);

    if (found)
        return true;
    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r)) {
        struct span one = der_read_oid(&r);
        found =
            found || span_equal(one, usage) || oid_is(one, OID_ANY_EXTENDED_KEY_USAGE);
    }
    return found;
}
