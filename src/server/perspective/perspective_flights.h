/* Questions on their way: each gets a number under which its answer comes. A number is
 * not given again soon, so an answer that is late belongs to nobody. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERSPECTIVE_FLIGHTS_MAX 10000 /* as many as a validator takes */

struct perspective_flight {
    bool used;
    uint32_t round; /* how often its place was used */
    void *owner;    /* whoever asked */
    uint64_t id;    /* the owner's own number */
    int64_t begun_us;
};

struct perspective_flights {
    struct perspective_flight *places; /* owned */
    uint32_t *free;                    /* owned: places that are not used */
    size_t free_count;
    size_t room, count;
};

/* Free; all zero is an empty one. */
void perspective_flights_free(struct perspective_flights *f);

/* Put a question on record; false if there are PERSPECTIVE_FLIGHTS_MAX. */
bool perspective_flights_add(struct perspective_flights *f, void *owner, uint64_t id,
                             uint64_t *number);

/* The question of that number, NULL if there is none. Valid until the next add. */
const struct perspective_flight *
perspective_flights_find(const struct perspective_flights *f, uint64_t number);

/* Take it off the record; false if there is none. */
bool perspective_flights_take(struct perspective_flights *f, uint64_t number,
                              struct perspective_flight *flight);

/* Take off the record, one a call, those of `owner` (NULL: of all) that began before
 * that moment (INT64_MAX: any); false if none is left. `*at` is 0 for the first call. */
bool perspective_flights_take_next(struct perspective_flights *f, size_t *at,
                                   const void *owner, int64_t before_us,
                                   struct perspective_flight *flight);
