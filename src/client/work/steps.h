/* Steps of the process with the network, which is not to write to the terminal: it hands
 * them to the one that started it. */
#pragma once

#include "client/proc/wire.h"
#include "client/report/report.h"

/* For struct report: hand the step over; `context` is the socket, an int. */
void steps_tell(void *context, const char *verb, const char *line);

/* Is the message a step? Then it is reported. */
bool steps_take(const struct report *report, const struct wire_message *m);
