/* One event, one line on stderr: time level event key=value ...
 * Only doors log (front, processes' mains, commands); libraries return errors. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR, /* someone must act */
};

/* Lines below `level` are left out (default: info). `process` names the writer in each
 * line; static string. To be called before there are threads. Under systemd's journal
 * (JOURNAL_STREAM set) the time is left out and the line begins with a <priority>. */
void log_configure(enum log_level level, const char *process);

/* Read "debug", "info", "notice", "warning", "error"; false if it is none. */
bool log_level_read(const char *text, enum log_level *level);

/* Would a line of this level be written? */
bool log_wants(enum log_level level);

/* Write one line. `event` is a dotted name ("certificate.issued"); `format` makes the
 * rest, `key=value` pairs; quote free text with LOG_QUOTE: quotation marks and
 * backslashes in it get a backslash, so that it cannot end its quotes. Of printf's
 * conversions there are %s, %.*s, and %d and %u with l, ll and z; any other ends the
 * line. Written by one write(2), at most 4096 octets; control characters become '?'.
 * Never pass a secret. */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define LOG_QUOTE "\"%s\""

/* A text of somebody else as the value of a pair, in the arena: as it is, or, where it is
 * empty or has spaces, quotes, '=' or '\\', in quotes with a '\\' before quotes and '\\'.
 */
const char *log_value(struct arena *a, const char *text);
