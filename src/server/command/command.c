/* The commands of cairn-ca: table, command line, help. */
#include "server/command/command.h"

#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/cli/cli_command.h"
#include "core/json/json_write.h"
#include "server/admin/admin.h"
#include "server/command/command_admin.h"
#include "server/issue/issuer.h"
#include "server/limit/limit_domain.h"
#include "server/policy/policy_key_lists.h"
#include "server/settings/settings.h"
#include "server/settings/settings_files.h"
#include "server/validate/device_attest_01.h"

#define OUTPUT_MAX (64 * 1024) /* octets */

/* Of the rows of commands.def; those of administration commands stand behind them. */
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
#define ADMIN(noun, verb, handler, text, sample)                                         \
    {                                                                                    \
        .name = noun " " verb, .sentence = (text), .example = (sample),                  \
        .arguments = "--dir DIR"
#define POSITION(name, kind, shown, least, most, text) " " shown
#define END                                                                              \
    }                                                                                    \
    ,
#include "server/admin/commands.def"
};

static const struct cli_option options[] = {
#define CLI_OPTION(name, kind, member, argument, least, most, takers, sentence)          \
    {name,  CLI_##kind, argument, offsetof(struct command_line, member),                 \
     least, most,       takers,   sentence},
#include "server/command/options.def"
#undef CLI_OPTION
};

#define SHOWN_MAX (256 * 1024) /* octets of what check-config prints */

static const struct cli_table table = {options, sizeof options / sizeof options[0]};

static const struct cli_program program = {
    .name = "cairn-ca",
    .purpose = "a certificate authority that speaks ACME (RFC 8555)",
    .ending =
        "More of one: cairn-ca help COMMAND. Manual: cairn-ca(8), cairn-ca.yaml(5).\n"
        "Exit codes: 0 done, 1 failed, 2 something was found (check, device import), 3 "
        "the audit log "
        "is not as it was written, 64 wrong command line, 78 wrong configuration.\n",
    .commands = commands,
    .command_count = sizeof commands / sizeof commands[0],
    .options = &table,
};

enum err command_line_read(struct arena *a, const char *command, int argc,
                           char *const *argv, struct command_line *line,
                           struct err_info *why)
{
    /* those with an argument */
    bool takes = strcmp(command, "help") == 0 || strncmp(command, "ceremony ", 9) == 0;

    memset(line, 0, sizeof *line);
    line->arena = a;
    TRY(cli_read(&table, command, argc, argv, line, takes ? &line->arguments : NULL,
                 why));
    if (line->directory == NULL && cli_takes(&table, command, "--dir"))
        return err_set(
            why, ERR_USAGE, "--dir is missing: the folder of the CA%s",
            strncmp(command, "perspective ", 12) == 0 ? ", or of the perspective" : "");
    return ERR_OK;
}

/* ---- commands that need nothing ---- */

static void print(const struct buf *b)
{
    printf("%.*s", (int)b->len, (const char *)b->data);
}

static void print_help(struct arena *a, const struct cli_choice *choice)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    const struct admin_command *admin =
        choice->command != NULL ? admin_find(choice->command->name) : NULL;
    struct cli_program about = program;

    if (admin != NULL)
        about.options = command_admin_options(a, admin, true);
    cli_command_help_of(&b, &about, choice);
    print(&b);
}

enum err command_help(const struct command_line *line, struct err_info *why)
{
    (void)line;
    return err_set(why, ERR_INTERNAL, "help is shown before a line is read");
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

static const char *directory_url(struct arena *a, const struct settings *settings,
                                 size_t index)
{
    return arena_printf(a, "%s/directory",
                        settings_url(a, settings, settings->directories.members[index]));
}

enum err command_check_config(const struct command_line *line, struct err_info *why)
{
    const struct settings *settings = NULL;
    struct issuer_set issuers;

    TRY(settings_load(line->arena, line->directory, line->sets.items, line->sets.count,
                      &settings, why));
    if (settings->suffix_list[0] != '\0')
        TRY(limit_domain_check(
            settings_path(line->arena, settings, settings->suffix_list), why));
    TRY(settings_files_check(line->arena, settings, why));
    TRY(issuer_set_read(line->arena, settings, &issuers, why));
    TRY(issuer_set_check_server(&issuers, settings, why));
    struct device_attest_01 attest;
    TRY(device_attest_01_open(line->arena, settings, &attest, why));
    struct policy_key_lists *lists = NULL;
    TRY(policy_key_lists_load(settings, &lists, why));
    policy_key_lists_free(lists);
    TRY(settings_check_now(line->arena, settings, clock_now(), why));
    const struct config_list notes = settings_notes(line->arena, settings, clock_now());
    if (!line->json) {
        for (size_t i = 0; i < notes.count; i++)
            printf("note: %s\n", notes.items[i]);
        printf("the configuration is good; the directory is %s\n",
               directory_url(line->arena, settings, 0));
        for (size_t i = 1; i < settings->directories.count; i++)
            printf("another directory is %s\n", directory_url(line->arena, settings, i));
        return ERR_OK;
    }
    AUTO(buf) struct buf b = buf_make(SHOWN_MAX);
    struct json_writer w = json_writer_make(&b);
    json_write_begin_object(&w, NULL);
    json_write_bool(&w, "ok", true);
    json_write_text(&w, "directory", directory_url(line->arena, settings, 0));
    json_write_begin_array(&w, "directories");
    for (size_t i = 0; i < settings->directories.count; i++)
        json_write_text(&w, NULL, directory_url(line->arena, settings, i));
    json_write_end_array(&w);
    json_write_begin_array(&w, "notes");
    for (size_t i = 0; i < notes.count; i++)
        json_write_text(&w, NULL, notes.items[i]);
    json_write_end_array(&w);
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
    case ERR_FOUND:
        return COMMAND_EXIT_FOUND;
    case ERR_USAGE:
        return COMMAND_EXIT_USAGE;
    case ERR_CONFIG:
        return COMMAND_EXIT_CONFIG;
    case ERR_AUDIT:
        return COMMAND_EXIT_AUDIT;
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
    if (json && result != ERR_AUDIT && result != ERR_FOUND) /* told by the report */
        print_error(result, why);
    fprintf(stderr, "cairn-ca: %s\n", why->detail);
    if (result == ERR_USAGE)
        fprintf(stderr, "try: cairn-ca help%s%s\n", command != NULL ? " " : "",
                command != NULL ? command->name : "");
    return exit_code(result);
}

static bool has_word(int argc, char *const *argv, const char *word)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

static enum err run_row(struct arena *a, const struct cli_command *command, int argc,
                        char *const *argv, struct err_info *why)
{
    const struct admin_command *admin = admin_find(command->name);
    struct command_line line;

    if (admin != NULL)
        return command_admin_run(a, admin, argc, argv, why);
    TRY(command_line_read(a, command->name, argc, argv, &line, why));
    return runs[command - commands](&line, why);
}

int command_run(int argc, char *const *argv)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    struct cli_choice choice;
    int count = argc > 1 ? argc - 1 : 0;
    char *const *words = argv + 1;
    bool json = has_word(count, words, "--json"); /* also in a line that is bad */

    enum err result = cli_command_choose(a, &program, count, words, &choice, &why);
    if (result != ERR_OK)
        return finish(result, &why, NULL, json);
    if (choice.help) {
        print_help(a, &choice);
        return COMMAND_EXIT_OK;
    }
    result = run_row(a, choice.command, count - choice.used, words + choice.used, &why);
    return finish(result, &why, choice.command, json);
}
