/* Steps and warnings. */
#include "client/report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/text.h"

#define LINE_MAX_OCTETS 2048
#define LEAD_OCTETS     256 /* "verb      name: " */

static int log_file = -1; /* the one of --log: of the process, as its outputs are */
static int *log_lost;     /* why a line could not be written, an errno; one for all
                             processes that write to it */

/* One write a line: lines of several processes do not mix. */
static void write_log(const char *lead, const char *line)
{
    char text[LINE_MAX_OCTETS + LEAD_OCTETS + CLOCK_TEXT_SIZE + 2];
    char now[CLOCK_TEXT_SIZE];

    if (log_file < 0)
        return;
    clock_text(now, clock_now());
    int len = snprintf(text, sizeof text, "%s %s%s\n", now, lead, line);
    if (len > 0 && !file_write_all(log_file, span_make(text, (size_t)len)) &&
        log_lost != NULL)
        *log_lost = errno; /* told in the end, once */
}

/* Does the text begin with that name? site is another one than site.example.test. */
static bool begins_with(const char *text, const char *name)
{
    size_t len = strlen(name);

    return strncmp(text, name, len) == 0 &&
           (text[len] == '\0' || strchr(" :,", text[len]) != NULL);
}

/* Does the line tell itself what it is about? */
static bool is_named(const struct report *r, const char *line)
{
    return r->about == NULL || begins_with(line, r->about);
}

void report_step(const struct report *r, const char *verb, const char *format, ...)
{
    char lead[LEAD_OCTETS];
    char line[LINE_MAX_OCTETS];
    va_list values;

    va_start(values, format);
    (void)vsnprintf(line, sizeof line, format, values);
    va_end(values);
    text_make_printable(line); /* parts of it come from the CA */
    if (r->tell != NULL) {
        r->tell(r->context, verb, line);
        return;
    }
    bool named = is_named(r, line);
    (void)snprintf(lead, sizeof lead, "%-10s%s%s", verb, named ? "" : r->about,
                   named ? "" : ": ");
    write_log(lead, line);
    if (r->json || r->quiet)
        return;
    (void)fprintf(stdout, "%s%s\n", lead, line);
    (void)fflush(stdout);
}

void report_warning(const char *format, ...)
{
    char line[LINE_MAX_OCTETS];
    va_list values;

    va_start(values, format);
    (void)vsnprintf(line, sizeof line, format, values);
    va_end(values);
    text_make_printable(line);
    write_log("warning   ", line);
    (void)fprintf(stderr, "cairn: %s\n", line);
    (void)fflush(stderr);
}

/* "NAME was not proved: ...", "deployment web of NAME: ..." */
static bool tells_name(const char *sentence, const char *name)
{
    const char *of = strstr(sentence, " of ");
    const char *end = strstr(sentence, ": ");

    return begins_with(sentence, name) ||
           (of != NULL && end != NULL && of + 4 + strlen(name) == end &&
            begins_with(of + 4, name));
}

void report_failure(const char *name, const char *sentence)
{
    if (tells_name(sentence, name))
        report_warning("%s", sentence);
    else
        report_warning("%s: %s", name, sentence);
}

void report_take(const struct report *r, const char *verb, const char *line)
{
    if (strcmp(verb, REPORT_WARNING) == 0)
        report_warn(r, "%s", line);
    else
        report_step(r, verb, "%s", line);
}

void report_warn(const struct report *r, const char *format, ...)
{
    char line[LINE_MAX_OCTETS];
    va_list values;

    va_start(values, format);
    (void)vsnprintf(line, sizeof line, format, values);
    va_end(values);
    text_make_printable(line);
    if (r->tell != NULL)
        r->tell(r->context, REPORT_WARNING, line);
    else
        report_warning("%s%s%s", is_named(r, line) ? "" : r->about,
                       is_named(r, line) ? "" : ": ", line);
}

void report_moment(char *to, int64_t moment, int64_t lifetime_s)
{
    clock_text(to, moment);
    if (lifetime_s >= REPORT_SHORT_LIFE_S)
        *strchr(to, 'T') = '\0';
}

enum err report_log(const char *path, struct err_info *why)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

    if (fd < 0)
        return err_set_os(why, ERR_IO, errno, "cannot open the log %s", path);
    if (log_file >= 0)
        (void)close(log_file);
    log_file = fd;
    if (log_lost == NULL) {
        void *shared = mmap(NULL, sizeof *log_lost, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        log_lost = shared != MAP_FAILED ? shared : NULL;
    }
    return ERR_OK;
}

void report_log_end(const char *path)
{
    if (log_lost != NULL && *log_lost != 0)
        report_warning("the log %s lacks lines, as it could not be written: %s", path,
                       strerror(*log_lost));
}

void report_log_forget(void)
{
    log_file = -1;
}
