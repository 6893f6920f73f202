/* The commands of cairn: table, help, exit codes. */
#include "client/command/client_command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/report/report.h"
#include "core/cli/cli_command.h"
#include "core/json/json_write.h"

#define HELP_MAX (64 * 1024) /* octets */

typedef enum err command_function(const struct client_command *c, struct err_info *why);

static command_function *const runs[] = {
#define COMMAND(name, function, arguments, sentence, example) function,
#include "client/command/commands.def"
#undef COMMAND
};

static const struct cli_command commands[] = {
#define COMMAND(name, function, arguments, sentence, example)                            \
    {name, arguments, sentence, example},
#include "client/command/commands.def"
#undef COMMAND
};

static const struct cli_option options[] = {
#define CLI_OPTION(name, kind, member, argument, least, most, takers, sentence)          \
    {name,  CLI_##kind, argument, offsetof(struct client_command, member),               \
     least, most,       takers,   sentence},
#include "client/command/options.def"
#undef CLI_OPTION
};

static const struct cli_table table = {options, sizeof options / sizeof options[0]};

static const struct cli_program program = {
    .name = "cairn",
    .purpose = "certificates for your names, from any ACME CA (RFC 8555)",
    .ending =
        "More of one: cairn help COMMAND. Manual: cairn(1).\n"
        "Exit codes: 0 done, 1 failed, 64 wrong command line, 75 try again later.\n",
    .commands = commands,
    .command_count = sizeof commands / sizeof commands[0],
    .options = &table,
};

static void print_help(const struct cli_command *command)
{
    AUTO(buf) struct buf b = buf_make(HELP_MAX);

    cli_command_help(&b, &program, command);
    printf("%.*s", (int)b.len, (const char *)b.data);
}

enum err command_help(const struct client_command *c, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(HELP_MAX);
    const struct cli_command *command = NULL;

    if (c->arguments.count > 1)
        return err_set(why, ERR_USAGE, "help shows one command at a time");
    if (c->arguments.count == 1) {
        TRY(cli_command_find(&program, c->arguments.items[0], &command, why));
        print_help(command);
        return ERR_OK;
    }
    cli_command_overview(&b, &program);
    printf("%.*s", (int)b.len, (const char *)b.data);
    return ERR_OK;
}

enum err command_version(const struct client_command *c, struct err_info *why)
{
    (void)why;
    if (c->json)
        printf("{\"program\":\"cairn\",\"version\":\"%s\"}\n", CAIRN_VERSION);
    else
        printf("cairn %s\n", CAIRN_VERSION);
    return ERR_OK;
}

int client_command_exit(enum err result)
{
    switch (result) {
    case ERR_OK:
        return CLIENT_EXIT_OK;
    case ERR_USAGE:
    case ERR_CONFIG:
        return CLIENT_EXIT_USAGE;
    case ERR_LOCKED:
    case ERR_NETWORK:
    case ERR_TIMEOUT:
    case ERR_RATE_LIMITED:
    case ERR_UNAVAILABLE:
    case ERR_SERVER_INTERNAL:
    case ERR_BAD_NONCE:
        return CLIENT_EXIT_TRY_LATER;
    default:
        return CLIENT_EXIT_FAILED;
    }
}

/* What --json prints when there is no other result. */
static void print_error(enum err result, const struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(HELP_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_begin_object(&w, "error");
    json_write_text(&w, "code", err_name(result));
    json_write_text(&w, "detail", why->detail);
    json_write_number(&w, "exit", client_command_exit(result));
    if (why->retry_after_seconds > 0)
        json_write_number(&w, "retry_after", why->retry_after_seconds);
    json_write_end_object(&w);
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

/* `command` is NULL if it is not known, or help itself. */
static int finish(enum err result, const struct err_info *why,
                  const struct cli_command *command, bool json)
{
    if (result == ERR_OK)
        return CLIENT_EXIT_OK;
    if (json)
        print_error(result, why);
    report_warning("%s", why->detail);
    if (result == ERR_USAGE)
        (void)fprintf(stderr, "try: cairn help%s%s\n", command != NULL ? " " : "",
                      command != NULL ? command->name : "");
    return client_command_exit(result);
}

/* A result that nobody could get is a failure. Steps are no result: when the pipe they go
 * to is closed, the certificate is there all the same. */
static enum err check_output(const struct client_command *c,
                             const struct cli_command *command, struct err_info *why)
{
    command_function *run = runs[command - commands];
    bool steps = (run == command_issue || run == command_renew) && !c->json;

    if ((fflush(stdout) != 0 || ferror(stdout)) && !steps)
        return err_set_os(why, ERR_IO, errno, "cannot write to standard output");
    return ERR_OK;
}

static bool has_word(int argc, char *const *argv, const char *word)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

int client_command_run(int argc, char *const *argv)
{
    AUTO(arena) struct arena *a = arena_new();
    bool printed = false;
    struct client_command c = {.arena = a, .printed = &printed};
    bool json = has_word(argc, argv, "--json"); /* also when the line cannot be read */
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
        return CLIENT_EXIT_OK;
    }
    result = cli_read(&table, name, argc > 2 ? argc - 2 : 0, argv + 2, &c,
                      command->arguments[0] != '\0' ? &c.arguments : NULL, &why);
    if (result == ERR_OK)
        result = runs[command - commands](&c, &why);
    if (result == ERR_OK)
        result = check_output(&c, command, &why);
    return finish(result, &why, strcmp(name, "help") == 0 ? NULL : command,
                  json && !printed);
}
