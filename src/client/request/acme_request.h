/* Signed requests to one CA: nonces, JWS, problem documents, retries. Whatever the CA
 * says, a request goes to the origin of its directory only, and is bounded in size, time
 * and tries. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/report/report.h"
#include "client/request/acme_directory.h"
#include "client/request/keeper.h"
#include "client/request/nonce_pool.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/http/http_client.h"
#include "core/json/json_read.h"

#define ACME_REQUEST_NONCE_TRIES                                                         \
    100 /* a CA that refuses 90 of 100 good nonces is lived with */
#define ACME_REQUEST_TRIES    4            /* for a CA that fails or is busy */
#define ACME_REQUEST_WAIT_MAX 120          /* seconds: a longer Retry-After is an error */
#define ACME_REQUEST_JSON_MAX (256 * 1024) /* octets of an answer in JSON */

/* A CA, and who speaks to it. */
struct acme_peer {
    struct http_client *http;
    const struct report *report; /* is told of waits */
    struct acme_directory directory;
    struct arena *arena; /* owns what the directory says */
    struct nonce_pool nonces;
    const struct keeper *keeper; /* signs */
    enum keeper_key key;         /* with which key; the account's unless told otherwise */
    const char *kid;             /* account URL; NULL: not known yet */
    const char *accept;          /* which kind of answer is wanted; NULL: any */
    int64_t end_us;              /* monotonic time at which the CA has had time enough; 0:
                                    none is set */
};

/* What the CA answered. */
struct acme_reply {
    int status;
    const struct json *json; /* NULL if the body is no JSON */
    struct span body;
    const char *content_type; /* NULL: none */
    const char *location;
    const char *const *links; /* values of Link headers */
    size_t link_count;
    int64_t retry_after; /* seconds from now, 0 if not said */
};

/* Read the directory. The peer keeps `http` and `report`, and uses `arena` for what lives
 * as long. A CA that is busy is asked again after a wait. ERR_* of http_client_do;
 * ERR_PROTOCOL if it is no directory; ERR_RATE_LIMITED, ERR_UNAVAILABLE. */
MUST_CHECK enum err acme_request_begin(struct acme_peer *peer, struct http_client *http,
                                       const struct report *report, struct arena *arena,
                                       const char *url, struct err_info *why);

/* A peer that is no ACME CA, or not asked for its directory: for acme_request_plain. */
void acme_request_without_directory(struct acme_peer *peer, struct http_client *http,
                                    const struct report *report, struct arena *arena);

/* POST of JSON that nobody signs, answered by JSON. Retries a server that is busy or out
 * of order after a wait. Errors: what its problem document says; ERR_NETWORK;
 * ERR_PROTOCOL if the answer is no JSON. */
MUST_CHECK enum err acme_request_plain(struct acme_peer *peer, struct arena *a,
                                       const char *url, struct span body,
                                       const struct json **answer, struct err_info *why);

/* GET of a resource of the CA that wants no signature, such as a renewalInfo. Retries as
 * acme_request_post does. Errors as there. */
MUST_CHECK enum err acme_request_get(struct acme_peer *peer, struct arena *a,
                                     const char *url, struct acme_reply *reply,
                                     struct err_info *why);

/* POST with a payload (JSON text), or POST-as-GET with an empty one. Signs with the key
 * itself while kid is NULL. Retries badNonce with the fresh nonce at once, and a CA that
 * is busy, out of order or not reached after a wait. Errors: what the CA's problem
 * document says; ERR_NETWORK; ERR_TIMEOUT when the peer's time is over; ERR_PROTOCOL for
 * a URL of another origin, a redirect, and an answer that is too large. */
MUST_CHECK enum err acme_request_post(struct acme_peer *peer, struct arena *a,
                                      const char *url, struct span payload,
                                      struct acme_reply *reply, struct err_info *why);

/* POST-as-GET of something in a format, such as "application/pem-certificate-chain" (RFC
 * 8555 7.4.2). Errors as acme_request_post. */
MUST_CHECK enum err acme_request_fetch(struct acme_peer *peer, struct arena *a,
                                       const char *url, const char *accept,
                                       struct acme_reply *reply, struct err_info *why);

/* Is it a refusal because the account has been deactivated (RFC 8555 7.3.6)? Its problem
 * type is that of other refusals, so the words must do. */
bool acme_request_says_ended(const struct err_info *why);

/* Seconds of a Retry-After header: a number, or a date (RFC 9110 10.2.3); 0 if it is
 * neither or in the past. At most INT32_MAX. */
int64_t acme_request_retry_after(const char *text, int64_t now);
