/* CAA (RFC 8659) of the names of an order, looked up again before a certificate is made:
 * what was found when they were proved grows old, and a proof of one name may serve
 * others below it (RFC 9444). All names of an order are asked about at once. */
#pragma once

#include "server/order/order_desk.h"

/* Is it known that CAA lets all names of the order be certified, by what was looked up at
 * `since` (seconds) or later? Always where the directory has no names for CAA records;
 * addresses have no CAA. */
bool order_desk_caa_is_known(const struct settings_directory *directory,
                             const struct store_order *order, int64_t since, int64_t now);

/* Have all names looked up, unless they are: the flight of the order's id in
 * order_desk_caa_flights() lands when what came of it is recorded. Then the order knows
 * it (caa_checked is `*asked`), or has an error, or order_desk_caa_trouble() says why
 * neither. An order that renews itself and has a certificate gets no error, but is due
 * later. `session` has read the order. ERR_UNAVAILABLE when too much is under way. */
MUST_CHECK enum err order_desk_caa_ask(struct order_desk *desk,
                                       const struct store_session *session,
                                       const struct store_order *order,
                                       const struct order_desk_prover *prover,
                                       int64_t *asked, struct err_info *why);

/* Flights by order id. */
struct flight_table *order_desk_caa_flights(struct order_desk *desk);

/* Why the last lookups for the order told nothing: sets ERR_UNAVAILABLE with a subproblem
 * for each name, in the arena, and returns it. It is remembered for a while. */
enum err order_desk_caa_trouble(struct order_desk *desk, struct arena *a,
                                int64_t order_id, struct err_info *why);
