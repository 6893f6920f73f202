/* From clear text to TLS on a connection, in the protocols of starttls.def and
 * starttls_others.def. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

/* Is it the name of such a protocol: "smtp", "imap" ...? */
bool starttls_is_known(const char *name);

/* Their names with commas, for sentences. */
const char *starttls_names(void);

/* Wait until the non-blocking descriptor is ready for `events` of poll(2), or the
 * monotonic time `until_us`. ERR_TIMEOUT. */
MUST_CHECK enum err starttls_wait(int fd, short events, int64_t until_us,
                                  struct err_info *why);

/* Read or send exactly so many octets. ERR_TIMEOUT; ERR_CONNECTION: it ended before. */
MUST_CHECK enum err starttls_read(int fd, uint8_t *to, size_t len, int64_t until_us,
                                  struct err_info *why);
MUST_CHECK enum err starttls_send(int fd, const char *data, size_t len, int64_t until_us,
                                  struct err_info *why);

/* As a client, talk on the connected, non-blocking `fd` until the server waits for a TLS
 * handshake; nothing of that is read. `host` is what is asked for where the protocol
 * says so. ERR_TIMEOUT; ERR_CONNECTION: the connection ended;
 * ERR_TLS: the server does not do it, with what it said. */
MUST_CHECK enum err starttls_talk(int fd, const char *name, const char *host,
                                  int64_t until_us, struct err_info *why);
