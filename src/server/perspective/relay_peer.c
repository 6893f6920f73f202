/* The connection to one perspective, kept up; its questions and answers. */
#include "server/perspective/relay_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/net/socket.h"
#include "server/settings/settings_perspective.h"

static void look_up(struct relay_peer *p);
static void dial_next(struct relay_peer *p);

/* ---- what is told ---- */

static void tell_unreached(struct relay_peer *p, uint64_t id, const char *detail)
{
    const struct ipc_message m = {.type = IPC_UNREACHED,
                                  {.as_unreached = {.id = id,
                                                    .perspective = span_of(p->name),
                                                    .detail = span_of(detail)}}};

    p->unreached++;
    p->changed = true;
    p->peers->tell(p->peers->context, &m);
}

/* Of questions older than that moment. */
static void give_up(struct relay_peer *p, int64_t before_us, const char *detail)
{
    struct perspective_flight flight;
    size_t at = 0;

    while (perspective_flights_take_next(&p->flights, &at, NULL, before_us, &flight))
        tell_unreached(p, flight.id, detail);
}

struct message_outlook relay_peer_outlook(const struct relay_peer *p)
{
    return (struct message_outlook){.perspective = span_of(p->name),
                                    .tried = p->tried,
                                    .connected = p->connected,
                                    .since = p->since,
                                    .error = span_of(p->error),
                                    .address = span_of(p->at),
                                    .version = span_of(p->version),
                                    .asked = p->asked,
                                    .answered = p->answered,
                                    .unreached = p->unreached,
                                    .taken_ms = p->taken_ms};
}

/* ---- connections that fail ---- */

static void drop_link(struct relay_peer *p)
{
    perspective_link_free(p->link);
    p->link = NULL;
    for (size_t i = 0; i < 2; i++) {
        if (p->queries[i] != NULL)
            resolver_cancel(p->queries[i]);
        p->queries[i] = NULL;
    }
}

static void wait_and_retry(struct relay_peer *p)
{
    p->state = RELAY_PEER_WAITING;
    loop_timer_set(p->timer, p->wait_ms);
    p->wait_ms = p->wait_ms * 2 < RELAY_PEER_WAIT_LAST_MS ? p->wait_ms * 2
                                                          : RELAY_PEER_WAIT_LAST_MS;
}

/* The sentence for whoever must do something about it. */
static const char *sentence(struct arena *a, const struct relay_peer *p,
                            const char *detail)
{
    const char *hint = "";

    if (strstr(detail, "alert bad certificate") != NULL)
        hint = arena_printf(a,
                            ": it does not know the key of this CA, which is %s; give it "
                            "to cairn-ca perspective init there, or add it to ca in its "
                            "cairn-perspective.yaml",
                            settings_perspective_pin_text(a, p->peers->key->pin));
    return arena_printf(a, "%s%s", detail, hint);
}

static void is_away(struct relay_peer *p, const char *detail)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *error = sentence(a, p, detail);
    bool news = p->connected || !p->tried || strcmp(p->error, error) != 0;
    bool was_connected = p->connected;

    (void)text_copy(p->error, sizeof p->error, error);
    p->connected = false;
    p->changed = true;
    if (was_connected || !p->tried)
        p->since = clock_now();
    p->tried = true;
    if (news)
        log_event(LOG_LEVEL_WARNING, "relay.perspective_away",
                  "perspective=%s address=%s why=" LOG_QUOTE, p->name, p->at, p->error);
    give_up(p, INT64_MAX, p->error);
    wait_and_retry(p);
}

/* ---- an open connection ---- */

