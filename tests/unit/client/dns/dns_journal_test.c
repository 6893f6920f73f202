/* Tests of client/dns/dns_journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/dns/dns_journal.h"
#include "core/base/file.h"
#include "core/base/text.h"

static const struct dns_entry one = {.dns = {.name = "mine",
                                             .provider = "exec",
                                             .key_file = "/etc/a b \"c\".key",
                                             .server = "",
                                             .url = "https://api.test/",
                                             .ca_file = "",
                                             .program = "/bin/hook",
                                             .cleanup_program = "",
                                             .credentials = "credential:x",
                                             .mode = "raw",
                                             .resolver = "192.0.2.9",
                                             .check = "auto",
                                             .timeout_ms = 120000,
                                             .settle_ms = 7},
                                     .task = {.name = "_acme-challenge.a.test",
                                              .value = "value",
                                              .owner = "elsewhere.test",
                                              .zone = "test",
                                              .primary = "192.0.2.1:53 [2001:db8::1]:53",
                                              .domain = "a.test",
                                              .wildcard = true,
                                              .token = "token",
                                              .key_authorization = "token.print",
                                              .note = "what a hook\nsaid"}};

struct place {
    struct arena *arena;
    char root[64];
    struct err_info why;
};

static int set_up(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);

    (void)text_copy(p->root, sizeof p->root, "/tmp/cairn-journal-XXXXXX");
    p->arena = arena_new();
    *state = p;
    return mkdtemp(p->root) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    (void)rmdir(file_path(p->arena, p->root, "dns-01"));
    int result = rmdir(p->root);
    arena_free(p->arena);
    test_free(p);
    return result;
}

static size_t count(struct place *p, const struct dns_entry **entries, size_t *damaged)
{
    size_t found = 99;

    assert_int_equal(
        dns_journal_list(p->arena, p->root, entries, &found, damaged, &p->why), ERR_OK);
    return found;
}

static void comes_and_goes(void **state)
{
    struct place *p = *state;
    const struct dns_entry *entries = NULL;
    struct dns_entry other = one;
    size_t damaged = 0;

    assert_false(dns_journal_has_entries(p->root));
    assert_int_equal(count(p, &entries, &damaged), 0);
    assert_int_equal(dns_journal_add(p->arena, p->root, &one, &p->why), ERR_OK);
    assert_int_equal(dns_journal_add(p->arena, p->root, &one, &p->why), ERR_OK);
    assert_true(dns_journal_has_entries(p->root));
    assert_int_equal(count(p, &entries, &damaged), 1);
    const struct dns_entry *e = &entries[0];
    assert_string_equal(e->dns.name, one.dns.name);
    assert_string_equal(e->dns.provider, one.dns.provider);
    assert_string_equal(e->dns.key_file, one.dns.key_file);
    assert_string_equal(e->dns.server, "");
    assert_string_equal(e->dns.url, one.dns.url);
    assert_string_equal(e->dns.program, one.dns.program);
    assert_string_equal(e->dns.credentials, one.dns.credentials);
    assert_string_equal(e->dns.mode, one.dns.mode);
    assert_string_equal(e->dns.resolver, one.dns.resolver);
    assert_string_equal(e->dns.check, one.dns.check);
    assert_int_equal(e->dns.timeout_ms, 120000);
    assert_int_equal(e->dns.settle_ms, 7);
    assert_string_equal(e->task.name, one.task.name);
    assert_string_equal(e->task.value, one.task.value);
    assert_string_equal(e->task.owner, one.task.owner);
    assert_string_equal(e->task.zone, one.task.zone);
    assert_string_equal(e->task.primary, one.task.primary);
    assert_string_equal(e->task.domain, one.task.domain);
    assert_true(e->task.wildcard);
    assert_string_equal(e->task.token, one.task.token);
    assert_string_equal(e->task.key_authorization, one.task.key_authorization);
    assert_string_equal(e->task.note, one.task.note);
    other.task.note = "another"; /* the same record still */
    assert_int_equal(dns_journal_add(p->arena, p->root, &other, &p->why), ERR_OK);
    assert_int_equal(count(p, &entries, &damaged), 1);
    assert_string_equal(entries[0].task.note, "another");
    other.task.value = "other";
    assert_int_equal(dns_journal_add(p->arena, p->root, &other, &p->why), ERR_OK);
    assert_int_equal(count(p, &entries, &damaged), 2);
    assert_int_equal(dns_journal_remove(p->arena, p->root, &one, &p->why), ERR_OK);
    assert_int_equal(dns_journal_remove(p->arena, p->root, &one, &p->why), ERR_OK);
    assert_int_equal(count(p, &entries, &damaged), 1);
    assert_string_equal(entries[0].task.value, "other");
    assert_int_equal(dns_journal_remove(p->arena, p->root, &other, &p->why), ERR_OK);
    assert_int_equal(damaged, 0);
    assert_false(dns_journal_has_entries(p->root));
}

