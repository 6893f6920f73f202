/* Format "tpm" (WebAuthn Level 3 8.3): a TPM 2.0 certifies, with its attestation key
 * (AK), that it holds a key which cannot leave it. x5c[0] is the AK's certificate. */
#include "core/attest/attest_cose.h"
#include "core/attest/attest_private.h"
#include "core/base/secret.h"
#include "core/crypto/der_read.h"
#include "core/tpm/tpm_read.h"
#include "core/x509/oid.h"
#include "core/x509/tpm_certificate.h"

#define VERSION "2.0"

struct statement {
    enum hash_kind hash;
    struct span cert_info;
    struct tpm_public *object;
    struct tpm_attest *attest;
    struct tpm_signature *signature;
};

static enum err check_version(const struct attest_case *c, struct err_info *why)
{
    const struct attest_cbor *version = attest_cbor_member(c->statement, "ver");

    if (version == NULL || version->kind != ATTEST_CBOR_TEXT ||
        !span_is(version->octets, VERSION))
        return err_set(why, ERR_MALFORMED, "\"ver\" of the statement is not \"2.0\"");
    return ERR_OK;
}

/* Clients derive "alg" from the attested key although the AK signs, so only its hash
 * counts; the scheme is in the signature. */
static enum err read_algorithm(const struct attest_case *c, enum hash_kind *hash,
                               struct err_info *why)
{
    int64_t algorithm = 0;

    TRY(attest_statement_number(c, "alg", &algorithm, why));
    *hash = HASH_SHA256;
    if (algorithm == ATTEST_COSE_ES256 || algorithm == ATTEST_COSE_RS256)
        return ERR_OK;
    if (algorithm != ATTEST_COSE_RS1)
        return err_set(why, ERR_MALFORMED, "\"alg\" is %lld, not -7 or -257",
                       (long long)algorithm);
    if (!c->rules->sha1)
        return err_set(why, ERR_UNAUTHORIZED,
                       "\"alg\" is -65535, and signatures with SHA-1 are not taken");
    *hash = HASH_SHA1;
    return ERR_OK;
}

static enum err read_statement(struct attest_case *c, struct statement *s,
                               struct err_info *why)
{
    struct span octets;

    TRY(check_version(c, why));
    TRY(read_algorithm(c, &s->hash, why));
    TRY(attest_statement_octets(c, "sig", &octets, why));
    if (tpm_read_signature(c->arena, octets, &s->signature, why) != ERR_OK)
        return err_prefix(why, "\"sig\" is no TPMT_SIGNATURE");
    if (s->signature->hash != s->hash)
        return err_set(why, ERR_MALFORMED, "\"alg\" has another hash than \"sig\"");
    TRY(attest_statement_octets(c, "certInfo", &s->cert_info, why));
    if (tpm_read_attest(c->arena, s->cert_info, TPM_ATTEST_CERTIFY, &s->attest, why) !=
        ERR_OK)
        return err_prefix(why, "\"certInfo\" is not what TPM2_Certify makes");
    TRY(attest_statement_octets(c, "pubArea", &octets, why));
    if (tpm_read_public(c->arena, octets, &s->object, why) != ERR_OK)
        return err_prefix(why, "\"pubArea\" is no TPMT_PUBLIC that is taken");
    return ERR_OK;
}

static enum err check_device(struct attest_case *c, struct span directory,
                             struct err_info *why)
{
    struct span manufacturer = {0};
    struct span model = {0};
    struct span version = {0};

    if (attest_certificate_attribute(directory, oid_octets(OID_TPM_MANUFACTURER),
                                     &manufacturer) != 1 ||
        !tpm_certificate_is_id(manufacturer, TPM_CERTIFICATE_ID_DIGITS,
                               TPM_CERTIFICATE_ID_DIGITS))
        return err_set(why, ERR_UNAUTHORIZED,
                       "the AK certificate does not name the TPM's manufacturer (id: and "
                       "8 digits)");
    if (attest_certificate_attribute(directory, oid_octets(OID_TPM_MODEL), &model) != 1 ||
        model.len == 0)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the AK certificate does not name the TPM's model");
    if (attest_certificate_attribute(directory, oid_octets(OID_TPM_VERSION), &version) !=
            1 ||
        !tpm_certificate_is_id(version, 1, TPM_CERTIFICATE_VERSION_DIGITS))
        return err_set(why, ERR_UNAUTHORIZED,
                       "the AK certificate does not name the TPM's version (id: and "
                       "digits)");
    json_write_span(c->facts, "tpmManufacturer", manufacturer);
    json_write_span(c->facts, "tpmModel", model);
    json_write_span(c->facts, "tpmVersion", version);
    return ERR_OK;
}

