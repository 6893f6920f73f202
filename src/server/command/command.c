/* The commands of cairn-ca: table, command line, help. */
#include "server/command/command.h"

#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/text.h"
#include "core/json/json_write.h"
#include "server/settings/settings.h"

struct command_row {
    const char *name;
    enum err (*run)(const struct command_line *line, struct err_info *why);
    const char *arguments;
    const char *sentence;
};

static const struct command_row rows[] = {
#define COMMAND(name, function, arguments, sentence)                                     \
    {name, function, arguments, sentence},
#include "server/command/commands.def"
#undef COMMAND
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const struct command_row *find(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static const char *nearest(const char *name)
{
    const char *best = rows[0].name;

    for (size_t i = 1; i < ROW_COUNT; i++)
        if (text_distance(name, rows[i].name) < text_distance(name, best))
            best = rows[i].name;
    return best;
}

/* ---- the command line ---- */

/* Where the value of an option goes: one text, or the next place of a list. */
static const char **place_of(struct command_line *line, const char *option)
{
    const struct {
        const char *option;
        const char **list;
        size_t *count; /* NULL: a single text */
    } places[] = {
        {"--dir", &line->directory, NULL},
        {"--name", &line->name, NULL},
        {"--passphrase-file", &line->passphrase_file, NULL},
        {"--set", line->sets, &line->set_count},
        {"--dns-name", line->dns_names, &line->dns_name_count},
        {"--listen", line->listens, &line->listen_count},
    };

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(places[i].option, option) != 0)
            continue;
        if (places[i].count == NULL)
            return places[i].list;
        return *places[i].count < COMMAND_LIST_MAX ? &places[i].list[(*places[i].count)++]
                                                   : NULL;
    }
    return NULL;
}

/* Does the row's argument text name this option? */
static bool takes(const char *arguments, const char *option)
{
    size_t len = strlen(option);

    for (const char *at = strstr(arguments, option); at != NULL;
         at = strstr(at + 1, option))
        if (strchr(" ]", at[len]) != NULL)
            return true;
    return false;
}

enum err command_line_read(struct arena *a, const char *arguments, int argc,
                           char *const *argv, struct command_line *line,
                           struct err_info *why)
{
    memset(line, 0, sizeof *line);
    line->arena = a;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-' && strchr(arguments, '-') == NULL && line->topic == NULL) {
            line->topic = word;
            continue;
        }
        const char *equals = strchr(word, '=');
        const char *option =
            equals == NULL ? word
                           : arena_string_of(a, span_make(word, (size_t)(equals - word)));
        if (word[0] != '-' || !takes(arguments, option))
            return err_set(why, ERR_USAGE,
                           "\"%.100s\" is not an argument of this command", word);
        if (strcmp(option, "--json") == 0 && equals == NULL) {
            line->json = true;
            continue;
        }
        const char *value = equals != NULL ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (value == NULL)
            return err_set(why, ERR_USAGE, "%s needs a value", option);
        const char **place = place_of(line, option);
        if (place == NULL)
            return err_set(why, ERR_USAGE, "%s is given more than %d times", option,
                           COMMAND_LIST_MAX);
        *place = value;
    }
    if (line->directory == NULL && takes(arguments, "--dir"))
        return err_set(why, ERR_USAGE, "--dir is missing: the folder of the CA");
    return ERR_OK;
}

/* ---- commands that need nothing ---- */

static void print_usage(const struct command_row *row)
{
    printf("usage: cairn-ca %s %s\n\n  %s\n", row->name, row->arguments, row->sentence);
}

enum err command_help(const struct command_line *line, struct err_info *why)
{
    if (line->topic != NULL) {
        const struct command_row *row = find(line->topic);
        if (row == NULL)
            return err_set(why, ERR_USAGE,
                           "there is no command \"%.50s\"; did you mean \"%s\"?",
                           line->topic, nearest(line->topic));
        print_usage(row);
        return ERR_OK;
    }
    printf("cairn-ca %s: a certificate authority that speaks ACME (RFC 8555)\n\n",
           CAIRN_VERSION);
    for (size_t i = 0; i < ROW_COUNT; i++)
        printf("  %-14s %s\n", rows[i].name, rows[i].sentence);
    printf(
        "\nMore of one: cairn-ca help COMMAND. Manual: cairn-ca(8), cairn-ca.yaml(5).\n"
        "Exit codes: %d done, %d failed, %d wrong command line, %d wrong "
        "configuration.\n",
        COMMAND_EXIT_OK, COMMAND_EXIT_FAILED, COMMAND_EXIT_USAGE, COMMAND_EXIT_CONFIG);
    return ERR_OK;
}

enum err command_version(const struct command_line *line, struct err_info *why)
{
    (void)why;
    if (line->json)
        printf("{\"program\":\"cairn-ca\",\"version\":\"%s\"}\n", CAIRN_VERSION);
    else
        printf("cairn-ca %s\n", CAIRN_VERSION);
    return ERR_OK;
}

enum err command_check_config(const struct command_line *line, struct err_info *why)
{
    const struct settings *settings = NULL;

    TRY(settings_load(line->arena, line->directory, line->sets, line->set_count,
                      &settings, why));
    if (!line->json) {
        printf("the configuration is good; the directory is %s/acme/directory\n",
               settings->base);
        return ERR_OK;
    }
    AUTO(buf) struct buf b = buf_make(4096);
    struct json_writer w = json_writer_make(&b);
    json_write_begin_object(&w, NULL);
    json_write_bool(&w, "ok", true);
    json_write_text(&w, "directory",
                    arena_printf(line->arena, "%s/acme/directory", settings->base));
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
    return ERR_OK;
}

/* ---- the door ---- */

static int report(enum err result, const struct err_info *why,
                  const struct command_row *row)
{
    if (result == ERR_OK)
        return COMMAND_EXIT_OK;
    fprintf(stderr, "cairn-ca: %s\n", why->detail);
    if (result == ERR_USAGE) {
        if (row != NULL)
            fprintf(stderr, "usage: cairn-ca %s %s\n", row->name, row->arguments);
        return COMMAND_EXIT_USAGE;
    }
    return result == ERR_CONFIG ? COMMAND_EXIT_CONFIG : COMMAND_EXIT_FAILED;
}

int command_run(int argc, char *const *argv)
{
    AUTO(arena) struct arena *a = arena_new();
    struct command_line line;
    struct err_info why = {0};
    const char *name = argc > 1 ? argv[1] : "help";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command_row *row = find(name);
    if (row == NULL)
        return report(err_set(&why, ERR_USAGE,
                              "there is no command \"%.50s\"; did you mean \"%s\"?", name,
                              nearest(name)),
                      &why, NULL);
    if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
        print_usage(row);
        return COMMAND_EXIT_OK;
    }
    enum err result = command_line_read(a, row->arguments, argc > 2 ? argc - 2 : 0,
                                        argv + 2, &line, &why);
    if (result == ERR_OK)
        result = row->run(&line, &why);
    return report(result, &why, row);
}
