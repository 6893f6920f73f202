/* Tests of core/dns/resolver_trace, with lines as libunbound 1.17 and 1.26 write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/dns/resolver_trace.h"

#define HEAD "[1795930015] libunbound[23846:0] "

static void lines(void **state)
{
    static const struct {
        const char *line;
        enum resolver_trace_kind kind;
        const char *text;
    } rows[] = {
        {HEAD "info: response for _acme-challenge.A.test. TXT IN\n",
         RESOLVER_TRACE_QUESTION, "_acme-challenge.A.test. TXT"},
        {HEAD "info: reply from <.> 127.0.0.1#36483\n", RESOLVER_TRACE_SERVER,
         "127.0.0.1#36483"},
        {HEAD "info: reply from <a.test.> 2001:db8::1#53\n", RESOLVER_TRACE_SERVER,
         "2001:db8::1#53"},
        {HEAD "info: query response was THROWAWAY\n", RESOLVER_TRACE_USE, "THROWAWAY"},
        {HEAD "info: query response was categorized as THROWAWAY\n", RESOLVER_TRACE_USE,
         "THROWAWAY"},
        {HEAD "info: query response was nodata ANSWER", RESOLVER_TRACE_USE,
         "nodata ANSWER"},
        {HEAD "error: cannot open \"x\"\n", RESOLVER_TRACE_ERROR, "cannot open \"x\""},
        {HEAD "error: read (in tcp s): Connection refused for 127.0.0.1 port 53\n",
         RESOLVER_TRACE_TCP, "Connection refused for 127.0.0.1 port 53"},
        {HEAD "error: read (in tcp ", RESOLVER_TRACE_TCP, ""},
        {HEAD "info: resolving a.test. TXT IN\n", RESOLVER_TRACE_OTHER, ""},
        {HEAD "info: response for\n", RESOLVER_TRACE_OTHER, ""},
        {HEAD "info: response for ", RESOLVER_TRACE_QUESTION, ""},
        {HEAD "info: reply from <", RESOLVER_TRACE_SERVER, ""},
        {"", RESOLVER_TRACE_OTHER, ""},
        {"\n info: response for a. A IN", RESOLVER_TRACE_OTHER, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span text = {0};
        assert_int_equal(resolver_trace_read(span_of(rows[i].line), &text), rows[i].kind);
        if (!span_is(text, rows[i].text))
            fail_msg("%s: \"%.*s\"", rows[i].line, (int)text.len,
                     (const char *)text.data);
    }
}

static void reasons(void **state)
{
    static const struct {
        struct resolver_trace trace;
        const char *words;
    } rows[] = {
        {{0}, "no server answered"},
        {{.tcp = "Connection refused for 192.0.2.1 port 53"},
         "truncated over UDP, and over TCP there is none: Connection refused for "
         "192.0.2.1 port 53"},
        {{2, "192.0.2.1#53", "REFERRAL", .tcp = "Connection refused"},
         "over TCP there is none: Connection refused"},
        {{1, "192.0.2.1#53", "THROWAWAY", ""},
         "SERVFAIL: 192.0.2.1#53 answered with an error"},
        {{3, "192.0.2.1#53", "REFERRAL", ""},
         "no server that 192.0.2.1#53 refers to answered"},
        {{1, "192.0.2.1#53", "LAME", ""}, "192.0.2.1#53 is not an authority of the zone"},
        {{1, "192.0.2.1#53", "CNAME", ""}, "SERVFAIL; 192.0.2.1#53 answered last"},
    };
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_non_null(strstr(resolver_trace_reason(&rows[i].trace, text, sizeof text),
                               rows[i].words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines),
                                       cmocka_unit_test(reasons)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
