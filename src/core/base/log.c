/* One event, one line on stderr. */
#include "core/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"

#define LOG_LINE_MAX 4096 /* octets, the line feed included */

/* a reload changes them while other threads write */
static _Atomic enum log_level least = LOG_LEVEL_INFO;
static const char *_Atomic process_name = "cairn";
static atomic_bool to_journal;

static const struct {
    const char *name;
    int priority; /* syslog's, for the journal */
} levels[] = {
    [LOG_LEVEL_DEBUG] = {"debug", 7},   [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_NOTICE] = {"notice", 5}, [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_ERROR] = {"error", 3},
};

void log_configure(enum log_level level, const char *process)
{
    least = level;
    process_name = process;
    to_journal = getenv("JOURNAL_STREAM") != NULL && !isatty(STDERR_FILENO);
}

bool log_level_read(const char *text, enum log_level *level)
{
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(text, levels[i].name) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_wants(enum log_level level)
{
    return level >= least;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    char line[LOG_LINE_MAX];
    char now[CLOCK_TEXT_SIZE];
    va_list arguments;
    int used;

    if (!log_wants(level))
        return;
    if (to_journal) {
        used = snprintf(line, sizeof line, "<%d>%s %s ", levels[level].priority,
                        process_name, event);
    } else {
        clock_text(now, clock_now());
        used = snprintf(line, sizeof line, "%s %s %s %s ", now, levels[level].name,
                        process_name, event);
    }
    if (used < 0 || (size_t)used >= sizeof line - 1)
        return;
    va_start(arguments, format);
    (void)vsnprintf(line + used, sizeof line - 1 - (size_t)used, format, arguments);
    va_end(arguments);
    text_make_printable(line);
    size_t len = strlen(line);
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0)
        return; /* nobody left to tell */
}

const char *log_value(struct arena *a, const char *text)
{
    char *quoted = NULL;
    size_t at = 0;

    if (text[0] != '\0' && strpbrk(text, " \"'=\\") == NULL)
        return text;
    quoted = arena_get(a, 2 * strlen(text) + 3);
    quoted[at++] = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            quoted[at++] = '\\';
        quoted[at++] = *text;
    }
    quoted[at] = '"';
    return quoted;
}
