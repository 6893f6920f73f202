/* TPMKey ::= SEQUENCE {
 *   type      OBJECT IDENTIFIER,
 *   emptyAuth [0] EXPLICIT BOOLEAN OPTIONAL,
 *   policy [1], secret [2], authPolicy [3] ... OPTIONAL,
 *   parent    INTEGER,
 *   pubkey    OCTET STRING,   -- TPM2B_PUBLIC
 *   privkey   OCTET STRING }  -- TPM2B_PRIVATE */
#include "client/device/tpm_key_file.h"

#include <tss2/tss2_mu.h>

#include "core/crypto/der_read.h"
#include "core/x509/der_write.h"
#include "core/x509/pem.h"

#define LABEL "TSS2 PRIVATE KEY"

static const uint8_t loadable[] = {0x67, 0x81, 0x05, 0x0a, 0x01, 0x03};

enum err tpm_key_file_write(struct buf *b, const struct tpm_blob *blob,
                            struct err_info *why)
{
    uint8_t room[TPM_KEY_FILE_MAX];
    uint8_t public_half[sizeof(TPM2B_PUBLIC)];
    uint8_t private_half[sizeof(TPM2B_PRIVATE)];
    size_t public_len = 0;
    size_t private_len = 0;
    struct der_writer w = der_writer_make(room, sizeof room);
    size_t mark = der_write_mark(&w);
    const uint8_t parent[] = {(uint8_t)(blob->parent >> 24),
                              (uint8_t)(blob->parent >> 16), (uint8_t)(blob->parent >> 8),
                              (uint8_t)blob->parent};

    if (Tss2_MU_TPM2B_PUBLIC_Marshal(&blob->public_half, public_half, sizeof public_half,
                                     &public_len) != TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Marshal(&blob->private_half, private_half,
                                      sizeof private_half,
                                      &private_len) != TSS2_RC_SUCCESS)
        return err_set(why, ERR_INTERNAL, "a key of the TPM cannot be written");
    der_write_element(&w, DER_OCTET_STRING, span_make(private_half, private_len));
    der_write_element(&w, DER_OCTET_STRING, span_make(public_half, public_len));
    der_write_unsigned(&w, span_make(parent, sizeof parent));
    size_t empty = der_write_mark(&w);
    der_write_true(&w);
    der_write_wrap(&w, DER_CONTEXT_CONSTRUCTED(0), empty);
    der_write_element(&w, DER_OID, span_make(loadable, sizeof loadable));
    der_write_wrap(&w, DER_SEQUENCE, mark);
    struct span der = der_write_take(&w);
    if (der.len == 0)
        return err_set(why, ERR_INTERNAL, "a key of the TPM is too large");
    pem_add(b, LABEL, der);
    return ERR_OK;
}

static bool read_halves(struct span public_half, struct span private_half,
                        struct tpm_blob *blob)
{
    size_t public_len = 0;
    size_t private_len = 0;

    return Tss2_MU_TPM2B_PUBLIC_Unmarshal(public_half.data, public_half.len, &public_len,
                                          &blob->public_half) == TSS2_RC_SUCCESS &&
           public_len == public_half.len &&
           Tss2_MU_TPM2B_PRIVATE_Unmarshal(private_half.data, private_half.len,
                                           &private_len,
                                           &blob->private_half) == TSS2_RC_SUCCESS &&
           private_len == private_half.len;
}

static enum err read_der(struct span der, struct tpm_blob *blob, struct err_info *why)
{
    struct der_reader r = der_read_start(der, 2);
    struct tpm_blob read = {0};
    bool empty = false;

    der_read_enter(&r, DER_SEQUENCE);
    struct span type = der_read_oid(&r);
    if (der_read_enter_optional(&r, DER_CONTEXT_CONSTRUCTED(0))) {
        /* others write 01 for TRUE, which is BER */
        struct span truth = der_read_expect(&r, DER_BOOLEAN);
        empty = truth.len == 1 && truth.data[0] != 0;
        der_read_leave(&r);
    }
    if (der_read_ok(&r) && !span_equal(type, span_make(loadable, sizeof loadable)))
        der_read_fail(&r, "it is no key that can be loaded");
    if (!empty)
        der_read_fail(&r, "it has a password");
    struct span parent = der_read_unsigned(&r);
    struct span public_half = der_read_expect(&r, DER_OCTET_STRING);
    struct span private_half = der_read_expect(&r, DER_OCTET_STRING);
    der_read_leave(&r);
    if (parent.len > sizeof read.parent)
        der_read_fail(&r, "its parent is no handle");
    TRY(der_read_finish(&r, ERR_MALFORMED, "the key of a TPM", why));
    for (size_t i = 0; i < parent.len; i++)
        read.parent = read.parent << 8 | parent.data[i];
    if (!read_halves(public_half, private_half, &read))
        return err_set(why, ERR_MALFORMED, "the key of a TPM: no such structure");
    *blob = read;
    return ERR_OK;
}

enum err tpm_key_file_read(struct span text, struct tpm_blob *blob, struct err_info *why)
{
    static const struct pem_kind kind = {LABEL, "key of a TPM"};
    AUTO(arena) struct arena *mine = arena_new();
    struct span der = {0};
    size_t count = 0;

    TRY(pem_read(mine, text, &kind, &der, 1, &count, why));
    return read_der(der, blob, why);
}
