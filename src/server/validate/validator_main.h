/* The validator's process. */
#pragma once

#include "server/settings/settings.h"

#define VALIDATOR_CHECKS_MAX 10000 /* under way; the front asks no more than that */

/* Open what it needs, enter the sandbox, and answer the front until the house closes.
 * Returns the exit code. */
int validator_main(const struct settings *settings);
