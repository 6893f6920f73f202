/* Tests of server/settings: settings_view, what a directory says of its network and what
 * it leaves to validation.*. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/settings/settings.h"

static const char text[] = "validation:\n"
                           "  resolver: 192.0.2.53:5353\n"
                           "  http_port: 8080\n"
                           "  tls_port: 8443\n"
                           "  allow_networks: [10.0.0.0/8, fd00::/8]\n"
                           "  insecure_zones: [Corp.Example., lab]\n"
                           "directories:\n"
                           "  plain:\n"
                           "    challenges: http-01\n"
                           "  dns:\n"
                           "    resolver: \"2001:db8::53\"\n"
                           "  ports:\n"
                           "    http_port: 81\n"
                           "    tls_port: 444\n"
                           "  nets:\n"
                           "    allow_networks: 192.168.1.1\n"
                           "  zones:\n"
                           "    insecure_zones: below.test\n";

static void views(void **state)
{
    static const struct {
        const char *name;
        bool has_view;
        const char *resolver;
        uint16_t http_port;
        uint16_t tls_port;
        size_t allowed_count;
        const char *allowed; /* the first */
        size_t zone_count;
        const char *zone; /* the first */
    } rows[] = {
        {"plain", false, "192.0.2.53:5353", 8080, 8443, 2, "10.0.0.0/8", 2,
         "corp.example"},
        {"dns", true, "[2001:db8::53]:53", 8080, 8443, 2, "10.0.0.0/8", 2,
         "corp.example"},
        {"ports", true, "192.0.2.53:5353", 81, 444, 2, "10.0.0.0/8", 2, "corp.example"},
        {"nets", true, "192.0.2.53:5353", 8080, 8443, 1, "192.168.1.1/32", 2,
         "corp.example"},
        {"zones", true, "192.0.2.53:5353", 8080, 8443, 2, "10.0.0.0/8", 1, "below.test"},
    };
    AUTO(arena) struct arena *a = arena_new();
    const struct settings *s = NULL;
    struct err_info why = {0};
    char shown[ADDRESS_TEXT_SIZE];

    (void)state;
    if (settings_read(a, "/ca", span_of(text), NULL, 0, &s, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct settings_directory *d = settings_directory(s, rows[i].name);
        assert_non_null(d);
        assert_int_equal(d->has_view, rows[i].has_view);
        address_text_with_port(&d->view.resolver, shown);
        assert_string_equal(shown, rows[i].resolver);
        assert_int_equal(d->view.http_port, rows[i].http_port);
        assert_int_equal(d->view.tls_port, rows[i].tls_port);
        assert_int_equal(d->view.allowed_count, rows[i].allowed_count);
        address_network_text(&d->view.allowed[0], shown);
        assert_string_equal(shown, rows[i].allowed);
        assert_int_equal(d->view.insecure_zone_count, rows[i].zone_count);
        assert_string_equal(d->view.insecure_zones[0], rows[i].zone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
