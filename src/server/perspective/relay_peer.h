/* One perspective on another host, as the relay sees it: it keeps a connection there, and
 * asks by it. */
#pragma once

#include "core/dns/resolver.h"
#include "core/net/loop.h"
#include "core/net/tls.h"
#include "server/perspective/perspective_flights.h"
#include "server/perspective/perspective_key.h"
#include "server/perspective/perspective_link.h"
#include "server/proc/ipc.h"
#include "server/settings/settings.h"

#define RELAY_PEER_ADDRESSES_MAX (2 * RESOLVER_ADDRESSES_MAX)
#define RELAY_PEER_TRUST_ANCHOR  "/usr/share/dns/root.key" /* Debian's dns-root-data */
#define RELAY_PEER_LOOKUP_MS     10000
#define RELAY_PEER_CONNECT_MS    10000 /* from dialling to the greeting, of one address */
#define RELAY_PEER_WAIT_FIRST_MS 500   /* before it is tried again, then doubled */
#define RELAY_PEER_WAIT_LAST_MS  15000 /* up to this */
#define RELAY_PEER_PING_MS       5000  /* between two pings */
#define RELAY_PEER_SILENCE_MS    20000 /* without a word: the connection is dead */
#define RELAY_PEER_ANSWER_MS     150000 /* longer than validation.timeout can be */

struct relay_peer;

/* What a peer has in common with the others, and tells. Lives longer than they. */
struct relay_peers {
    struct loop *loop;
    struct resolver *resolver;
    const struct perspective_key *key; /* of this CA */
    void *context;

    /* A VERDICT, TROUBLE or UNREACHED with the name of the perspective and the id of the
     * one who asked. */
    void (*tell)(void *context, const struct ipc_message *m);
};

enum relay_peer_state {
    RELAY_PEER_WAITING, /* until it is tried again */
    RELAY_PEER_LOOKING_UP,
    RELAY_PEER_CONNECTING,
    RELAY_PEER_READY,
};

struct relay_peer {
    const struct relay_peers *peers;
    struct arena *arena; /* what the settings say, and errors */
    const char *name, *region, *host;
    uint16_t port;
    uint8_t (*pins)[SETTINGS_PIN_SIZE];
    size_t pin_count;
    struct tls_context *tls;

    enum relay_peer_state state;
    struct loop_timer *timer; /* the end of the state, or the next look at it */
    int64_t wait_ms;
    struct resolver_query *queries[2];
    size_t answers_due;
    char lookup_error[ERR_DETAIL_MAX];
    struct address addresses[RELAY_PEER_ADDRESSES_MAX];
    size_t address_count, address_next;
    char at[ADDRESS_TEXT_SIZE];
    struct perspective_link *link;
    int64_t heard_us;

    struct perspective_flights flights;
    bool changed; /* since the last outlook was told */
    bool tried, connected;
    int64_t since;
    char error[ERR_DETAIL_MAX];
    char version[64];
    uint64_t asked, answered, unreached, taken_ms;
};

/* A perspective, which is connected to from now on; what `settings` says is copied.
 * ERR_CRYPTO, ERR_CONFIG. */
MUST_CHECK enum err relay_peer_new(const struct relay_peers *peers,
                                   const struct settings_perspective *settings,
                                   struct relay_peer **peer, struct err_info *why);

/* Part; what it was asked and has not answered is told to be unreached. */
void relay_peer_free(struct relay_peer *p);

/* Is it still what the settings say? */
bool relay_peer_is(const struct relay_peer *p, const struct settings_perspective *s);

/* Ask. It is told to be unreached at once if that is not possible. */
void relay_peer_ask(struct relay_peer *p, const struct message_check *m);

/* Whoever asked is gone: nobody waits for the answers. */
void relay_peer_forget(struct relay_peer *p);

/* How it is reached. Spans point into `p`. */
struct message_outlook relay_peer_outlook(const struct relay_peer *p);
