/* Tests of client/dns/dns_provider and of the providers' looks at their options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "client/dns/dns_provider.h"
#include "core/base/file.h"
#include "core/base/file_tree.h"

static struct settings_dns make(const char *provider)
{
    const struct settings_dns dns = {.name = "one",
                                     .provider = provider,
                                     .key_file = "",
                                     .server = "",
                                     .url = "",
                                     .ca_file = "",
                                     .program = "",
                                     .cleanup_program = "",
                                     .credentials = "",
                                     .mode = "",
                                     .resolver = "",
                                     .check = "auto",
                                     .timeout_ms = 1000};
    return dns;
}

/* The name is exact, unless the row's ends with a colon. */
static void found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(dns_provider_find("rfc2136"), &dns_provider_rfc2136);
    assert_ptr_equal(dns_provider_find("acme-dns"), &dns_provider_acme_dns);
    assert_ptr_equal(dns_provider_find("httpreq"), &dns_provider_httpreq);
    assert_ptr_equal(dns_provider_find("none"), &dns_provider_none);
    static const char *const odd[] = {"",        "rfc213",   "rfc21366",
                                      "RFC2136", "acme_dns", ":"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        assert_null(dns_provider_find(odd[i]));
}

/* A sentence begins with the option's path, and ERR_CONFIG is what it is. */
static void options(void **state)
{
    static const struct {
        const char *provider;
        const char *url;
        const char *mode;
        const char *server;
        const char *says; /* NULL: right */
    } rows[] = {
        {"nobody", "", "", "", "dns.one.provider: \"nobody\" is none of rfc2136, "},
        {"rfc2136", "", "", "", "dns.one.key_file: rfc2136 needs a file"},
        {"httpreq", "", "", "", "dns.one.url: httpreq needs the URL of the service"},
        {"httpreq", "http://u:p@x.test/", "", "", "dns.one.url: "},
        {"httpreq", "file:///etc/passwd", "", "", "dns.one.url: "},
        {"httpreq", "https://x.test/?a", "", "", "dns.one.url: the URL of a service"},
        {"httpreq", "https://x.test/#a", "", "", "dns.one.url: "},
        {"httpreq", "https://x.test/", "raws", "", "dns.one.mode: \"raws\" is not raw"},
        {"httpreq", "https://x.test/", "raw", "", NULL},
        {"httpreq", "http://[2001:db8::1]:8080/a", "", "", NULL},
        {"acme-dns", "", "", "", "dns.one.url: acme-dns needs the URL of the service"},
        {"acme-dns", "https://x.test", "", "", NULL},
        {"none", "", "", "", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct settings_dns dns = make(rows[i].provider);
        struct err_info why = {0};
        dns.url = rows[i].url;
        dns.mode = rows[i].mode;
        dns.server = rows[i].server;
        enum err result = dns_provider_check(&dns, &why);
        assert_int_equal(result, rows[i].says == NULL ? ERR_OK : ERR_CONFIG);
        if (rows[i].says != NULL)
            assert_int_equal(strncmp(why.detail, rows[i].says, strlen(rows[i].says)), 0);
    }
}

/* What a killed run left of a provider's files, and only that. */
static void swept(void **state)
{
    static const struct {
        const char *provider;
        const char *folders[2];
        const char *file;
    } rows[] = {
        {"acme.sh:dns_x", {"acme.sh", NULL}, "acme.sh/one"},
        {"acme-dns", {"acme-dns", "acme-dns/one"}, "acme-dns/one/a.test.json"},
    };
    AUTO(arena) struct arena *a = arena_new();
    char root[] = "/tmp/cairn-provider-XXXXXX";
    const struct dns_task task = {.domain = "a.test"};
    struct err_info why = {0};

    (void)state;
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct settings_dns dns = make(rows[i].provider);
        const struct dns_use use = {.arena = a, .dns = &dns, .directory = root};
        const char *file = file_path(a, root, rows[i].file);
        const char *copy = arena_printf(a, "%s.0123456789abcdef.new", file);
        for (size_t k = 0; k < 2 && rows[i].folders[k] != NULL; k++)
            assert_int_equal(
                file_make_directory(file_path(a, root, rows[i].folders[k]), 0700, &why),
                ERR_OK);
        assert_int_equal(file_create(file, span_of("kept"), 0600, &why), ERR_OK);
        assert_int_equal(file_create(copy, span_of("half"), 0600, &why), ERR_OK);
        dns_provider_find(rows[i].provider)->sweep(&use, &task);
        assert_true(file_exists(file));
        assert_false(file_exists(copy));
    }
    assert_int_equal(file_tree_remove(root, &why), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_by_name),
        cmocka_unit_test(options),
        cmocka_unit_test(swept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
