/* Tests of client/request/acme_directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/request/acme_directory.h"

#define URL "https://ca.example.test/acme/directory"
#define MUST                                                                             \
    "\"newNonce\":\"https://ca.example.test/n\","                                        \
    "\"newAccount\":\"https://CA.example.test:443/a\","                                  \
    "\"newOrder\":\"https://ca.example.test/o\""

static enum err read_text(struct arena *a, const char *text, struct acme_directory *d,
                          struct err_info *why)
{
    return acme_directory_read(a, URL, span_of(text), d, why);
}

static void whole(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct acme_directory d = {0};
    struct err_info why = {0};

    (void)state;
    assert_int_equal(
        read_text(a,
                  "{" MUST ",\"renewalInfo\":\"https://ca.example.test/r\",\"meta\":{"
                  "\"termsOfService\":\"https://elsewhere.example.test/terms\","
                  "\"externalAccountRequired\":true,\"caaIdentities\":[\"example.test\"],"
                  "\"profiles\":{\"classic\":\"as ever\",\"short\":\"six days\"}}}",
                  &d, &why),
        ERR_OK);
    assert_string_equal(d.url, URL);
    assert_string_equal(d.new_order, "https://ca.example.test/o");
    assert_string_equal(d.renewal_info, "https://ca.example.test/r");
    assert_null(d.key_change);
    assert_string_equal(d.terms, "https://elsewhere.example.test/terms");
    assert_true(d.needs_external);
    assert_string_equal(d.caa_identity, "example.test");
    assert_true(acme_directory_has_profile(&d, "short"));
    assert_false(acme_directory_has_profile(&d, "SHORT"));
}

static void no_directory(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        {"", "no JSON object"},
        {"[]", "no JSON object"},
        {"{}", "it has no newNonce"},
        {"{\"newNonce\":\"https://ca.example.test/n\"}", "it has no newAccount"},
        {"{\"newNonce\":\"http://ca.example.test/n\"}", "for an https URL"},
        {"{\"newNonce\":\"https://ca.example.test:444/n\"}", "another host or port"},
        {"{\"newNonce\":\"https://ca.example.test@10.0.0.1/n\"}", "for an https URL"},
        {"{\"newNonce\":\"https://ca.example.test.evil.test/n\"}",
         "another host or port"},
        {"{" MUST ",\"keyChange\":\"https://127.0.0.1/k\"}", "another host or port"},
        {"{" MUST ",\"meta\":{\"termsOfService\":5}}", "termsOfService"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct acme_directory d = {0};
        struct err_info why = {0};
        assert_int_equal(read_text(a, rows[i].text, &d, &why), ERR_PROTOCOL);
        if (strstr(why.detail, rows[i].says) == NULL)
            fail_msg("row %zu: %s", i, why.detail);
        assert_null(d.url);
    }
}

static void origins(void **state)
{
    static const struct {
        const char *other;
        bool same;
    } rows[] = {
        {"https://ca.example.test/", true},
        {"https://CA.EXAMPLE.TEST:443/x", true},
        {"https://ca.example.test:444/", false},
        {"http://ca.example.test/", false},
        {"https://ca.example.tes/", false},
        {"https://x.ca.example.test/", false},
        {"https://127.0.0.1/", false},
        {"//ca.example.test/", false},
        {"/acme/order/1", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (acme_directory_same_origin(URL, rows[i].other) != rows[i].same)
            fail_msg("%s", rows[i].other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole),
                                       cmocka_unit_test(no_directory),
                                       cmocka_unit_test(origins)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
