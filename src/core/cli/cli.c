/* Reading command lines. */
#include "core/cli/cli.h"

#include <string.h>

#include "core/base/span.h"
#include "core/base/text.h"

#define HELP_COLUMN 28
#define TAKERS_MAX  1024 /* octets of a list of commands */
#define WORD_SHOWN  100  /* octets of a word that is no option */

/* Is the command that stands there, up to a space or the end, `command`? */
static bool is_command(const char *there, const char *command)
{
    size_t i = 0;

    while (command[i] != '\0' && there[i] == (command[i] == ' ' ? '_' : command[i]))
        i++;
    return command[i] == '\0' && (there[i] == ' ' || there[i] == '\0');
}

/* Is the command among those separated by spaces? */
static bool among(const char *commands, const char *command)
{
    while (commands != NULL && !is_command(commands, command)) {
        commands = strchr(commands, ' ');
        commands += commands != NULL;
    }
    return commands != NULL;
}

static const struct cli_option *find(const struct cli_table *table, const char *command,
                                     struct span name)
{
    for (size_t i = 0; i < table->count; i++)
        if (span_is(name, table->options[i].name) &&
            among(table->options[i].commands, command))
            return &table->options[i];
    return NULL;
}

static const char *nearest(const struct cli_table *table, const char *command,
                           const char *word)
{
    const char *best = NULL;

    for (size_t i = 0; i < table->count; i++) {
        const struct cli_option *o = &table->options[i];
        if (among(o->commands, command) && text_resembles(word, o->name) &&
            (best == NULL || text_distance(word, o->name) < text_distance(word, best)))
            best = o->name;
    }
    return best;
}

/* Commands separated by spaces, as a sentence has them. */
static void add_words(struct buf *b, const char *words)
{
    for (; *words != '\0'; words++)
        buf_add_text(b, *words == ' '   ? ", "
                        : *words == '_' ? " "
                                        : (const char[]){*words, '\0'});
}

/* No option of this command: perhaps of another one, perhaps misspelt. */
static enum err unknown(const struct cli_table *table, const char *command,
                        struct span name, struct err_info *why)
{
    char word[WORD_SHOWN + 1];

    (void)text_copy(word, name.len < sizeof word ? name.len + 1 : sizeof word,
                    (const char *)name.data);
    for (size_t i = 0; i < table->count; i++) {
        if (!span_is(name, table->options[i].name))
            continue;
        AUTO(buf) struct buf takers = buf_make(TAKERS_MAX);
        add_words(&takers, table->options[i].commands);
        return err_set(why, ERR_USAGE, "%s is an option of %.*s, not of %s", word,
                       (int)takers.len, (const char *)takers.data, command);
    }
    const char *near = nearest(table, command, word);
    if (near == NULL)
        return err_set(why, ERR_USAGE, "\"%s\" is not an option of %s", word, command);
    return err_set(why, ERR_USAGE, "\"%s\" is not an option of %s; did you mean %s?",
                   word, command, near);
}

static enum err add(struct cli_list *list, const char *what, const char *value,
                    struct err_info *why)
{
    if (list->count == CLI_LIST_MAX)
        return err_set(why, ERR_USAGE, "%s is given more than %d times", what,
                       CLI_LIST_MAX);
    list->items[list->count++] = value;
    return ERR_OK;
}

static enum err take(const struct cli_option *o, const char *value, void *values,
                     struct err_info *why)
{
    void *place = (char *)values + o->offset;
    uint64_t number = 0;

    switch (o->kind) {
    case CLI_TEXT:
        *(const char **)place = value;
        return ERR_OK;
    case CLI_LIST:
        return add(place, o->name, value, why);
    case CLI_NUMBER:
        if (!text_number(span_of(value), (uint64_t)o->most, &number) ||
            (int64_t)number < o->least)
            return err_set(why, ERR_USAGE, "%s: \"%.50s\" is no number from %lld to %lld",
                           o->name, value, (long long)o->least, (long long)o->most);
        *(int64_t *)place = (int64_t)number;
        return ERR_OK;
    default:
        *(bool *)place = true;
        return ERR_OK;
    }
}

static enum err read_option(const struct cli_table *table, const char *command, int argc,
                            char *const *argv, int *at, void *values,
                            struct err_info *why)
{
    const char *word = argv[*at];
    const char *equals = strchr(word, '=');
    struct span name =
        span_make(word, equals != NULL ? (size_t)(equals - word) : strlen(word));
    const struct cli_option *o = find(table, command, name);

    if (o == NULL)
        return unknown(table, command, name, why);
    if (o->kind == CLI_FLAG) {
        if (equals != NULL)
            return err_set(why, ERR_USAGE, "%s takes no value", o->name);
        return take(o, NULL, values, why);
    }
    /* "--key --json": a value was forgotten; one that does begin so stands behind "=" */
    if (equals == NULL && (*at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0))
        return err_set(why, ERR_USAGE, "%s needs a value: %s", o->name, o->argument);
    return take(o, equals != NULL ? equals + 1 : argv[++*at], values, why);
}

enum err cli_read(const struct cli_table *table, const char *command, int argc,
                  char *const *argv, void *values, struct cli_list *arguments,
                  struct err_info *why)
{
    bool options_over = false;

    for (int i = 0; i < argc; i++) {
        if (!options_over && strcmp(argv[i], "--") == 0) {
            options_over = true;
        } else if (!options_over && argv[i][0] == '-' && argv[i][1] != '\0') {
            TRY(read_option(table, command, argc, argv, &i, values, why));
        } else if (arguments == NULL) {
            return err_set(why, ERR_USAGE, "%s takes no argument; what is \"%.100s\"?",
                           command, argv[i]);
        } else {
            TRY(add(arguments, "an argument", argv[i], why));
        }
    }
    return ERR_OK;
}

bool cli_takes(const struct cli_table *table, const char *command, const char *option)
{
    return find(table, command, span_of(option)) != NULL;
}

void cli_help(struct buf *b, const struct cli_table *table, const char *command)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct cli_option *o = &table->options[i];
        if (!among(o->commands, command))
            continue;
        size_t from = b->len;
        buf_printf(b, "  %s%s%s", o->name, o->argument[0] != '\0' ? " " : "",
                   o->argument);
        size_t len = b->len - from;
        buf_printf(b, "%*s%s\n", len < HELP_COLUMN ? (int)(HELP_COLUMN - len) : 2, "",
                   o->sentence);
    }
}
