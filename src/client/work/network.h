/* The process that talks to CAs. It has no key and no file; what it gets is checked by
 * the one it works for. */
#pragma once

/* How the work is to be done; letters of a job's flags. */
#define NETWORK_AGREES 'a' /* the user agrees to terms of service */
#define NETWORK_BINDS  'b' /* there is a key for an external account binding */

/* Do jobs until the socket `fd` is closed. Returns an exit code. */
int network_run(int fd);
