/* The front's process: HTTPS, ACME, the store; no CA key. */
#pragma once

#include "server/settings/settings.h"

/* Open what it needs, enter the sandbox, serve until the house closes. Returns the exit
 * code. */
int front_main(const struct settings *settings);
