/* A command on its way to whoever can run it. */
#pragma once

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

#define ADMIN_CLIENT_WAIT_S 120 /* for each part of an answer of the running CA */

/* Who gives commands: to the CA that runs on a folder, or if none runs on its store. */
struct admin_client;

/* Reach it; everything lives in the arena. As admin_socket_reach(), and what keeps the
 * store from being opened. */
MUST_CHECK enum err admin_client_open(struct arena *a, const char *directory,
                                      struct admin_client **client, struct err_info *why);

/* Close the store, if it is that. NULL is fine. */
void admin_client_close(struct admin_client *client);
static inline void admin_client_auto(struct admin_client **client)
{
    admin_client_close(*client);
}

/* Give one command; the answer is appended. ERR_PROTOCOL if the CA goes away before it
 * has answered: who may give the command twice, does, and another one may run then, or
 * none. */
MUST_CHECK enum err admin_client_send(struct admin_client *client, struct span request,
                                      struct buf *answer, struct err_info *why);

/* Reach it, give one command, close. */
MUST_CHECK enum err admin_client_ask(struct arena *a, const char *directory,
                                     struct span request, struct buf *answer,
                                     struct err_info *why);
