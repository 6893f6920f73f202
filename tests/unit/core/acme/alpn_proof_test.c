/* Tests of core/acme/alpn_proof, with certificates by OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/acme/alpn_proof.h"

#include "../x509/alpn_maker.h"

#define KEY_AUTHORIZATION "token.thumbprint"

/* of KEY_AUTHORIZATION, by `openssl dgst -sha256` */
static const uint8_t digest[ALPN_DIGEST_LEN] = {
    0xeb, 0x5a, 0xc1, 0x67, 0xfe, 0x24, 0x9c, 0x76, 0xe5, 0x3b, 0x43,
    0x0d, 0xa3, 0x11, 0x6c, 0x5d, 0x9f, 0xde, 0x4c, 0x55, 0x07, 0xba,
    0x6d, 0x01, 0xe8, 0x85, 0x51, 0x6e, 0x1b, 0xd4, 0x9f, 0x92};
static const uint8_t wrong[ALPN_DIGEST_LEN] = {0xab};

struct row {
    struct alpn_made made;
    const char *identifier;
    const char *words[3]; /* in the refusal; none: it is a proof */
};

/* S-ALPN-5, S-ALPN-6, S-ALPN-7, S-IP-4: all good ones, and each rule broken once. */
static const struct row rows[] = {
    {{.names = "DNS:a.test", .digest = digest}, "a.test", {NULL}},
    {{.names = "DNS:A.TEST", .digest = digest}, "a.test", {NULL}},
    {{.names = "DNS:xn--bcher-KVA.test", .digest = digest}, "xn--bcher-kva.test", {NULL}},
    {{.names = "IP:192.0.2.1", .digest = digest}, "192.0.2.1", {NULL}},
    {{.names = "IP:2001:DB8::1", .digest = digest}, "2001:db8::1", {NULL}},
    {{.names = "DNS:a.test", .digest = digest, .is_ca = true}, "a.test", {NULL}},
    {{.names = "DNS:a.test", .digest = digest, .rsa_bits = 2048}, "a.test", {NULL}},
    {{.names = "DNS:a.test", .digest = digest, .rsa_bits = 1024}, "a.test", {NULL}},
    {{.names = "DNS:a.test", .digest = digest, .sha1 = true}, "a.test", {NULL}},

    {{.names = "DNS:b.test", .digest = digest},
     "a.test",
     {"is for \"b.test\"", "the DNS name \"a.test\" only"}},
    {{.names = "DNS:*.test", .digest = digest}, "a.test", {"\"*.test\""}},
    {{.names = "DNS:a.test.", .digest = digest}, "a.test", {"\"a.test.\""}},
    {{.names = "DNS:a.test,DNS:b.test", .digest = digest},
     "a.test",
     {"is for \"a.test\", \"b.test\""}},
    {{.names = "DNS:a.test,DNS:a.test", .digest = digest},
     "a.test",
     {"is for \"a.test\", \"a.test\""}},
    {{.names = "DNS:a.test,IP:192.0.2.1", .digest = digest},
     "a.test",
     {"is for \"a.test\", IP address 192.0.2.1;"}},
    {{.names = "DNS:a.test,IP:192.0.2.1", .digest = digest},
     "192.0.2.1",
     {"is for \"a.test\", IP address 192.0.2.1;", "one for 192.0.2.1 only"}},
    {{.names = "email:a.test", .digest = digest}, "a.test", {"is for e-mail \"a.test\""}},
    {{.names = "URI:a.test", .digest = digest}, "a.test", {"is for URI \"a.test\""}},
    {{.names = "RID:1.2.3", .digest = digest}, "a.test", {"is for a registeredID"}},
    {{.names = "DNS:192.0.2.1", .digest = digest}, "192.0.2.1", {"is for \"192.0.2.1\""}},
    {{.names = "IP:192.0.2.2", .digest = digest},
     "192.0.2.1",
     {"is for IP address 192.0.2.2; expected one for 192.0.2.1 only"}},
    {{.names = "IP:::ffff:192.0.2.1", .digest = digest},
     "192.0.2.1",
     {"is for IP address ::ffff:192.0.2.1"}},
    {{.names = "DNS:1.2.0.192.in-addr.arpa", .digest = digest},
     "192.0.2.1",
     {"in-addr.arpa"}},
    {{.names = "DNS:1,DNS:2,DNS:3,DNS:4,DNS:5,DNS:6,DNS:7", .digest = digest},
     "a.test",
     {"\"5\" and 2 more;"}},
    {{.digest = digest}, "a.test", {"has no subjectAltName"}},

    {{.names = "DNS:a.test"}, "a.test", {"has no acmeIdentifier extension:"}},
    {{.names = "DNS:a.test", .digest = digest, .identifier = "1.3.6.1.5.5.7.1.30.1"},
     "a.test",
     {"has no acmeIdentifier extension but that of an old draft"}},
    {{.names = "DNS:a.test", .digest = digest, .not_critical = true},
     "a.test",
     {"not critical"}},
    {{.names = "DNS:a.test", .digest = digest, .no_inner = true},
     "a.test",
     {"OCTET STRING of 32 octets"}},
    {{.names = "DNS:a.test", .digest = digest, .trailing = true},
     "a.test",
     {"OCTET STRING of 32 octets"}},
    {{.names = "DNS:a.test", .digest = digest, .digest_len = 31},
     "a.test",
     {"OCTET STRING of 32 octets"}},
    {{.names = "DNS:a.test", .digest = digest, .digest_len = 33},
     "a.test",
     {"OCTET STRING of 32 octets"}},
    {{.names = "DNS:a.test", .digest = wrong},
     "a.test",
     {"acmeIdentifier is ab00000000", "expected eb5ac167fe249c76", "another token"}},

    {{.names = "DNS:a.test", .digest = digest, .other_issuer = true},
     "a.test",
     {"not self-signed: its issuer"}},
    {{.names = "DNS:a.test", .digest = digest, .other_key = true},
     "a.test",
     {"not self-signed: its signature"}},
};

