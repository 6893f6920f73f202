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

/* ---- what a line asks for ---- */

/* Is it the first word of two? */
static bool is_noun(const struct cli_program *program, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i < program->command_count; i++) {
        const char *name = program->commands[i].name;
        if (strncmp(name, word, len) == 0 && name[len] == ' ')
            return true;
    }
    return false;
}

static bool is_command(const struct cli_program *program, const char *name)
{
    for (size_t i = 0; i < program->command_count; i++)
        if (strcmp(program->commands[i].name, name) == 0)
            return true;
    return false;
}

/* "eba list": the first word of two, misspelt. */
static bool resembles_noun(struct arena *a, const struct cli_program *program,
                           const char *word)
{
    for (size_t i = 0; i < program->command_count; i++) {
        const char *name = program->commands[i].name;
        const char *end = strchr(name, ' ');
        if (end != NULL &&
            text_resembles(word, arena_printf(a, "%.*s", (int)(end - name), name)))
            return true;
    }
    return false;
}

/* A name of one word or two, at the beginning of the words. */
static enum err find_words(struct arena *a, const struct cli_program *program, int count,
                           char *const *words, struct cli_choice *choice,
                           struct err_info *why)
{
    const char *name = words[0];
    bool has_verb = count > 1 && words[1][0] != '-';
    bool noun = is_noun(program, name);

    choice->used = 1;
    if (noun && !has_verb && !is_command(program, name)) {
        choice->group = name;
        if (choice->help)
            return ERR_OK;
        return err_set(why, ERR_USAGE, "%s is half a command; see: %s help %s", name,
                       program->name, name);
    }
    if ((noun && has_verb) ||
        (has_verb && !is_command(program, name) && resembles_noun(a, program, name))) {
        name = arena_printf(a, "%s %s", name, words[1]);
        choice->used = 2;
    }
    return cli_command_find(program, name, &choice->command, why);
}

static bool has_word(int count, char *const *words, const char *word)
{
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

/* The words behind "help". */
static enum err choose_help(struct arena *a, const struct cli_program *program, int count,
                            char *const *words, struct cli_choice *choice,
                            struct err_info *why)
{
    choice->help = true;
    if (count == 0)
        return ERR_OK;
    if (has_word(count, words, "--help") || has_word(count, words, "-h")) {
        choice->used = 1;
        return cli_command_find(program, "help", &choice->command, why);
    }
    if (words[0][0] == '-')
        return err_set(why, ERR_USAGE, "\"%.50s\" is not an option of help", words[0]);
    TRY(find_words(a, program, count, words, choice, why));
    if (choice->used < count)
        return err_set(why, ERR_USAGE, "help shows one command at a time");
    return ERR_OK;
}

enum err cli_command_choose(struct arena *a, const struct cli_program *program, int count,
                            char *const *words, struct cli_choice *choice,
                            struct err_info *why)
{
    *choice = (struct cli_choice){0};
    if (count == 0)
        return choose_help(a, program, 0, words, choice, why);
    if (strcmp(words[0], "help") == 0 || strcmp(words[0], "--help") == 0 ||
        strcmp(words[0], "-h") == 0)
        return choose_help(a, program, count - 1, words + 1, choice, why);
    if (strcmp(words[0], "--version") == 0 || strcmp(words[0], "-V") == 0) {
        choice->used = 1;
        return cli_command_find(program, "version", &choice->command, why);
    }
    choice->help =
        has_word(count - 1, words + 1, "--help") || has_word(count - 1, words + 1, "-h");
    return find_words(a, program, count, words, choice, why);
}

void cli_command_help_of(struct buf *b, const struct cli_program *program,
                         const struct cli_choice *choice)
{
    if (choice->command != NULL)
        cli_command_help(b, program, choice->command);
    else if (choice->group != NULL)
        cli_command_group(b, program, choice->group);
    else
        cli_command_overview(b, program);
}

/* ---- help ---- */

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
