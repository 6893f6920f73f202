/* Tests of core/config on a small table; server/settings tests every option of the CA. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/config/config.h"

struct pet {
    const char *name;
    const char *kind;
    int64_t age;
    struct config_list food;
};

struct values {
    struct config_group pets;
    const char *text;
    int64_t number;
    bool flag;
    int64_t wait;
    struct config_list list;
};

static const struct config_option options[] = {
    {"text", CONFIG_TEXT, offsetof(struct values, text), "hello", 0, 0, "A text."},
    {"a.number", CONFIG_NUMBER, offsetof(struct values, number), "7", 1, 10, "A number."},
    {"a.flag", CONFIG_BOOL, offsetof(struct values, flag), "true", 0, 0, "A flag."},
    {"a.wait", CONFIG_DURATION, offsetof(struct values, wait), "1m", 0, 3600000,
     "A wait."},
    {"list", CONFIG_LIST, offsetof(struct values, list), "x y", 0, 0, "A list."},
};
static const struct config_option pet_options[] = {
    {"kind", CONFIG_TEXT, offsetof(struct pet, kind), "cat", 0, 0, "A kind."},
    {"age", CONFIG_NUMBER, offsetof(struct pet, age), "1", 0, 30, "An age."},
    {"food", CONFIG_LIST, offsetof(struct pet, food), "", 0, 0, "Food."},
};
static const struct config_family families[] = {
    {.section = "pets",
     .options = pet_options,
     .option_count = 3,
     .size = sizeof(struct pet),
     .offset = offsetof(struct values, pets),
     .sentence = "Pets."},
};
static const struct config_table table = {options, 5, families, 1};

static struct arena *arena;

static enum err read_over(struct values *v, const char *text, struct err_info *why)
{
    assert_int_equal(config_defaults(arena, &table, v, NULL), ERR_OK);
    return config_read(arena, &table, "f", span_of(text), v, why);
}

static void good(void **state)
{
    struct values v;

    (void)state;
    assert_int_equal(read_over(&v, "", NULL), ERR_OK);
    assert_int_equal(read_over(&v, "# none\n\n  # yet\n", NULL), ERR_OK);
    assert_int_equal(read_over(&v, "---\n#\n...\n", NULL), ERR_OK);
    assert_string_equal(v.text, "hello");
    assert_int_equal(v.number, 7);
    assert_true(v.flag);
    assert_int_equal(v.wait, 60000);
    assert_int_equal(v.list.count, 2);
    assert_int_equal(read_over(&v,
                               "text: 'it''s'\na:\n  number: 10\n  flag: false\n"
                               "  wait: 250ms\nlist:\n  - \"p q\"\n  - r\n",
                               NULL),
                     ERR_OK);
    assert_string_equal(v.text, "it's");
    assert_int_equal(v.number, 10);
    assert_false(v.flag);
    assert_int_equal(v.wait, 250);
    assert_int_equal(v.list.count, 2);
    assert_string_equal(v.list.items[0], "p q");
    /* a text is a list of one, an empty one of none; a section may be empty */
    assert_int_equal(read_over(&v, "list: z\na:\n", NULL), ERR_OK);
    assert_int_equal(v.list.count, 1);
    assert_int_equal(read_over(&v, "list: ''\n", NULL), ERR_OK);
    assert_int_equal(v.list.count, 0);
    assert_int_equal(read_over(&v, "{text: x, a: {number: 1}, list: [p]}\n", NULL),
                     ERR_OK);
    assert_int_equal(v.number, 1);
}

