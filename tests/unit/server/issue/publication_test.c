/* Tests of server/issue/publication: what stands in certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/issue/publication.h"

static struct arena *arena;

static const struct settings *with(const char *const *sets, size_t count)
{
    struct settings *s = NULL;
    struct err_info why = {0};

    if (settings_defaults(arena, "/nowhere", sets, count, &s, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    return s;
}

static const struct span issuer = {(const uint8_t *)"\x01\xab", 2};

static void nothing_is_published_by_default(void **state)
{
    const struct settings *s = with(NULL, 0);

    (void)state;
    assert_null(publication_crl_url(arena, s, issuer, 0));
    assert_null(publication_issuer_url(arena, s, issuer));
    assert_null(publication_ocsp_url(arena, s, issuer));
    assert_int_equal(publication_shard(s, span_of("0123456789abcdef")), 0);
}

static void urls(void **state)
{
    const char *const by_listener[] = {"dns_names=ca.example.test",
                                       "publish.listen=127.0.0.1:80"};
    const char *const by_port[] = {"dns_names=ca.example.test",
                                   "publish.listen=127.0.0.1:8080"};
    const char *const by_url[] = {"publish.url=http://pki.example.test/x"};

    (void)state;
    assert_string_equal(publication_crl_url(arena, with(by_listener, 2), issuer, 0),
                        "http://ca.example.test/crl/01ab.crl");
    assert_string_equal(publication_crl_url(arena, with(by_port, 2), issuer, 7),
                        "http://ca.example.test:8080/crl/01ab/7.crl");
    assert_string_equal(publication_issuer_url(arena, with(by_url, 1), issuer),
                        "http://pki.example.test/x/ca/01ab.cer");
}

/* Each serial has one part, and all parts are used. */
static void parts(void **state)
{
    const char *const sets[] = {"publish.url=http://pki.example.test", "crl.shards=8"};
    const struct settings *s = with(sets, 2);
    int seen[9] = {0};

    (void)state;
    for (unsigned int i = 0; i < 256; i++) {
        uint8_t serial[16] = {0x2a, [15] = (uint8_t)i};
        int64_t shard = publication_shard(s, span_make(serial, sizeof serial));
        assert_in_range(shard, 1, 8);
        seen[shard]++;
    }
    for (int i = 1; i <= 8; i++)
        assert_int_equal(seen[i], 32);
}

static void refused(void **state)
{
    static const struct {
        const char *set;
        const char *word;
    } rows[] = {
        {"publish.url=https://ca.example.test", "plain http"},
        {"publish.url=http://", "is not http://HOST"},
        {"publish.url=http:///x", "is not http://HOST"},
        {"publish.url=http://ca.example.test/", "is not http://HOST"},
        {"publish.url=http://ca.example.test/x?y", "is not http://HOST"},
        {"publish.url=ldap://ca.example.test", "is not http://HOST"},
        {"publish.former_urls=http://", "publish.former_urls"},
        {"publish.listen=127.0.0.1", "is not ADDRESS:PORT"},
        {"publish.listen=127.0.0.1:8443", "HTTPS is served"},
        {"crl.shards=2", "RFC 5280 5.2.5"},
        {"crl.lifetime=1d", "crl.interval must be shorter"},
        {"crl.directory=", "a folder is needed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct settings *s = NULL;
        struct err_info why = {0};
        assert_int_equal(settings_defaults(arena, "/nowhere", &rows[i].set, 1, &s, &why),
                         ERR_CONFIG);
        if (strstr(why.detail, rows[i].word) == NULL)
            fail_msg("%s: %s", rows[i].set, why.detail);
    }
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_published_by_default),
        cmocka_unit_test(urls),
        cmocka_unit_test(parts),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
