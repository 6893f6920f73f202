/* Reading structures of a TPM, by libtss2-mu. */
#include "core/tpm/tpm_read.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/crypto/ecdsa.h"
#include "core/crypto/key_verify.h"

static bool hash_of(TPMI_ALG_HASH algorithm, enum hash_kind *kind)
{
    switch (algorithm) {
    case TPM2_ALG_SHA1:
        *kind = HASH_SHA1;
        return true;
    case TPM2_ALG_SHA256:
        *kind = HASH_SHA256;
        return true;
    case TPM2_ALG_SHA384:
        *kind = HASH_SHA384;
        return true;
    case TPM2_ALG_SHA512:
        *kind = HASH_SHA512;
        return true;
    default:
        return false;
    }
}

/* A number at the beginning, to be looked at before libtss2-mu sees the rest: it logs to
 * standard error what it does not like, which strangers must not be able to fill. */
static uint32_t number_at(struct span octets, size_t at, size_t len)
{
    uint32_t number = 0;

    for (size_t i = 0; i < len; i++)
        number = number << 8 | (at + i < octets.len ? octets.data[at + i] : 0U);
    return number;
}

/* Both refuse what is no such structure, and whatever is left over. */
static enum err judge(TSS2_RC result, size_t read, struct span octets, const char *what,
                      struct err_info *why)
{
    if (result != TSS2_RC_SUCCESS)
        return err_set(why, ERR_MALFORMED, "the %s is no such structure of a TPM", what);
    if (read != octets.len)
        return err_set(why, ERR_MALFORMED, "%zu octets follow the %s", octets.len - read,
                       what);
    return ERR_OK;
}

static enum err check_size(struct span octets, const char *what, struct err_info *why)
{
    if (octets.len == 0 || octets.len > TPM_READ_MAX)
        return err_set(why, ERR_MALFORMED, "the %s has %zu octets, not 1 to %d", what,
                       octets.len, TPM_READ_MAX);
    return ERR_OK;
}

static enum err key_of_rsa(const TPMT_PUBLIC *object, struct key **key,
                           struct err_info *why)
{
    const TPM2B_PUBLIC_KEY_RSA *modulus = &object->unique.rsa;
    uint32_t exponent = object->parameters.rsaDetail.exponent;
    uint8_t octets[4];
    size_t skip = 0;

    if (exponent == 0)
        exponent = 65537; /* Part 2, 12.2.3.5 */
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(exponent >> (24 - 8 * i));
    while (octets[skip] == 0)
        skip++;
    if (modulus->size != (object->parameters.rsaDetail.keyBits + 7) / 8)
        return err_set(why, ERR_MALFORMED,
                       "the modulus is not as long as the public area says");
    return key_from_rsa(span_make(modulus->buffer, modulus->size),
                        span_make(octets + skip, sizeof octets - skip), key, why);
}

/* A coordinate at full length: TPMs leave leading zeros out, or not. */
static bool pad(const TPM2B_ECC_PARAMETER *number, uint8_t *to, size_t len)
{
    size_t skip = number->size > len ? number->size - len : 0;

    for (size_t i = 0; i < skip; i++)
        if (number->buffer[i] != 0)
            return false;
    memset(to, 0, len);
    memcpy(to + len - (number->size - skip), number->buffer + skip, number->size - skip);
    return true;
}

static enum err key_of_ecc(const TPMT_PUBLIC *object, struct key **key,
                           struct err_info *why)
{
    static const struct {
        TPMI_ECC_CURVE curve;
        enum key_type type;
        size_t len;
    } curves[] = {{TPM2_ECC_NIST_P256, KEY_P256, 32},
                  {TPM2_ECC_NIST_P384, KEY_P384, 48},
                  {TPM2_ECC_NIST_P521, KEY_P521, 66}};
    uint8_t x[66];
    uint8_t y[66];

    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        size_t len = curves[i].len;
        if (curves[i].curve != object->parameters.eccDetail.curveID)
            continue;
        if (!pad(&object->unique.ecc.x, x, len) || !pad(&object->unique.ecc.y, y, len))
            return err_set(why, ERR_BAD_PUBLIC_KEY,
                           "a coordinate of the key is too long for its curve");
        return key_from_ec(curves[i].type, span_make(x, len), span_make(y, len), key,
                           why);
    }
    return err_set(why, ERR_BAD_PUBLIC_KEY,
                   "the curve 0x%04x is none of P-256, P-384, P-521",
                   object->parameters.eccDetail.curveID);
}

