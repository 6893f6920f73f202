/* What the program tells its user while it works: one line a step on standard output, or
 * nothing until the final object with --json; the same lines with the time in front of
 * them in a file, if --log names one. There are no control characters in either, so that
 * a pipe or a journal shows what a terminal does. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

struct report {
    bool json;         /* the result is a JSON object; steps are not shown */
    bool quiet;        /* no steps */
    const char *about; /* the certificate, where several are worked on: put before each
                          line that does not begin with it; or NULL */

    /* Where steps go instead: a process that is not to write itself hands them over.
     * Printable, without a line end. NULL: nowhere else. */
    void (*tell)(void *context, const char *verb, const char *line);
    void *context;
};

/* One step: "verb      text". `verb` is one short word. */
void report_step(const struct report *r, const char *verb, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Something the user should know, on stderr, also with --json. */
void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A certificate and what is wrong with it: "NAME: sentence", or only the sentence if that
 * begins with the name, or with something of that name. */
void report_failure(const char *name, const char *sentence);

/* A warning from a process that is not to write itself: it is handed over as a step
 * called REPORT_WARNING, and whoever takes the steps writes it (report_take). */
#define REPORT_WARNING "warning"
void report_warn(const struct report *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Show what `tell` of another process was given. */
void report_take(const struct report *r, const char *verb, const char *line);

/* "2026-11-23", or with the time of day ("2026-11-23T21:38:00Z") if what it is about
 * lives for less than REPORT_SHORT_LIFE_S; `to` has CLOCK_TEXT_SIZE. */
#define REPORT_SHORT_LIFE_S (10 * 24 * 3600)
void report_moment(char *to, int64_t moment, int64_t lifetime_s);

/* Write all steps, also those that are not shown, and all warnings of this process and of
 * those that it forks to the end of that file as well, which is made with mode 0640.
 * ERR_IO. */
MUST_CHECK enum err report_log(const char *path, struct err_info *why);

/* Nothing more is to come: warn once if a line could not be written to it. */
void report_log_end(const char *path);

/* In a process that was forked and has closed what it does not need: there is no log any
 * more; the descriptor's number may be another file's by now. */
void report_log_forget(void);
