/* Tests of server/settings/settings_quorum: a rule that the perspectives there cannot
 * meet is refused where settings are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/settings/settings.h"

#define KEY "sha256:00000000000000000000000000000000000000000000000000000000000000"

static const struct {
    const char *name;
    const char *regions; /* of the perspectives, with spaces between */
    const char *rule;    /* lines below quorum: */
    const char *refusal; /* NULL: taken */
} rows[] = {
    {"none", "", "", NULL},
    {"none, and any rule", "", "  minimum: 3\n  timeout: 1s\n", NULL},
    /* V-MPIC-1: five, in two regions, without being asked for */
    {"five", "ripe ripe arin arin apnic", "", NULL},
    {"four", "ripe ripe arin apnic", "",
     "quorum.minimum: 5 perspectives on other hosts are needed and 4 are there"},
    {"one", "ripe", "", "needed and 1 is there"},
    {"five in one region", "ripe ripe ripe ripe ripe", "",
     "quorum.regions: they must be in 2 regions and are in 1"},
    {"four by another rule", "ripe ripe arin apnic", "  minimum: 4\n", NULL},
    {"three regions wanted", "ripe ripe arin arin apnic", "  regions: 3\n", NULL},
    {"four regions wanted", "ripe ripe arin arin apnic", "  regions: 4\n",
     "must be in 4 regions and are in 3"},
    {"one, privately", "office", "  minimum: 1\n  regions: 1\n", NULL},
    {"none may differ", "ripe arin", "  minimum: 2\n  may_differ: 0\n", NULL},
    {"all may differ", "ripe arin", "  minimum: 2\n  may_differ: 2\n",
     "if all 2 may differ, they decide nothing"},
    {"while they are set up", "ripe", "  mode: observe\n", NULL},
    {"not at all", "ripe", "  mode: off\n  timeout: 1s\n", NULL},
    {"no mode", "", "  mode: on\n", "\"on\" is none of enforce, observe, off"},
    {"no number", "", "  may_differ: some\n", "\"some\" is neither br nor a number"},
    {"required", "", "  required: true\n", "quorum.minimum: 5 perspectives"},
    {"required and there", "ripe ripe arin arin apnic", "  required: true\n", NULL},
    {"required, but not to decide", "ripe", "  required: true\n  mode: observe\n",
     "quorum.mode must be enforce"},
    {"too little time", "ripe ripe arin arin apnic", "  timeout: 9s\n",
     "must not be shorter than validation.timeout"},
};

static const char *text_of(struct arena *a, const char *regions, const char *rule)
{
    const char *text = arena_printf(a, "quorum:\n  minimum: 5\n");
    char *rest = NULL;
    int number = 0;

    if (rule[0] != '\0')
        text = arena_printf(a, "quorum:\n%s", rule);
    if (regions[0] != '\0')
        text = arena_printf(a, "%sperspectives:\n", text);
    for (char *region = strtok_r(arena_string(a, regions), " ", &rest); region != NULL;
         region = strtok_r(NULL, " ", &rest), number++)
        text = arena_printf(a,
                            "%s  p%d:\n    region: %s\n    address: p%d.test:8443\n    "
                            "key: " KEY "%02x\n",
                            text, number, region, number, (unsigned int)number);
    return text;
}

static void rows_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        const struct settings *s = NULL;
        struct err_info why = {0};
        const char *text = text_of(a, rows[i].regions, rows[i].rule);
        enum err result = settings_read(a, "/ca", span_of(text), NULL, 0, &s, &why);
        bool right =
            rows[i].refusal == NULL
                ? result == ERR_OK
                : result == ERR_CONFIG && strstr(why.detail, rows[i].refusal) != NULL;
        if (!right)
            fail_msg("%s: %s\n%s", rows[i].name, why.detail, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
