/* Tests of server/policy/policy_subdomain: what is above what, and who may ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/policy/policy.h"

static struct arena *arena;
static struct settings settings;
static const struct settings_profile profile = {
    .name = "classic", .names_most = 10, .identifier_types = ~0U};
static struct settings_directory directory = {
    .name = "default", .identifier_types = ~0U, .challenge_types = ~0U};
static const struct policy_scope scope = {&settings, &directory, &profile,
                                          NULL,      NULL,       NULL};

static void whose_subdomains(void **state)
{
    static const struct {
        const char *name;
        bool allowed;
    } rows[] = {
        {"a.test", true}, {"b.a.test", true}, {"test", false}, {"*.a.test", false}};
    char longest[300];

    (void)state;
    for (int on = 0; on < 2; on++) {
        settings.authorization_subdomains = on == 1;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            const struct identifier identifier = {IDENTIFIER_DNS, rows[i].name};
            assert_int_equal(policy_subdomains(&settings, &directory, &identifier),
                             on == 1 && rows[i].allowed);
        }
    }
    const struct identifier address = {IDENTIFIER_IP, "192.0.2.1"};
    assert_false(policy_subdomains(&settings, &directory, &address));
    /* nor where nothing is proved in the DNS */
    const struct identifier name = {IDENTIFIER_DNS, "a.test"};
    directory.challenge_types = 1U << CHALLENGE_HTTP_01;
    assert_false(policy_has_subdomains(&settings, &directory));
    assert_false(policy_subdomains(&settings, &directory, &name));
    directory.challenge_types = ~0U;
    assert_true(policy_has_subdomains(&settings, &directory));
    /* "_acme-challenge." in front of it must be a name */
    memset(longest, 'a', sizeof longest);
    longest[1] = '.';
    longest[237] = '\0';
    const struct identifier most = {IDENTIFIER_DNS, longest};
    assert_true(policy_subdomains(&settings, &directory, &most));
    longest[237] = 'a';
    longest[238] = '\0';
    assert_false(policy_subdomains(&settings, &directory, &most));
}

#define DNS(name, more) "{\"type\":\"dns\",\"value\":\"" name "\"" more "}"
#define ABOVE(name)     ",\"ancestorDomain\":\"" name "\""

