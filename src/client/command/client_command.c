/* The commands of cairn: table, help, exit codes. */
#include "client/command/client_command.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/report/report.h"
#include "client/store/state.h"
#include "core/base/file.h"
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

const struct cli_program client_command_program = {
    .name = "cairn",
    .purpose = "certificates for your names, from any ACME CA (RFC 8555)",
    .ending =
        "More of one: cairn help COMMAND. Manual: cairn(1).\n"
        "Exit codes: 0 done, 2 nothing to do, 1 failed, 3 network, 4 refused by the CA,\n"
        "5 not proved, 6 rate limit, 7 not deployed, 64 usage, 75 locked.\n",
    .commands = commands,
    .command_count = sizeof commands / sizeof commands[0],
    .options = &table,
};

enum err command_help(const struct client_command *c, struct err_info *why)
{
    (void)c;
    return err_set(why, ERR_INTERNAL, "help is shown before a line is read");
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

/* Without what says nothing: "//", "/./", and what ends in them. */
static char *plain_path(struct arena *a, const char *path)
{
    char *plain = arena_string(a, path);
    char *to = plain;

    for (const char *at = path; *at != '\0';) {
        size_t slashes = strspn(at, "/");
        size_t len = strcspn(at + slashes, "/");
        const char *part = at + slashes;
        at = part + len;
        if (len == 0 || (len == 1 && part[0] == '.'))
            continue;
        *to++ = '/';
        memmove(to, part, len);
        to += len;
    }
    *(to == plain ? to + 1 : to) = '\0'; /* "/" stays */
    return plain;
}

enum err client_command_path(struct arena *a, const char *path, const char **whole,
                             struct err_info *why)
{
    char here[PATH_MAX];

    if (path[0] != '/' && getcwd(here, sizeof here) == NULL)
        return err_set_os(why, ERR_IO, errno, "the current folder");
    *whole = plain_path(a, path[0] == '/' ? path : file_path(a, here, path));
    return ERR_OK;
}

enum err client_command_directory(const struct client_command *c,
                                  const struct settings *settings, const char **directory,
                                  struct err_info *why)
{
    if (c->directory != NULL)
        return client_command_path(c->arena, c->directory, directory, why);
    if (settings->state[0] != '\0')
        return client_command_path(c->arena, settings->state, directory, why);
    return state_default_directory(c->arena, directory, why);
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
        return CLIENT_EXIT_LOCKED;
    case ERR_RATE_LIMITED:
        return CLIENT_EXIT_RATE_LIMIT;
    case ERR_NETWORK:
    case ERR_TIMEOUT:
    case ERR_UNAVAILABLE:
    case ERR_SERVER_INTERNAL:
    case ERR_BAD_NONCE:
        return CLIENT_EXIT_NETWORK;
    case ERR_VALIDATION:
        return CLIENT_EXIT_VALIDATION;
    case ERR_DEPLOY:
        return CLIENT_EXIT_DEPLOY;
    case ERR_REFUSED:
    case ERR_PROTOCOL:
        return CLIENT_EXIT_REFUSED;
    default:
        return err_acme_type(result) != NULL && result != ERR_NOT_FOUND
                   ? CLIENT_EXIT_REFUSED
                   : CLIENT_EXIT_FAILED;
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

static bool has_word(int count, char *const *words, const char *word)
{
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

static void print_help(const struct cli_choice *choice)
{
    AUTO(buf) struct buf b = buf_make(HELP_MAX);

    cli_command_help_of(&b, &client_command_program, choice);
    printf("%.*s", (int)b.len, (const char *)b.data);
}

int client_command_run(int argc, char *const *argv)
{
    AUTO(arena) struct arena *a = arena_new();
    bool printed = false;
    bool unchanged = false;
    struct client_command c = {.arena = a, .printed = &printed, .unchanged = &unchanged};
    struct err_info why = {0};
    struct cli_choice choice;
    int count = argc > 1 ? argc - 1 : 0;
    char *const *words = argv + 1;
    bool json = has_word(count, words, "--json"); /* also when the line cannot be read */

    enum err result =
        cli_command_choose(a, &client_command_program, count, words, &choice, &why);
    if (result != ERR_OK)
        return finish(result, &why, NULL, json);
    if (choice.help) {
        print_help(&choice);
        return CLIENT_EXIT_OK;
    }
    const struct cli_command *command = choice.command;
    result = cli_read(&table, command->name, count - choice.used, words + choice.used, &c,
                      command->arguments[0] != '\0' ? &c.arguments : NULL, &why);
    if (result == ERR_OK && c.log != NULL)
        result = report_log(c.log, &why);
    if (result == ERR_OK)
        result = runs[command - commands](&c, &why);
    if (result == ERR_OK)
        result = check_output(&c, command, &why);
    int code = result == ERR_OK && unchanged
                   ? CLIENT_EXIT_UNCHANGED
                   : finish(result, &why, command, json && !printed);
    if (c.log != NULL)
        report_log_end(c.log);
    return code;
}
