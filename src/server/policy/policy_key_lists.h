/* Keys that others know to be bad: lists of their digests, one a line in hexadecimal, in
 * files that keys.* name. Read once, sorted, searched by halves. */
#pragma once

#include "core/crypto/key.h"
#include "server/settings/settings.h"

struct policy_key_lists;

/* Read the files, before rights are given up. An empty line counts for nothing, nor does
 * what is behind "#". ERR_CONFIG with file and line. Free with policy_key_lists_free. */
MUST_CHECK enum err policy_key_lists_load(const struct settings *settings,
                                          struct policy_key_lists **lists,
                                          struct err_info *why);

/* NULL is fine. policy_key_lists_drop is the same for arena_own. */
void policy_key_lists_free(struct policy_key_lists *lists);
void policy_key_lists_drop(void *lists);

/* What a list says of the key, as words that go on "the key ..." and live forever; NULL:
 * it is in none, or there are none (`lists` may be NULL). */
const char *policy_key_lists_find(const struct policy_key_lists *lists,
                                  const struct key *key);
