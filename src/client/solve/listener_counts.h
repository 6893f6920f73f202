/* What a listener tells of the connections that came to it (COUNTS), and how it is
 * written: numbers with blanks between. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/span.h"

struct listener_counts {
    uint64_t open;     /* being passed on, or looked at */
    uint64_t passed;   /* reached the server behind */
    uint64_t failed;   /* did not */
    uint64_t reason;   /* why the last of those did not: an errno */
    uint64_t answered; /* asked for a challenge's certificate, and got it */
};

/* Append them; read them again, false if that is none. */
void listener_counts_write(struct buf *b, const struct listener_counts *counts);
bool listener_counts_read(struct span text, struct listener_counts *counts);
