/* The process that answers http-01 on the network: it has no key and no file, only a
 * listening socket handed over to it and what it is to answer. */
#pragma once

/* Obey LISTEN, ADD and CLOSE calls until the socket `fd` is closed. Returns an exit code.
 */
int http_listener_run(int fd);