static void on_opened(void *argument)
{
    struct relay_peer *p = argument;
    const struct ipc_message m = {.type = IPC_GREETING,
                                  {.as_greeting = {.protocol = PERSPECTIVE_WIRE_PROTOCOL,
                                                   .version = span_of(CAIRN_VERSION),
                                                   .name = span_of(p->name),
                                                   .region = span_of(p->region)}}};
    struct err_info why = {0};

    if (perspective_link_send(p->link, &m, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "relay.greeting_lost", "why=" LOG_QUOTE, why.detail);
}

static enum err take_greeting(struct relay_peer *p, const struct message_greeting *m,
                              struct err_info *why)
{
    if (!span_is(m->region, p->region))
        return err_set(why, ERR_CONFIG,
                       "it says that it stands in region \"%.*s\", but "
                       "perspectives.%s.region is \"%s\"",
                       (int)m->region.len, (const char *)m->region.data, p->name,
                       p->region);
    p->state = RELAY_PEER_READY;
    p->wait_ms = RELAY_PEER_WAIT_FIRST_MS;
    p->connected = true;
    p->tried = true;
    p->changed = true;
    p->since = clock_now();
    p->error[0] = '\0';
    (void)snprintf(p->version, sizeof p->version, "%.*s", (int)m->version.len,
                   (const char *)m->version.data);
    loop_timer_set(p->timer, RELAY_PEER_PING_MS);
    log_event(LOG_LEVEL_NOTICE, "relay.perspective_connected",
              "perspective=%s region=%s address=%s version=" LOG_QUOTE, p->name,
              p->region, p->at, p->version);
    return ERR_OK;
}

static void take_verdict(struct relay_peer *p, struct ipc_message *m)
{
    struct message_verdict *verdict = &m->as_verdict;
    struct perspective_flight flight;

    if (!perspective_flights_take(&p->flights, verdict->id, &flight))
        return; /* late, or nobody waits any more */
    if (verdict->valid == 0 && verdict->code == ERR_UNAVAILABLE) {
        AUTO(arena) struct arena *a = arena_new();
        tell_unreached(p, flight.id, arena_string_of(a, verdict->detail));
        return;
    }
    p->answered++;
    p->taken_ms += (uint64_t)(clock_monotonic_us() - flight.begun_us) / 1000;
    p->changed = true;
    verdict->id = flight.id;
    verdict->perspective = span_of(p->name);
    p->peers->tell(p->peers->context, m);
}

static void take_trouble(struct relay_peer *p, struct ipc_message *m)
{
    const struct perspective_flight *flight =
        perspective_flights_find(&p->flights, m->as_trouble.id);

    if (flight == NULL)
        return;
    m->as_trouble.id = flight->id;
    m->as_trouble.perspective = span_of(p->name);
    p->peers->tell(p->peers->context, m);
}

static enum err on_message(void *argument, struct ipc_message *m, struct err_info *why)
{
    struct relay_peer *p = argument;

    p->heard_us = clock_monotonic_us();
    if (m->type == IPC_GREETING)
        return take_greeting(p, &m->as_greeting, why);
    if (m->type == IPC_VERDICT)
        take_verdict(p, m);
    else if (m->type == IPC_TROUBLE)
        take_trouble(p, m);
    return ERR_OK;
}

static void on_ended(void *argument, enum err code, const struct err_info *why)
{
    struct relay_peer *p = argument;
    bool was_ready = p->state == RELAY_PEER_READY;
    char detail[ERR_DETAIL_MAX];

    (void)text_copy(detail, sizeof detail, why->detail);
    drop_link(p);
    /* another address may lead there, unless it was there that we were refused */
    if (!was_ready && code == ERR_NETWORK && p->address_next < p->address_count)
        dial_next(p);
    else
        is_away(p, detail);
}

/* ---- getting there ---- */

static void dial_next(struct relay_peer *p)
{
    const struct perspective_link_owner owner = {on_opened, on_message, on_ended, p};
    struct err_info why = {0};
    int fd = -1;

    while (p->address_next < p->address_count && fd < 0) {
        struct address *to = &p->addresses[p->address_next++];
        to->port = p->port;
        address_text_with_port(to, p->at);
        if (socket_connect_begin(to, &fd, &why) != ERR_OK)
            fd = -1;
    }
    if (fd < 0) {
        is_away(p, why.detail);
        return;
    }
    p->state = RELAY_PEER_CONNECTING;
    p->link = perspective_link_new(p->peers->loop, p->tls, fd, IPC_RELAY, &owner);
    loop_timer_set(p->timer, RELAY_PEER_CONNECT_MS);
}

static void on_answer(void *argument, const struct resolver_result *r)
{
    struct relay_peer *p = argument;

    p->queries[r->type == DNS_A ? 1 : 0] = NULL;
    for (size_t i = 0; i < r->count && p->address_count < RELAY_PEER_ADDRESSES_MAX; i++)
        p->addresses[p->address_count++] = r->addresses[i];
    if (r->count == 0)
        (void)snprintf(p->lookup_error, sizeof p->lookup_error,
                       "looking up %s failed: %s", p->host,
                       r->rcode == DNS_NOERROR ? "it has no address" : r->reason);
    if (--p->answers_due > 0)
        return;
    if (p->address_count > 0)
        dial_next(p);
    else
        is_away(p, p->lookup_error);
}

static void ask(struct relay_peer *p, size_t which, enum dns_type type)
{
    struct resolver_query *q =
        resolver_ask(p->peers->resolver, p->host, type, on_answer, p);

    /* NULL: the answer has come already, and the state may be another */
    if (p->state == RELAY_PEER_LOOKING_UP && q != NULL)
        p->queries[which] = q;
}

static void look_up(struct relay_peer *p)
{
    p->address_count = 0;
    p->address_next = 0;
    if (address_parse(span_of(p->host), &p->addresses[0])) {
        p->address_count = 1;
        dial_next(p);
        return;
    }
    p->state = RELAY_PEER_LOOKING_UP;
    p->answers_due = 2;
    p->at[0] = '\0';
    loop_timer_set(p->timer, RELAY_PEER_LOOKUP_MS);
    ask(p, 0, DNS_AAAA);
    ask(p, 1, DNS_A);
}

/* ---- time ---- */

static void look_after(struct relay_peer *p)
{
    const struct ipc_message ping = {.type = IPC_PING, {.as_ping = {.id = 1}}};
    int64_t now = clock_monotonic_us();
    struct err_info why = {0};

    give_up(p, now - RELAY_PEER_ANSWER_MS * 1000LL, "it did not answer");
    if (now - p->heard_us > RELAY_PEER_SILENCE_MS * 1000LL) {
        drop_link(p);
        is_away(p, "nothing was heard of it any more");
        return;
    }
    if (perspective_link_send(p->link, &ping, &why) != ERR_OK) {
        drop_link(p);
        is_away(p, why.detail);
        return;
    }
    loop_timer_set(p->timer, RELAY_PEER_PING_MS);
}

static void on_time(void *argument)
{
    struct relay_peer *p = argument;

    switch (p->state) {
    case RELAY_PEER_WAITING:
        look_up(p);
        return;
    case RELAY_PEER_LOOKING_UP:
        drop_link(p);
        is_away(p, "looking up its address took too long");
        return;
    case RELAY_PEER_CONNECTING:
        drop_link(p);
        if (p->address_next < p->address_count)
            dial_next(p);
        else
            is_away(p, "connecting took too long");
        return;
    case RELAY_PEER_READY:
        look_after(p);
        return;
    }
}

/* ---- for the relay ---- */

static enum err make_tls(struct relay_peer *p, struct err_info *why)
{
    const struct perspective_key *key = p->peers->key;
    const struct tls_client_options options = {
        .alpn = {PERSPECTIVE_WIRE_ALPN},
        .chain_pem = key->certificate_pem,
        .key_pem = span_make(key->key_pem.data, key->key_pem.len),
        .pins = {(const uint8_t(*)[TLS_PIN_SIZE])p->pins, p->pin_count},
    };

    return tls_context_client(&options, &p->tls, why);
}

enum err relay_peer_new(const struct relay_peers *peers,
                        const struct settings_perspective *settings,
                        struct relay_peer **peer, struct err_info *why)
{
    struct relay_peer *p = memory_get_zeroed(1, sizeof *p);
    size_t size = settings->pin_count * sizeof settings->pins[0];

    p->peers = peers;
    p->arena = arena_new();
    p->name = arena_string(p->arena, settings->name);
    p->region = arena_string(p->arena, settings->region);
    p->host = arena_string(p->arena, settings->host);
    p->port = settings->port;
    p->pins = arena_copy(p->arena, settings->pins, size);
    p->pin_count = settings->pin_count;
    p->wait_ms = RELAY_PEER_WAIT_FIRST_MS;
    p->changed = true;
    p->since = clock_now();
    p->timer = loop_timer_new(peers->loop, on_time, p);
    loop_timer_set(p->timer, 0);
    enum err result = make_tls(p, why);
    if (result != ERR_OK) {
        relay_peer_free(p);
        return result;
    }
    *peer = p;
    return ERR_OK;
}

void relay_peer_free(struct relay_peer *p)
{
    drop_link(p);
    give_up(p, INT64_MAX, "it was taken out of the configuration, or changed there");
    loop_timer_free(p->timer);
    tls_context_unref(p->tls);
    perspective_flights_free(&p->flights);
    arena_free(p->arena);
    free(p);
}

bool relay_peer_is(const struct relay_peer *p, const struct settings_perspective *s)
{
    return strcmp(p->name, s->name) == 0 && strcmp(p->region, s->region) == 0 &&
           strcmp(p->host, s->host) == 0 && p->port == s->port &&
           p->pin_count == s->pin_count &&
           memcmp(p->pins, s->pins, s->pin_count * sizeof s->pins[0]) == 0;
}

void relay_peer_ask(struct relay_peer *p, const struct message_check *m)
{
    struct ipc_message question = {.type = IPC_CHECK, {.as_check = *m}};
    struct perspective_flight flight;
    struct err_info why = {0};

    p->asked++;
    p->changed = true;
    if (p->state != RELAY_PEER_READY) {
        tell_unreached(p, m->id, p->tried ? p->error : "it is being connected to");
        return;
    }
    if (!perspective_flights_add(&p->flights, p, m->id, &question.as_check.id)) {
        tell_unreached(p, m->id, "it has too much to do");
        return;
    }
    question.as_check.perspective = span_of("");
    if (perspective_link_send(p->link, &question, &why) == ERR_OK)
        return;
    (void)perspective_flights_take(&p->flights, question.as_check.id, &flight);
    tell_unreached(p, m->id, why.detail);
}

void relay_peer_forget(struct relay_peer *p)
{
    struct perspective_flight flight;
    size_t at = 0;

    while (perspective_flights_take_next(&p->flights, &at, NULL, INT64_MAX, &flight))
        continue;
    p->changed = true;
}
