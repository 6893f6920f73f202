/* Tests of core/cli/cli_command: finding a command, help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cli/cli_command.h"

struct values {
    bool json;
};

static const struct cli_option options[] = {
    {"--json", CLI_FLAG, "", offsetof(struct values, json), 0, 0, "get-all", "how"},
};

static const struct cli_table table = {options, 1};

static const struct cli_command commands[] = {
    {"get-all", "NAME...", "get them", "tool get-all x"},
    {"help", "[COMMAND]", "show this", ""},
};

static const struct cli_program program = {.name = "tool",
                                           .purpose = "for tests",
                                           .ending = "The end.\n",
                                           .commands = commands,
                                           .command_count = 2,
                                           .options = &table};

static void commands_are_found(void **state)
{
    static const struct {
        const char *name;
        const char *detail;
    } rows[] = {
        {"gett-all", "there is no command \"gett-all\"; did you mean \"get-all\"?"},
        {"get", "there is no command \"get\"; did you mean \"get-all\"?"},
        {"hepl", "there is no command \"hepl\"; did you mean \"help\"?"},
        {"quite different", "there is no command \"quite different\""},
        {"", "there is no command \"\""},
        {"--dir", "the command comes first, then its options: tool COMMAND --dir"},
    };
    const struct cli_command *found = NULL;
    struct err_info why = {0};

    (void)state;
    assert_int_equal(cli_command_find(&program, "help", &found, &why), ERR_OK);
    assert_ptr_equal(found, &commands[1]);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(cli_command_find(&program, rows[i].name, &found, &why),
                         ERR_USAGE);
        assert_string_equal(why.detail, rows[i].detail);
        assert_ptr_equal(found, &commands[1]);
    }
}

/* A name of one word or two, help of one, of a group, of all; half a command. */
static void lines_are_understood(void **state)
{
    static const struct cli_command two[] = {
        {"get", "", "", ""},        {"key add", "", "", ""}, {"key list", "", "", ""},
        {"keep", "[NAME]", "", ""}, {"help", "", "", ""},    {"version", "", "", ""},
        {"run", "", "", ""},        {"run now", "", "", ""},
    };
    static const struct cli_program both = {
        .name = "tool", .commands = two, .command_count = sizeof two / sizeof two[0]};
    static const struct {
        const char *words[4];
        const char *command; /* NULL: none */
        const char *group;
        bool help;
        int used;
        const char *detail; /* of a failure */
    } rows[] = {
        {{"get"}, "get", NULL, false, 1, NULL},
        {{"get", "x"}, "get", NULL, false, 1, NULL},
        {{"key", "add", "x"}, "key add", NULL, false, 2, NULL},
        {{"keep", "add"}, "keep", NULL, false, 1, NULL},
        {{"run"}, "run", NULL, false, 1, NULL},
        {{"run", "--json"}, "run", NULL, false, 1, NULL},
        {{"run", "now"}, "run now", NULL, false, 2, NULL},
        {{"help", "run"}, "run", NULL, true, 1, NULL},
        {{"run", "nwo"},
         NULL,
         NULL,
         false,
         0,
         "there is no command \"run nwo\"; did you mean \"run now\"?"},
        {{NULL}, NULL, NULL, true, 0, NULL},
        {{"--help"}, NULL, NULL, true, 0, NULL},
        {{"help", "key"}, NULL, "key", true, 1, NULL},
        {{"help", "key", "add"}, "key add", NULL, true, 2, NULL},
        {{"help", "help"}, "help", NULL, true, 1, NULL},
        {{"help", "--help"}, "help", NULL, true, 1, NULL},
        {{"key", "-h"}, NULL, "key", true, 1, NULL},
        {{"key", "add", "--help"}, "key add", NULL, true, 2, NULL},
        {{"get", "-h"}, "get", NULL, true, 1, NULL},
        {{"-V"}, "version", NULL, false, 1, NULL},
        {{"--version"}, "version", NULL, false, 1, NULL},
        {{"key"}, NULL, NULL, false, 0, "key is half a command; see: tool help key"},
        {{"key", "--json"},
         NULL,
         NULL,
         false,
         0,
         "key is half a command; see: tool help key"},
        {{"key", "ad"},
         NULL,
         NULL,
         false,
         0,
         "there is no command \"key ad\"; did you mean \"key add\"?"},
        {{"kye", "add"},
         NULL,
         NULL,
         false,
         0,
         "there is no command \"kye add\"; did you mean \"key add\"?"},
        {{"help", "get", "x"}, NULL, NULL, false, 0, "help shows one command at a time"},
        {{"help", "--json"}, NULL, NULL, false, 0, "\"--json\" is not an option of help"},
        {{"--json", "get"},
         NULL,
         NULL,
         false,
         0,
         "the command comes first, then its options: tool COMMAND --json"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        char *words[4] = {NULL};
        struct cli_choice choice;
        struct err_info why = {0};
        int count = 0;
        for (; count < 4 && rows[i].words[count] != NULL; count++)
            words[count] = arena_string(a, rows[i].words[count]);
        enum err result = cli_command_choose(a, &both, count, words, &choice, &why);
        if (rows[i].detail != NULL) {
            assert_int_equal(result, ERR_USAGE);
            assert_string_equal(why.detail, rows[i].detail);
            continue;
        }
        assert_int_equal(result, ERR_OK);
        assert_int_equal(choice.help, rows[i].help);
        if (rows[i].command == NULL)
            assert_null(choice.command);
        else
            assert_string_equal(choice.command->name, rows[i].command);
        if (rows[i].group == NULL)
            assert_null(choice.group);
        else
            assert_string_equal(choice.group, rows[i].group);
        if (!choice.help)
            assert_int_equal(choice.used, rows[i].used);
    }
}

static void help_of_all(void **state)
{
    AUTO(buf) struct buf b = buf_make(4096);

    (void)state;
    cli_command_overview(&b, &program);
    buf_add_octet(&b, '\0');
    assert_string_equal((const char *)b.data, "tool " CAIRN_VERSION ": for tests\n\n"
                                              "usage: tool COMMAND [OPTION]...\n\n"
                                              "  get-all         get them\n"
                                              "  help            show this\n"
                                              "\nThe end.\n");
}

static void help_of_a_group(void **state)
{
    static const struct cli_command grouped[] = {
        {"key add", "", "make one", ""},
        {"key", "", "is no group's", ""},
        {"keyring show", "", "is another group's", ""},
        {"key list-everything", "", "show all", ""},
    };
    const struct cli_program with_groups = {
        .name = "tool", .ending = "The end.\n", .commands = grouped, .command_count = 4};
    AUTO(buf) struct buf b = buf_make(4096);

    (void)state;
    cli_command_group(&b, &with_groups, "key");
    buf_add_octet(&b, '\0');
    assert_string_equal((const char *)b.data, "usage: tool key COMMAND [OPTION]...\n\n"
                                              "  key add              make one\n"
                                              "  key list-everything  show all\n"
                                              "\nThe end.\n");
}

static void help_of_one(void **state)
{
    AUTO(buf) struct buf b = buf_make(4096);

    (void)state;
    cli_command_help(&b, &program, &commands[0]);
    cli_command_help(&b, &program, &commands[1]);
    buf_add_octet(&b, '\0');
    assert_string_equal((const char *)b.data,
                        "usage: tool get-all [OPTION]... NAME...\n\n  get them\n\n"
                        "  --json                    how\n"
                        "\nExample:\n  tool get-all x\n"
                        "usage: tool help [COMMAND]\n\n  show this\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_found), cmocka_unit_test(lines_are_understood),
        cmocka_unit_test(help_of_all),        cmocka_unit_test(help_of_a_group),
        cmocka_unit_test(help_of_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
