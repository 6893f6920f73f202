/* Keys in a TPM. */
#include "client/device/tpm_object.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#define SRK_HANDLE 0x81000001U /* TCG: provisioning guidance 7.8 */

#define KEY_ATTRIBUTES                                                                   \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |  \
     TPMA_OBJECT_USERWITHAUTH)

/* ---- loaded objects ---- */

void tpm_object_drop(struct tpm_object *o)
{
    if (o->link == NULL)
        return;
    if (o->persistent)
        (void)Esys_TR_Close(o->link->esys, &o->handle);
    else
        (void)Esys_FlushContext(o->link->esys, o->handle);
    o->link = NULL;
}

bool tpm_object_persistent(struct tpm_link *link, TPM2_HANDLE handle,
                           struct tpm_object *o, TPM2B_PUBLIC *area)
{
    TPM2B_PUBLIC *read = NULL;
    ESYS_TR found = ESYS_TR_NONE;

    if (Esys_TR_FromTPMPublic(link->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE,
                              ESYS_TR_NONE, &found) != TSS2_RC_SUCCESS)
        return false;
    if (Esys_ReadPublic(link->esys, found, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                        &read, NULL, NULL) != TSS2_RC_SUCCESS) {
        (void)Esys_TR_Close(link->esys, &found);
        return false;
    }
    *area = *read;
    Esys_Free(read);
    *o = (struct tpm_object){link, found, true};
    return true;
}

enum err tpm_object_primary(struct tpm_link *link, ESYS_TR hierarchy,
                            const TPM2B_PUBLIC *template, const char *what,
                            struct tpm_object *o, struct err_info *why)
{
    static const TPM2B_SENSITIVE_CREATE sensitive = {0};
    static const TPM2B_DATA outside = {0};
    static const TPML_PCR_SELECTION pcrs = {0};
    ESYS_TR made = ESYS_TR_NONE;

    TRY(tpm_link_judge(Esys_CreatePrimary(link->esys, hierarchy, ESYS_TR_PASSWORD,
                                          ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
                                          template, &outside, &pcrs, &made, NULL, NULL,
                                          NULL, NULL),
                       what, why));
    *o = (struct tpm_object){link, made, false};
    return ERR_OK;
}

/* ---- the storage root key ---- */

/* TCG EK Credential Profile, template of the SRK for P-256, as OpenSSL's provider for
 * TPMs makes it for a key whose parent is the owner hierarchy. */
static const TPM2B_PUBLIC srk_template = {
    .publicArea = {.type = TPM2_ALG_ECC,
                   .nameAlg = TPM2_ALG_SHA256,
                   .objectAttributes = KEY_ATTRIBUTES | TPMA_OBJECT_NODA |
                                       TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
                   .parameters.eccDetail = {.symmetric = {.algorithm = TPM2_ALG_AES,
                                                          .keyBits.aes = 128,
                                                          .mode.aes = TPM2_ALG_CFB},
                                            .scheme.scheme = TPM2_ALG_NULL,
                                            .curveID = TPM2_ECC_NIST_P256,
                                            .kdf.scheme = TPM2_ALG_NULL}}};

static bool is_storage(const TPM2B_PUBLIC *area)
{
    return area->publicArea.type == TPM2_ALG_ECC &&
           area->publicArea.parameters.eccDetail.curveID == TPM2_ECC_NIST_P256 &&
           (area->publicArea.objectAttributes & TPMA_OBJECT_RESTRICTED) != 0 &&
           (area->publicArea.objectAttributes & TPMA_OBJECT_DECRYPT) != 0;
}

enum err tpm_object_storage(struct tpm_link *link, struct tpm_object *srk,
                            uint32_t *parent, struct err_info *why)
{
    TPM2B_PUBLIC area;

    if (tpm_object_persistent(link, SRK_HANDLE, srk, &area)) {
        *parent = SRK_HANDLE;
        if (is_storage(&area))
            return ERR_OK;
        tpm_object_drop(srk);
    }
    *parent = TPM2_RH_OWNER;
    return tpm_object_primary(link, ESYS_TR_RH_OWNER, &srk_template,
                              "making the storage key", srk, why);
}

/* ---- signing keys ---- */

