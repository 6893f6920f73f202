/* The process that talks to CAs. It has no key and no file; what it gets is checked by
 * the one it works for. */
#pragma once

/* Do jobs until the socket `fd` is closed. Returns an exit code. */
int network_run(int fd);
