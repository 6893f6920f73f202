/* The process that answers http-01 and tls-alpn-01 on the network: it has no key but
 * those it makes for challenges, and no file, only listening sockets handed over to it
 * and what it is to answer. */
#pragma once

/* Obey LISTEN, ADD and CLOSE calls until the socket `fd` is closed. Returns an exit code.
 */
int listener_run(int fd);