static void judgements(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        const struct row *row = &rows[i];
        struct alpn_certificate *c = NULL;
        struct err_info why = {0};
        struct alpn_proof proof = alpn_proof_of(row->identifier, KEY_AUTHORIZATION);
        struct span der = alpn_make_der(&row->made);
        assert_int_equal(alpn_certificate_read(a, der, &c, &why), ERR_OK);
        enum err result = alpn_proof_check(&proof, c, &why);
        if (result != (row->words[0] == NULL ? ERR_OK : ERR_UNAUTHORIZED))
            print_error("row %zu: %s\n", i, why.detail);
        assert_int_equal(result, row->words[0] == NULL ? ERR_OK : ERR_UNAUTHORIZED);
        for (size_t j = 0; j < 3 && row->words[j] != NULL; j++) {
            if (strstr(why.detail, row->words[j]) == NULL)
                print_error("row %zu: %s\n", i, why.detail);
            assert_non_null(strstr(why.detail, row->words[j]));
        }
        alpn_unmake(der);
    }
}

/* S-IP-4: the example of RFC 8738 6, and IPv4. */
static void server_names(void **state)
{
    static const struct {
        const char *identifier;
        const char *name;
    } cases[] = {
        {"a.test", "a.test"},
        {"192.0.2.1", "1.2.0.192.in-addr.arpa"},
        {"2001:db8::1",
         "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct alpn_proof proof = alpn_proof_of(cases[i].identifier, "x");
        assert_string_equal(alpn_proof_server_name(a, &proof), cases[i].name);
    }
}

/* Names of strangers are safe to print, and cut. */
static void names_shown(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    static const uint8_t evil[] = "a\0b\n\xff\x1b[2Jc";
    const struct alpn_certificate_name cases[] = {
        {ALPN_CERTIFICATE_DNS, span_make(evil, sizeof evil - 1)},
        {ALPN_CERTIFICATE_IP, span_make(evil, 5)},
        {ALPN_CERTIFICATE_OTHER_NAME, span_make(evil, 5)},
    };

    (void)state;
    assert_string_equal(alpn_proof_name_shown(a, &cases[0], 64), "\"a?b???[2Jc\"");
    assert_string_equal(alpn_proof_name_shown(a, &cases[0], 3), "\"a?b...\"");
    assert_string_equal(alpn_proof_name_shown(a, &cases[1], 64),
                        "an IP address of 5 octets");
    assert_string_equal(alpn_proof_name_shown(a, &cases[2], 64), "an otherName");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judgements),
        cmocka_unit_test(server_names),
        cmocka_unit_test(names_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
