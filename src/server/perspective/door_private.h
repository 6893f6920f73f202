/* What the files of the door share: its process, and those who came in. */
#pragma once

#include "core/net/loop.h"
#include "core/net/tls.h"
#include "server/perspective/perspective_channel.h"
#include "server/perspective/perspective_flights.h"
#include "server/perspective/perspective_key.h"
#include "server/perspective/perspective_link.h"
#include "server/settings/settings.h"

#define DOOR_GUEST_SILENCE_MS 60000 /* a relay pings more often than that */

struct door;

/* A connection: perhaps of a CA. */
struct door_guest {
    struct door *door;
    struct door_guest *next, *previous; /* newest first */
    struct perspective_link *link;
    struct loop_timer *timer; /* until it greets; then, until it speaks again */
    bool is_greeted;
    char at[ADDRESS_TEXT_SIZE];
};

struct door {
    struct arena *arena;
    const struct settings *settings; /* those it was started with */
    struct loop *loop;
    struct perspective_channel control, validator;
    struct perspective_key key;
    struct tls_context *tls;

    /* what is in force, which a reload changes */
    uint8_t pins[SETTINGS_PINS_MAX][SETTINGS_PIN_SIZE];
    size_t pin_count;
    char name[CONFIG_NAME_MAX + 1], region[CONFIG_NAME_MAX + 1];
    size_t connections;
    int64_t handshake_ms;

    struct loop_fd *watches[SETTINGS_LISTEN_MAX];
    int listeners[SETTINGS_LISTEN_MAX];
    size_t listener_count;
    bool ready;

    struct door_guest *guests;
    size_t guest_count;
    struct perspective_flights flights;
    bool draining;
    struct loop_timer *drain;

    int64_t refusals_since_us; /* of those that were logged one by one */
    unsigned int refusals;
};

/* Somebody connected; the socket is the door's from now on. */
void door_guest_take(struct door *d, int fd, const struct address *from);

/* Say goodbye, and close. */
void door_guest_dismiss(struct door_guest *guest, const char *why);

/* The validator has answered. */
void door_guest_verdict(struct door *d, const struct message_verdict *m);
void door_guest_trouble(struct door *d, const struct message_trouble *m);

/* It cannot answer what it was asked: that is told to those who asked. */
void door_guest_give_up(struct door *d, const char *why);

/* Is it the key of a CA the door works for? */
bool door_main_knows(const struct door *d, const uint8_t *pin);

/* Nothing is under way any more while the door drains: the process ends. */
void door_main_drained(struct door *d);
