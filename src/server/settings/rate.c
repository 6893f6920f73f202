/* Rates: read and written. */
#include "server/settings/rate.h"

#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

#define HINT                                                                             \
    "write COUNT/DURATION, such as 300/3h, perhaps with a burst (300/3h 50), or off"

static const struct {
    const char *word;
    const char *sentence;
} kinds[RATE_KINDS] = {
#define LIMIT(name, word, sentence)     {#word, sentence},
#define KEY_LIMIT(name, word, sentence) {#word, sentence},
#include "server/settings/limits.def"
#undef LIMIT
#undef KEY_LIMIT
};

static const struct {
    int64_t ms;
    const char *letter;
    const char *word;
} units[] = {{86400000, "d", "day"},
             {3600000, "h", "hour"},
             {60000, "m", "minute"},
             {1000, "s", "second"},
             {1, "ms", "millisecond"}};

static bool read_count(struct span text, int64_t *count)
{
    uint64_t number = 0;

    if (!text_number(text, RATE_COUNT_MAX, &number) || number == 0)
        return false;
    *count = (int64_t)number;
    return true;
}

/* Where the octet is first, or the length. */
static size_t find(struct span text, char octet)
{
    size_t at = 0;

    while (at < text.len && text.data[at] != (uint8_t)octet)
        at++;
    return at;
}

enum err rate_read(struct span text, struct rate *rate, struct err_info *why)
{
    struct rate read = {0};
    struct span whole = text_trim(text);
    size_t slash = find(whole, '/');
    size_t space = find(whole, ' ');

    if (span_is(whole, "off")) {
        *rate = read;
        return ERR_OK;
    }
    if (slash == whole.len || space < slash)
        return err_set(why, ERR_CONFIG, "\"%.*s\" is no rate; " HINT, (int)whole.len,
                       (const char *)whole.data);
    struct span duration = span_slice(whole, slash + 1, space - slash - 1);
    struct span burst = text_trim(span_slice(whole, space, whole.len));
    if (!read_count(span_slice(whole, 0, slash), &read.count))
        return err_set(why, ERR_CONFIG,
                       "\"%.*s\": the count must be a number from 1 to %d; " HINT,
                       (int)whole.len, (const char *)whole.data, RATE_COUNT_MAX);
    if (!text_duration_ms(duration, &read.duration_ms) ||
        read.duration_ms < RATE_DURATION_MIN || read.duration_ms > RATE_DURATION_MAX)
        return err_set(why, ERR_CONFIG,
                       "\"%.*s\": the duration must be from 1s to 366d; " HINT,
                       (int)whole.len, (const char *)whole.data);
    read.burst = read.count;
    if (burst.len > 0 && !read_count(burst, &read.burst))
        return err_set(why, ERR_CONFIG,
                       "\"%.*s\": the burst must be a number from 1 to %d; " HINT,
                       (int)whole.len, (const char *)whole.data, RATE_COUNT_MAX);
    read.interval_us = read.duration_ms * 1000 / read.count;
    if (read.interval_us > RATE_ROOM_MAX_US / read.burst)
        return err_set(why, ERR_CONFIG,
                       "\"%.*s\": a burst that is used up would take more than ten years "
                       "to come back",
                       (int)whole.len, (const char *)whole.data);
    read.room_us = read.interval_us * read.burst;
    *rate = read;
    return ERR_OK;
}

/* The largest unit that divides it. */
static size_t unit_of(int64_t ms)
{
    size_t i = 0;

    while (ms % units[i].ms != 0)
        i++;
    return i;
}

void rate_text(const struct rate *rate, char to[RATE_TEXT_SIZE])
{
    size_t unit = unit_of(rate->duration_ms);
    char burst[24] = "";

    if (rate->count == 0) {
        (void)text_copy(to, RATE_TEXT_SIZE, "off");
        return;
    }
    if (rate->burst != rate->count)
        (void)snprintf(burst, sizeof burst, " %lld", (long long)rate->burst);
    (void)snprintf(to, RATE_TEXT_SIZE, "%lld/%lld%s%s", (long long)rate->count,
                   (long long)(rate->duration_ms / units[unit].ms), units[unit].letter,
                   burst);
}

void rate_words(const struct rate *rate, char to[RATE_TEXT_SIZE])
{
    size_t unit = unit_of(rate->duration_ms);
    long long many = (long long)(rate->duration_ms / units[unit].ms);
    char burst[40] = "";

    if (rate->burst != rate->count)
        (void)snprintf(burst, sizeof burst, ", %lld at once", (long long)rate->burst);
    (void)snprintf(to, RATE_TEXT_SIZE, "%lld in %lld %s%s%s", (long long)rate->count,
                   many, units[unit].word, many == 1 ? "" : "s", burst);
}

const char *rate_kind_word(enum rate_kind kind)
{
    return kinds[kind].word;
}

bool rate_kind_read(const char *word, enum rate_kind *kind)
{
    for (int i = 0; i < RATE_KINDS; i++) {
        if (strcmp(kinds[i].word, word) != 0)
            continue;
        *kind = (enum rate_kind)i;
        return true;
    }
    return false;
}

const char *rate_kind_sentence(enum rate_kind kind)
{
    return kinds[kind].sentence;
}
