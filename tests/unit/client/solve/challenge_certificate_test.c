/* Tests of client/solve/challenge_certificate: what must be in it. What others read in it
 * is tested in tests/flow/test_client_tls_alpn_01.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/solve/challenge_certificate.h"
#include "core/base/clock.h"
#include "core/x509/certificate.h"

/* 1.3.6.1.5.5.7.1.31, TRUE, OCTET STRING of OCTET STRING of SHA-256("abc") (FIPS 180-4)
 */
static const char extension[] =
    "\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x1f\x01\x01\xff\x04\x22\x04\x20"
    "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23"
    "\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad";

/* C-ALPN-1. */
static void contents(void **state)
{
    static const struct identifier rows[] = {
        {IDENTIFIER_DNS, "a.example.test"},
        {IDENTIFIER_IP, "192.0.2.1"},
        {IDENTIFIER_IP, "2001:db8::1"},
    };
    AUTO(arena) struct arena *a = arena_new();
    AUTO(key) struct key *key = NULL;
    struct err_info why = {0};
    (void)state;

    assert_int_equal(key_generate(KEY_P256, 0, &key, &why), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(buf) struct buf b = buf_make(4096);
        struct certificate *c = NULL;
        struct address address;
        bool is_ip = identifier_address(&rows[i], &address);
        assert_int_equal(
            challenge_certificate_make(&b, key, &rows[i], span_of("abc"), &why), ERR_OK);
        assert_int_equal(certificate_read(a, buf_span(&b), &c, &why), ERR_OK);
        assert_int_equal(c->dns_name_count, !is_ip);
        assert_int_equal(c->address_count, is_ip);
        if (is_ip)
            assert_true(span_equal(c->addresses[0], address_octets(&address)));
        else
            assert_string_equal(c->dns_names[0], rows[i].value);
        assert_true(span_equal(c->issuer, c->subject));
        assert_true(c->not_before < clock_now() && c->not_after > clock_now());
        assert_false(c->is_ca);
        assert_int_equal(key_verify(key, c->signature_kind, c->tbs, c->signature, &why),
                         ERR_OK);
        assert_non_null(memmem(c->tbs.data, c->tbs.len, extension, sizeof extension - 1));
    }
}

static void the_longest_name(void **state)
{
    AUTO(buf) struct buf b = buf_make(4096);
    AUTO(key) struct key *key = NULL;
    char name[IDENTIFIER_DNS_MAX + 1];
    const struct identifier identifier = {IDENTIFIER_DNS, name};
    struct err_info why = {0};
    (void)state;

    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(key_generate(KEY_P256, 0, &key, &why), ERR_OK);
    assert_int_equal(challenge_certificate_make(&b, key, &identifier, span_of("x"), &why),
                     ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents),
        cmocka_unit_test(the_longest_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
