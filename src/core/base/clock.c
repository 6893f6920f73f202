/* Time: wall clock, monotonic clock, civil dates in UTC. */
#include "core/base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define SECONDS_PER_DAY 86400

static _Atomic int64_t offset_ms;

int64_t clock_now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + atomic_load(&offset_ms);
}

int64_t clock_now(void)
{
    int64_t ms = clock_now_ms();
    return ms >= 0 ? ms / 1000 : (ms - 999) / 1000;
}

static int64_t us_of(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
    return us_of(CLOCK_MONOTONIC);
}

int64_t clock_thread_us(void)
{
    return us_of(CLOCK_THREAD_CPUTIME_ID);
}

void clock_shift_ms(int64_t offset)
{
    atomic_store(&offset_ms, offset);
}

/* Days since 1970-01-01 of a civil date; the year begins in March so that the leap day is
 * last. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
           day_of_year - 719468;
}

struct clock_civil clock_civil(int64_t seconds)
{
    int64_t days = seconds / SECONDS_PER_DAY;
    int64_t rest = seconds % SECONDS_PER_DAY;

    if (rest < 0) {
        rest += SECONDS_PER_DAY;
        days--;
    }
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    struct clock_civil c = {
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .hour = (int)(rest / 3600),
        .minute = (int)(rest / 60 % 60),
        .second = (int)(rest % 60),
    };
    c.year = (int)(year_of_era + era * 400 + (c.month <= 2 ? 1 : 0));
    return c;
}

bool clock_from_civil(struct clock_civil c, int64_t *seconds)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (c.year < 0 || c.year > 9999 || c.month < 1 || c.month > 12)
        return false;
    bool leap = (c.year % 4 == 0 && c.year % 100 != 0) || c.year % 400 == 0;
    if (c.day < 1 || c.day > month_days[c.month - 1] + (c.month == 2 && leap ? 1 : 0))
        return false;
    if (c.hour < 0 || c.hour > 23 || c.minute < 0 || c.minute > 59 || c.second < 0 ||
        c.second > 59)
        return false;
    *seconds = days_from_civil(c.year, c.month, c.day) * SECONDS_PER_DAY + c.hour * 3600 +
               c.minute * 60 + c.second;
    return true;
}

/* `count` digits of a number, and what stands behind them. */
static char *put(char *to, int number, int count, char behind)
{
    if (number < 0)
        number = 0;

    for (int i = count; i > 0; i--, number /= 10)
        to[i - 1] = (char)('0' + number % 10);
    to[count] = behind;
    return to + count + 1;
}

/* By hand: snprintf took 0.3 % of the CPU of a certificate, which has many times. */
void clock_text(char *to, int64_t seconds)
{
    struct clock_civil c = clock_civil(seconds);

    to = put(to, c.year % 10000, 4, '-');
    to = put(to, c.month, 2, '-');
    to = put(to, c.day, 2, 'T');
    to = put(to, c.hour, 2, ':');
    to = put(to, c.minute, 2, ':');
    to = put(to, c.second, 2, 'Z');
    *to = '\0';
}

static bool two_digits(struct span s, size_t at, int *value)
{
    if (at + 2 > s.len || s.data[at] < '0' || s.data[at] > '9' || s.data[at + 1] < '0' ||
        s.data[at + 1] > '9')
        return false;
    *value = (s.data[at] - '0') * 10 + s.data[at + 1] - '0';
    return true;
}

/* "Z" or "+hh:mm" from `at` to the end, as seconds east of UTC. */
static bool read_zone(struct span s, size_t at, int *offset)
{
    int hours;
    int minutes;

    if (at + 1 == s.len && (s.data[at] == 'Z' || s.data[at] == 'z')) {
        *offset = 0;
        return true;
    }
    if (at + 6 != s.len || (s.data[at] != '+' && s.data[at] != '-') ||
        s.data[at + 3] != ':' || !two_digits(s, at + 1, &hours) ||
        !two_digits(s, at + 4, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset = (hours * 3600 + minutes * 60) * (s.data[at] == '-' ? -1 : 1);
    return true;
}

bool clock_read(struct span s, int64_t *seconds)
{
    struct clock_civil c;
    int century;
    int offset;
    int64_t local;

    if (s.len < 20 || s.data[4] != '-' || s.data[7] != '-' ||
        (s.data[10] != 'T' && s.data[10] != 't') || s.data[13] != ':' ||
        s.data[16] != ':')
        return false;
    if (!two_digits(s, 0, &century) || !two_digits(s, 2, &c.year) ||
        !two_digits(s, 5, &c.month) || !two_digits(s, 8, &c.day) ||
        !two_digits(s, 11, &c.hour) || !two_digits(s, 14, &c.minute) ||
        !two_digits(s, 17, &c.second))
        return false;
    c.year += century * 100;
    size_t at = 19;
    if (s.data[at] == '.') {
        at++;
        size_t first = at;
        while (at < s.len && s.data[at] >= '0' && s.data[at] <= '9')
            at++;
        if (at == first)
            return false;
    }
    if (!read_zone(s, at, &offset) || !clock_from_civil(c, &local))
        return false;
    *seconds = local - offset;
    return true;
}
