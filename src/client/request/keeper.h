/* The process with the keys, as the process with the network sees it: it signs, makes the
 * certificate request, keeps what must be kept, and has challenges answered. */
#pragma once

#include <stdbool.h>

#include "core/acme/terms.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

struct keeper {
    int fd; /* socket to it */
};

/* Its keys that sign requests. */
enum keeper_key {
    KEEPER_ACCOUNT,
    KEEPER_NEXT,        /* the account's next one, while a change is under way */
    KEEPER_CERTIFICATE, /* that of the certificate to be revoked */
};

/* A JWS over the payload (empty: POST-as-GET); with `kid` NULL under the public key
 * itself. The text lives in the arena. */
MUST_CHECK enum err keeper_sign(const struct keeper *k, struct arena *a,
                                enum keeper_key key, const char *kid, const char *nonce,
                                const char *url, struct span payload, struct span *jws,
                                struct err_info *why);

/* The request for a change to the account's next key (RFC 8555 7.3.5), signed by that, to
 * be sent to `url`; a JWS. The key is made, and on disk, before it is used. */
MUST_CHECK enum err keeper_change(const struct keeper *k, struct arena *a,
                                  const char *url, const char *account, struct span *jws,
                                  struct err_info *why);

/* The CA has told which of the account's two keys is in force: the next one (the other is
 * gone then), or, with false, the one before. */
MUST_CHECK enum err keeper_settle(const struct keeper *k, struct arena *a, bool next,
                                  struct err_info *why);

/* What came of the challenge of that type, which was presented, for a name (a text of
 * settings/name.h, without "*."): it is worth remembering for the next time. */
MUST_CHECK enum err keeper_outcome(const struct keeper *k, struct arena *a,
                                   enum challenge_type type, const char *identifier,
                                   bool wildcard, bool proved, struct err_info *why);

/* The certificate request for the names of the job, DER; a bare one leaves out those of
 * devices (draft-ietf-acme-device-attest-09 3.2). */
MUST_CHECK enum err keeper_csr(const struct keeper *k, struct arena *a, bool bare,
                               struct span *der, struct err_info *why);

/* The external account binding (RFC 8555 7.3.4) of the account's key for that URL, a JWS.
 * ERR_CONFIG if the MAC key cannot be read. */
MUST_CHECK enum err keeper_bind(const struct keeper *k, struct arena *a, const char *url,
                                struct span *jws, struct err_info *why);

/* Keep the account's URL. */
MUST_CHECK enum err keeper_account(const struct keeper *k, struct arena *a,
                                   const char *url, struct err_info *why);

/* A challenge to answer. Texts are never NULL. */
struct keeper_challenge {
    enum challenge_type type;
    const char *identifier; /* a text of settings/name.h, without "*." */
    bool wildcard;
    const char *token;       /* "" for dns-persist-01 */
    const char *account_uri; /* of dns-persist-01, as the CA says it; "": it does not */
    const char *issuers;     /* of dns-persist-01: names of the CA, blanks between */
    bool more;               /* the CA offers another type that may be answered */
};

/* Have a challenge answered from now on, or when keeper_ready returns. `*payload` is what
 * the CA is to be sent for it. ERR_MALFORMED if the token is not base64url, ERR_PROTOCOL
 * if it is for none of the names; what a device fails with. */
MUST_CHECK enum err keeper_present(const struct keeper *k, struct arena *a,
                                   const struct keeper_challenge *challenge,
                                   struct span *payload, struct err_info *why);

/* Have the device read what the attestation CA encrypted for it
 * (TPM2_ActivateCredential).
 */
MUST_CHECK enum err keeper_activate(const struct keeper *k, struct arena *a,
                                    struct span credential, struct span secret,
                                    struct span *answer, struct err_info *why);

/* Wait until the CA will find all that was presented. ERR_TIMEOUT. */
MUST_CHECK enum err keeper_ready(const struct keeper *k, struct arena *a,
                                 struct err_info *why);

/* All is proved: no challenge needs to be answered any more. */
MUST_CHECK enum err keeper_proved(const struct keeper *k, struct arena *a,
                                  struct err_info *why);
