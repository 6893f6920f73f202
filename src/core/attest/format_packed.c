/* Format "packed" (WebAuthn Level 3 8.2) with the key authorization for what is signed.
 * Nobody is known to use it with ACME, so it is off unless somebody wants it. */
#include "core/attest/attest_private.h"
#include "core/x509/oid.h"

static enum err check_subject(const struct attest_certificate *leaf, struct err_info *why)
{
    struct span country = {0};
    struct span unit = {0};
    struct span other = {0};

    if (attest_certificate_attribute(leaf->subject, oid_octets(OID_COUNTRY), &country) !=
            1 ||
        country.len != 2 ||
        attest_certificate_attribute(leaf->subject, oid_octets(OID_ORGANIZATION),
                                     &other) != 1 ||
        other.len == 0 ||
        attest_certificate_attribute(leaf->subject, oid_octets(OID_COMMON_NAME),
                                     &other) != 1 ||
        other.len == 0 ||
        attest_certificate_attribute(leaf->subject, oid_octets(OID_ORGANIZATIONAL_UNIT),
                                     &unit) != 1 ||
        !span_is(unit, "Authenticator Attestation"))
        return err_set(why, ERR_UNAUTHORIZED,
                       "the subject of x5c[0] is not C, O, CN and OU=Authenticator "
                       "Attestation (WebAuthn 8.2.1)");
    return ERR_OK;
}

enum err format_packed(struct attest_case *c, struct err_info *why)
{
    struct span signature;

    TRY(attest_statement_octets(c, "sig", &signature, why));
    TRY(attest_statement_signed(c, signature, why));
    TRY(check_subject(c->certificates[0], why));
    if (c->certificates[0]->is_ca)
        return err_set(why, ERR_UNAUTHORIZED, "x5c[0] is the certificate of a CA");
    /* no vendor has a rule for where the device's name stands: the standard ones */
    TRY(attest_identity_names(c, NULL, NULL, why));
    c->spki = key_spki(c->leaf_key);
    return ERR_OK;
}
