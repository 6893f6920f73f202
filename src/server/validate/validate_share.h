/* A target's share of the validator: how many connections to one address are under way.
 * What is beyond that waits in the target's queue while its time runs, so that a server
 * that hangs, drips or floods takes no more than that, and who comes later for another
 * one is not delayed. A target is an IPv4 address or an IPv6 /64: whoever has one IPv6
 * address has as many as he likes. */
#pragma once

#include "core/net/address.h"

struct validate_check;
struct validator;

#define VALIDATE_SHARE_WAITING_MAX 1000 /* checks in the queue of one target */
#define VALIDATE_SHARE_BUCKETS     1024 /* of the table of targets */

struct validate_share_target;
struct validate_shares; /* all targets of a validator */

enum validate_share_state {
    VALIDATE_SHARE_NONE = 0,
    VALIDATE_SHARE_WAITING, /* in the queue */
    VALIDATE_SHARE_CALLED,  /* has its place; goes on in a turn of its own */
    VALIDATE_SHARE_TAKEN,
};

/* A check's place; only validate_share.c writes to it. */
struct validate_share {
    enum validate_share_state state;
    struct validate_share_target *target;
    struct address to;
    struct validate_check *next;
    struct validate_check *previous;
    void (*go)(struct validate_check *c);
};

/* No targets yet. Free with validate_share_free. */
struct validate_shares *validate_share_new(void);

/* NULL is fine; no check may be under way. */
void validate_share_free(struct validate_shares *s);

/* Take a place among the connections to that target, then call `go`: at once, or when
 * another check has left. The check's timer is used while it waits. When its time is up
 * before that, or the queue is full, the attempt ends with a sentence. */
void validate_share_enter(struct validate_check *c, const struct address *to,
                          void (*go)(struct validate_check *c));

/* Give the place up, or leave the queue; nothing if there is none. */
void validate_share_leave(struct validate_check *c);

/* The check's timer fired: true if that was about its place. */
bool validate_share_on_timer(struct validate_check *c);

/* Targets with connections under way. */
size_t validate_share_targets(const struct validator *v);
