/* What this CA says of certificates by OCSP (RFC 6960): whose they are, and what the
 * store knows of them. */
#pragma once

#include "core/x509/ocsp.h"
#include "server/issue/issuer.h"
#include "server/store/store.h"

#define OCSP_STATUS_HASHES 2 /* SHA-1 and SHA-256 */

/* One issuer as certificates are named by it. */
struct ocsp_status_issuer {
    struct span key_id;
    uint8_t name[OCSP_STATUS_HASHES][HASH_MAX_SIZE]; /* hash of its name */
    uint8_t key[OCSP_STATUS_HASHES][HASH_MAX_SIZE];  /* hash of its key */
};

struct ocsp_status_table {
    const struct ocsp_status_issuer *issuers; /* in the order of the set */
    size_t count;
};

/* The issuers of a set; in the arena. ERR_CONFIG. */
MUST_CHECK enum err ocsp_status_table_make(struct arena *a, const struct issuer_set *set,
                                           struct ocsp_status_table *table,
                                           struct err_info *why);

/* The issuer of a certificate, its index; `count` of the table if it is none of these. */
size_t ocsp_status_issuer_of(const struct ocsp_status_table *table,
                             const struct ocsp_id *id);

/* What is to be said of all certificates of a request: `singles` of `data` are filled in,
 * but for their times, by the issuer of the first that is of one of ours; those of others
 * are unknown to its responder. A serial that was never given is unknown; one that was
 * begun is good, as it may have been signed, until it is revoked. ERR_UNAUTHORIZED: none
 * is of an issuer of this CA (RFC 5019 2.2.3). ERR_STORE. */
MUST_CHECK enum err ocsp_status_find(struct store_session *session,
                                     const struct ocsp_status_table *table,
                                     const struct ocsp_request *request,
                                     struct ocsp_data *data, size_t *issuer,
                                     struct err_info *why);