/* WebAuthn Level 3 8.3.1. */
static enum err check_certificate(struct attest_case *c, struct err_info *why)
{
    static const uint8_t empty[] = {DER_SEQUENCE, 0};
    const struct attest_certificate *leaf = c->certificates[0];
    struct span directory = {0};

    if (!span_equal(leaf->subject, span_make(empty, sizeof empty)))
        return err_set(why, ERR_UNAUTHORIZED,
                       "the subject of the AK certificate is not empty");
    if (leaf->is_ca)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the AK certificate is the certificate of a CA");
    if (!attest_certificate_is_for(leaf, oid_octets(OID_AK_CERTIFICATE)))
        return err_set(why, ERR_UNAUTHORIZED,
                       "the AK certificate is not for attestation keys (extended key "
                       "usage 2.23.133.8.3)");
    TRY(attest_identity_names(c, &directory, &c->ek, why));
    return check_device(c, directory, why);
}

static enum err check_binding(const struct attest_case *c, const struct statement *s,
                              struct err_info *why)
{
    uint8_t expected[HASH_SHA256_SIZE];

    hash_sha256(span_of(c->question->key_authorization), expected);
    if (!secret_equal(s->attest->extra_data, span_make(expected, sizeof expected)))
        return err_set(why, ERR_UNAUTHORIZED,
                       "extraData of \"certInfo\" is not the SHA-256 of the key "
                       "authorization");
    if (tpm_read_signature_check(c->leaf_key, s->signature, s->cert_info, why) != ERR_OK)
        return err_set(
            why, ERR_UNAUTHORIZED,
            "\"sig\" is not the signature of \"certInfo\" by the key of the AK "
            "certificate");
    if (!secret_equal(s->attest->name, s->object->name))
        return err_set(why, ERR_UNAUTHORIZED,
                       "\"certInfo\" is about another key than \"pubArea\": the names "
                       "differ");
    return ERR_OK;
}

static enum err check_key(const struct tpm_public *object, struct err_info *why)
{
    static const struct {
        uint32_t bit;
        const char *name;
        const char *reason;
    } needed[] = {
        {TPM_FIXED_TPM, "fixedTPM", "it can leave the TPM"},
        {TPM_FIXED_PARENT, "fixedParent", "it can leave the TPM"},
        {TPM_SENSITIVE_DATA_ORIGIN, "sensitiveDataOrigin", "it was made elsewhere"},
        {TPM_SIGN, "sign", "it cannot sign"},
    };

    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if ((object->attributes & needed[i].bit) == 0)
            return err_set(why, ERR_UNAUTHORIZED, "the attested key has no %s: %s",
                           needed[i].name, needed[i].reason);
    if ((object->attributes & TPM_RESTRICTED) != 0)
        return err_set(
            why, ERR_UNAUTHORIZED,
            "the attested key is restricted: it signs only what the TPM makes");
    return ERR_OK;
}

enum err format_tpm(struct attest_case *c, struct err_info *why)
{
    struct statement s = {0};

    TRY(read_statement(c, &s, why));
    TRY(check_certificate(c, why));
    TRY(check_binding(c, &s, why));
    TRY(check_key(s.object, why));
    json_write_text(c->facts, "tpmFirmware",
                    arena_printf(c->arena, "%016llx",
                                 (unsigned long long)s.attest->firmware_version));
    json_write_bool(c->facts, "userWithAuth",
                    (s.object->attributes & TPM_USER_WITH_AUTH) != 0);
    c->spki = s.object->spki;
    c->inventory = true;
    return ERR_OK;
}
