/* TLSA records of a certificate's keys (RFC 6698, RFC 7671): 3 1 1, the hash of the key
 * in the certificate itself. */
#pragma once

#include "client/command/place.h"
#include "client/command/status.h"

/* Print them as lines of a zone, for the port and each DNS name: of the keys in force,
 * and of those of the next version, if they are made in advance. ERR_NOT_FOUND: there is
 * no certificate; ERR_IO, ERR_CRYPTO. */
MUST_CHECK enum err tlsa_print(struct arena *a, const struct place *p,
                               const struct status *s, int64_t port,
                               struct err_info *why);

/* The same as "tlsa", an array of objects; empty if there is no certificate. */
void tlsa_write(struct json_writer *w, struct arena *a, const struct place *p,
                const struct status *s);
