/* The endorsement key. */
#include "client/device/tpm_endorsement.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#include "core/crypto/der_read.h"

/* TCG EK Credential Profile 2.2.1.4, 2.2.1.5; TCG handle registry */
#define RSA_CERTIFICATE 0x01c00002U
#define ECC_CERTIFICATE 0x01c0000aU
#define RSA_HANDLE      0x81010001U

#define CERTIFICATE_MAX_OCTETS 8192
#define NV_CHUNK               512 /* octets; any TPM reads as much at once */

#define EK_ATTRIBUTES                                                                    \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |  \
     TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

/* PolicyA: TPM2_PolicySecret(TPM_RH_ENDORSEMENT) */
#define POLICY_A                                                                         \
    {                                                                                    \
        .size = 32, .buffer = {                                                          \
            0x83,                                                                        \
            0x71,                                                                        \
            0x97,                                                                        \
            0x67,                                                                        \
            0x44,                                                                        \
            0x84,                                                                        \
            0xb3,                                                                        \
            0xf8,                                                                        \
            0x1a,                                                                        \
            0x90,                                                                        \
            0xcc,                                                                        \
            0x8d,                                                                        \
            0x46,                                                                        \
            0xa5,                                                                        \
            0xd7,                                                                        \
            0x24,                                                                        \
            0xfd,                                                                        \
            0x52,                                                                        \
            0xd7,                                                                        \
            0x6e,                                                                        \
            0x06,                                                                        \
            0x52,                                                                        \
            0x0b,                                                                        \
            0x64,                                                                        \
            0xf2,                                                                        \
            0xa1,                                                                        \
            0xda,                                                                        \
            0x1b,                                                                        \
            0x33,                                                                        \
            0x14,                                                                        \
            0x69,                                                                        \
            0xaa                                                                         \
        }                                                                                \
    }
#define AES_128                                                                          \
    {                                                                                    \
        .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB          \
    }

/* Templates L-1 and L-2. */
static const TPM2B_PUBLIC rsa_template = {
    .publicArea = {.type = TPM2_ALG_RSA,
                   .nameAlg = TPM2_ALG_SHA256,
                   .objectAttributes = EK_ATTRIBUTES,
                   .authPolicy = POLICY_A,
                   .parameters.rsaDetail = {.symmetric = AES_128,
                                            .scheme.scheme = TPM2_ALG_NULL,
                                            .keyBits = 2048},
                   .unique.rsa.size = 256}};
static const TPM2B_PUBLIC ecc_template = {
    .publicArea = {.type = TPM2_ALG_ECC,
                   .nameAlg = TPM2_ALG_SHA256,
                   .objectAttributes = EK_ATTRIBUTES,
                   .authPolicy = POLICY_A,
                   .parameters.eccDetail = {.symmetric = AES_128,
                                            .scheme.scheme = TPM2_ALG_NULL,
                                            .curveID = TPM2_ECC_NIST_P256,
                                            .kdf.scheme = TPM2_ALG_NULL},
                   .unique.ecc = {.x.size = 32, .y.size = 32}}};

/* ---- its certificate ---- */

static bool read_index(struct tpm_link *link, ESYS_TR index, size_t size, uint8_t *to)
{
    size_t done = 0;

    while (done < size) {
        size_t want = size - done < NV_CHUNK ? size - done : NV_CHUNK;
        TPM2B_MAX_NV_BUFFER *part = NULL;
        if (Esys_NV_Read(link->esys, index, index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                         ESYS_TR_NONE, (UINT16)want, (UINT16)done,
                         &part) != TSS2_RC_SUCCESS)
            return false;
        bool whole = part->size == want;
        memcpy(to + done, part->buffer, whole ? want : 0);
        Esys_Free(part);
        if (!whole)
            return false;
        done += want;
    }
    return true;
}

/* An index may be larger than the certificate in it. Empty if there is none. */
static struct span read_certificate(struct arena *a, struct tpm_link *link,
                                    TPM2_HANDLE handle)
{
    TPM2B_NV_PUBLIC *about = NULL;
    ESYS_TR index = ESYS_TR_NONE;
    struct span found = {0};

    if (Esys_TR_FromTPMPublic(link->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE,
                              ESYS_TR_NONE, &index) != TSS2_RC_SUCCESS)
        return found;
    if (Esys_NV_ReadPublic(link->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                           &about, NULL) == TSS2_RC_SUCCESS) {
        size_t size = about->nvPublic.dataSize;
        uint8_t *octets = arena_get(a, CERTIFICATE_MAX_OCTETS);
        Esys_Free(about);
        if (size <= CERTIFICATE_MAX_OCTETS && read_index(link, index, size, octets)) {
            struct der_reader r = der_read_start(span_make(octets, size), 1);
            found = der_read_element(&r);
        }
    }
    (void)Esys_TR_Close(link->esys, &index);
    return found;
}

