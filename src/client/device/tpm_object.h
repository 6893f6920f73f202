/* Keys in a TPM: made below a parent, loaded, used. What is loaded takes one of few
 * places, so everything is flushed as soon as it was used. */
#pragma once

#include <stdbool.h>

#include "client/device/tpm_link.h"
#include "core/base/span.h"

/* Something loaded, or persistent. */
struct tpm_object {
    struct tpm_link *link; /* NULL: nothing */
    ESYS_TR handle;
    bool persistent;
};

/* Flush it, if it is there. */
void tpm_object_drop(struct tpm_object *o);
static inline void tpm_object_auto(struct tpm_object *o)
{
    tpm_object_drop(o);
}

/* Both halves of a key; the private one encrypted by its parent. */
struct tpm_blob {
    TPM2B_PUBLIC public_half;
    TPM2B_PRIVATE private_half;
    uint32_t
        parent; /* handle: persistent, or TPM2_RH_OWNER for the SRK of the template */
};

/* How a key was made, for TPM2_CertifyCreation. */
struct tpm_creation {
    TPM2B_CREATION_DATA data;
    TPM2B_DIGEST hash;
    TPMT_TK_CREATION ticket;
};

/* The storage root key: the one at 0x81000001 if it is of P-256, else the primary key of
 * the owner hierarchy that the template for P-256 gives. `*parent` is how a key below it
 * names it (struct tpm_blob). */
MUST_CHECK enum err tpm_object_storage(struct tpm_link *link, struct tpm_object *srk,
                                       uint32_t *parent, struct err_info *why);

/* A primary key of a hierarchy, after a template. */
MUST_CHECK enum err tpm_object_primary(struct tpm_link *link, ESYS_TR hierarchy,
                                       const TPM2B_PUBLIC *template, const char *what,
                                       struct tpm_object *o, struct err_info *why);

/* What is at a persistent handle; `*area` gets its public half. False if nothing is. */
bool tpm_object_persistent(struct tpm_link *link, TPM2_HANDLE handle,
                           struct tpm_object *o, TPM2B_PUBLIC *area);

/* The template of a signing key of that type (a word of --key): one that signs whatever
 * it is given, or, with `attests`, the TPM's own statements only. False if TPMs have no
 * such type. */
bool tpm_object_template(const char *type, bool attests, TPM2B_PUBLIC *template);

/* Make a key below the SRK. `creation` may be NULL. */
MUST_CHECK enum err tpm_object_create(struct tpm_link *link, const TPM2B_PUBLIC *template,
                                      const char *what, struct tpm_blob *blob,
                                      struct tpm_creation *creation,
                                      struct err_info *why);

/* Load it. ERR_NOT_FOUND if it is of another TPM, or from before this one was cleared. */
MUST_CHECK enum err tpm_object_load(struct tpm_link *link, const struct tpm_blob *blob,
                                    const char *what, struct tpm_object *o,
                                    struct err_info *why);

/* The octets of a TPMT_PUBLIC, in the arena. */
MUST_CHECK enum err tpm_object_public(struct arena *a, const TPM2B_PUBLIC *area,
                                      struct span *octets, struct err_info *why);