static enum err symmetric_of(const TPMT_PUBLIC *object, int *bits, struct err_info *why)
{
    const TPMT_SYM_DEF_OBJECT *symmetric = &object->parameters.asymDetail.symmetric;

    *bits = 0;
    if (symmetric->algorithm == TPM2_ALG_NULL)
        return ERR_OK;
    if (symmetric->algorithm != TPM2_ALG_AES || symmetric->mode.aes != TPM2_ALG_CFB ||
        (symmetric->keyBits.aes != 128 && symmetric->keyBits.aes != 192 &&
         symmetric->keyBits.aes != 256))
        return err_set(why, ERR_MALFORMED,
                       "the object's symmetric algorithm is not AES in mode CFB");
    *bits = symmetric->keyBits.aes;
    return ERR_OK;
}

static struct span name_of(struct arena *a, TPMI_ALG_HASH algorithm, enum hash_kind kind,
                           struct span octets)
{
    uint8_t *name = arena_get(a, 2 + HASH_MAX_SIZE);

    name[0] = (uint8_t)(algorithm >> 8);
    name[1] = (uint8_t)algorithm;
    return span_make(name, 2 + hash_make(kind, octets, name + 2));
}

enum err tpm_read_public(struct arena *a, struct span octets, struct tpm_public **object,
                         struct err_info *why)
{
    TPMT_PUBLIC *read = arena_get(a, sizeof *read);
    struct tpm_public *made = arena_get(a, sizeof *made);
    size_t at = 0;

    TRY(check_size(octets, "public area", why));
    uint32_t type = number_at(octets, 0, 2);
    if (type != TPM2_ALG_RSA && type != TPM2_ALG_ECC)
        return err_set(why, ERR_BAD_PUBLIC_KEY,
                       "the object is of type 0x%04x, not RSA or ECC", type);
    TSS2_RC result = Tss2_MU_TPMT_PUBLIC_Unmarshal(octets.data, octets.len, &at, read);
    TRY(judge(result, at, octets, "public area", why));
    /* two structures with one hash of SHA-1 can be made, so such a name proves nothing */
    if (!hash_of(read->nameAlg, &made->name_hash) || made->name_hash == HASH_SHA1)
        return err_set(why, ERR_MALFORMED,
                       "the object's name is not made with SHA-256, SHA-384 or SHA-512");
    TRY(type == TPM2_ALG_RSA ? key_of_rsa(read, &made->key, why)
                             : key_of_ecc(read, &made->key, why));
    (void)arena_own(a, made->key, key_drop);
    TRY(symmetric_of(read, &made->symmetric_bits, why));
    made->spki = key_spki(made->key);
    made->attributes = read->objectAttributes;
    made->name = name_of(a, read->nameAlg, made->name_hash, octets);
    made->auth_policy = span_make(read->authPolicy.buffer, read->authPolicy.size);
    *object = made;
    return ERR_OK;
}

enum err tpm_read_attest(struct arena *a, struct span octets, enum tpm_attest_kind kind,
                         struct tpm_attest **attest, struct err_info *why)
{
    static const TPMI_ST_ATTEST types[] = {
        [TPM_ATTEST_CERTIFY] = TPM2_ST_ATTEST_CERTIFY,
        [TPM_ATTEST_CREATION] = TPM2_ST_ATTEST_CREATION,
    };
    TPMS_ATTEST *read = arena_get(a, sizeof *read);
    struct tpm_attest *made = arena_get(a, sizeof *made);
    size_t at = 0;

