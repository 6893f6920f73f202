/* Reaching a TPM by tpm2-tss. */
#include "client/device/tpm_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#define DEVICE_PREFIX "device:"
#define LAYER_MASK    0x00ff0000U /* TSS2_RC_LAYER_MASK, unsigned */
#define FORMAT_ONE    0x080U      /* Part 2, 6.6: a code with a parameter's number */
#define FORMAT_ONE_OF 0x0bfU      /* the code of those without the number */

/* ---- what refusals mean ---- */

/* The code without the number of a handle, session or parameter. */
static TSS2_RC plain_code(TSS2_RC result)
{
    return (result & FORMAT_ONE) != 0 ? result & FORMAT_ONE_OF : result & 0xfffU;
}

static const struct {
    TSS2_RC code;
    enum err err;
    const char *sentence;
} meanings[] = {
    {TPM2_RC_LOCKOUT, ERR_LOCKED,
     "the TPM is locked out after wrong passwords; wait, or reset it "
     "(tpm2_dictionarylockout -c)"},
    {TPM2_RC_AUTH_FAIL, ERR_UNAUTHORIZED, "the TPM wants another password (--pin-file)"},
    {TPM2_RC_BAD_AUTH, ERR_UNAUTHORIZED, "the TPM wants another password (--pin-file)"},
    {TPM2_RC_HIERARCHY, ERR_CONFIG, "a hierarchy of the TPM is disabled"},
    {TPM2_RC_OBJECT_MEMORY, ERR_LOCKED,
     "others have taken all places for keys in the TPM"},
    {TPM2_RC_SESSION_MEMORY, ERR_LOCKED,
     "others have taken all places for sessions in the TPM"},
    {TPM2_RC_SESSION_HANDLES, ERR_LOCKED,
     "others have taken all places for sessions in the TPM"},
    {TPM2_RC_INTEGRITY, ERR_NOT_FOUND,
     "the TPM was cleared since, or is another one; --force makes new keys"},
    {TPM2_RC_CURVE, ERR_USAGE, "the TPM has no such curve"},
    {TPM2_RC_ASYMMETRIC, ERR_USAGE, "the TPM has no such kind of key"},
    {TPM2_RC_FAILURE, ERR_IO, "the TPM has failed its self test"},
};

enum err tpm_link_judge(TSS2_RC result, const char *what, struct err_info *why)
{
    TSS2_RC layer = result & LAYER_MASK;

    if (result == TSS2_RC_SUCCESS)
        return ERR_OK;
    if (layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER)
        for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
            if (plain_code(meanings[i].code) == plain_code(result))
                return err_set(why, meanings[i].err, "%s: %s", what,
                               meanings[i].sentence);
    if (layer == TSS2_TCTI_RC_LAYER)
        return err_set(why, ERR_IO, "%s: the TPM does not answer any more", what);
    return err_set(why, ERR_IO, "%s: %s", what, Tss2_RC_Decode(result));
}

/* ---- what it is ---- */

uint32_t tpm_link_property(struct tpm_link *link, uint32_t property)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more = 0;
    uint32_t value = 0;

    if (Esys_GetCapability(link->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                           TPM2_CAP_TPM_PROPERTIES, property, 1, &more,
                           &data) != TSS2_RC_SUCCESS)
        return 0;
    const TPML_TAGGED_TPM_PROPERTY *list = &data->data.tpmProperties;
    if (list->count > 0 && list->tpmProperty[0].property == property)
        value = list->tpmProperty[0].value;
    Esys_Free(data);
    return value;
}

/* Four characters each; printable ones only, no spaces at the end. */
static const char *letters(struct arena *a, struct tpm_link *link, const uint32_t *list,
                           size_t count)
{
    char *text = arena_get(a, 4 * count + 1);
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t value = tpm_link_property(link, list[i]);
        for (int shift = 24; shift >= 0; shift -= 8) {
            char c = (char)(value >> shift);
            if (c > ' ' ? c <= '~' : c == ' ' && len > 0)
                text[len++] = c;
        }
    }
    while (len > 0 && text[len - 1] == ' ')
        text[--len] = '\0';
    return text;
}

