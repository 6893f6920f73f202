/* Attestation keys that are to be certified. */
#include "core/attest/enrollment.h"

#include <string.h>

#include "core/base/secret.h"
#include "core/base/text.h"
#include "core/tpm/tpm_read.h"

#define UNKNOWN_TEXT "unknown"
#define UNKNOWN_ID   "id:00000000"
#define ID_DIGITS    8

/* ---- the attestation key ---- */

/* Can it vouch for others? A restricted key signs nothing that looks like an attestation
 * and is none (TPM 2.0 Part 1, 31.5). */
static enum err check_attributes(const struct tpm_public *ak, struct err_info *why)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } needed[] = {{TPM_RESTRICTED, "restricted"},
                  {TPM_SIGN, "sign"},
                  {TPM_FIXED_TPM, "fixedTPM"},
                  {TPM_FIXED_PARENT, "fixedParent"},
                  {TPM_SENSITIVE_DATA_ORIGIN, "sensitiveDataOrigin"}};

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if ((ak->attributes & needed[i].bit) == 0)
            return err_set(why, ERR_BAD_ATTESTATION_STATEMENT,
                           "the attestation key lacks the attribute %s", needed[i].name);
    if ((ak->attributes & TPM_DECRYPT) != 0)
        return err_set(why, ERR_BAD_ATTESTATION_STATEMENT,
                       "the attestation key has the attribute decrypt");
    return ERR_OK;
}

/* TPM2_CertifyCreation by the key about itself: made in a TPM, with that creation data.
 */
static enum err check_creation(struct arena *a, const struct enrollment_question *q,
                               const struct tpm_public *ak, struct err_info *why)
{
    struct tpm_attest *attest = NULL;
    struct tpm_signature *signature = NULL;
    uint8_t digest[HASH_MAX_SIZE];

    if (q->create_data.len + q->create_attestation.len + q->create_signature.len == 0)
        return ERR_OK;
    if (q->create_data.len == 0 || q->create_attestation.len == 0 ||
        q->create_signature.len == 0)
        return err_set(why, ERR_BAD_ATTESTATION_STATEMENT,
                       "createData, createAttestation and createSignature belong "
                       "together, and one is missing");
    if (tpm_read_attest(a, q->create_attestation, TPM_ATTEST_CREATION, &attest, why) !=
        ERR_OK)
        return err_prefix(why, "createAttestation");
    if (tpm_read_signature(a, q->create_signature, &signature, why) != ERR_OK)
        return err_prefix(why, "createSignature");
    if (signature->hash == HASH_SHA1)
        return err_set(why, ERR_BAD_ATTESTATION_STATEMENT, "createSignature is of SHA-1");
    if (!span_equal(attest->name, ak->name))
        return err_set(why, ERR_BAD_ATTESTATION_STATEMENT,
                       "createAttestation is about another key than public: the names "
                       "differ");
    size_t len = hash_make(ak->name_hash, q->create_data, digest);
    if (!secret_equal(attest->creation_hash, span_make(digest, len)))
        return err_set(why, ERR_BAD_ATTESTATION_STATEMENT,
                       "createAttestation is about other creation data than createData");
    if (tpm_read_signature_check(ak->key, signature, q->create_attestation, why) !=
        ERR_OK)
        return err_set(why, ERR_BAD_ATTESTATION_STATEMENT,
                       "createSignature is not the attestation key's");
    return ERR_OK;
}

static enum err judge_ak(struct arena *a, const struct enrollment_question *q,
                         struct tpm_public **ak, struct err_info *why)
{
    if (tpm_read_public(a, q->public, ak, why) != ERR_OK)
        return err_prefix(why, "public");
    TRY(check_attributes(*ak, why));
    return check_creation(a, q, *ak, why);
}

/* ---- the endorsement key ---- */

static bool doubt(struct arena *a, struct enrollment_answer *answer, const char *text)
{
    answer->doubt = arena_string(a, text);
    return false;
}

/* Is the first certificate the EK's, and does a maker vouch for it? */
static bool is_certified(struct arena *a, const struct enrollment_question *q,
                         struct span ek, const struct tpm_certificate_ek *certificate,
                         struct enrollment_answer *answer)
{
    struct err_info bad = {0};

