/* Tests of client/request/link_header: Link headers as RFC 8288 has them (C-LINK-1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/request/link_header.h"
#include "core/base/buf.h"
#include "core/base/err.h"

#define BASE "https://ca.example.test/acme/cert/1"

static void alternates(void **state)
{
    static const struct {
        const char *link;
        const char *urls[3];
    } rows[] = {
        {"<https://ca.example.test/alt>;rel=\"alternate\"",
         {"https://ca.example.test/alt"}},
        {"<https://ca.example.test/alt>;rel=alternate", {"https://ca.example.test/alt"}},
        {"<2>; rel=\"alternate\"", {"https://ca.example.test/acme/cert/2"}},
        {"</x> ; title=\"a;b,<c>\" ; REL = Alternate", {"https://ca.example.test/x"}},
        {"</x>; rel=\"up alternate\"", {"https://ca.example.test/x"}},
        {"</d>; rel=\"index\", </1>; rel=\"alternate\", </2>;rel=alternate",
         {"https://ca.example.test/1", "https://ca.example.test/2"}},
        {"<https://other.example.test/1>;rel=alternate",
         {"https://other.example.test/1"}},
        {"</x>; rel=\"index\"", {NULL}},
        {"</x>; rel=index; rel=alternate", {NULL}},
        {"</x>; rel=alternate; rel=index", {"https://ca.example.test/x"}},
        {"</x>; title=\"a \\\"; rel=index\"; rel=alternate",
         {"https://ca.example.test/x"}},
        {"</x>; rel=\"alternates\"", {NULL}},
        {"</x>; title=alternate", {NULL}},
        {"</x>", {NULL}},
        {"<>", {NULL}},
        {"", {NULL}},
        {"<", {NULL}},
        {"</x>; rel=\"alternate", {"https://ca.example.test/x"}},
        {"</x>; rel=", {NULL}},
        {"</x>;;;", {NULL}},
        {"/x; rel=alternate", {NULL}},
        {"</x y>; rel=alternate", {NULL}},
        {"</\x01>; rel=alternate", {NULL}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        const char *urls[LINK_HEADER_URLS_MAX] = {0};
        size_t count = link_header_urls(a, BASE, &rows[i].link, 1, "alternate", urls);
        size_t expected = 0;
        while (expected < 3 && rows[i].urls[expected] != NULL)
            expected++;
        if (count != expected)
            fail_msg("%s: %zu", rows[i].link, count);
        for (size_t j = 0; j < count; j++)
            assert_string_equal(urls[j], rows[i].urls[j]);
    }
}

/* However many there are, in one header or in several. */
static void bounded(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(1 << 20);
    const char *urls[LINK_HEADER_URLS_MAX];
    const char *links[16];

    (void)state;
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "</%d>;rel=alternate, ", i);
    for (size_t i = 0; i < 16; i++)
        links[i] = arena_string_of(a, buf_span(&b));
    assert_int_equal(link_header_urls(a, BASE, links, 1, "alternate", urls),
                     LINK_HEADER_URLS_MAX);
    assert_int_equal(link_header_urls(a, BASE, links, 16, "alternate", urls),
                     LINK_HEADER_URLS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(alternates),
                                       cmocka_unit_test(bounded)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
