/* Which challenge to answer: what the CA offers meets what the user set up. */
#pragma once

#include "client/settings/challenge_list.h"
#include "core/acme/identifier.h"
#include "core/base/err.h"

/* Can cairn answer challenges of this type (solvers.def)? */
bool solve_choose_knows(enum challenge_type type);

/* Those it can answer, in the order of solvers.def. */
void solve_choose_all(struct challenge_list *all);

/* The most wanted type that is offered and can prove the identifier (given without "*.").
 * `offered` are the words of the CA, of any kind. `*index` is the one to answer.
 * ERR_REFUSED with what is offered, what was set up, and what could be. */
MUST_CHECK enum err solve_choose(const struct challenge_list *wanted,
                                 const struct identifier *identifier, bool wildcard,
                                 const char *const *offered, size_t count, size_t *index,
                                 struct err_info *why);