    if (!span_equal(certificate->spki, ek))
        return doubt(a, answer, "the EK certificate is for another key than ek");
    if (q->roots.len == 0)
        return doubt(a, answer,
                     "this CA believes no maker of TPMs (attest.ek_roots is empty)");
    if (certificate_check_anchored(q->ek_certificates, q->ek_certificate_count, q->roots,
                                   q->now, &bad) != ERR_OK)
        return doubt(a, answer, arena_printf(a, "the EK certificate: %s", bad.detail));
    return true;
}

/* The EK, and who vouches for it. A certificate that cannot be read only leaves a doubt
 * if the key itself is there. */
static enum err judge_ek(struct arena *a, const struct enrollment_question *q,
                         struct key **ek, struct enrollment_answer *answer,
                         struct err_info *why)
{
    struct tpm_certificate_ek certificate = {0};
    struct err_info bad = {0};
    struct span spki = q->ek;
    enum err result = ERR_OK;

    answer->doubt = "there is no EK certificate";
    if (q->ek_certificate_count > 0) {
        result = tpm_certificate_ek_read(a, q->ek_certificates[0], &certificate, &bad);
        answer->doubt = result == ERR_OK ? "" : arena_string(a, bad.detail);
        if (spki.len == 0)
            spki = certificate.spki;
    }
    if (spki.len == 0)
        return q->ek_certificate_count > 0
                   ? err_set(why, bad.code, "%s", bad.detail)
                   : err_set(why, ERR_MALFORMED,
                             "neither ek nor ekCerts says what the endorsement key is");
    struct key *key = NULL;
    if (key_from_spki(spki, &key, why) != ERR_OK)
        return err_prefix(why, "ek");
    *ek = arena_own(a, key, key_drop);
    if (credential_check_key(key, why) != ERR_OK)
        return err_prefix(why, "ek");
    hash_sha256(spki, answer->ek_sha256);
    answer->certified =
        certificate.certificate != NULL && is_certified(a, q, spki, &certificate, answer);
    if (answer->certified)
        answer->tpm = certificate.name;
    return ERR_OK;
}

/* ---- both ---- */

/* What the TPM says of itself, as certificates write it: an AK certificate that names it
 * otherwise is believed by nobody (WebAuthn 8.3.1). */
static struct span manufacturer_of(struct span claimed)
{
    return tpm_certificate_is_id(claimed, ID_DIGITS, ID_DIGITS) ? claimed
                                                                : span_of(UNKNOWN_ID);
}

/* TPM_PT_FIRMWARE_VERSION_1 comes as two decimal numbers, "8217.4131", and whatever a
 * maker puts behind them. */
static struct span version_of(struct arena *a, struct span claimed)
{
    uint64_t halves[2] = {0, 0};
    size_t at = 0;

    if (tpm_certificate_is_id(claimed, 1, 2 * ID_DIGITS))
        return claimed;
    for (size_t i = 0; i < 2; i++) {
        size_t end = at;
        while (end < claimed.len && claimed.data[end] != '.')
            end++;
        if (!text_number(span_slice(claimed, at, end - at), UINT16_MAX, &halves[i]))
            return span_of(UNKNOWN_ID);
        at = end + 1;
    }
    return span_of(
        arena_printf(a, "id:%04X%04X", (unsigned)halves[0], (unsigned)halves[1]));
}

static struct span model_of(struct span claimed)
{
    return claimed.len > 0 ? claimed : span_of(UNKNOWN_TEXT);
}

enum err enrollment_judge(struct arena *a, const struct enrollment_question *q,
                          struct enrollment_answer *answer, struct err_info *why)
{
    struct enrollment_answer made = {.tpm = {manufacturer_of(q->claimed.manufacturer),
                                             model_of(q->claimed.model),
                                             version_of(a, q->claimed.version)}};
    struct tpm_public *ak = NULL;
    struct key *ek = NULL;

    TRY(judge_ek(a, q, &ek, &made, why));
    TRY(judge_ak(a, q, &ak, why));
    made.ak = ak->spki;
    TRY(credential_make(a, ek, ak->name, q->secret, &made.credential, why));
    *answer = made;
    return ERR_OK;
}
