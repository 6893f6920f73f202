/* The types of challenges that may be answered, the most wanted first. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/acme/terms.h"
#include "core/base/buf.h"
#include "core/base/err.h"

/* Each type once. */
struct challenge_list {
    enum challenge_type types[CHALLENGE_TYPE_COUNT];
    size_t count;
};

/* Add a type behind the others unless it is there. */
void challenge_list_add(struct challenge_list *c, enum challenge_type type);

/* Is it one of them? */
bool challenge_list_has(const struct challenge_list *c, enum challenge_type type);

/* Is one of them able to prove such an identifier? */
bool challenge_list_answer(const struct challenge_list *c,
                           enum identifier_type identifier, bool wildcard);

/* Append "tls-alpn-01,http-01", and add what such a list names. Reading: ERR_USAGE for an
 * empty one or a word that is no challenge type. */
void challenge_list_write(struct buf *b, const struct challenge_list *c);
MUST_CHECK enum err challenge_list_read(const char *list, struct challenge_list *c,
                                        struct err_info *why);
