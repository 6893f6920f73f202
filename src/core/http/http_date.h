/* Dates of HTTP, as they are written today (RFC 9110 5.6.7): IMF-fixdate. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/span.h"

#define HTTP_DATE_SIZE 64 /* octets of a date's text, its NUL included */

/* "Sun, 06 Nov 1994 08:49:37 GMT". */
void http_date_write(char text[HTTP_DATE_SIZE], int64_t seconds);

/* Read one; false if it is none, or of an obsolete form. */
bool http_date_read(struct span text, int64_t *seconds);
