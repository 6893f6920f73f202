/* What may stand at the cursor of a command line, for the shells: commands, options,
 * their values, names of certificates and CAs. The scripts of command/completion/ ask
 * the program for it, so that they never know other commands or options than it does. */
#pragma once

#include "client/command/client_command.h"
#include "core/base/buf.h"
#include "core/cli/cli_command.h"

/* Append what may stand in place of the last of `words`, which are those of a command
 * line up to the cursor without the program's name. One candidate a line, a tab and a
 * sentence behind it if there is one; the line ":files" or ":folders" says that files or
 * folders may stand there. Nothing if the line cannot be understood: it is being typed.
 */
void completion_words(struct arena *a, const struct cli_program *program, size_t count,
                      const char *const *words, struct buf *b);

/* The script that makes a shell ("bash", "zsh", "fish") ask; NULL if it is not known. */
const char *completion_script(const char *shell);
