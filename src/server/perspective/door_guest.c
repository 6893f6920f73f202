/* Those who came in: greeted, asked, answered, seen off. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "server/perspective/door_private.h"

#define REFUSALS_LOGGED  30 /* one by one, in a minute */
#define REFUSALS_SPAN_US (60 * 1000000LL)

/* ---- in and out ---- */

static void guest_free(struct door_guest *guest)
{
    struct door *d = guest->door;
    struct perspective_flight flight;
    size_t at = 0;

    while (perspective_flights_take_next(&d->flights, &at, guest, INT64_MAX, &flight))
        continue; /* the validator's answer finds nobody */
    if (guest->previous != NULL)
        guest->previous->next = guest->next;
    else
        d->guests = guest->next;
    if (guest->next != NULL)
        guest->next->previous = guest->previous;
    d->guest_count--;
    loop_timer_free(guest->timer);
    perspective_link_free(guest->link);
    free(guest);
}

/* Strangers can knock as often as they like: the log must not be theirs to fill. */
static void log_refusal(struct door *d, const char *at, const char *why)
{
    int64_t now = clock_monotonic_us();

    if (now - d->refusals_since_us > REFUSALS_SPAN_US || d->refusals_since_us == 0) {
        if (d->refusals > REFUSALS_LOGGED)
            log_event(LOG_LEVEL_NOTICE, "door.refused_more", "count=%u",
                      d->refusals - REFUSALS_LOGGED);
        d->refusals_since_us = now;
        d->refusals = 0;
    }
    if (++d->refusals <= REFUSALS_LOGGED)
        log_event(LOG_LEVEL_NOTICE, "door.refused", "peer=%s why=" LOG_QUOTE, at, why);
}

static void part(struct door_guest *guest, const char *why)
{
    if (guest->is_greeted)
        log_event(LOG_LEVEL_NOTICE, "door.ca_gone", "peer=%s why=" LOG_QUOTE, guest->at,
                  why);
    else
        log_refusal(guest->door, guest->at, why);
    guest_free(guest);
}

void door_guest_dismiss(struct door_guest *guest, const char *why)
{
    const struct ipc_message m = {.type = IPC_FAREWELL,
                                  {.as_farewell = {.detail = span_of(why)}}};
    struct err_info unsent = {0};

    if (perspective_link_send(guest->link, &m, &unsent) == ERR_OK)
        perspective_link_finish(guest->link);
    part(guest, why);
}

static void on_time(void *argument)
{
    struct door_guest *guest = argument;

    door_guest_dismiss(guest, guest->is_greeted ? "nothing was heard of it any more"
                                                : "it took too long to show who it is");
}

/* ---- questions ---- */

