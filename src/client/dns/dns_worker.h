/* The process that uses the network for records of the DNS: it finds where they go, sees
 * whether they are there, and updates zones. It has neither the keys of accounts and
 * certificates nor a file; a key for updates only while it makes one. */
#pragma once

/* Obey DNS_* calls (proc/calls.def) until the socket `fd` is closed. A signal that ends a
 * command does not end it, for what was added must be removed. Returns an exit code. */
int dns_worker_run(int fd);
