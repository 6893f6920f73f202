/* Help, and words that are no command. */
#include "core/cli/cli_command.h"

#include <string.h>

#include "core/base/text.h"

#define NAME_COLUMN 16 /* or more, if a name needs it */

/* What the user may have meant; NULL if nothing comes near. */
static const char *nearest(const struct cli_program *program, const char *word)
{
    const char *best = NULL;

    for (size_t i = 0; i < program->command_count; i++) {
        const char *name = program->commands[i].name;
        if (text_resembles(word, name) &&
            (best == NULL || text_distance(word, name) < text_distance(word, best)))
            best = name;
    }
    return best;
}

enum err cli_command_find(const struct cli_program *program, const char *name,
                          const struct cli_command **command, struct err_info *why)
{
    const char *near = nearest(program, name);

    for (size_t i = 0; i < program->command_count; i++) {
        if (strcmp(program->commands[i].name, name) == 0) {
            *command = &program->commands[i];
            return ERR_OK;
        }
    }
    if (name[0] == '-')
        return err_set(why, ERR_USAGE,
                       "the command comes first, then its options: %s COMMAND %.50s",
                       program->name, name);
    if (near == NULL)
        return err_set(why, ERR_USAGE, "there is no command \"%.50s\"", name);
    return err_set(why, ERR_USAGE, "there is no command \"%.50s\"; did you mean \"%s\"?",
                   name, near);
}

/* The commands that begin with the word `noun`; NULL: all. */
static void add_rows(struct buf *b, const struct cli_program *program, const char *noun)
{
    size_t column = NAME_COLUMN;
    size_t len = noun != NULL ? strlen(noun) : 0;

    for (size_t i = 0; i < program->command_count; i++)
        if (strlen(program->commands[i].name) + 2 > column)
            column = strlen(program->commands[i].name) + 2;
    for (size_t i = 0; i < program->command_count; i++) {
        const struct cli_command *c = &program->commands[i];
        if (noun == NULL || (strncmp(c->name, noun, len) == 0 && c->name[len] == ' '))
            buf_printf(b, "  %-*s%s\n", (int)column, c->name, c->sentence);
    }
}

void cli_command_group(struct buf *b, const struct cli_program *program, const char *noun)
{
    buf_printf(b, "usage: %s %s COMMAND [OPTION]...\n\n", program->name, noun);
    add_rows(b, program, noun);
    buf_printf(b, "\n%s", program->ending);
}

void cli_command_overview(struct buf *b, const struct cli_program *program)
{
    buf_printf(b, "%s %s: %s\n\nusage: %s COMMAND [OPTION]...\n\n", program->name,
               CAIRN_VERSION, program->purpose, program->name);
    add_rows(b, program, NULL);
    buf_printf(b, "\n%s", program->ending);
}

void cli_command_help(struct buf *b, const struct cli_program *program,
                      const struct cli_command *command)
{
    AUTO(buf) struct buf options = buf_make(b->max);

    cli_help(&options, program->options, command->name);
    buf_printf(b, "usage: %s %s%s%s%s\n\n  %s\n", program->name, command->name,
               options.len > 0 ? " [OPTION]..." : "",
               command->arguments[0] != '\0' ? " " : "", command->arguments,
               command->sentence);
    if (options.len > 0) {
        buf_add_text(b, "\n");
        buf_add_span(b, buf_span(&options));
    }
    if (command->example[0] != '\0')
        buf_printf(b, "\nExample:\n  %s\n", command->example);
}
