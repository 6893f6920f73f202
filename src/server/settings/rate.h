/* How often something may happen: the texts of rates.*, "COUNT/DURATION [BURST]" or
 * "off". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/span.h"

enum rate_kind {
#define LIMIT(name, word, sentence)     RATE_##name,
#define KEY_LIMIT(name, word, sentence) RATE_##name,
#include "server/settings/limits.def"
#undef LIMIT
#undef KEY_LIMIT
    RATE_KINDS
};

#define RATE_COUNT_MAX    1000000 /* and of a burst */
#define RATE_DURATION_MIN 1000LL  /* milliseconds */
#define RATE_DURATION_MAX (366 * 86400 * 1000LL)
#define RATE_ROOM_MAX_US  (3660 * 86400 * 1000000LL) /* until a used up bucket is new */
#define RATE_TEXT_SIZE    64 /* octets of rate_text() and rate_duration_text() */

struct rate {
    int64_t count; /* 0: off, and so is the rest */
    int64_t duration_ms;
    int64_t burst;       /* that many at once; if not said, `count` */
    int64_t interval_us; /* one more comes back so often */
    int64_t room_us;     /* burst times interval */
};

/* Read a text; ERR_CONFIG with a sentence that says what is wrong. */
MUST_CHECK enum err rate_read(struct span text, struct rate *rate, struct err_info *why);

/* The text of a rate, NUL-terminated. */
void rate_text(const struct rate *rate, char to[RATE_TEXT_SIZE]);

/* For sentences: "50 in 7 days", "50 in 7 days, 10 at once". */
void rate_words(const struct rate *rate, char to[RATE_TEXT_SIZE]);

/* The word of a kind as in the options, and the kind of a word (false: there is none). */
const char *rate_kind_word(enum rate_kind kind);
bool rate_kind_read(const char *word, enum rate_kind *kind);

/* What the kind counts: a sentence with one %s. */
const char *rate_kind_sentence(enum rate_kind kind);
