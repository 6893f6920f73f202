/* The door's process, of a perspective: it listens for its CA, lets nobody else in, and
 * hands questions to the validator beside it. */
#pragma once

#include "server/settings/settings.h"

/* Open what it needs, enter the sandbox, and serve until the house closes. Returns the
 * exit code. */
int door_main(const struct settings *settings);
