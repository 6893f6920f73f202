/* The syntax of the CAA issue property (RFC 8659 4.2), which other records use as well:
 * a CA's domain name and parameters. */
#pragma once

#include <stddef.h>

#include "core/base/err.h"
#include "core/base/span.h"

#define ISSUE_VALUE_PARAMETERS_MAX 32

struct issue_parameter {
    struct span tag; /* in any case: tags match without regard to it */
    struct span value;
};

struct issue_value {
    struct span issuer; /* in any case; empty: no CA at all */
    struct issue_parameter parameters[ISSUE_VALUE_PARAMETERS_MAX];
    size_t count;
};

/* What stands where the CA's domain name belongs, whatever it is and whatever follows:
 * so that even a record that cannot be read can be told from that of another CA. Points
 * into the text. */
struct span issue_value_issuer(struct span text);

/* Read a value to the letter; the spans point into the text. ERR_MALFORMED says which
 * part is not as it should be, also where there are more parameters than fit. */
MUST_CHECK enum err issue_value_read(struct span text, struct issue_value *value,
                                     struct err_info *why);

/* The first parameter with that tag, which is given in lower case, behind `after` (NULL:
 * from the beginning on); NULL if there is none. */
const struct issue_parameter *issue_value_find(const struct issue_value *value,
                                               const char *tag,
                                               const struct issue_parameter *after);
