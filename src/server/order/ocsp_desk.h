/* The OCSP responders of this CA: their keys, which are the signer's, their certificates,
 * and answers, signed when they are asked for and kept for whoever asks the same again.
 *
 * Each issuer has a responder (RFC 6960 4.2.2.2). Its key is made by the signer and dies
 * with it; its certificate lives for a few days and is renewed when half of that is over,
 * or it is revoked.
 * Any thread. */
#pragma once

#include "core/x509/ocsp.h"
#include "server/exchange/exchange.h"
#include "server/issue/issuer.h"
#include "server/lint/lint.h"
#include "server/store/store.h"

#define OCSP_DESK_WAITING_MAX                                                            \
    1024 /* answers that are being signed; more are told to wait */

/* Numbers of the signer's questions begin here. */
#define OCSP_DESK_FIRST (UINT64_C(1) << 61)
#define OCSP_DESK_LAST  ((UINT64_C(1) << 62) - 1)

/* How it asks the signer (false: not just now), from any thread, for a responder's key
 * (not `instead`, if that is one); and how responders' certificates get into the store,
 * which is called where ocsp_desk_tick() is: `record` has one known before it is signed,
 * ocsp_desk_recorded() tells when that is on disk; `replaced` is an issuance that comes
 * to nothing, or 0. `keep` has it finished; `revoked`: is the one with that serial
 * revoked? */
struct ocsp_desk_ports {
    void *context;
    bool (*responder)(void *context, struct span key_id, struct span instead);
    bool (*revoked)(void *context, struct span serial);
    bool (*sign)(void *context, uint64_t id, enum lint_kind kind, struct span tbs);
    enum err (*record)(void *context, uint64_t id, struct store_issuance *issuance,
                       int64_t replaced, struct err_info *why);
    void (*keep)(void *context, int64_t issuance_id, struct span certificate,
                 struct span issuers);
};

struct ocsp_desk;

/* ERR_CONFIG. The set must last, as that of ocsp_desk_use_issuers(). NULL is fine for
 * freeing. */
MUST_CHECK enum err ocsp_desk_new(const struct ocsp_desk_ports *ports,
                                  const struct issuer_set *set, struct ocsp_desk **desk,
                                  struct err_info *why);
void ocsp_desk_free(struct ocsp_desk *desk);

/* Take over settings: whether it is on, how long answers are good, how many are kept. */
void ocsp_desk_configure(struct ocsp_desk *desk, const struct settings *settings);

/* Other issuers, after a reload: those that are new get responders, those that are gone
 * are not answered for any more. ERR_CONFIG: nothing has changed. */
MUST_CHECK enum err ocsp_desk_use_issuers(struct ocsp_desk *desk,
                                          const struct issuer_set *set,
                                          struct err_info *why);

/* Ask for what is missing, once a second: keys, and certificates that are about to end;
 * of a certificate that is revoked, key and certificate are made anew, and nothing that
 * was signed with it is handed out any more. */
void ocsp_desk_tick(struct ocsp_desk *desk);

/* What came of recording. */
void ocsp_desk_recorded(struct ocsp_desk *desk, uint64_t id, enum err result);

/* The signer was started again: its keys are gone. */
void ocsp_desk_signer_is_new(struct ocsp_desk *desk);

/* What the signer said. `signature` is that of an answer, or a certificate. */
void ocsp_desk_key(struct ocsp_desk *desk, struct span key_id, struct span spki);
void ocsp_desk_signed(struct ocsp_desk *desk, uint64_t id, struct span signature);
void ocsp_desk_refused(struct ocsp_desk *desk, uint64_t id, const char *detail);

/* What an answer came to. */
struct ocsp_desk_answer {
    struct span der;     /* in the asker's arena */
    int64_t this_update; /* seconds; 0: it is a refusal */
    int64_t next_update;
    bool cached; /* for anybody else too: no nonce, one certificate */
};

/* An answer to the request (DER octets) of an exchange; it may be parked until it is
 * signed, and runs `step` then, which asks again. ERR_OK: `answer` is there, unless
 * `*parked`. ERR_STORE. */
MUST_CHECK enum err ocsp_desk_ask(struct ocsp_desk *desk, struct exchange *x,
                                  struct span request, exchange_step *step,
                                  struct ocsp_desk_answer *answer, bool *parked,
                                  struct err_info *why);