static void learn(struct arena *a, struct tpm_link *link)
{
    static const uint32_t vendor[] = {TPM2_PT_MANUFACTURER};
    static const uint32_t model[] = {TPM2_PT_VENDOR_STRING_1, TPM2_PT_VENDOR_STRING_2,
                                     TPM2_PT_VENDOR_STRING_3, TPM2_PT_VENDOR_STRING_4};
    uint32_t firmware = tpm_link_property(link, TPM2_PT_FIRMWARE_VERSION_1);

    link->manufacturer =
        arena_printf(a, "%u", tpm_link_property(link, TPM2_PT_MANUFACTURER));
    link->vendor = letters(a, link, vendor, 1);
    link->model = letters(a, link, model, 4);
    link->firmware = arena_printf(a, "%u.%u", firmware >> 16, firmware & 0xffffU);
}

/* ---- opening ---- */

static enum err absent(const char *tcti, struct err_info *why)
{
    const char *path = tcti + strlen(DEVICE_PREFIX);

    if (strncmp(tcti, DEVICE_PREFIX, strlen(DEVICE_PREFIX)) == 0 &&
        access(path, R_OK | W_OK) != 0)
        return err_set_os(why, ERR_NOT_FOUND, errno, "no TPM can be used at %s", path);
    return err_set(why, ERR_NOT_FOUND, "no TPM can be reached by \"%s\"", tcti);
}

static enum err set_password(struct tpm_link *link, struct span password,
                             struct err_info *why)
{
    static const ESYS_TR hierarchies[] = {ESYS_TR_RH_OWNER, ESYS_TR_RH_ENDORSEMENT};
    TPM2B_AUTH auth = {.size = (UINT16)password.len};

    if (password.len > sizeof auth.buffer)
        return err_set(why, ERR_CONFIG,
                       "--pin-file: a TPM's password has at most %zu octets",
                       sizeof auth.buffer);
    if (password.len == 0)
        return ERR_OK;
    memcpy(auth.buffer, password.data, password.len);
    for (size_t i = 0; i < sizeof hierarchies / sizeof hierarchies[0]; i++)
        TRY(tpm_link_judge(Esys_TR_SetAuth(link->esys, hierarchies[i], &auth),
                           "setting the password", why));
    return ERR_OK;
}

enum err tpm_link_open(struct arena *a, const char *tcti, struct span password,
                       struct tpm_link *link, struct err_info *why)
{
    struct tpm_link made = *link;

    /* its libraries talk on standard error; what matters is told by the result */
    (void)setenv("TSS2_LOG", "all+NONE", 0);
    if (Tss2_TctiLdr_Initialize(tcti, &made.tcti) != TSS2_RC_SUCCESS)
        return absent(tcti, why);
    TSS2_RC result = Esys_Initialize(&made.esys, made.tcti, NULL);
    if (result == TSS2_RC_SUCCESS) {
        result = Esys_Startup(made.esys, TPM2_SU_CLEAR);
        if (result == TPM2_RC_INITIALIZE) /* the firmware has done it, as it should */
            result = TSS2_RC_SUCCESS;
    }
    enum err code = tpm_link_judge(result, "starting to use the TPM", why);
    if (code == ERR_OK)
        code = set_password(&made, password, why);
    if (code != ERR_OK) {
        tpm_link_close(&made);
        return code;
    }
    if (made.manufacturer == NULL)
        learn(a, &made);
    *link = made;
    return ERR_OK;
}

void tpm_link_close(struct tpm_link *link)
{
    if (link->esys != NULL)
        Esys_Finalize(&link->esys);
    if (link->tcti != NULL)
        Tss2_TctiLdr_Finalize(&link->tcti);
}
