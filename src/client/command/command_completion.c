/* cairn completion: scripts for shells, and what they ask. */
#include <stdio.h>
#include <string.h>

#include "client/command/client_command.h"
#include "client/command/completion.h"

#define OUTPUT_MAX (32 * 1024 * 1024) /* octets */

enum err command_completion(const struct client_command *c, struct err_info *why)
{
    const struct cli_list *words = &c->arguments;
    const char *what = words->count > 0 ? words->items[0] : "";

    if (strcmp(what, "words") == 0) {
        AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
        completion_words(c->arena, &client_command_program, words->count - 1,
                         words->items + 1, &b);
        printf("%.*s", (int)b.len, (const char *)b.data);
        return ERR_OK;
    }
    const char *script = completion_script(what);
    if (script == NULL || words->count != 1)
        return err_set(why, ERR_USAGE, "say for which shell: bash, zsh or fish");
    printf("%s", script);
    return ERR_OK;
}
