/* The commands of cairn-ca: table, command line, help. */
#include "server/command/command.h"

#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/cli/cli_command.h"
#include "core/json/json_write.h"
#include "server/settings/settings.h"

#define OUTPUT_MAX (64 * 1024) /* octets */

static enum err (*const runs[])(const struct command_line *line, struct err_info *why) = {
#define COMMAND(name, function, arguments, sentence, example) function,
#include "server/command/commands.def"
#undef COMMAND
};

static const struct cli_command commands[] = {
#define COMMAND(name, function, arguments, sentence, example)                            \
    {name, arguments, sentence, example},
#include "server/command/commands.def"
#undef COMMAND
};

static const struct cli_option options[] = {
#define CLI_OPTION(name, kind, member, argument, least, most, takers, sentence)          \
    {name,  CLI_##kind, argument, offsetof(struct command_line, member),                 \
     least, most,       takers,   sentence},
#include "server/command/options.def"
#undef CLI_OPTION
};

static const struct cli_table table = {options, sizeof options / sizeof options[0]};

static const struct cli_program program = {
    .name = "cairn-ca",
    .purpose = "a certificate authority that speaks ACME (RFC 8555)",
    .ending =
        "More of one: cairn-ca help COMMAND. Manual: cairn-ca(8), cairn-ca.yaml(5).\n"
        "Exit codes: 0 done, 1 failed, 64 wrong command line, 78 wrong "
        "configuration.\n",
    .commands = commands,
    .command_count = sizeof commands / sizeof commands[0],
    .options = &table,
};

enum err command_line_read(struct arena *a, const char *command, int argc,
                           char *const *argv, struct command_line *line,
                           struct err_info *why)
{
    bool help = strcmp(command, "help") == 0; /* the only one with an argument */

    memset(line, 0, sizeof *line);
    line->arena = a;
    TRY(cli_read(&table, command, argc, argv, line, help ? &line->arguments : NULL, why));
    if (line->directory == NULL && cli_takes(&table, command, "--dir"))
        return err_set(why, ERR_USAGE, "--dir is missing: the folder of the CA");
    return ERR_OK;
}

/* ---- commands that need nothing ---- */

static void print(const struct buf *b)
{
    printf("%.*s", (int)b->len, (const char *)b->data);
}

static void print_help(const struct cli_command *command)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);

    cli_command_help(&b, &program, command);
    print(&b);
}

enum err command_help(const struct command_line *line, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    const struct cli_command *command = NULL;

    if (line->arguments.count > 1)
        return err_set(why, ERR_USAGE, "help shows one command at a time");
    if (line->arguments.count == 1) {
        TRY(cli_command_find(&program, line->arguments.items[0], &command, why));
        print_help(command);
        return ERR_OK;
    }
    cli_command_overview(&b, &program);
    print(&b);
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

    TRY(settings_load(line->arena, line->directory, line->sets.items, line->sets.count,
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

static int exit_code(enum err result)
{
    switch (result) {
    case ERR_OK:
        return COMMAND_EXIT_OK;
    case ERR_USAGE:
        return COMMAND_EXIT_USAGE;
    case ERR_CONFIG:
        return COMMAND_EXIT_CONFIG;
    default:
        return COMMAND_EXIT_FAILED;
    }
}

/* What --json prints when there is no other result. */
static void print_error(enum err result, const struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_begin_object(&w, "error");
    json_write_text(&w, "code", err_name(result));
    json_write_text(&w, "detail", why->detail);
    json_write_number(&w, "exit", exit_code(result));
    json_write_end_object(&w);
    json_write_end_object(&w);
    print(&b);
    printf("\n");
}

/* `command` is NULL if it is not known, or help itself. */
static int finish(enum err result, const struct err_info *why,
                  const struct cli_command *command, bool json)
{
    if (result == ERR_OK)
        return COMMAND_EXIT_OK;
    if (json)
        print_error(result, why);
    fprintf(stderr, "cairn-ca: %s\n", why->detail);
    if (result == ERR_USAGE)
        fprintf(stderr, "try: cairn-ca help%s%s\n", command != NULL ? " " : "",
                command != NULL ? command->name : "");
    return exit_code(result);
}

static bool has_word(int argc, char *const *argv, const char *word)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

int command_run(int argc, char *const *argv)
{
    AUTO(arena) struct arena *a = arena_new();
    bool json = has_word(argc, argv, "--json"); /* also when the line cannot be read */
    struct command_line line;
    struct err_info why = {0};
    const struct cli_command *command = NULL;
    const char *name = argc > 1 ? argv[1] : "help";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    enum err result = cli_command_find(&program, name, &command, &why);
    if (result != ERR_OK)
        return finish(result, &why, NULL, json);
    if (has_word(argc, argv, "--help") || has_word(argc, argv, "-h")) {
        print_help(command);
        return COMMAND_EXIT_OK;
    }
    result = command_line_read(a, name, argc > 2 ? argc - 2 : 0, argv + 2, &line, &why);
    if (result == ERR_OK)
        result = runs[command - commands](&line, &why);
    return finish(result, &why, strcmp(name, "help") == 0 ? NULL : command, json);
}