static void answer_to(struct door_guest *guest, const struct ipc_message *m)
{
    struct err_info why = {0};

    /* it then asks elsewhere, or again; a relay that does not read is closed by time */
    if (perspective_link_send(guest->link, m, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "door.answer_lost", "peer=%s why=" LOG_QUOTE,
                  guest->at, why.detail);
}

static void refuse(struct door_guest *guest, uint64_t id, const char *why)
{
    const struct ipc_message m = {
        .type = IPC_VERDICT,
        {.as_verdict = {.id = id,
                        .code = perspective_wire_code(ERR_UNAVAILABLE),
                        .detail = span_of(why),
                        .record = span_of("[]")}}};

    answer_to(guest, &m);
}

static void take_check(struct door_guest *guest, const struct message_check *m)
{
    struct door *d = guest->door;
    struct message_check question = *m;
    struct perspective_flight flight;
    struct err_info why = {0};

    if (d->draining) {
        refuse(guest, m->id, "it is ending");
        return;
    }
    if (!perspective_flights_add(&d->flights, guest, m->id, &question.id)) {
        refuse(guest, m->id, "it has too much to do");
        return;
    }
    question.perspective = span_of("");
    if (ipc_channel_send_check(d->validator.channel, &question, &why) == ERR_OK)
        return;
    (void)perspective_flights_take(&d->flights, question.id, &flight);
    refuse(guest, m->id, why.detail);
}

static void check_drained(struct door *d)
{
    if (d->draining && d->flights.count == 0)
        door_main_drained(d);
}

void door_guest_verdict(struct door *d, const struct message_verdict *m)
{
    struct ipc_message answer = {.type = IPC_VERDICT, {.as_verdict = *m}};
    struct perspective_flight flight;

    if (!perspective_flights_take(&d->flights, m->id, &flight))
        return; /* who asked is gone */
    answer.as_verdict.id = flight.id;
    answer.as_verdict.code = m->valid != 0 ? 0 : perspective_wire_code((enum err)m->code);
    answer_to(flight.owner, &answer);
    check_drained(d);
}

void door_guest_trouble(struct door *d, const struct message_trouble *m)
{
    struct ipc_message news = {.type = IPC_TROUBLE, {.as_trouble = *m}};
    const struct perspective_flight *flight =
        perspective_flights_find(&d->flights, m->id);

    if (flight == NULL)
        return;
    news.as_trouble.id = flight->id;
    news.as_trouble.code = perspective_wire_code((enum err)m->code);
    answer_to(flight->owner, &news);
}

void door_guest_give_up(struct door *d, const char *why)
{
    struct perspective_flight flight;
    size_t at = 0;

    while (perspective_flights_take_next(&d->flights, &at, NULL, INT64_MAX, &flight))
        refuse(flight.owner, flight.id, why);
    check_drained(d);
}

/* ---- the link ---- */

/* Each end greets at once: those whose versions differ then both know. */
static void on_opened(void *argument)
{
    struct door_guest *guest = argument;
    const struct door *d = guest->door;
    const struct ipc_message m = {.type = IPC_GREETING,
                                  {.as_greeting = {.protocol = PERSPECTIVE_WIRE_PROTOCOL,
                                                   .version = span_of(CAIRN_VERSION),
                                                   .name = span_of(d->name),
                                                   .region = span_of(d->region)}}};

    answer_to(guest, &m);
}

static enum err on_message(void *argument, struct ipc_message *m, struct err_info *why)
{
    struct door_guest *guest = argument;
    const struct ipc_message pong = {.type = IPC_PONG,
                                     {.as_pong = {.id = m->as_ping.id}}};

    loop_timer_set(guest->timer, DOOR_GUEST_SILENCE_MS);
    if (m->type == IPC_GREETING) {
        if (!door_main_knows(guest->door, perspective_link_pin(guest->link)))
            return err_set(why, ERR_UNAUTHORIZED, "its key was just taken out");
        guest->is_greeted = true;
        log_event(LOG_LEVEL_NOTICE, "door.ca_connected",
                  "peer=%s called=\"%.*s\" version=\"%.*s\"", guest->at,
                  (int)m->as_greeting.name.len, (const char *)m->as_greeting.name.data,
                  (int)m->as_greeting.version.len,
                  (const char *)m->as_greeting.version.data);
    } else if (m->type == IPC_PING) {
        answer_to(guest, &pong);
    } else if (m->type == IPC_CHECK) {
        take_check(guest, &m->as_check);
    }
    return ERR_OK;
}

static void on_ended(void *argument, enum err code, const struct err_info *why)
{
    struct door_guest *guest = argument;
    struct door *d = guest->door;

    (void)code;
    part(guest, why->detail);
    check_drained(d);
}

/* The oldest that has not shown who it is makes room; a CA never does. */
static bool make_room(struct door *d)
{
    struct door_guest *oldest = NULL;

    if (d->guest_count < d->connections)
        return true;
    for (struct door_guest *g = d->guests; g != NULL; g = g->next)
        if (!g->is_greeted)
            oldest = g;
    if (oldest == NULL)
        return false;
    part(oldest, "there are too many connections");
    return true;
}

void door_guest_take(struct door *d, int fd, const struct address *from)
{
    struct door_guest *guest = NULL;
    char at[ADDRESS_TEXT_SIZE];

    address_text_with_port(from, at);
    if (d->draining || !make_room(d)) {
        log_refusal(d, at, d->draining ? "it is ending" : "too many connections");
        (void)close(fd);
        return;
    }
    guest = memory_get_zeroed(1, sizeof *guest);
    memcpy(guest->at, at, sizeof at);
    guest->door = d;
    guest->next = d->guests;
    if (d->guests != NULL)
        d->guests->previous = guest;
    d->guests = guest;
    d->guest_count++;
    const struct perspective_link_owner owner = {on_opened, on_message, on_ended, guest};
    guest->timer = loop_timer_new(d->loop, on_time, guest);
    loop_timer_set(guest->timer, d->handshake_ms);
    guest->link = perspective_link_new(d->loop, d->tls, fd, IPC_DOOR, &owner);
}
