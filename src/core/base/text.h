/* Small, total helpers for text and numbers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/span.h"

/* Replace control characters, marks that turn the direction of text, separators of lines
 * and octets that are no valid UTF-8 by '?', one for each octet, in place. */
void text_make_printable(char *text);

/* Is it well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms)? */
bool text_is_utf8(struct span s);

/* Lower-case the ASCII letters, in place. */
void text_lower(char *text);

/* Equal but for the case of ASCII letters? */
bool text_equal_ignoring_case(struct span a, struct span b);

/* A decimal number of digits only, no sign, no space; false if malformed or above `max`.
 */
bool text_number(struct span s, uint64_t max, uint64_t *number);

/* The decimal digits of a number, at the end of `to` and not NUL-terminated: where they
 * begin. */
#define TEXT_DIGITS_MAX 20 /* of UINT64_MAX */
const char *text_digits(char to[TEXT_DIGITS_MAX], uint64_t number);

/* A duration such as "90d", "36h", "15m", "20s", "250ms" or "0"; false if malformed or it
 * overflows. Milliseconds. */
bool text_duration_ms(struct span s, int64_t *milliseconds);

/* Remove white space (space, tab, CR, LF) at both ends; the octets are not changed. */
struct span text_trim(struct span s);

/* How many single-character edits lead from one to the other (at most 63 octets each are
 * looked at); for "did you mean". */
unsigned int text_distance(const char *a, const char *b);

/* Is `word` so like `known` that it may have been meant: its beginning, or some letters
 * wrong? */
bool text_resembles(const char *word, const char *known);

/* Copy as much of `from` as fits into `to`, always NUL-terminated; false if it was cut.
 */
bool text_copy(char *to, size_t room, const char *from);

/* A hash of the text, for tables in memory that nobody else fills: FNV-1a. */
size_t text_hash(const char *text);

/* `len` octets as lower-case hexadecimal, NUL-terminated; `to` has room for 2 * len + 1.
 */
void text_hex(char *to, const uint8_t *data, size_t len);

/* Hexadecimal of either case to octets; false if odd, malformed or more than `room`
 * octets. */
bool text_unhex(struct span s, uint8_t *to, size_t room, size_t *len);
