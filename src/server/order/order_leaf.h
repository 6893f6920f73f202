/* From an order to what is signed: the to-be-signed certificate and its record. */
#pragma once

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "core/x509/csr.h"
#include "server/issue/template.h"
#include "server/settings/settings.h"
#include "server/store/store.h"

/* When a certificate is valid, both ends included; seconds. */
struct order_leaf_times {
    int64_t not_before;
    int64_t not_after;
};

/* What a certificate is made by. */
struct order_leaf_rules {
    const struct settings *settings;
    const struct settings_profile *profile;
    const struct template_issuer *issuer;
    const char *directory;         /* its name */
    const struct csr_checked *csr; /* NULL: there is none, the CA renews by itself */
};

/* As the order says, and else from now on (and before, by its backdate) for as long as
 * the profile says, within the issuer's own validity. */
struct order_leaf_times order_leaf_times(const struct order_leaf_rules *rules,
                                         const struct store_order *order, int64_t now);

/* Write the certificate of the order for this key into the arena; of `issuance` are set:
 * order_id, account_id, serial, tbs, issuer, shard, profile, directory, is_precertificate
 * (where the profile wants timestamps of logs), key_hash, key_thumbprint, begun
 * (`now`), not_after.
 * ERR_UNAVAILABLE if the issuer is not valid now, or not any more when the certificate
 * would end; ERR_TOO_LARGE. */
MUST_CHECK enum err order_leaf_write(struct arena *a,
                                     const struct order_leaf_rules *rules,
                                     const struct store_order *order,
                                     const struct key *key, struct order_leaf_times times,
                                     int64_t now, struct store_issuance *issuance,
                                     struct err_info *why);
