/* Tests of client/flow/flow_options: what is written is read again the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/flow/flow_options.h"

static void whole(void **state)
{
    static const char *const emails[] = {"one@example.test", "two@example.test"};
    static const char *const names[] = {"*.example.test", "192.0.2.1"};
    static const struct flow_choice worked[] = {{"*.example.test", CHALLENGE_DNS_01}};
    static const struct flow_choice failed[] = {{"192.0.2.1", CHALLENGE_HTTP_01},
                                                {"192.0.2.1", CHALLENGE_TLS_ALPN_01}};
    static const uint8_t der[] = {0x30, 0x00, 0xff};
    const struct flow_options o = {
        .task = FLOW_REVOKE,
        .session = {.ca = "https://ca.example.test/dir",
                    .account = "https://ca.example.test/a/\"1\"",
                    .emails = emails,
                    .email_count = 2,
                    .agree_terms = true,
                    .changing = true},
        .names = names,
        .name_count = 2,
        .challenges = {{CHALLENGE_DNS_01, CHALLENGE_HTTP_01}, 2},
        .worked = worked,
        .worked_count = 1,
        .failed = failed,
        .failed_count = 2,
        .profile = "short",
        .profile_required = true,
        .replaces = "abc.def",
        .lifetime = 3600,
        .preferred_chain = "Root \xc3\xa4",
        .certificate = {der, sizeof der},
        .reason = 4,
        .with_key = true,
    };
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(FLOW_OPTIONS_MAX);
    AUTO(buf) struct buf again = buf_make(FLOW_OPTIONS_MAX);
    struct flow_options read = {0};
    struct err_info why = {0};

    (void)state;
    flow_options_write(&b, &o);
    assert_false(b.failed);
    assert_int_equal(flow_options_read(a, buf_span(&b), &read, &why), ERR_OK);
    assert_int_equal(read.task, FLOW_REVOKE);
    assert_true(read.session.agree_terms && read.session.changing &&
                read.profile_required && read.with_key && !read.session.bind);
    assert_string_equal(read.session.account, o.session.account);
    assert_string_equal(read.session.emails[1], "two@example.test");
    assert_string_equal(read.names[0], "*.example.test");
    assert_int_equal(read.challenges.count, 2);
    assert_int_equal(read.challenges.types[0], CHALLENGE_DNS_01);
    assert_int_equal(read.failed_count, 2);
    assert_int_equal(read.failed[1].type, CHALLENGE_TLS_ALPN_01);
    assert_string_equal(read.preferred_chain, o.preferred_chain);
    assert_int_equal(read.lifetime, 3600);
    assert_int_equal(read.reason, 4);
    assert_true(span_equal(read.certificate, o.certificate));
    flow_options_write(&again, &read);
    assert_true(span_equal(buf_span(&b), buf_span(&again)));
}

static void least(void **state)
{
    const struct flow_options o = {.task = FLOW_SHOW, .session = {.ca = "https://x/"}};
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(FLOW_OPTIONS_MAX);
    struct flow_options read = {0};
    struct err_info why = {0};

    (void)state;
    flow_options_write(&b, &o);
    assert_int_equal(flow_options_read(a, buf_span(&b), &read, &why), ERR_OK);
    assert_null(read.session.account);
    assert_null(read.profile);
    assert_null(read.replaces);
    assert_int_equal(read.name_count + read.session.email_count + read.challenges.count +
                         read.certificate.len,
                     0);
}

static void refused(void **state)
{
    static const char *const rows[] = {
        "",
        "{}",
        "[]",
        "{\"task\":99}",
        "{\"task\":0,\"ca\":\"x\",\"certificate\":\"\"}",
        "{\"task\":0,\"ca\":\"x\",\"certificate\":\"!\",\"emails\":[],\"names\":[],"
        "\"worked\":[],\"failed\":[],\"challenges\":\"\"}",
        "{\"task\":0,\"ca\":\"x\",\"certificate\":\"\",\"emails\":[1],\"names\":[],"
        "\"worked\":[],\"failed\":[],\"challenges\":\"\"}",
        "{\"task\":0,\"ca\":\"x\",\"certificate\":\"\",\"emails\":[],\"names\":[],"
        "\"worked\":[{\"name\":\"x\",\"type\":\"y\"}],\"failed\":[],\"challenges\":\"\"}",
        "{\"task\":0,\"certificate\":\"\",\"emails\":[],\"names\":[],"
        "\"worked\":[],\"failed\":[],\"challenges\":\"\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct flow_options read = {0};
        struct err_info why = {0};
        if (flow_options_read(a, span_of(rows[i]), &read, &why) != ERR_PROTOCOL)
            fail_msg("row %zu is taken", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole), cmocka_unit_test(least),
                                       cmocka_unit_test(refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
