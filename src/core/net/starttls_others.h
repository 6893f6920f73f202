/* From clear text to TLS where it is not said in lines: messages with lengths, XML. All
 * take a connected, non-blocking descriptor and the name of the server, and fail as
 * starttls_talk does. */
#pragma once

#include <stdint.h>

#include "core/base/err.h"

/* The extended operation StartTLS, RFC 4511 4.14. */
MUST_CHECK enum err starttls_others_ldap(int fd, const char *host, int64_t until_us,
                                         struct err_info *why);

/* A stream of a client, and one of another server; RFC 6120 5.4. */
MUST_CHECK enum err starttls_others_xmpp(int fd, const char *host, int64_t until_us,
                                         struct err_info *why);
MUST_CHECK enum err starttls_others_xmpp_server(int fd, const char *host,
                                                int64_t until_us, struct err_info *why);

/* SSLRequest of PostgreSQL's protocol 3. */
MUST_CHECK enum err starttls_others_postgres(int fd, const char *host, int64_t until_us,
                                             struct err_info *why);

/* SSLRequest of MySQL's handshake, version 10; MariaDB's is the same. */
MUST_CHECK enum err starttls_others_mysql(int fd, const char *host, int64_t until_us,
                                          struct err_info *why);
