/* Format "apple": Managed Device Attestation. The certificate that Apple's servers issue
 * for a new key in the Secure Enclave has octets of its own in its extensions, without
 * ASN.1. */
#include "core/attest/attest_private.h"
#include "core/base/secret.h"
#include "core/base/text.h"

#define OID_SERIAL     "1.2.840.113635.100.8.9.1"
#define OID_UDID       "1.2.840.113635.100.8.9.2"
#define OID_FRESHNESS  "1.2.840.113635.100.8.11.1"
#define FACT_VALUE_MAX 64 /* octets */

/* What else such certificates say. */
static const struct {
    const char *oid;
    const char *name;
} facts[] = {
    {"1.2.840.113635.100.8.10.1", "osVersion"},
    {"1.2.840.113635.100.8.10.2", "sepOsVersion"},
    {"1.2.840.113635.100.8.10.3", "llbVersion"},
};

static enum err check_freshness(const struct attest_case *c, struct err_info *why)
{
    uint8_t expected[HASH_SHA256_SIZE];
    struct span found;

    if (!attest_leaf_extension(c, OID_FRESHNESS, &found))
        return err_set(why, ERR_UNAUTHORIZED,
                       "x5c[0] has no freshness code, so it may be of any time");
    hash_sha256(span_of(c->question->token), expected);
    if (!secret_equal(found, span_make(expected, sizeof expected)))
        return err_set(why, ERR_UNAUTHORIZED,
                       "the freshness code of x5c[0] is not the SHA-256 of the token");
    return ERR_OK;
}

enum err format_apple(struct attest_case *c, struct err_info *why)
{
    struct span value;

    TRY(check_freshness(c, why));
    if (key_type(c->leaf_key) != KEY_P256 && key_type(c->leaf_key) != KEY_P384)
        return err_set(why, ERR_BAD_PUBLIC_KEY,
                       "the attested key is neither P-256 nor P-384, so it is not in a "
                       "Secure Enclave");
    if (attest_leaf_extension(c, OID_SERIAL, &value))
        TRY(attest_identity_add(c, value, why));
    if (attest_leaf_extension(c, OID_UDID, &value))
        TRY(attest_identity_add(c, value, why));
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (attest_leaf_extension(c, facts[i].oid, &value) &&
            value.len <= FACT_VALUE_MAX && text_is_utf8(value))
            json_write_span(c->facts, facts[i].name, value);
    c->spki = key_spki(c->leaf_key);
    return ERR_OK;
}
