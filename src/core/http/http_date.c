/* Dates of HTTP. */
#include "core/http/http_date.h"

#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/text.h"

#define DATE_LEN 29    /* octets */
#define DAY      86400 /* seconds */

static const char days[][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void http_date_write(char text[HTTP_DATE_SIZE], int64_t seconds)
{
    struct clock_civil c = clock_civil(seconds);
    int64_t day = (seconds - (seconds < 0 ? DAY - 1 : 0)) / DAY;

    (void)snprintf(text, HTTP_DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                   days[(day % 7 + 7) % 7], c.day, months[c.month - 1], c.year, c.hour,
                   c.minute, c.second);
}

/* A number of digits only; -1 if it is none. */
static int number(struct span text, size_t at, size_t len)
{
    uint64_t value = 0;

    return text_number(span_slice(text, at, len), 9999, &value) ? (int)value : -1;
}

bool http_date_read(struct span text, int64_t *seconds)
{
    struct clock_civil c = {.year = number(text, 12, 4),
                            .day = number(text, 5, 2),
                            .hour = number(text, 17, 2),
                            .minute = number(text, 20, 2),
                            .second = number(text, 23, 2)};
    char again[HTTP_DATE_SIZE];
    int64_t value = 0;

    if (text.len != DATE_LEN)
        return false;
    for (int i = 0; i < 12; i++)
        if (span_is(span_slice(text, 8, 3), months[i]))
            c.month = i + 1;
    if (c.month == 0 || !clock_from_civil(c, &value))
        return false;
    http_date_write(again, value); /* the rest is as it must be, or it is none */
    if (!span_is(text, again))
        return false;
    *seconds = value;
    return true;
}
