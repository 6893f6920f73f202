/* The ways to prove control that the user set up. They are kept with the certificate, so
 * that it is renewed as it was issued. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/acme/terms.h"
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

#define WAYS_HTTP_PORT 80  /* where CAs ask: RFC 8555 8.3 */
#define WAYS_TLS_PORT  443 /* RFC 8737 3 */

/* Challenge types, the most wanted first, each once. */
struct ways_challenges {
    enum challenge_type types[CHALLENGE_TYPE_COUNT];
    size_t count;
};

/* dns-01 by updates of the zone (RFC 2136). */
struct ways_dns {
    const char *key_file; /* path; "" without dns-01 */
    const char *server;   /* who takes updates: HOST or HOST:PORT; "": as the zone says */
    const char *resolver; /* ADDRESS or ADDRESS:PORT; "": the system's */
    const char *check;    /* "authoritative", "resolver" or "none" */
    int64_t timeout_ms;   /* how long the records may take to be seen */
};

/* A device that keeps the key and attests it (device-attest-01). Each "" if it was not
 * said. */
struct ways_device {
    const char *device;          /* --device; "": none */
    const char *pin_file;        /* path */
    const char *chain_file;      /* path */
    const char *attestation_ca;  /* URL; "": where the directory says */
    const char *attestation_key; /* a word of --key; "": the usual one */
};

#define WAYS_DNS_CHECK      "authoritative"
#define WAYS_DNS_TIMEOUT_MS 120000

struct ways {
    struct ways_challenges challenges; /* that may be answered; at least one */
    const char *http;                  /* "standalone" or "webroot:DIR" */
    int64_t http_port;                 /* of the standalone listener */
    int64_t tls_port;                  /* of the listener for tls-alpn-01 */
    struct ways_dns dns;
    struct ways_device device;
};

/* Add a type behind the others unless it is there. */
void ways_add(struct ways_challenges *c, enum challenge_type type);

/* Is one of them able to prove such an identifier? */
bool ways_answer(const struct ways_challenges *c, enum identifier_type identifier,
                 bool wildcard);

/* Append "tls-alpn-01,http-01", and add what such a list names. Reading: ERR_USAGE for an
 * empty one or a word that is no challenge type. */
void ways_write_challenges(struct buf *b, const struct ways_challenges *c);
MUST_CHECK enum err ways_read_challenges(const char *list, struct ways_challenges *c,
                                         struct err_info *why);

/* The members of an object that tell of them: written into one, and read from one (by an
 * older cairn, it may lack some). ERR_MALFORMED. */
void ways_write_members(struct json_writer *w, const struct ways *ways);
MUST_CHECK enum err ways_read_members(const struct json *object, struct ways *ways,
                                      struct err_info *why);
