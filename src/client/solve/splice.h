/* Connections that are looked at before they are passed on: one whose first message asks
 * for "acme-tls/1" and a name of ours is ours, every other goes to the server behind, to
 * the octet, as if nobody were in between. What is looked at stays in the socket, so
 * whoever takes the connection reads it from its beginning. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"
#include "core/base/span.h"
#include "core/net/address.h"
#include "core/net/loop.h"

#define SPLICE_CONNECTIONS_MAX 16384 /* fewer, where there are fewer descriptors */
#define SPLICE_HELLO_MS        10000 /* for the first message; then the server decides */
#define SPLICE_DRAIN_MS        900000
#define SPLICE_DIAL_MS         10000 /* for the server behind to be reached */

/* What the server behind is told of who connects, before all else. */
enum splice_proxy {
    SPLICE_PROXY_NONE,
    SPLICE_PROXY_V1, /* the PROXY protocol of HAProxy, its line of text */
    SPLICE_PROXY_V2, /* or its binary form */
};

/* What became of connections; written on the thread of the loop, read on any. */
struct splice_counts {
    atomic_uint_fast64_t open;   /* being passed on, or looked at */
    atomic_uint_fast64_t passed; /* so many had the server behind as their peer */
    atomic_uint_fast64_t failed; /* so many did not: it could not be reached */
    atomic_int reason;           /* why the last of those was not: an errno */
};

struct splice_options {
    struct address behind; /* with port */
    enum splice_proxy proxy;
    bool (*is_ours)(void *argument, struct span server_name);
    void (*take)(void *argument, int fd); /* the descriptor is then the callee's */
    void (*has_room)(void *argument);     /* after splice_add had none */
    void *argument;
    struct splice_counts *counts; /* must outlive the splice; NULL: nobody counts */
};

struct splice;

/* Read "splice:ADDRESS:PORT", "splice+proxy:ADDRESS:PORT" or
 * "splice+proxy-v2:ADDRESS:PORT"; false if it is none of them. */
bool splice_read(const char *way, struct splice_options *options);

/* Would who listens at `own` pass connections on to himself, without end? */
bool splice_leads_back(const char *way, const struct address *own);

/* Nothing is passed on yet. On the thread of the loop. Free with splice_free. */
struct splice *splice_new(struct loop *loop, const struct splice_options *options);

/* One more connection; the descriptor is then owned. False if there is no room for it: it
 * is the caller's, who stops accepting until `has_room` is called. */
bool splice_add(struct splice *s, int fd, const struct address *peer);

/* How many are being passed on, or looked at. */
size_t splice_count(const struct splice *s);

/* Leave the loop: nothing moves until splice_resume. */
void splice_pause(struct splice *s);

/* Go on, on another loop, with those that are passed on; those that were still looked at
 * go to the server behind. `done` is called when the last one has ended. */
void splice_resume(struct splice *s, struct loop *loop, void (*done)(void *argument),
                   void *argument);

/* Of a splice that is paused, which is then owned: a thread carries on with what is
 * passed on, until all have ended or SPLICE_DRAIN_MS are over. From here on the process
 * does not end with its parent (child_stay). */
void splice_drain(struct splice *s);

/* Before the process ends: wait for those threads, holding nothing but the connections.
 */
void splice_drain_wait(void);

/* Close the descriptors of the connections. NULL is fine. */
void splice_free(struct splice *s);
