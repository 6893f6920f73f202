/* The first message of a TLS connection, looked at before anybody has answered it: which
 * server and which protocols does the client ask for (RFC 8446 4.1.2, RFC 6066 3,
 * RFC 7301 3.1)? Everything else in it is passed over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/span.h"

#define CLIENT_HELLO_MAX 16384 /* octets of the message, in however many records */

enum client_hello_result {
    CLIENT_HELLO_READ,
    CLIENT_HELLO_MORE,  /* it goes on in octets that are not here yet */
    CLIENT_HELLO_OTHER, /* no TLS, or none that we look into: malformed, or too long */
};

struct client_hello {
    struct span server_name; /* empty: none */
    struct span protocols;   /* of ALPN, each with an octet of its length before it */
    uint8_t message[CLIENT_HELLO_MAX]; /* that they point into */
};

/* Read what a connection begins with. */
enum client_hello_result client_hello_read(struct span octets, struct client_hello *h);

/* Is it that protocol which the client wants, and no other (RFC 8737 3)? */
bool client_hello_wants_only(const struct client_hello *h, const char *protocol);
