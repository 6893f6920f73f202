/* Steps and warnings. */
#include "client/report/report.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/text.h"

#define LINE_MAX_OCTETS 2048

__attribute__((format(printf, 3, 0))) static void put(FILE *to, const char *lead,
                                                      const char *format, va_list values)
{
    char line[LINE_MAX_OCTETS];

    (void)vsnprintf(line, sizeof line, format, values);
    text_make_printable(line); /* parts of it come from the CA */
    (void)fprintf(to, "%s%s\n", lead, line);
    (void)fflush(to);
}

void report_step(const struct report *r, const char *verb, const char *format, ...)
{
    char lead[32];
    va_list values;

    if (r->json || r->quiet)
        return;
    (void)snprintf(lead, sizeof lead, "%-10s", verb);
    va_start(values, format);
    put(stdout, lead, format, values);
    va_end(values);
}

void report_warning(const char *format, ...)
{
    va_list values;

    va_start(values, format);
    put(stderr, "cairn: ", format, values);
    va_end(values);
}
