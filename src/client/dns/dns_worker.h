/* The process that changes name servers: it has the key for that, and neither the keys of
 * accounts and certificates nor a file. */
#pragma once

/* Obey DNS_* calls (proc/calls.def) until the socket `fd` is closed. A signal that ends a
 * command does not end it, for what was added must be removed. Returns an exit code. */
int dns_worker_run(int fd);
