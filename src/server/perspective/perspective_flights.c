/* A table of places that grows, and a stack of those that are free. */
#include "server/perspective/perspective_flights.h"

#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/memory.h"

#define ROOM_FIRST 64
#define PLACE_BITS 16 /* of a number; the rest is the round */
#define PLACE_MASK ((1U << PLACE_BITS) - 1)

_Static_assert(PERSPECTIVE_FLIGHTS_MAX <= PLACE_MASK, "a place has a number of its own");

void perspective_flights_free(struct perspective_flights *f)
{
    free(f->places);
    free(f->free);
    *f = (struct perspective_flights){0};
}

static void grow(struct perspective_flights *f)
{
    size_t room = f->room == 0 ? ROOM_FIRST : 2 * f->room;

    if (room > PERSPECTIVE_FLIGHTS_MAX)
        room = PERSPECTIVE_FLIGHTS_MAX;
    f->places = memory_resize(f->places, room * sizeof *f->places);
    f->free = memory_resize(f->free, room * sizeof *f->free);
    for (size_t i = room; i > f->room; i--) {
        f->places[i - 1] = (struct perspective_flight){0};
        f->free[f->free_count++] = (uint32_t)(i - 1);
    }
    f->room = room;
}

bool perspective_flights_add(struct perspective_flights *f, void *owner, uint64_t id,
                             uint64_t *number)
{
    if (f->free_count == 0 && f->room == PERSPECTIVE_FLIGHTS_MAX)
        return false;
    if (f->free_count == 0)
        grow(f);
    uint32_t place = f->free[--f->free_count];
    struct perspective_flight *flight = &f->places[place];
    *flight = (struct perspective_flight){.used = true,
                                          .round = flight->round + 1,
                                          .owner = owner,
                                          .id = id,
                                          .begun_us = clock_monotonic_us()};
    f->count++;
    *number = (uint64_t)flight->round << PLACE_BITS | place;
    return true;
}

static size_t place_of(const struct perspective_flights *f, uint64_t number)
{
    size_t place = (size_t)(number & PLACE_MASK);

    if (place >= f->room || !f->places[place].used ||
        f->places[place].round != number >> PLACE_BITS)
        return f->room;
    return place;
}

const struct perspective_flight *
perspective_flights_find(const struct perspective_flights *f, uint64_t number)
{
    size_t place = place_of(f, number);

    return place < f->room ? &f->places[place] : NULL;
}

static void take(struct perspective_flights *f, size_t place,
                 struct perspective_flight *flight)
{
    *flight = f->places[place];
    f->places[place].used = false;
    f->free[f->free_count++] = (uint32_t)place;
    f->count--;
}

bool perspective_flights_take(struct perspective_flights *f, uint64_t number,
                              struct perspective_flight *flight)
{
    size_t place = place_of(f, number);

    if (place == f->room)
        return false;
    take(f, place, flight);
    return true;
}

bool perspective_flights_take_next(struct perspective_flights *f, size_t *at,
                                   const void *owner, int64_t before_us,
                                   struct perspective_flight *flight)
{
    for (; *at < f->room && f->count > 0; (*at)++) {
        const struct perspective_flight *p = &f->places[*at];
        if (!p->used || (owner != NULL && p->owner != owner) || p->begun_us >= before_us)
            continue;
        take(f, *at, flight);
        return true;
    }
    return false;
}
