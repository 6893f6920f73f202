/* Precertificates (RFC 6962 3.1): what is known between them and their certificates. An
 * issuance with one is finished, refused and abandoned as any other; besides, it may wait
 * for its logs. */
#pragma once

#include "server/store/store.h"

struct store_precertificate {
    struct span der;   /* as it was signed, and perhaps sent to logs */
    struct span final; /* to-be-signed octets of its certificate; empty: there are not
                          enough timestamps yet */
};

/* Keep the precertificate of an issuance. ERR_CONFLICT if it is not under way any more,
 * or has one. */
MUST_CHECK enum err store_precertificate_add(struct store_session *s, int64_t issuance_id,
                                             struct span der, struct err_info *why);

/* Keep what its certificate is to be, before that is signed. ERR_CONFLICT if the issuance
 * is not under way any more, or that was decided before; ERR_ALREADY_REVOKED if it was
 * revoked meanwhile; ERR_NOT_FOUND if there is no precertificate. */
MUST_CHECK enum err store_precertificate_stamp(struct store_session *s,
                                               int64_t issuance_id, struct span final,
                                               struct err_info *why);

/* ERR_NOT_FOUND. */
MUST_CHECK enum err store_precertificate_of(struct store_session *s, struct arena *a,
                                            int64_t issuance_id,
                                            struct store_precertificate **row,
                                            struct err_info *why);

/* Its logs gave too few timestamps: the issuance waits, and its order can be finalized
 * again; what renews itself is given up and tried again, as by store_issuance_abandon.
 * ERR_CONFLICT if it is not under way. */
MUST_CHECK enum err store_precertificate_suspend(struct store_session *s,
                                                 int64_t issuance_id,
                                                 struct err_info *why);

/* Go on with an issuance that waits: of `issuance`, id, order_id, key_hash,
 * key_thumbprint, csr_hash (of the request it goes on with) and begun (now) are read. The
 * order is checked as by store_issuance_begin. ERR_CONFLICT also if it does not wait, or
 * was revoked. */
MUST_CHECK enum err store_precertificate_resume(struct store_session *s,
                                                const struct store_issuance *issuance,
                                                struct err_info *why);