static void set_ecc(TPMT_PUBLIC *t, TPMI_ECC_CURVE curve, bool attests)
{
    TPMS_ECC_PARMS *p = &t->parameters.eccDetail;

    t->type = TPM2_ALG_ECC;
    p->symmetric.algorithm = TPM2_ALG_NULL;
    p->scheme.scheme = attests ? TPM2_ALG_ECDSA : TPM2_ALG_NULL;
    p->scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
    p->curveID = curve;
    p->kdf.scheme = TPM2_ALG_NULL;
}

static void set_rsa(TPMT_PUBLIC *t, TPMI_RSA_KEY_BITS bits, bool attests)
{
    TPMS_RSA_PARMS *p = &t->parameters.rsaDetail;

    t->type = TPM2_ALG_RSA;
    p->symmetric.algorithm = TPM2_ALG_NULL;
    p->scheme.scheme = attests ? TPM2_ALG_RSASSA : TPM2_ALG_NULL;
    p->scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
    p->keyBits = bits;
}

bool tpm_object_template(const char *type, bool attests, TPM2B_PUBLIC *template)
{
    TPM2B_PUBLIC made = {0};
    TPMT_PUBLIC *t = &made.publicArea;

    t->nameAlg = TPM2_ALG_SHA256;
    /* without a password there is nothing to try out, so a lockout must not stop it */
    t->objectAttributes = KEY_ATTRIBUTES | TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT |
                          (attests ? TPMA_OBJECT_RESTRICTED : 0);
    if (strcmp(type, "p256") == 0)
        set_ecc(t, TPM2_ECC_NIST_P256, attests);
    else if (strcmp(type, "p384") == 0)
        set_ecc(t, TPM2_ECC_NIST_P384, attests);
    else if (strcmp(type, "rsa2048") == 0)
        set_rsa(t, 2048, attests);
    else
        return false;
    *template = made;
    return true;
}

enum err tpm_object_create(struct tpm_link *link, const TPM2B_PUBLIC *template,
                           const char *what, struct tpm_blob *blob,
                           struct tpm_creation *creation, struct err_info *why)
{
    static const TPM2B_SENSITIVE_CREATE sensitive = {0};
    static const TPM2B_DATA outside = {0};
    static const TPML_PCR_SELECTION pcrs = {0};
    AUTO(tpm_object) struct tpm_object srk = {0};
    TPM2B_PRIVATE *private_half = NULL;
    TPM2B_PUBLIC *public_half = NULL;
    TPM2B_CREATION_DATA *data = NULL;
    TPM2B_DIGEST *hash = NULL;
    TPMT_TK_CREATION *ticket = NULL;

    TRY(tpm_object_storage(link, &srk, &blob->parent, why));
    TRY(tpm_link_judge(Esys_Create(link->esys, srk.handle, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                   ESYS_TR_NONE, &sensitive, template, &outside, &pcrs,
                                   &private_half, &public_half, &data, &hash, &ticket),
                       what, why));
    blob->private_half = *private_half;
    blob->public_half = *public_half;
    if (creation != NULL)
        *creation = (struct tpm_creation){*data, *hash, *ticket};
    Esys_Free(private_half);
    Esys_Free(public_half);
    Esys_Free(data);
    Esys_Free(hash);
    Esys_Free(ticket);
    return ERR_OK;
}

enum err tpm_object_load(struct tpm_link *link, const struct tpm_blob *blob,
                         const char *what, struct tpm_object *o, struct err_info *why)
{
    AUTO(tpm_object) struct tpm_object srk = {0};
    ESYS_TR loaded = ESYS_TR_NONE;
    uint32_t parent = 0;

    TRY(tpm_object_storage(link, &srk, &parent, why));
    TRY(tpm_link_judge(Esys_Load(link->esys, srk.handle, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                 ESYS_TR_NONE, &blob->private_half, &blob->public_half,
                                 &loaded),
                       what, why));
    *o = (struct tpm_object){link, loaded, false};
    return ERR_OK;
}

enum err tpm_object_public(struct arena *a, const TPM2B_PUBLIC *area, struct span *octets,
                           struct err_info *why)
{
    uint8_t *room = arena_get(a, sizeof *area);
    size_t len = 0;

    if (Tss2_MU_TPMT_PUBLIC_Marshal(&area->publicArea, room, sizeof *area, &len) !=
        TSS2_RC_SUCCESS)
        return err_set(why, ERR_INTERNAL, "a public key of the TPM cannot be written");
    *octets = span_make(room, len);
    return ERR_OK;
}
