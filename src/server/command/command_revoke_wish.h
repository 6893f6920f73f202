/* What `cairn-ca revoke` is asked for, from the words to the arguments of its steps. */
#pragma once

#include "server/command/command.h"

#define COMMAND_REVOKE_SERIALS 1000 /* in one step */

/* Serials are hexadecimal as the CA writes it, each once. */
struct command_revoke_wish {
    const char *const *serials;
    size_t serial_count;
    const char *certificate; /* base64url of DER */
    const char *key_hash;
    const char *issued_from; /* RFC 3339: it must not move from step to step */
    const char *issued_before;
    const char *at;
    int64_t account; /* 0: any, and so on */
    int64_t incident;
    int64_t up_to;
    int64_t started; /* seconds */
};

/* Read files, times and numbers; all lines of all files, before anything is done.
 * ERR_USAGE, and what is wrong with a file. */
MUST_CHECK enum err command_revoke_wish_read(const struct command_line *line,
                                             struct command_revoke_wish *wish,
                                             struct err_info *why);

/* The words that do what was shown, with --yes. In the arena. */
const char *command_revoke_wish_words(const struct command_line *line,
                                      const struct command_revoke_wish *wish,
                                      int64_t up_to);
