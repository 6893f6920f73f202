/* Name constraints (RFC 5280 4.2.1.10): what a CA may certify, as far as it concerns DNS
 * names, addresses and subjects. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/x509/der_write.h"

#define NAME_CONSTRAINTS_MAX 1000 /* subtrees of one certificate */

/* Subtrees of one kind, permitted or excluded. */
struct name_constraints_list {
    const struct span *dns; /* ASCII; an empty one is every name */
    size_t dns_count;
    const struct span *networks; /* 8 or 32 octets each: address and mask */
    size_t network_count;
    const struct span *directories; /* whole Name elements */
    size_t directory_count;
};

struct name_constraints {
    struct name_constraints_list permitted;
    struct name_constraints_list excluded;
    bool has_others; /* subtrees of other kinds of names */
};

/* Read the extension's value (a NameConstraints element), strictly: no minimum, no
 * maximum (RFC 5280 4.2.1.10), masks without gaps. Spans point into `value`, lists live
 * in the arena. ERR_MALFORMED. */
MUST_CHECK enum err name_constraints_read(struct arena *a, struct span value,
                                          struct name_constraints *constraints,
                                          struct err_info *why);

/* Is there nothing in them? RFC 5280 forbids to write such. */
bool name_constraints_is_empty(const struct name_constraints *constraints);

/* Write the NameConstraints element: DNS names and networks only. */
void name_constraints_write(struct der_writer *w,
                            const struct name_constraints *constraints);

/* Why a CA with these constraints cannot certify a DNS name, an address (4 or 16 octets)
 * or a subject (whole Name element); NULL if it can. A wildcard is refused as well if it
 * stands for an excluded name. Static phrases: "is ...". */
const char *name_constraints_refuse_dns(const struct name_constraints *constraints,
                                        struct span name);
const char *name_constraints_refuse_address(const struct name_constraints *constraints,
                                            struct span octets);
const char *name_constraints_refuse_subject(const struct name_constraints *constraints,
                                            struct span subject);
