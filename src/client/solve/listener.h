/* The process that answers http-01 and tls-alpn-01 on the network: it has no key but
 * those it makes for challenges, and no file, only listening sockets handed over to it
 * and what it is to answer. */
#pragma once

/* Obey LISTEN, ADD and CLOSE calls until the socket `fd` is closed. Returns an exit code.
 */
int listener_run(int fd);

/* The same for one that outlives its parent: without that it listens no more, and carries
 * on with what it passes on. */
int listener_run_for_good(int fd);
