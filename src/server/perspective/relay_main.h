/* The relay's process, of a CA that has perspectives elsewhere: it alone holds the key
 * they know, and the connections to them. */
#pragma once

#include "server/settings/settings.h"

/* Open what it needs, enter the sandbox, and pass questions and answers on until the
 * house closes. Returns the exit code. */
int relay_main(const struct settings *settings);