static void bad(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"a:\n  flag: yes\n", "f:2:9: a.flag: \"yes\" is not true or false"},
        {"a:\n  number: 11\n", "f:2:11: a.number: 11 is outside 1 to 10"},
        {"a:\n  wait: 2h\n", "f:2:9: a.wait: 2h is outside 0ms to 1h"},
        {"text: a\ntext: b\n", "f:2:1: text is given twice"},
        {"a:\n  number: 1\n  flag: true\n  number: 1\n",
         "f:4:3: a.number is given twice"},
        {"a:\n  number: 1\n\"a\":\n  flag: true\n", "f:3:2: a is given twice"},
        {"a:\n  number: 1\na.number: 2\n", "a.number is given twice"},
        {"list:\n  - [x]\n", "list: every element must be a text"},
        {"tekst: a\n", "f:1:1: there is no option \"tekst\"; did you mean \"text\"?"},
        {"a:\n  numbr: 1\n", "did you mean \"a.number\"?"},
        {"b:\n  c: 1\n", "there is no option \"b\"$"},
        {"nothing: 1\n", "f:1:1: there is no option \"nothing\"$"},
        {"a:\n  voltage: 1\n", "f:2:3: there is no option \"a.voltage\"$"},
        {"pets:\n  tom:\n    colour: 3\n", "there is no option \"pets.tom.colour\"$"},
        {"text: {x: y}\n", "text must be a single value"},
        {"[]\n", "options are written as"},
        {"text: &x a\na: *y\n", "f:"},
        {"pets: 1\n", "f:1:1: pets holds names"},
        {"pets:\n  Tom: {}\n", "f:2:3: pets: \"Tom\" is no name"},
        {"pets:\n  -tom: {}\n", "is no name"},
        {"pets:\n  tom: 3\n", "f:2:3: pets.tom holds options"},
        {"pets:\n  tom:\n    age: 31\n", "f:3:10: pets.tom.age: 31 is outside 0 to 30"},
        {"pets:\n  tom:\n    aga: 3\n", "did you mean \"pets.tom.age\"?"},
        {"pets:\n  tom: {}\n  tom: {}\n", "f:3:3: pets.tom is given twice"},
        {"pets:\n  tom:\n    age: 3\n    age: 3\n", "f:4:5: pets.tom.age is given twice"},
        {"pet:\n  tom: {}\n", "did you mean \"pets\"?"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct values v;
        struct err_info why = {0};
        assert_int_equal(read_over(&v, rows[i].text, &why), ERR_CONFIG);
        const char *detail = arena_printf(arena, "%s$", why.detail);
        if (strstr(detail, rows[i].words) == NULL)
            fail_msg("%s instead of %s", detail, rows[i].words);
    }
}

/* More than are looked through: each is found, also of those that were added to a copy,
 * and none twice. */
static void many(void **state)
{
    AUTO(buf) struct buf text = buf_make(CONFIG_FILE_MAX);
    struct values v;
    struct err_info why = {0};

    (void)state;
    buf_add_text(&text, "pets:\n");
    for (int i = 0; i < 90; i++)
        buf_printf(&text, "  pet-%d: {age: %d}\n", i, i % 30);
    buf_add_octet(&text, '\0');
    assert_int_equal(read_over(&v, (const char *)text.data, &why), ERR_OK);
    const struct values before = v;
    assert_int_equal(config_set(arena, &table, "pets.late.age=7", &v, &why), ERR_OK);
    assert_int_equal(config_set(arena, &table, "pets.pet-89.age=8", &v, &why), ERR_OK);
    assert_int_equal(v.pets.count, 91);
    for (int i = 0; i < 90; i++) {
        const char *name = arena_printf(arena, "pet-%d", i);
        const struct pet *found = config_group_find(&v.pets, name);
        assert_string_equal(found->name, name);
        assert_int_equal(found->age, i == 89 ? 8 : i % 30);
        assert_ptr_equal(config_group_find(&before.pets, name), found);
    }
    assert_int_equal(((const struct pet *)config_group_find(&v.pets, "late"))->age, 7);
    assert_null(config_group_find(&before.pets, "late"));
    assert_null(config_group_find(&v.pets, "pet-90"));
    text.len--;
    buf_add_text(&text, "  pet-3: {}\n");
    buf_add_octet(&text, '\0');
    assert_int_equal(read_over(&v, (const char *)text.data, &why), ERR_CONFIG);
    assert_string_equal(why.detail, "f:92:3: pets.pet-3 is given twice");
}

