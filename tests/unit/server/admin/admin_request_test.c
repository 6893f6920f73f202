/* Tests of server/admin/admin_request: what is refused, and answers. */
#include "server/admin/admin_request.h"

#include <stdio.h>
#include <sys/resource.h>

#include "server/audit/audit.h"
#include "server/store_fixture.h"

#define ACCOUNTS   40
#define LOG_OCTETS (2 * 1024 * 1024) /* more than the store has */

static void requests_are_checked(void **state)
{
    static const struct {
        const char *request;
        enum err result;
        const char *says;
    } rows[] = {
        {"{\"command\":\"account show\",\"arguments\":{\"id\":17}}", ERR_OK, ""},
        {"", ERR_MALFORMED, "empty"},
        {"\xff", ERR_MALFORMED, "not valid JSON"},
        {"[]", ERR_MALFORMED, "command is missing"},
        {"{\"command\":17,\"arguments\":{}}", ERR_MALFORMED, "command must be a string"},
        {"{\"command\":\"account show\"}", ERR_MALFORMED, "command and arguments"},
        {"{\"command\":\"account show\",\"arguments\":[]}", ERR_MALFORMED,
         "command and arguments"},
        {"{\"command\":\"account show\",\"arguments\":{\"id\":1},\"x\":1}", ERR_MALFORMED,
         "nothing else"},
        {"{\"command\":\"account show\",\"arguments\":{\"id\":1}} ", ERR_OK, ""},
        {"{\"command\":\"account show\",\"arguments\":{\"id\":1}}}", ERR_MALFORMED, ""},
        {"{\"command\":\"account\",\"arguments\":{}}", ERR_USAGE,
         "no command \"account\""},
        {"{\"command\":\"account show\",\"arguments\":{}}", ERR_USAGE, "ID is missing"},
        {"{\"command\":\"account show\",\"arguments\":{\"ID\":1}}", ERR_USAGE,
         "no argument \"ID\""},
        {"{\"command\":\"account show\",\"arguments\":{\"id\":\"1\"}}", ERR_USAGE,
         "ID must be a number"},
        {"{\"command\":\"account show\",\"arguments\":{\"id\":1.0}}", ERR_USAGE,
         "ID must be a number"},
        {"{\"command\":\"account show\",\"arguments\":{\"id\":0}}", ERR_USAGE,
         "from 1 to"},
        {"{\"command\":\"account show\",\"arguments\":{\"id\":-1}}", ERR_USAGE,
         "from 1 to"},
        {"{\"command\":\"account show\",\"arguments\":{\"id\":9223372036854775808}}",
         ERR_MALFORMED, "not valid JSON"},
        {"{\"command\":\"account show\",\"arguments\":{\"id\":1,\"dir\":\"/\"}}",
         ERR_USAGE, "no argument \"dir\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct admin_call call = {.arena = a};
        struct err_info why = {0};
        enum err result = admin_request_read(&call, span_of(rows[i].request), &why);
        if (result != rows[i].result || strstr(why.detail, rows[i].says) == NULL)
            fail_msg("%s: %s: %s", rows[i].request, err_name(result), why.detail);
        assert_true((call.command != NULL) == (result == ERR_OK));
    }
}

static void a_request_has_a_largest_size(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(2 * ADMIN_REQUEST_MAX);
    struct admin_call call = {.arena = a};
    struct err_info why = {0};

    (void)state;
    buf_add_text(&b, "{\"command\":\"account show\",\"arguments\":{\"id\":17}}");
    while (b.len < ADMIN_REQUEST_MAX)
        buf_add_text(&b, " ");
    assert_int_equal(admin_request_read(&call, buf_span(&b), &why), ERR_OK);
    buf_add_text(&b, " ");
    assert_int_equal(admin_request_read(&call, buf_span(&b), &why), ERR_TOO_LARGE);
}

static void times_are_absolute_or_from_now(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t seconds;
    } rows[] = {
        {"2030-01-31T00:00:00Z", true, 1896048000},
        {"90d", true, 1000 + 90 * 86400},
        {"15m", true, 1900},
        {"0", true, 1000},
        {"", false, 0},
        {"tomorrow", false, 0},
        {"2030-01-31", false, 0},
        {"-1d", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t seconds = 0;
        assert_int_equal(admin_request_time(rows[i].text, 1000, &seconds), rows[i].good);
        assert_int_equal(seconds, rows[i].seconds);
    }
}

static void times_in_the_past(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t seconds;
    } rows[] = {
        {"1970-01-01T00:00:10Z", true, 10},
        {"15m", true, 100},
        {"0", true, 1000},
        {"16m39s", false, 0},
        {"999s", true, 1},
        {"1000s", false, 0}, /* before there was a time */
        {"yesterday", false, 0},
        {"-1d", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t seconds = 0;
        assert_int_equal(admin_request_past(rows[i].text, 1000, &seconds), rows[i].good);
        assert_int_equal(seconds, rows[i].seconds);
    }
}

/* --- running ------------------------------------------------------------------------ */

/* The answer to a request, as text in the arena. */
static const char *run(struct store_fixture *f, const char *request, enum err expected)
{
    AUTO(buf) struct buf answer = buf_make(ADMIN_ANSWER_MAX);
    struct admin_call call = {.arena = f->arena, .session = f->session};

    assert_int_equal(admin_request_run(&call, f->store, span_of(request), &answer),
                     expected);
    return arena_string_of(f->arena, buf_span(&answer));
}

static void a_result_or_the_reason(void **state)
{
    struct store_fixture *f = store_fixture_new();
    const struct json *value = NULL;
    struct span text;

    (void)state;
    (void)store_fixture_account(f, 1, "{}");
    const char *answer =
        run(f, "{\"command\":\"account show\",\"arguments\":{\"id\":1}}", ERR_OK);
    assert_int_equal(
        admin_request_answer(f->arena, span_of(answer), &value, &text, &f->why), ERR_OK);
    assert_string_equal(json_text(json_member(value, "status")), "valid");
    assert_true(text.data[0] == '{' && text.data[text.len - 1] == '}');
    answer =
        run(f, "{\"command\":\"account show\",\"arguments\":{\"id\":2}}", ERR_NOT_FOUND);
    assert_string_equal(
        answer,
        "{\"error\":{\"code\":\"NOT_FOUND\",\"detail\":\"there is no such account\"}}");
    assert_int_equal(
        admin_request_answer(f->arena, span_of(answer), &value, &text, &f->why),
        ERR_NOT_FOUND);
    assert_string_equal(f->why.detail, "there is no such account");
    store_fixture_free(f);
}

static void what_is_answered_is_on_disk(void **state)
{
    struct store_fixture *f = store_fixture_new();

    (void)state;
    (void)store_fixture_account(f, 1, "{}");
    assert_int_equal(store_fixture_settle(f), ERR_OK);
    store_fixture_fill_disk(f);
    const char *answer =
        run(f, "{\"command\":\"account revoke\",\"arguments\":{\"id\":1}}", ERR_STORE);
    assert_non_null(strstr(answer, "\"code\":\"STORE\""));
    store_fixture_free_disk();
    answer = run(f, "{\"command\":\"account show\",\"arguments\":{\"id\":1}}", ERR_OK);
    assert_non_null(strstr(answer, "\"status\":\"valid\""));
    (void)run(f, "{\"command\":\"account revoke\",\"arguments\":{\"id\":1}}", ERR_OK);
    (void)run(f, "{\"command\":\"account revoke\",\"arguments\":{\"id\":1}}",
              ERR_CONFLICT);
    store_fixture_free(f);
}

/* A command's change is never kept without its line: where the log cannot grow and the
 * store can, nothing is changed. */
static void a_change_and_its_line_have_one_fate(void **state)
{
    struct store_fixture *f = store_fixture_new();
    char *folder = arena_printf(f->arena, "%s/audit", f->directory);
    char *chain = arena_printf(f->arena, "%s/front", folder);
    char *segment = arena_printf(f->arena, "%s/000001.jsonl", chain);
    struct audit *audit = NULL;
    struct rlimit limit;

    (void)state;
    assert_int_equal(audit_open(folder, chain, 1 << 30, f->store, &audit, &f->why),
                     ERR_OK);
    for (uint8_t i = 1; i <= ACCOUNTS; i++)
        (void)store_fixture_account(f, i, "{}");
    for (size_t i = 0; i < LOG_OCTETS; i += AUDIT_FILE_LINE_MAX / 4) {
        struct audit_line l;
        audit_begin(&l, AUDIT_START);
        json_write_text(&l.w, "filler",
                        arena_printf(f->arena, "%0*d", AUDIT_FILE_LINE_MAX / 4, 1));
        audit_end(&l, f->session);
    }
    assert_int_equal(store_fixture_settle(f), ERR_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit small = {LOG_OCTETS, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 1; i <= ACCOUNTS; i++) {
        char *request = arena_printf(
            f->arena, "{\"command\":\"account revoke\",\"arguments\":{\"id\":%d}}", i);
        (void)run(f, request, ERR_STORE);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    store_session_begin(f->session);
    for (int i = 1; i <= ACCOUNTS; i++) {
        struct store_account *account = NULL;
        assert_int_equal(store_account_by_id(f->session, f->arena, i, &account, &f->why),
                         ERR_OK);
        assert_int_equal(account->status, STORE_ACCOUNT_VALID);
    }
    (void)run(f, "{\"command\":\"account revoke\",\"arguments\":{\"id\":1}}", ERR_OK);
    store_fixture_close(f);
    audit_close(audit);
    (void)remove(segment);
    (void)remove(chain);
    (void)remove(folder);
    store_fixture_open(f);
    store_fixture_free(f);
}

static void answers_that_are_none(void **state)
{
    static const char *const rows[] = {
        "",
        "{",
        "{\"result\":{\"id\":1}",
        "{\"result\":1}",
        "{ \"result\":{}}",
        "{\"error\":{}}",
        "{\"error\":{\"code\":\"NOT_FOUND\"}}",
        "{}",
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct json *value = NULL;
        struct span text;
        struct err_info why = {0};
        assert_int_not_equal(
            admin_request_answer(a, span_of(rows[i]), &value, &text, &why), ERR_OK);
        assert_true(why.detail[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_checked),
        cmocka_unit_test(a_request_has_a_largest_size),
        cmocka_unit_test(times_are_absolute_or_from_now),
        cmocka_unit_test(times_in_the_past),
        cmocka_unit_test(a_result_or_the_reason),
        cmocka_unit_test(what_is_answered_is_on_disk),
        cmocka_unit_test(a_change_and_its_line_have_one_fate),
        cmocka_unit_test(answers_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
