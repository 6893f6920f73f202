/* The front's process: HTTPS, ACME, the store; no CA key. */
#pragma once

#include "server/settings/settings.h"

/* What a listening socket is for (`kind` of LISTENER). */
enum front_listener {
    FRONT_LISTENER_HTTPS,
    FRONT_LISTENER_ADMIN,   /* the control socket */
    FRONT_LISTENER_PUBLISH, /* plain HTTP: revocation lists, issuer certificates */
};

/* Open what it needs, enter the sandbox, serve until the house closes. Returns the exit
 * code. */
int front_main(const struct settings *settings);
