/* What the program tells its user while it works: one line a step on stdout, or nothing
 * until the final object with --json. */
#pragma once

#include <stdbool.h>

struct report {
    bool json;  /* the result is a JSON object; steps are not shown */
    bool quiet; /* no steps */
};

/* One step: "  verb     text". `verb` is one short word. */
void report_step(const struct report *r, const char *verb, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Something the user should know, on stderr, also with --json. */
void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
