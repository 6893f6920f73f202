/* The guard: who speaks, and may they speak now (RFC 8555 6.2 to 6.5). */
#pragma once

#include "core/base/err.h"
#include "server/exchange/account_cache.h"
#include "server/exchange/exchange.h"
#include "server/gate/nonce.h"

struct gate {
    struct nonce_jar *nonces;
};

/* Who must have signed a request. */
enum gate_signer {
    GATE_ACCOUNT, /* kid of a valid account */
    GATE_NEW_KEY, /* jwk in the header */
    GATE_EITHER,  /* one or the other (RFC 8555 7.6) */
};

/* Check a POST and put account, jws and payload on the tray: media type, JWS, url, nonce,
 * signature, account status, payload JSON. The nonce is used up before the rest is looked
 * at. */
MUST_CHECK enum err gate_check(struct exchange *x, enum gate_signer signer,
                               struct err_info *why);

/* Add a Replay-Nonce to the reply. */
MUST_CHECK enum err gate_nonce_add(struct exchange *x, struct err_info *why);
