/* A relay for one perspective and one attempt. */
#include "server/command/command_perspective_try.h"

#include <stdio.h>

#include "core/base/clock.h"
#include "server/perspective/relay_peer.h"

#define LOOK_MS 20 /* between two looks whether the attempt has ended */

struct attempt {
    struct loop *loop;
    struct loop_timer *timer;
    struct relay_peer *peer;
    int64_t until_us;
};

static void on_time(void *argument)
{
    struct attempt *t = argument;

    if (t->peer->tried || clock_monotonic_us() > t->until_us)
        loop_stop(t->loop);
    else
        loop_timer_set(t->timer, LOOK_MS);
}

/* Nothing is asked, so nothing is answered. */
static void tell(void *context, const struct ipc_message *m)
{
    (void)context;
    (void)m;
}

static void run(struct attempt *t, struct outlook *found)
{
    t->until_us = clock_monotonic_us() + COMMAND_PERSPECTIVE_TRY_MS * 1000LL;
    t->timer = loop_timer_new(t->loop, on_time, t);
    loop_timer_set(t->timer, LOOK_MS);
    loop_run(t->loop);
    loop_timer_free(t->timer);
    found->connected = t->peer->connected;
    (void)snprintf(found->error, sizeof found->error, "%s", t->peer->error);
    (void)snprintf(found->address, sizeof found->address, "%s", t->peer->at);
    (void)snprintf(found->version, sizeof found->version, "%s", t->peer->version);
}

enum err command_perspective_try(struct arena *a, const char *directory,
                                 const struct settings_perspective *p,
                                 struct outlook *found, struct err_info *why)
{
    AUTO(perspective_key) struct perspective_key key = {0};
    const struct settings *s = NULL;
    struct attempt t = {0};
    struct relay_peers peers = {.key = &key, .tell = tell};

    TRY(perspective_key_read(a, directory, &key, why));
    TRY(settings_load(a, directory, NULL, 0, &s, why));
    const struct resolver_options resolver = {
        .server = s->view.resolver, .trust_anchor_file = RELAY_PEER_TRUST_ANCHOR};
    TRY(loop_new(&t.loop, why));
    peers.loop = t.loop;
    enum err result = resolver_new(t.loop, &resolver, &peers.resolver, why);
    if (result == ERR_OK)
        result = relay_peer_new(&peers, p, &t.peer, why);
    if (result == ERR_OK) {
        run(&t, found);
        relay_peer_free(t.peer);
    }
    resolver_free(peers.resolver);
    loop_free(t.loop);
    return result;
}