/* ---- the key ---- */

static enum err open_key(struct tpm_link *link, const struct tpm_endorsement *ek,
                         struct tpm_object *o, TPM2B_PUBLIC *area, struct err_info *why)
{
    TPM2B_PUBLIC *read = NULL;

    if (ek->handle != 0 && tpm_object_persistent(link, ek->handle, o, area)) {
        if (area->publicArea.type == ek->template->publicArea.type)
            return ERR_OK;
        tpm_object_drop(o);
    }
    TRY(tpm_object_primary(link, ESYS_TR_RH_ENDORSEMENT, ek->template,
                           "making the endorsement key", o, why));
    TRY(tpm_link_judge(Esys_ReadPublic(link->esys, o->handle, ESYS_TR_NONE, ESYS_TR_NONE,
                                       ESYS_TR_NONE, &read, NULL, NULL),
                       "reading the endorsement key", why));
    *area = *read;
    Esys_Free(read);
    return ERR_OK;
}

enum err tpm_endorsement_find(struct arena *a, struct tpm_link *link,
                              struct tpm_endorsement *ek, struct err_info *why)
{
    AUTO(tpm_object) struct tpm_object o = {0};
    struct tpm_endorsement found = {.handle = RSA_HANDLE, .template = &rsa_template};

    found.certificate = read_certificate(a, link, RSA_CERTIFICATE);
    bool is_rsa = found.certificate.len > 0;
    if (!is_rsa)
        found.certificate = read_certificate(a, link, ECC_CERTIFICATE);
    if (!is_rsa && found.certificate.len > 0) {
        found.handle = 0;
        found.template = &ecc_template;
    }
    TRY(open_key(link, &found, &o, &found.area, why));
    *ek = found;
    return ERR_OK;
}

/* ---- credential activation ---- */

static bool read_credential(struct span credential, struct span secret,
                            TPM2B_ID_OBJECT *blob, TPM2B_ENCRYPTED_SECRET *encrypted)
{
    size_t blob_len = 0;
    size_t secret_len = 0;

    return Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(credential.data, credential.len, &blob_len,
                                             blob) == TSS2_RC_SUCCESS &&
           blob_len == credential.len &&
           Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(secret.data, secret.len, &secret_len,
                                                    encrypted) == TSS2_RC_SUCCESS &&
           secret_len == secret.len;
}

/* The policy of an EK: whoever has the endorsement hierarchy's password. */
static enum err begin_policy(struct tpm_link *link, struct tpm_object *session,
                             struct err_info *why)
{
    static const TPMT_SYM_DEF none = {.algorithm = TPM2_ALG_NULL};
    ESYS_TR made = ESYS_TR_NONE;

    TRY(tpm_link_judge(Esys_StartAuthSession(link->esys, ESYS_TR_NONE, ESYS_TR_NONE,
                                             ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                             NULL, TPM2_SE_POLICY, &none, TPM2_ALG_SHA256,
                                             &made),
                       "beginning a session", why));
    *session = (struct tpm_object){link, made, false};
    return tpm_link_judge(Esys_PolicySecret(link->esys, ESYS_TR_RH_ENDORSEMENT, made,
                                            ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                            NULL, NULL, NULL, 0, NULL, NULL),
                          "being let in to the endorsement key", why);
}

enum err tpm_endorsement_activate(struct arena *a, struct tpm_link *link,
                                  const struct tpm_endorsement *ek,
                                  const struct tpm_blob *key, struct span credential,
                                  struct span secret, struct span *answer,
                                  struct err_info *why)
{
    AUTO(tpm_object) struct tpm_object loaded = {0};
    AUTO(tpm_object) struct tpm_object opened = {0};
    AUTO(tpm_object) struct tpm_object session = {0};
    TPM2B_ID_OBJECT blob = {0};
    TPM2B_ENCRYPTED_SECRET encrypted = {0};
    TPM2B_DIGEST *read = NULL;
    TPM2B_PUBLIC area;

    if (!read_credential(credential, secret, &blob, &encrypted))
        return err_set(why, ERR_PROTOCOL,
                       "the attestation CA sent a credential that is none");
    TRY(tpm_object_load(link, key, "loading the attestation key", &loaded, why));
    TRY(open_key(link, ek, &opened, &area, why));
    TRY(begin_policy(link, &session, why));
    TSS2_RC result = Esys_ActivateCredential(link->esys, loaded.handle, opened.handle,
                                             ESYS_TR_PASSWORD, session.handle,
                                             ESYS_TR_NONE, &blob, &encrypted, &read);
    if (result != TSS2_RC_SUCCESS) {
        TRY(tpm_link_judge(result, "reading the credential of the attestation CA", why));
        return why->code;
    }
    *answer = span_make(arena_copy(a, read->buffer, read->size), read->size);
    Esys_Free(read);
    return ERR_OK;
}
