/* The commands of cairn: table, help, exit codes. */
#include "client/command/client_command.h"

#include <stdio.h>
#include <string.h>

#include "client/report/report.h"
#include "core/base/text.h"
#include "core/json/json_write.h"

#define HELP_MAX (64 * 1024) /* octets */

struct command_row {
    const char *name;
    enum err (*run)(const struct client_command *c, struct err_info *why);
    const char *arguments;
    const char *sentence;
};

static const struct command_row rows[] = {
#define COMMAND(name, function, arguments, sentence)                                     \
    {name, function, arguments, sentence},
#include "client/command/commands.def"
#undef COMMAND
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const struct cli_option options[] = {
#define CLI_OPTION(name, kind, member, argument, least, most, commands, sentence)        \
    {name,  CLI_##kind, argument, offsetof(struct client_command, member),               \
     least, most,       commands, sentence},
#include "client/command/options.def"
#undef CLI_OPTION
};

static const struct cli_table table = {options, sizeof options / sizeof options[0]};

static const struct command_row *find(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static enum err no_command(const char *name, struct err_info *why)
{
    const char *best = rows[0].name;

    for (size_t i = 1; i < ROW_COUNT; i++)
        if (text_distance(name, rows[i].name) < text_distance(name, best))
            best = rows[i].name;
    return err_set(why, ERR_USAGE, "there is no command \"%.50s\"; did you mean \"%s\"?",
                   name, best);
}

static void print_usage(const struct command_row *row)
{
    AUTO(buf) struct buf b = buf_make(HELP_MAX);

    cli_help(&b, &table, row->name);
    printf("usage: cairn %s %s%s%s\n\n  %s\n", row->name, b.len > 0 ? "[OPTION]... " : "",
           row->arguments, "", row->sentence);
    if (b.len > 0)
        printf("\n%.*s", (int)b.len, (const char *)b.data);
}

enum err command_help(const struct client_command *c, struct err_info *why)
{
    if (c->arguments.count > 0) {
        const struct command_row *row = find(c->arguments.items[0]);
        if (row == NULL)
            return no_command(c->arguments.items[0], why);
        print_usage(row);
        return ERR_OK;
    }
    printf("cairn %s: certificates for your names, from any ACME CA (RFC 8555)\n\n",
           CAIRN_VERSION);
    for (size_t i = 0; i < ROW_COUNT; i++)
        printf("  %-10s %s\n", rows[i].name, rows[i].sentence);
    printf("\nMore of one: cairn help COMMAND. Manual: cairn(1).\n"
           "Exit codes: %d done, %d failed, %d wrong command line, %d try again later.\n",
           CLIENT_EXIT_OK, CLIENT_EXIT_FAILED, CLIENT_EXIT_USAGE, CLIENT_EXIT_TRY_LATER);
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

static int finish(enum err result, const struct err_info *why,
                  const struct command_row *row, bool json)
{
    if (result == ERR_OK)
        return CLIENT_EXIT_OK;
    if (json)
        print_error(result, why);
    report_warning("%s", why->detail);
    if (result == ERR_USAGE)
        (void)fprintf(stderr, "try: cairn help%s%s\n", row != NULL ? " " : "",
                      row != NULL ? row->name : "");
    return client_command_exit(result);
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
    const char *name = argc > 1 ? argv[1] : "help";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command_row *row = find(name);
    if (row == NULL)
        return finish(no_command(name, &why), &why, NULL, json);
    if (has_word(argc, argv, "--help") || has_word(argc, argv, "-h")) {
        print_usage(row);
        return CLIENT_EXIT_OK;
    }
    enum err result = cli_read(&table, name, argc > 2 ? argc - 2 : 0, argv + 2, &c,
                               row->arguments[0] != '\0' ? &c.arguments : NULL, &why);
    if (result == ERR_OK)
        result = row->run(&c, &why);
    return finish(result, &why, row, json && !printed);
}