static void ancestors(void **state)
{
    static const struct {
        const char *identifiers;
        const char *wanted; /* of each, "-" for none; NULL: the list is NULL */
        const char *words;  /* of a refusal */
    } rows[] = {
        {DNS("a.b.test", ""), NULL, NULL},
        {DNS("a.b.test", ABOVE("b.test")), "b.test", NULL},
        {DNS("A.B.test", ABOVE("B.TEST")), "b.test", NULL},
        {DNS("c.a.b.test", ABOVE("b.test")), "b.test", NULL},
        {DNS("*.b.test", ABOVE("b.test")), "b.test", NULL},
        {DNS("*.a.b.test", ABOVE("b.test")), "b.test", NULL},
        {DNS("a.test", "") "," DNS("b.c.test", ABOVE("c.test")), "- c.test", NULL},
        {DNS("b.c.test", ABOVE("c.test")) "," DNS("B.c.test", "") "," DNS("d.test", ""),
         "c.test -", NULL},
        {DNS("b.c.test", "") "," DNS("b.c.test", ABOVE("c.test")), "c.test", NULL},
        /* not for all of a top-level domain: the name itself then */
        {DNS("a.test", ABOVE("test")), NULL, NULL},
        {DNS("a.test", ABOVE("test")) "," DNS("a.b.test", ABOVE("b.test")), "- b.test",
         NULL},
        /* RFC 9444 4.2, not 4.3: passed over */
        {DNS("a.b.test", ",\"subdomainAuthAllowed\":7"), NULL, NULL},
        {DNS("a.b.test", ABOVE("a.b.test")), NULL, "no domain above"},
        {DNS("ooo.b.test", ABOVE("oo.b.test")), NULL, "no domain above"},
        {DNS("a.b.test", ABOVE("c.a.b.test")), NULL, "no domain above"},
        {DNS("a.b.test", ABOVE("other.test")), NULL, "no domain above"},
        {DNS("a.b.test", ABOVE(".test")), NULL, "empty label"},
        {DNS("a.b.test", ABOVE("*.b.test")), NULL, "no domain above"},
        {DNS("*.b.test", ABOVE("*.b.test")), NULL, "no domain above"},
        {DNS("a.b.test", ABOVE("b.test.")), NULL, "ancestorDomain"},
        {DNS("a.b.test", ABOVE("")), NULL, "ancestorDomain"},
        {DNS("a.b.test", ABOVE("b_.test")), NULL, "ancestorDomain"},
        {DNS("a.b.test", ",\"ancestorDomain\":7"), NULL, "ancestorDomain"},
        {DNS("a.b.test", ",\"ancestorDomain\":null"), NULL, "ancestorDomain"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *text =
            arena_printf(arena, "{\"identifiers\":[%s]}", rows[i].identifiers);
        const struct json *payload = NULL;
        struct identifier *list = NULL;
        const char *const *found = NULL;
        size_t count = 0;
        struct err_info why = {0};
        assert_int_equal(json_read(arena, span_of(text), &payload, NULL), ERR_OK);
        settings.authorization_subdomains = true;
        assert_int_equal(policy_identifiers(arena, &scope, payload, &list, &count, &why),
                         ERR_OK);
        enum err code =
            policy_ancestors(arena, &scope, payload, list, count, &found, &why);
        if (code != (rows[i].words != NULL ? ERR_MALFORMED : ERR_OK))
            fail_msg("%s: %s %s", text, err_name(code), why.detail);
        if (rows[i].words != NULL && strstr(why.detail, rows[i].words) == NULL)
            fail_msg("%s: %s", text, why.detail);
        assert_int_equal(found != NULL, rows[i].wanted != NULL);
        AUTO(buf) struct buf b = buf_make(1000);
        for (size_t j = 0; found != NULL && j < count; j++)
            buf_printf(&b, "%s%s", j > 0 ? " " : "", found[j] != NULL ? found[j] : "-");
        if (found != NULL && !span_is(buf_span(&b), rows[i].wanted))
            fail_msg("%s: %.*s", text, (int)b.len, (const char *)b.data);
        /* where there is none of it, the member is one of those that are unknown */
        settings.authorization_subdomains = false;
        assert_int_equal(
            policy_ancestors(arena, &scope, payload, list, count, &found, &why), ERR_OK);
        assert_null(found);
    }
}

/* Where only public names are certified, a public suffix proves nothing below it. */
static void ancestors_that_nobody_holds(void **state)
{
    const char *text = "{\"identifiers\":[" DNS("a.co.uk", ABOVE("co.uk")) "," DNS(
        "b.a.co.uk", ABOVE("a.co.uk")) "]}";
    const struct json *payload = NULL;
    struct identifier *list = NULL;
    const char *const *found = NULL;
    size_t count = 0;

    (void)state;
    assert_int_equal(json_read(arena, span_of(text), &payload, NULL), ERR_OK);
    settings.authorization_subdomains = true;
    for (int only = 0; only < 2; only++) {
        directory.public_names = only == 1;
        assert_int_equal(policy_identifiers(arena, &scope, payload, &list, &count, NULL),
                         ERR_OK);
        assert_int_equal(
            policy_ancestors(arena, &scope, payload, list, count, &found, NULL), ERR_OK);
        assert_int_equal(count, 2);
        if (only == 0)
            assert_string_equal(found[0], "co.uk");
        else
            assert_null(found[0]);
        assert_string_equal(found[1], "a.co.uk");
    }
    directory.public_names = false;
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
        cmocka_unit_test(whose_subdomains),
        cmocka_unit_test(ancestors),
        cmocka_unit_test(ancestors_that_nobody_holds),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
