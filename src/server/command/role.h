/* The processes of the house: this program, started by its supervisor. */
#pragma once

#include "server/proc/ipc.h"

/* Run as one of the children; the arguments are those behind the role's name. Returns the
 * exit code. */
int role_run(enum ipc_role role, int argc, char *const *argv);
