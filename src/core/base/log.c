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

/* A line in the making; what does not fit is left out. */
struct line {
    char text[LOG_LINE_MAX]; /* with room for the line feed */
    size_t used;
};

static void add(struct line *l, const char *text, size_t len)
{
    size_t room = sizeof l->text - 1 - l->used;

    if (len > room)
        len = room;
    memcpy(l->text + l->used, text, len);
    l->used += len;
}

/* What came from outside must not end its quotes: what follows would read as ours. */
static void add_text(struct line *l, const char *text, size_t len)
{
    bool quoted = l->used > 0 && l->text[l->used - 1] == '"';

    for (size_t i = 0; i < len; i++) {
        if (quoted && (text[i] == '"' || text[i] == '\\'))
            add(l, "\\", 1);
        add(l, &text[i], 1);
    }
}

/* With a space behind it. */
static void add_words(struct line *l, const char *text)
{
    add(l, text, strlen(text));
    add(l, " ", 1);
}

static void add_signed(struct line *l, long long number)
{
    char text[32];

    add(l, text, (size_t)snprintf(text, sizeof text, "%lld", number));
}

static void add_unsigned(struct line *l, unsigned long long number)
{
    char text[32];

    add(l, text, (size_t)snprintf(text, sizeof text, "%llu", number));
}

/* Does a conversion stand here? Then it is passed over. */
static bool is(const char **format, const char *conversion)
{
    size_t len = strlen(conversion);

    if (strncmp(*format, conversion, len) != 0)
        return false;
    *format += len;
    return true;
}

/* printf's format as far as lines need it: texts, which are escaped if a quotation mark
 * stands before them, and decimal numbers. What is none of these ends the line. */
static void add_format(struct line *l, const char *format, va_list arguments)
{
    while (*format != '\0') {
        size_t plain = strcspn(format, "%");
        add(l, format, plain);
        format += plain;
        if (is(&format, "%s")) {
            const char *text = va_arg(arguments, const char *);
            add_text(l, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
        } else if (is(&format, "%.*s")) {
            int len = va_arg(arguments, int);
            const char *text = va_arg(arguments, const char *);
            add_text(l, text, len > 0 ? strnlen(text, (size_t)len) : 0);
        } else if (is(&format, "%d")) {
            add_signed(l, va_arg(arguments, int));
        } else if (is(&format, "%ld")) {
            add_signed(l, va_arg(arguments, long));
        } else if (is(&format, "%lld")) {
            add_signed(l, va_arg(arguments, long long));
        } else if (is(&format, "%u")) {
            add_unsigned(l, va_arg(arguments, unsigned int));
        } else if (is(&format, "%lu")) {
            add_unsigned(l, va_arg(arguments, unsigned long));
        } else if (is(&format, "%llu")) {
            add_unsigned(l, va_arg(arguments, unsigned long long));
        } else if (is(&format, "%zu")) {
            add_unsigned(l, va_arg(arguments, size_t));
        } else if (*format != '\0') {
            add(l, "?", 1);
            return;
        }
    }
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    struct line l = {.used = 0};
    char now[CLOCK_TEXT_SIZE];
    va_list arguments;

    if (!log_wants(level))
        return;
    if (to_journal) {
        add(&l, "<", 1);
        add_signed(&l, levels[level].priority);
        add(&l, ">", 1);
    } else {
        clock_text(now, clock_now());
        add_words(&l, now);
        add_words(&l, levels[level].name);
    }
    add_words(&l, process_name);
    add_words(&l, event);
    va_start(arguments, format);
    add_format(&l, format, arguments);
    va_end(arguments);
    l.text[l.used] = '\0';
    text_make_printable(l.text);
    l.text[l.used] = '\n';
    if (write(STDERR_FILENO, l.text, l.used + 1) < 0)
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
