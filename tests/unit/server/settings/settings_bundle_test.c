/* Tests of server/settings/settings_bundle: certificates travel with the settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "server/settings/settings_bundle.h"

static char folder[] = "/tmp/settings_bundle_XXXXXX";
static struct arena *arena;

static void put(const char *name, const char *text, size_t len)
{
    assert_int_equal(
        file_replace(file_path(arena, folder, name), span_make(text, len), 0600, NULL),
        ERR_OK);
}

static const struct settings *read_text(struct span text)
{
    const struct settings *s = NULL;
    struct err_info why = {0};

    if (settings_read(arena, folder, text, NULL, 0, &s, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    return s;
}

#define YAML                                                                             \
    "quorum:\n  mode: observe\n"                                                         \
    "issuers:\n  one:\n    certificate: one.pem\n    key: one.key\n    alternates: "     \
    "[a.pem, root.pem]\n"

static const struct settings *joined(const char *yaml, const char *perspectives)
{
    size_t len = strlen(yaml);
    size_t more = perspectives != NULL ? strlen(perspectives) + 1 : 0;
    char *text = arena_get(arena, len + more + 1);

    memcpy(text, yaml, len);
    if (perspectives != NULL)
        memcpy(text + len + 1, perspectives, more - 1);
    struct span whole = span_make(text, len + more);
    assert_int_equal(settings_bundle_join(arena, read_text(whole), &whole, NULL), ERR_OK);
    return read_text(whole);
}

/* With NULs in a file, an empty one, and one that is named twice. */
static void round_trip(void **state)
{
    static const char *const perspectives[] = {
        NULL, "",
        "perspectives:\n  fra:\n    address: fra.test:8443\n    region: ripe\n    key: "
        "sha256:0000000000000000000000000000000000000000000000000000000000000000\n"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct span content = {0};
        put("intermediate.pem", "in\0side", 7);
        put("root.pem", "root", 4);
        put("one.pem", "", 0);
        put("a.pem", "5\0one.pem\0007\0", 12);
        const struct settings *s = joined(YAML, perspectives[i]);
        assert_int_equal(s->perspectives.count, i == 2 ? 1 : 0);
        assert_int_equal(s->issuers.count, 1);
        /* what becomes of the files does not matter now */
        put("intermediate.pem", "spoiled", 7);
        assert_int_equal(unlink(file_path(arena, folder, "a.pem")), 0);
        assert_int_equal(
            settings_bundle_read(arena, s, "intermediate.pem", &content, NULL), ERR_OK);
        assert_true(span_equal(content, span_make("in\0side", 7)));
        assert_int_equal(settings_bundle_read(arena, s, "a.pem", &content, NULL), ERR_OK);
        assert_true(span_equal(content, span_make("5\0one.pem\0007\0", 12)));
        assert_int_equal(settings_bundle_read(arena, s, "one.pem", &content, NULL),
                         ERR_OK);
        assert_int_equal(content.len, 0);
        assert_int_equal(settings_bundle_read(arena, s, "root.pem", &content, NULL),
                         ERR_OK);
        assert_true(span_is(content, "root"));
        /* what is not in it comes from disk */
        put("other.pem", "other", 5);
        assert_int_equal(settings_bundle_read(arena, s, "other.pem", &content, NULL),
                         ERR_OK);
        assert_true(span_is(content, "other"));
        assert_int_equal(settings_bundle_read(arena, s, "absent.pem", &content, NULL),
                         ERR_NOT_FOUND);
    }
}

static void missing(void **state)
{
    struct span text = span_of(YAML);
    const struct settings *s = read_text(text);
    struct err_info why = {0};

    (void)state;
    (void)unlink(file_path(arena, folder, "one.pem"));
    assert_int_equal(settings_bundle_join(arena, s, &text, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.detail, "one.pem"));
    assert_true(span_is(text, YAML));
}

static void same(void **state)
{
    put("intermediate.pem", "1", 1);
    put("one.pem", "2", 1);
    put("a.pem", "3", 1);
    const struct settings *first = joined(YAML, NULL);
    const struct settings *again = joined("log:\n  level: debug\n" YAML, NULL);
    const struct settings *keys =
        joined(YAML "files:\n  intermediate_key: other.key\n", NULL);

    (void)state;
    assert_true(settings_bundle_same(first, again));
    assert_false(settings_bundle_same(first, keys));
    assert_false(settings_bundle_same(first, joined("", NULL)));
    put("one.pem", "4", 1);
    assert_false(settings_bundle_same(first, joined(YAML, NULL)));
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"intermediate.pem", "root.pem", "one.pem",
                                        "a.pem", "other.pem"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(file_path(arena, folder, names[i]));
    arena_free(arena);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip),
                                       cmocka_unit_test(missing), cmocka_unit_test(same)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