    TRY(check_size(octets, "certInfo", why));
    if (number_at(octets, 0, 4) != TPM2_GENERATED_VALUE)
        return err_set(
            why, ERR_MALFORMED,
            "the certInfo does not begin with the mark of what a TPM makes itself");
    if (number_at(octets, 4, 2) != types[kind])
        return err_set(why, ERR_MALFORMED, "the certInfo is of type 0x%04x, not 0x%04x",
                       number_at(octets, 4, 2), types[kind]);
    TSS2_RC result = Tss2_MU_TPMS_ATTEST_Unmarshal(octets.data, octets.len, &at, read);
    TRY(judge(result, at, octets, "certInfo", why));
    made->kind = kind;
    made->qualified_signer =
        span_make(read->qualifiedSigner.name, read->qualifiedSigner.size);
    made->extra_data = span_make(read->extraData.buffer, read->extraData.size);
    made->firmware_version = read->firmwareVersion;
    if (kind == TPM_ATTEST_CERTIFY) {
        const TPMS_CERTIFY_INFO *info = &read->attested.certify;
        made->name = span_make(info->name.name, info->name.size);
        made->qualified_name =
            span_make(info->qualifiedName.name, info->qualifiedName.size);
    } else {
        const TPMS_CREATION_INFO *info = &read->attested.creation;
        made->name = span_make(info->objectName.name, info->objectName.size);
        made->creation_hash =
            span_make(info->creationHash.buffer, info->creationHash.size);
    }
    *attest = made;
    return ERR_OK;
}

/* As X.509 has it. */
static enum err ecdsa_octets(struct arena *a, const TPMS_SIGNATURE_ECDSA *read,
                             struct span *octets, struct err_info *why)
{
    uint8_t raw[2 * 66];
    uint8_t *der = arena_get(a, ECDSA_DER_MAX);

    if (!pad(&read->signatureR, raw, 66) || !pad(&read->signatureS, raw + 66, 66))
        return err_set(why, ERR_MALFORMED, "the numbers of the signature are too long");
    *octets = span_make(der, ecdsa_to_der(span_make(raw, sizeof raw), 66, der));
    return ERR_OK;
}

enum err tpm_read_signature(struct arena *a, struct span octets,
                            struct tpm_signature **signature, struct err_info *why)
{
    TPMT_SIGNATURE *read = arena_get(a, sizeof *read);
    struct tpm_signature *made = arena_get(a, sizeof *made);
    size_t at = 0;

    TRY(check_size(octets, "signature", why));
    uint32_t scheme = number_at(octets, 0, 2);
    if (scheme != TPM2_ALG_RSASSA && scheme != TPM2_ALG_RSAPSS &&
        scheme != TPM2_ALG_ECDSA)
        return err_set(why, ERR_MALFORMED,
                       "the signature's scheme 0x%04x is none of RSASSA, RSAPSS, ECDSA",
                       scheme);
    TSS2_RC result = Tss2_MU_TPMT_SIGNATURE_Unmarshal(octets.data, octets.len, &at, read);
    TRY(judge(result, at, octets, "signature", why));
    if (scheme == TPM2_ALG_ECDSA) {
        made->scheme = TPM_SCHEME_ECDSA;
        TRY(ecdsa_octets(a, &read->signature.ecdsa, &made->octets, why));
    } else {
        made->scheme = scheme == TPM2_ALG_RSASSA ? TPM_SCHEME_RSASSA : TPM_SCHEME_RSAPSS;
        made->octets =
            span_make(read->signature.rsassa.sig.buffer, read->signature.rsassa.sig.size);
    }
    if (!hash_of(read->signature.any.hashAlg, &made->hash))
        return err_set(why, ERR_MALFORMED, "the signature's hash 0x%04x is not known",
                       read->signature.any.hashAlg);
    *signature = made;
    return ERR_OK;
}

enum err tpm_read_signature_check(const struct key *key,
                                  const struct tpm_signature *signature,
                                  struct span message, struct err_info *why)
{
    static const enum key_verify_scheme schemes[] = {
        [TPM_SCHEME_RSASSA] = KEY_VERIFY_RSASSA,
        [TPM_SCHEME_RSAPSS] = KEY_VERIFY_RSAPSS,
        [TPM_SCHEME_ECDSA] = KEY_VERIFY_ECDSA,
    };

    return key_verify_scheme(key, schemes[signature->scheme], signature->hash, message,
                             signature->octets, why);
}