static void many(void **state)
{
    struct place *p = *state;
    const struct dns_entry *entries = NULL;
    size_t damaged = 0;

    for (int i = 0; i < 50; i++) {
        struct dns_entry e = one;
        e.task.value = arena_printf(p->arena, "v%d", i);
        assert_int_equal(dns_journal_add(p->arena, p->root, &e, &p->why), ERR_OK);
    }
    assert_int_equal(count(p, &entries, &damaged), 50);
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(dns_journal_remove(p->arena, p->root, &entries[i], &p->why),
                         ERR_OK);
    assert_int_equal(count(p, &entries, &damaged), 0);
}

/* A crash leaves a file whole or not at all; what people leave is counted. */
static void damaged_files(void **state)
{
    static const char *const texts[] = {"", "{}", "[]", "{\"task\":{\"name\":1}}",
                                        "\xff"};
    struct place *p = *state;
    const struct dns_entry *entries = NULL;
    size_t damaged = 0;

    assert_int_equal(dns_journal_add(p->arena, p->root, &one, &p->why), ERR_OK);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *path = arena_printf(p->arena, "%s/dns-01/x%zu.json", p->root, i);
        assert_int_equal(file_create(path, span_of(texts[i]), 0600, &p->why), ERR_OK);
    }
    char *stray = arena_printf(p->arena, "%s/dns-01/.tmp", p->root);
    assert_int_equal(file_create(stray, span_of("x"), 0600, &p->why), ERR_OK);
    assert_int_equal(count(p, &entries, &damaged), 1);
    assert_int_equal(damaged, 5);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(
            unlink(arena_printf(p->arena, "%s/dns-01/x%zu.json", p->root, i)), 0);
    assert_int_equal(unlink(stray), 0);
    assert_int_equal(dns_journal_remove(p->arena, p->root, &one, &p->why), ERR_OK);
}

/* It tells of no record, but is found, and goes. */
static void killed_while_it_was_written(void **state)
{
    struct place *p = *state;
    const struct dns_entry *entries = NULL;
    size_t damaged = 0;
    char *copy =
        arena_printf(p->arena, "%s/dns-01/00.json.0123456789abcdef.new", p->root);

    assert_int_equal(dns_journal_add(p->arena, p->root, &one, &p->why), ERR_OK);
    assert_int_equal(dns_journal_remove(p->arena, p->root, &one, &p->why), ERR_OK);
    assert_int_equal(file_create(copy, span_of("{"), 0600, &p->why), ERR_OK);
    assert_true(dns_journal_has_entries(p->root));
    assert_int_equal(count(p, &entries, &damaged), 0);
    assert_int_equal(damaged, 0);
    dns_journal_sweep(p->arena, p->root);
    assert_false(dns_journal_has_entries(p->root));
    assert_false(file_exists(copy));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_and_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(killed_while_it_was_written, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
