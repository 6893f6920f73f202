/* Keys that sign DNS messages (TSIG, RFC 8945), as name servers write them to files. */
#pragma once

#include "core/base/err.h"
#include "core/base/secret.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"
#include "core/dns/dns_cursor.h"

#define TSIG_KEY_FILE_MAX   4096 /* octets of a file */
#define TSIG_KEY_SECRET_MAX 512  /* octets of a secret */

struct tsig_key {
    char name[DNS_NAME_MAX + 1]; /* lower case, without the final dot */
    enum hash_kind hash;
    struct secret secret;
};

/* Read a key: one line "algorithm:name:secret" or "name:secret" (hmac-sha256 then), or
 * BIND's `key "name" { algorithm hmac-sha256; secret "..."; };`, with comments. The
 * secret is base64. ERR_CONFIG says what was expected, and never shows what was there.
 * Free the key with tsig_key_free. */
MUST_CHECK enum err tsig_key_read(struct span text, struct tsig_key *key,
                                  struct err_info *why);

/* Wipe the secret. */
void tsig_key_free(struct tsig_key *key);
static inline void tsig_key_auto(struct tsig_key *key)
{
    tsig_key_free(key);
}

/* The algorithm's name in messages: "hmac-sha256" (RFC 8945 6). */
const char *tsig_key_algorithm(const struct tsig_key *key);
