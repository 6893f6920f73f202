/* Tests of server/audit/audit and audit_revocation: lines beside the store's changes. */
#include "server/audit/audit_revocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/json/json_read.h"
#include "server/store_fixture.h"

#define SEGMENT_MAX (64 * 1024 * 1024)
#define LINES_MAX   100

struct log {
    struct store_fixture *store;
    struct audit *audit;
    const struct json *lines[LINES_MAX];
    size_t count;
};

static char *path_of(const struct log *f, const char *name)
{
    return file_path(f->store->arena, f->store->directory, name);
}

static int set_up(void **state)
{
    struct log *f = calloc(1, sizeof *f);

    f->store = store_fixture_new();
    if (audit_open(path_of(f, "audit"), path_of(f, "audit/front"), SEGMENT_MAX,
                   f->store->store, &f->audit, &f->store->why) != ERR_OK)
        fail_msg("%s", f->store->why.detail);
    store_session_begin(f->store->session);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"audit/front/000001.jsonl", "audit/front",
                                        "audit"};
    struct log *f = *state;

    store_fixture_close(f->store);
    audit_close(f->audit);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)remove(path_of(f, names[i]));
    store_fixture_open(f->store);
    store_fixture_free(f->store);
    free(f);
    return 0;
}

/* Everything that is in the log, when what the session did is on disk. */
static void read_log(struct log *f)
{
    struct span text;

    assert_int_equal(store_fixture_settle(f->store), ERR_OK);
    assert_int_equal(file_read(f->store->arena, path_of(f, "audit/front/000001.jsonl"),
                               SEGMENT_MAX, &text, &f->store->why),
                     ERR_OK);
    f->count = 0;
    while (text.len > 0 && f->count < LINES_MAX) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        assert_non_null(end);
        size_t len = (size_t)(end - text.data);
        assert_int_equal(json_read(f->store->arena, span_slice(text, 0, len),
                                   &f->lines[f->count++], &f->store->why),
                         ERR_OK);
        text = span_slice(text, len + 1, text.len);
    }
}

static const char *text_at(const struct log *f, size_t line, const char *name)
{
    return json_text(json_member(f->lines[line], name));
}

/* The change it tells of is kept, and what fits of the line; it says that it was cut. */
static void a_line_that_is_too_long_is_cut(void **state)
{
    static const char *const hard[] = {"x", "\"", "\\", "{[,", "\xff", "\n"};
    struct log *f = *state;
    struct audit_line l;

    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        char *detail = arena_get(f->store->arena, 2 * AUDIT_FILE_LINE_MAX);
        detail[0] = '\0';
        for (size_t at = 0; at < AUDIT_FILE_LINE_MAX + i; at += strlen(hard[i]))
            memcpy(detail + at, hard[i], strlen(hard[i]) + 1);
        assert_int_equal(
            store_setting_add(f->store->session, hard[i], span_of("1"), &f->store->why),
            ERR_OK);
        audit_begin(&l, AUDIT_RELOAD);
        json_write_text(&l.w, "before", "\",\"x\":{");
        json_write_text(&l.w, "detail", detail);
        json_write_text(&l.w, "after", "is there no more");
        audit_end(&l, f->store->session);
    }
    read_log(f);
    assert_int_equal(f->count, sizeof hard / sizeof *hard);
    for (size_t i = 0; i < f->count; i++) {
        struct span value = {0};
        assert_int_equal(store_setting_get(f->store->session, f->store->arena, hard[i],
                                           &value, &f->store->why),
                         ERR_OK);
        assert_true(json_is_true(json_member(f->lines[i], "cut")));
        assert_string_equal(text_at(f, i, "event"), "house.reload");
        assert_string_equal(text_at(f, i, "before"), "\",\"x\":{");
        assert_null(json_member(f->lines[i], "detail"));
        assert_non_null(json_member(f->lines[i], "previous"));
    }
}

/* And in the middle of nested values. */
static void a_list_that_is_too_long_goes_as_a_whole(void **state)
{
    struct log *f = *state;
    struct audit_line l;

    audit_begin(&l, AUDIT_RELOAD);
    json_write_begin_object(&l.w, "in");
    json_write_begin_array(&l.w, "list");
    for (int i = 0; i < AUDIT_FILE_LINE_MAX / 4; i++)
        json_write_text(&l.w, NULL, "abc");
    json_write_end_array(&l.w);
    json_write_end_object(&l.w);
    audit_end(&l, f->store->session);
    read_log(f);
    assert_true(json_is_true(json_member(f->lines[0], "cut")));
    assert_null(json_member(f->lines[0], "in"));
    assert_non_null(json_member(f->lines[0], "time"));
}

static void a_list_says_what_was_left_out(void **state)
{
    const char *const few[] = {"a", "b"};
    const char *many[AUDIT_LIST_MAX];
    struct log *f = *state;
    struct audit_line l;

    for (size_t i = 0; i < AUDIT_LIST_MAX; i++)
        many[i] = "12345678";
    audit_begin(&l, AUDIT_RELOAD);
    audit_texts(&l, "few", few, 2);
    audit_texts(&l, "many", many, AUDIT_LIST_MAX);
    audit_result(&l, ERR_OK, NULL);
    audit_end(&l, f->store->session);
    read_log(f);
    assert_int_equal(json_count(json_member(f->lines[0], "few")), 2);
    assert_null(json_member(f->lines[0], "few_left_out"));
    assert_int_equal(json_count(json_member(f->lines[0], "many")), AUDIT_LIST_MAX / 8);
    assert_int_equal(json_whole(json_member(f->lines[0], "many_left_out")),
                     AUDIT_LIST_MAX - AUDIT_LIST_MAX / 8);
    assert_string_equal(text_at(f, 0, "result"), "ok");
}

/* Blocking a key leaves one line, however often it is asked for. */
static void a_key_is_blocked_once(void **state)
{
    const uint8_t hash[STORE_HASH_SIZE] = {1, 2, 3};
    struct log *f = *state;
    const struct audit_revocation by = {
        .session = f->store->session, .by = AUDIT_BY_COMMAND, .number = 1000};
    bool blocked = false;

    for (int i = 0; i < 3; i++)
        assert_int_equal(audit_revocation_block(&by, hash, 1000, &f->store->why), ERR_OK);
    read_log(f);
    assert_int_equal(f->count, 1);
    assert_string_equal(text_at(f, 0, "event"), "key.blocked");
    assert_string_equal(text_at(f, 0, "by"), "command");
    assert_int_equal(json_whole(json_member(f->lines[0], "uid")), 1000);
    assert_memory_equal(text_at(f, 0, "key_hash"), "01020300", 8);
    assert_int_equal(
        store_key_is_blocked(f->store->session, hash, &blocked, &f->store->why), ERR_OK);
    assert_true(blocked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_is_cut, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_list_that_is_too_long_goes_as_a_whole, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_list_says_what_was_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_is_blocked_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
