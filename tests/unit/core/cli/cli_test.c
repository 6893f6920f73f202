/* Tests of core/cli/cli: words to values, and what is said about wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/cli/cli.h"

#define WORDS_MAX 8

struct values {
    const char *folder;
    int64_t port;
    bool json;
    struct cli_list sets;
};

static const struct cli_option options[] = {
    {"--dir", CLI_TEXT, "DIR", offsetof(struct values, folder), 0, 0, "get put", "where"},
    {"--port", CLI_NUMBER, "PORT", offsetof(struct values, port), 1, 65535, "get",
     "which"},
    {"--json", CLI_FLAG, "", offsetof(struct values, json), 0, 0, "get put list", "how"},
    {"--set", CLI_LIST, "A=B", offsetof(struct values, sets), 0, 0, "put", "what"},
};

static const struct cli_table table = {options, sizeof options / sizeof options[0]};

/* Words of the test to argv; at the end of each line. */
static enum err read(const char *command, const char *const *words, struct values *v,
                     struct cli_list *arguments, struct err_info *why)
{
    char texts[WORDS_MAX][64];
    char *argv[WORDS_MAX];
    int argc = 0;

    for (; words[argc] != NULL; argc++) {
        (void)strncpy(texts[argc], words[argc], sizeof texts[argc] - 1);
        texts[argc][sizeof texts[argc] - 1] = '\0';
        argv[argc] = texts[argc];
    }
    memset(v, 0, sizeof *v);
    enum err result = cli_read(&table, command, argc, argv, v, arguments, why);
    v->folder = NULL; /* it points into what ends here */
    return result;
}

static void values_are_bound(void **state)
{
    static char words[][16] = {"--dir",  "/srv", "--port=80", "name",
                               "--json", "--",   "--x"};
    char *argv[sizeof words / sizeof words[0]];
    struct values v = {0};
    struct cli_list arguments = {0};
    struct err_info why = {0};

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        argv[i] = words[i];
    assert_int_equal(cli_read(&table, "get", 7, argv, &v, &arguments, &why), ERR_OK);
    assert_string_equal(v.folder, "/srv");
    assert_int_equal(v.port, 80);
    assert_true(v.json);
    assert_int_equal(arguments.count, 2);
    assert_string_equal(arguments.items[0], "name");
    assert_string_equal(arguments.items[1], "--x");
}

static void a_list_is_repeated(void **state)
{
    static char words[][16] = {"--set", "a=1", "--set=b=2", "--set="};
    char *argv[] = {words[0], words[1], words[2], words[3]};
    struct values v = {0};
    struct err_info why = {0};

    (void)state;
    assert_int_equal(cli_read(&table, "put", 4, argv, &v, NULL, &why), ERR_OK);
    assert_int_equal(v.sets.count, 3);
    assert_string_equal(v.sets.items[0], "a=1");
    assert_string_equal(v.sets.items[1], "b=2");
    assert_string_equal(v.sets.items[2], "");
}

static void a_list_has_an_end(void **state)
{
    static char word[] = "--set=x";
    char *argv[CLI_LIST_MAX + 1];
    struct values v = {0};
    struct err_info why = {0};

    (void)state;
    for (size_t i = 0; i <= CLI_LIST_MAX; i++)
        argv[i] = word;
    assert_int_equal(cli_read(&table, "put", CLI_LIST_MAX, argv, &v, NULL, &why), ERR_OK);
    memset(&v, 0, sizeof v);
    assert_int_equal(cli_read(&table, "put", CLI_LIST_MAX + 1, argv, &v, NULL, &why),
                     ERR_USAGE);
    assert_string_equal(why.detail, "--set is given more than 128 times");
}

static void wrong_words_are_named(void **state)
{
    static const struct {
        const char *command;
        const char *words[WORDS_MAX];
        const char *detail;
    } rows[] = {
        {"get",
         {"--dirr", "x"},
         "\"--dirr\" is not an option of get; did you mean --dir?"},
        {"get", {"--dri=x"}, "\"--dri\" is not an option of get; did you mean --dir?"},
        {"get", {"--zzzzzz"}, "\"--zzzzzz\" is not an option of get"},
        {"list", {"--dir", "x"}, "--dir is an option of get, put, not of list"},
        {"put", {"--port=1"}, "--port is an option of get, not of put"},
        {"get", {"--dir"}, "--dir needs a value: DIR"},
        {"get", {"--json=yes"}, "--json takes no value"},
        {"get", {"--port", "0"}, "--port: \"0\" is no number from 1 to 65535"},
        {"get", {"--port", "65536"}, "--port: \"65536\" is no number from 1 to 65535"},
        {"get", {"--port", "x"}, "--port: \"x\" is no number from 1 to 65535"},
        {"get", {"--port="}, "--port: \"\" is no number from 1 to 65535"},
        {"get", {"what"}, "get takes no argument; what is \"what\"?"},
        {"get", {"--", "--json"}, "get takes no argument; what is \"--json\"?"},
        {"get", {"-"}, "get takes no argument; what is \"-\"?"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct values v;
        struct err_info why = {0};
        assert_int_equal(read(rows[i].command, rows[i].words, &v, NULL, &why), ERR_USAGE);
        assert_string_equal(why.detail, rows[i].detail);
    }
}

static void help_shows_the_options_of_one_command(void **state)
{
    AUTO(buf) struct buf b = buf_make(4096);

    (void)state;
    cli_help(&b, &table, "get");
    buf_add_octet(&b, '\0');
    assert_string_equal((const char *)b.data, "  --dir DIR                 where\n"
                                              "  --port PORT               which\n"
                                              "  --json                    how\n");
    assert_true(cli_takes(&table, "get", "--dir"));
    assert_false(cli_takes(&table, "list", "--dir"));
    assert_false(cli_takes(&table, "ge", "--dir"));
}

/* Of two words, one of which is a command of its own; and where nobody else is named. */
static void commands_of_two_words(void **state)
{
    static const struct cli_option two_words[] = {
        {"--both", CLI_FLAG, "", 0, 0, 0, "init host_init", ""},
        {"--host", CLI_FLAG, "", 0, 0, 0, "host_init host_serve", ""},
        {"--show", CLI_FLAG, "", 0, 0, 0, "account_show", ""},
    };
    static const struct cli_table taken = {two_words,
                                           sizeof two_words / sizeof two_words[0]};
    static const struct {
        const char *command;
        const char *option;
        bool takes;
    } rows[] = {
        {"init", "--both", true},         {"host init", "--both", true},
        {"host serve", "--both", false},  {"init", "--host", false},
        {"serve", "--host", false},       {"host serve", "--host", true},
        {"host", "--host", false},        {"account show", "--show", true},
        {"account sho", "--show", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(cli_takes(&taken, rows[i].command, rows[i].option),
                         rows[i].takes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_bound),
        cmocka_unit_test(a_list_is_repeated),
        cmocka_unit_test(a_list_has_an_end),
        cmocka_unit_test(wrong_words_are_named),
        cmocka_unit_test(help_shows_the_options_of_one_command),
        cmocka_unit_test(commands_of_two_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
