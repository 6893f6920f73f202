/* Tests of client/agent/agent_table: when a certificate is seen to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/agent/agent_table.h"
#include "client/renewal/renewal_when.h"
#include "client/store/metadata.h"
#include "core/base/file.h"
#include "core/base/file_tree.h"
#include "core/x509/x509_fixtures.h"

#define BEGIN  1700000000LL
#define DAY    86400
#define LIFE   (90 * DAY)
#define DUE    (BEGIN + 60 * DAY) /* a third is left */
#define JITTER 300
#define YEAR   (365 * DAY)
#define YAML                                                                             \
    "cas: {here: {directory: \"https://ca.test/dir\"}}\n"                                \
    "certificates: {a.test: {names: a.test, cas: here, renew: %s}}\n"

struct place {
    char directory[32];
    struct arena *arena;
    struct settings *settings;
    struct agent_table table;
    struct agent_entry entry;
    struct err_info why;
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    if (p == NULL)
        return -1;
    (void)snprintf(p->directory, sizeof p->directory, "/tmp/agent_table.XXXXXX");
    if (mkdtemp(p->directory) == NULL)
        return -1;
    p->arena = arena_new();
    p->table.directory = p->directory;
    p->entry.name = arena_string(p->arena, "a.test");
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    if (file_tree_remove(p->directory, &p->why) != ERR_OK)
        return -1;
    arena_free(p->arena);
    free(p);
    return 0;
}

/* A certificate that has begun at BEGIN, and what is said of its renewal. */
static void has(struct place *p, const char *renew)
{
    static const char *const names[] = {"a.test"};
    const struct certificate_metadata m = {.names = names,
                                           .name_count = 1,
                                           .ca = "https://ca.test/dir",
                                           .device = "",
                                           .parts = {{.key_type = "p256",
                                                      .not_before = BEGIN,
                                                      .not_after = BEGIN + LIFE,
                                                      .serial = "ff01",
                                                      .id = ""}},
                                           .part_count = 1};
    static const char *const steps[] = {"certificates", "a.test", "current"};
    static const char *const files[] = {"cert.pem", "fullchain.pem"};
    AUTO(buf) struct buf b = buf_make(8192);
    const char *folder = p->directory;

    metadata_write(&b, &m);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        folder = file_path(p->arena, folder, steps[i]);
        assert_int_equal(file_make_directory(folder, 0700, &p->why), ERR_OK);
    }
    assert_int_equal(file_replace(file_path(p->arena, folder, "metadata.json"),
                                  buf_span(&b), 0600, &p->why),
                     ERR_OK);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_int_equal(file_replace(file_path(p->arena, folder, files[i]),
                                      span_of(pem_leaf), 0600, &p->why),
                         ERR_OK);
    p->settings = arena_get(p->arena, sizeof *p->settings);
    assert_int_equal(settings_defaults(p->arena, p->settings, &p->why), ERR_OK);
    if (settings_read(p->arena, "f", span_of(arena_printf(p->arena, YAML, renew)),
                      p->settings, &p->why) != ERR_OK)
        fail_msg("%s", p->why.detail);
    assert_int_equal(p->settings->agent_jitter, JITTER * 1000);
}

static void look(struct place *p, int64_t now)
{
    agent_table_look(&p->table, &p->entry, p->settings, now);
}

static void a_moment_is_drawn_and_kept(void **state)
{
    struct place *p = *state;

    has(p, "auto");
    look(p, BEGIN + DAY);
    int64_t drawn = p->entry.next;
    assert_in_range(drawn, DUE, DUE + JITTER);
    for (int i = 0; i < 20; i++) {
        look(p, BEGIN + (2 + i) * DAY);
        assert_int_equal(p->entry.next, drawn);
    }
}

/* What is never due is not "never, and a little later". */
static void never(void **state)
{
    struct place *p = *state;

    has(p, "never");
    for (int i = 0; i < 20; i++) {
        p->entry.due = 0;
        look(p, BEGIN + i * DAY);
        assert_int_equal(p->entry.next, RENEWAL_WHEN_NEVER);
    }
}

/* It was seen to while the clock was a year ahead: nothing of that counts when it is
 * right again. */
static void a_clock_that_is_set_back(void **state)
{
    struct place *p = *state;

    has(p, "auto");
    p->entry.due = DUE; /* as it is left behind by who has worked on it */
    p->entry.next = BEGIN + YEAR + 60;
    look(p, BEGIN + DAY);
    assert_in_range(p->entry.next, DUE, DUE + JITTER);
    p->entry.due = DUE; /* and a minute's pause between two attempts holds */
    p->entry.next = DUE + 10 * DAY + 60;
    look(p, DUE + 10 * DAY);
    assert_int_equal(p->entry.next, DUE + 10 * DAY + 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_moment_is_drawn_and_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(never, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_that_is_set_back, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