/* What is found wrong later is pointed at all the same. */
static void placed(void **state)
{
    static const struct {
        const char *text, *sentence, *placed;
    } rows[] = {
        {"text: x\na:\n  number: 3\n", "a.number must be even",
         "f:3:11: a.number must be even"},
        {"a: {number: 3, wait: 1m}\n", "a.wait: too short", "f:1:22: a.wait: too short"},
        {"a.number: 3\n", "a.number is odd", "f:1:11: a.number is odd"},
        {"pets:\n  tom:\n    age: 3\n    food: [x, y]\n", "pets.tom: age: too young",
         "f:3:10: pets.tom: age: too young"},
        {"pets:\n  tom:\n    age: 3\n    food: [x, y]\n", "pets.tom: food: \"y\" is none",
         "f:4:5: pets.tom: food: \"y\" is none"},
        {"pets:\n  tom:\n    age: 3\n", "pets.tom: kind: no cat",
         "f:2:3: pets.tom: kind: no cat"},
        {"pets:\n  tom:\n", "pets.tom: kind: no cat", "f:2:3: pets.tom: kind: no cat"},
        {"text: x\n", "a.number is odd", "f: a.number is odd"},
        {"", "a.number is odd", "f: a.number is odd"},
        {"text: x\n", "\"x\" is no text", "f: \"x\" is no text"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err_info why = {0};
        (void)err_set(&why, ERR_CONFIG, "%s", rows[i].sentence);
        assert_int_equal(config_place(arena, "f", span_of(rows[i].text), &why),
                         ERR_CONFIG);
        assert_string_equal(why.detail, rows[i].placed);
    }
    assert_string_equal(config_place_subject(arena, "pets.tom: age: 3 is odd"),
                        "pets.tom.age.3");
    assert_string_equal(config_place_subject(arena, "Pets"), "");
}

static const struct pet *pet(const struct values *v, size_t index)
{
    return v->pets.members[index];
}

static void named(void **state)
{
    struct values v;
    AUTO(buf) struct buf b = buf_make(1000);

    (void)state;
    assert_int_equal(
        read_over(&v, "pets:\n  tom:\n  rex:\n    kind: dog\n    food: [bone]\n", NULL),
        ERR_OK);
    assert_int_equal(v.pets.count, 2);
    assert_string_equal(pet(&v, 0)->name, "tom");
    assert_string_equal(pet(&v, 0)->kind, "cat");
    assert_int_equal(pet(&v, 0)->age, 1);
    assert_string_equal(pet(&v, 1)->kind, "dog");
    assert_int_equal(pet(&v, 1)->food.count, 1);
    /* a member that is there is changed, another is added */
    assert_int_equal(config_set(arena, &table, "pets.tom.age=9", &v, NULL), ERR_OK);
    assert_int_equal(config_set(arena, &table, "pets.kim.kind=fox", &v, NULL), ERR_OK);
    assert_int_equal(v.pets.count, 3);
    assert_int_equal(pet(&v, 0)->age, 9);
    config_write(&b, &table, &v);
    const char *text = arena_string_of(arena, buf_span(&b));
    const char *pets = strstr(text, "# Pets.");
    assert_non_null(pets);
    assert_string_equal(pets, "# Pets.\n# Options of each: kind, age, food.\npets:\n  "
                              "tom:\n    # An age.\n    age: 9\n"
                              "  rex:\n    # A kind.\n    kind: \"dog\"\n"
                              "    # Food.\n    food: [\"bone\"]\n"
                              "  kim:\n    # A kind.\n    kind: \"fox\"\n");
    /* what the text names takes the place of what was there */
    assert_int_equal(
        config_read(arena, &table, "f", span_of("pets: {ann: {}}"), &v, NULL), ERR_OK);
    assert_int_equal(v.pets.count, 1);
    assert_string_equal(pet(&v, 0)->name, "ann");
    struct err_info why = {0};
    assert_int_equal(config_set(arena, &table, "pets.tom=1", &v, &why), ERR_CONFIG);
    assert_non_null(strstr(why.detail, "pets.NAME.OPTION"));
    assert_int_equal(config_set(arena, &table, "pets.ann.aga=1", &v, &why), ERR_CONFIG);
    assert_non_null(strstr(why.detail, "did you mean pets.ann.age"));
    for (int i = 0; i < CONFIG_MEMBERS_MAX - 1; i++)
        assert_int_equal(
            config_set(arena, &table, arena_printf(arena, "pets.p%d.age=1", i), &v, NULL),
            ERR_OK);
    assert_int_equal(config_set(arena, &table, "pets.more.age=1", &v, &why), ERR_CONFIG);
}

static void written(void **state)
{
    struct values v;
    AUTO(buf) struct buf b = buf_make(1000);

    (void)state;
    assert_int_equal(read_over(&v, "list: [a, 'b\"c']\na:\n  wait: 90s\n", NULL), ERR_OK);
    config_write(&b, &table, &v);
    assert_true(span_is(buf_span(&b), "# A text.\ntext: \"hello\"\n"
                                      "\na:\n"
                                      "  # A number.\n  number: 7\n"
                                      "  # A flag.\n  flag: true\n"
                                      "  # A wait.\n  wait: 90s\n"
                                      "\n"
                                      "# A list.\nlist: [\"a\", \"b\\\"c\"]\n"
                                      "\n# Pets.\n# Options of each: kind, age, food.\n"
                                      "# pets:\n"));
    struct values again;
    assert_int_equal(config_defaults(arena, &table, &again, NULL), ERR_OK);
    struct err_info why = {0};
    if (config_read(arena, &table, "f", buf_span(&b), &again, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    assert_int_equal(again.wait, 90000);
    assert_string_equal(again.list.items[1], "b\"c");
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),   cmocka_unit_test(bad),   cmocka_unit_test(many),
        cmocka_unit_test(placed), cmocka_unit_test(named), cmocka_unit_test(written),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
