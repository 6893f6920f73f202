/* What a name is registered under, by the public suffix list (libpsl): example.com for
 * www.example.com, example.co.uk for www.example.co.uk. */
#pragma once

#include "server/limit/limit.h"

/* Read the list, before rights are given up; "" is the one built into libpsl.
 * ERR_CONFIG. */
MUST_CHECK enum err limit_domain_load(struct limit *l, const char *file,
                                      struct err_info *why);

/* Can the list be read? "" is good. ERR_CONFIG. */
MUST_CHECK enum err limit_domain_check(const char *file, struct err_info *why);

/* The registered domain of a DNS name in canonical form, without "*.": points into the
 * name. A name that is a public suffix itself stands for itself. */
const char *limit_domain_of(const struct limit *l, const char *name);

/* Does the name, as above, lie below a public suffix that is in the list? `l` may be
 * NULL: the list built into libpsl. */
bool limit_domain_is_registrable(const struct limit *l, const char *name);
