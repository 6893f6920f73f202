/* Tests of server/resource/validation_record: steps of a validator in the form that
 * Boulder and Pebble show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "server/resource/validation_record.h"

#define LOOKUP "{\"lookup\":\"a.test\",\"aaaa\":[\"2001:db8::1\"],\"a\":[\"192.0.2.1\"]}"
#define RESOLVED                                                                         \
    "\"hostname\":\"a.test\",\"addressesResolved\":[\"2001:db8::1\",\"192.0.2.1\"],"

static const struct {
    const char *name;
    const char *evidence;
    const char *shown; /* inside the array */
} rows[] = {
    {"as stored by earlier versions",
     "[" LOOKUP ",{\"url\":\"http://a.test/x\",\"address\":\"[2001:db8::1]:80\","
     "\"status\":200}]",
     "{\"url\":\"http://a.test/x\"," RESOLVED "\"port\":\"80\",\"addressUsed\":"
     "\"2001:db8::1\",\"status\":200}"},
    {"a fallback: one lookup, two connections",
     "{\"version\":1,\"perspectives\":[{\"name\":\"local\",\"steps\":[" LOOKUP
     ",{\"url\":\"http://a.test/\",\"address\":\"[2001:db8::1]:80\",\"error\":\"e\"}"
     ",{\"url\":\"http://a.test/\",\"address\":\"192.0.2.1:8080\",\"status\":404}]}]}",
     "{\"url\":\"http://a.test/\"," RESOLVED "\"port\":\"80\",\"addressUsed\":"
     "\"2001:db8::1\",\"error\":\"e\"},"
     "{\"url\":\"http://a.test/\"," RESOLVED "\"port\":\"8080\",\"addressUsed\":"
     "\"192.0.2.1\",\"status\":404}"},
    {"a redirect to an address",
     "[" LOOKUP ",{\"url\":\"http://a.test/\",\"address\":\"192.0.2.1:80\","
     "\"status\":302},{\"url\":\"http://[2001:db8::2]:80/\",\"address\":"
     "\"[2001:db8::2]:80\",\"status\":200}]",
     "{\"url\":\"http://a.test/\"," RESOLVED "\"port\":\"80\",\"addressUsed\":"
     "\"192.0.2.1\",\"status\":302},{\"url\":\"http://[2001:db8::2]:80/\",\"hostname\":"
     "\"2001:db8::2\",\"port\":\"80\",\"addressUsed\":\"2001:db8::2\",\"status\":200}"},
    {"a name without addresses",
     "[{\"lookup\":\"a.test\",\"aaaa\":\"NXDOMAIN\",\"a\":[]}]",
     "{\"hostname\":\"a.test\",\"addressesResolved\":[],\"aaaa\":\"NXDOMAIN\"}"},
    {"texts",
     "[{\"lookup\":\"_acme-challenge.a.test\",\"alias\":\"b.test\",\"txt\":[\"x\",\"y\"]"
     ",\"more\":3}]",
     "{\"hostname\":\"_acme-challenge.a.test\",\"alias\":\"b.test\",\"txt\":[\"x\","
     "\"y\"],\"more\":3}"},
    {"a connection without a URL",
     "[" LOOKUP ",{\"server_name\":\"a.test\",\"address\":\"192.0.2.1:443\",\"names\":"
     "[\"a.test\"]}]",
     "{" RESOLVED "\"port\":\"443\",\"addressUsed\":\"192.0.2.1\",\"server_name\":"
     "\"a.test\",\"names\":[\"a.test\"]}"},
    {"what is not known is shown as it is",
     "[{\"cut\":true},{\"x\":{\"y\":[1,null,{\"z\":\"\\\"\"}]}},7]",
     "{\"cut\":true},{\"x\":{\"y\":[1,null,{\"z\":\"\\\"\"}]}}"},
    {"several perspectives",
     "{\"version\":1,\"perspectives\":[{\"name\":\"local\",\"steps\":[{\"lookup\":\"a\"}]"
     "}"
     ",{\"name\":\"fra\",\"verdict\":\"late\",\"steps\":[]},{\"name\":\"nyc\",\"steps\":"
     "[{\"lookup\":\"b\"}]}]}",
     "{\"hostname\":\"a\",\"perspective\":\"local\"},{\"hostname\":\"b\","
     "\"perspective\":\"nyc\"}"},
};

static char *shown(struct arena *a, const char *evidence)
{
    AUTO(buf) struct buf b = buf_make(1 << 20);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    validation_record_write(a, &w, evidence);
    json_write_end_object(&w);
    assert_false(b.failed);
    return arena_string_of(a, buf_span(&b));
}

static void rows_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        const char *wanted =
            arena_printf(a, "{\"validationRecord\":[%s]}", rows[i].shown);
        const char *got = shown(a, rows[i].evidence);
        if (strcmp(got, wanted) != 0)
            print_error("row: %s\n", rows[i].name);
        assert_string_equal(got, wanted);
    }
}

static void what_cannot_be_read_is_not_shown(void **state)
{
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    assert_string_equal(shown(a, "{"), "{}");
    assert_string_equal(shown(a, "{\"perspectives\":7}"), "{}");
}

/* However much there is, an answer stays small. */
static void answers_stay_small(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(1 << 20);

    (void)state;
    buf_add_text(&b, "[{\"lookup\":\"a.test\"}");
    for (int i = 0; i < 10000; i++)
        buf_add_text(&b, ",{\"lookup\":\"a.test\"}");
    buf_add_text(&b, "]");
    assert_in_range(strlen(shown(a, arena_string_of(a, buf_span(&b)))), 30000, 40000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_the_table),
        cmocka_unit_test(what_cannot_be_read_is_not_shown),
        cmocka_unit_test(answers_stay_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
