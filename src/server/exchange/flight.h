/* Flights: work under way for an object (a validation, an issuance), and who waits for
 * it. Each key has at most one flight; those who come later join it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/exchange/exchange.h"

struct flight_table;

/* An empty table; free with flight_table_free when no flight is left. */
struct flight_table *flight_table_new(void);
void flight_table_free(struct flight_table *t);

/* Begin a flight for `key`; false if there is one already. */
bool flight_begin(struct flight_table *t, int64_t key);

/* Wait for the flight: the exchange is resumed when it lands. False if there is no such
 * flight (any more). An exchange waits for one flight at a time. */
bool flight_join(struct flight_table *t, int64_t key, struct exchange *x);

/* Stop waiting; to be called by whoever joined, before the exchange ends. Harmless if it
 * landed. */
void flight_leave(struct flight_table *t, int64_t key, struct exchange *x);

/* The work is done and on disk: end the flight and resume all who wait. */
void flight_land(struct flight_table *t, int64_t key);

/* How many flights there are. */
size_t flight_count(struct flight_table *t);
