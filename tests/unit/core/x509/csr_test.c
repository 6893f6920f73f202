/* Tests of core/x509/csr, with requests by openssl; ours are judged by openssl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "core/x509/csr.h"
#include "x509_fixtures.h"

#define SPAN(octets) span_make(octets, sizeof(octets))

static enum err make_names(struct buf *b, const struct key *key, const char *const *dns,
                           size_t count)
{
    const struct csr_names names = {.dns = dns, .dns_count = count};

    return csr_make(b, key, &names, NULL);
}

static void good(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct csr_checked *csr = NULL;

    (void)state;
    assert_int_equal(csr_read(a, SPAN(csr_p256), &csr, NULL), ERR_OK);
    assert_null(csr->common_name);
    assert_int_equal(csr->dns_name_count, 2);
    assert_string_equal(csr->dns_names[0], "a.flow.test");
    assert_string_equal(csr->dns_names[1], "b.flow.test");
    assert_false(csr->has_other_names || csr->must_staple);
    assert_int_equal(key_type(csr->key), KEY_P256);
    assert_true(span_equal(csr->der, SPAN(csr_p256)));
    assert_int_equal(csr_read(a, SPAN(csr_rsa), &csr, NULL), ERR_OK);
    assert_string_equal(csr->common_name, "a.flow.test");
    assert_int_equal(key_type(csr->key), KEY_RSA);
    assert_int_equal(key_bits(csr->key), 2048);
    assert_int_equal(csr_read(a, SPAN(csr_ed), &csr, NULL), ERR_OK);
    assert_string_equal(csr->common_name, "a.flow.test");
    assert_int_equal(csr->dns_name_count, 0);
    assert_int_equal(key_type(csr->key), KEY_ED25519);
    assert_int_equal(csr_read(a, SPAN(csr_mail), &csr, NULL), ERR_OK);
    assert_true(csr->has_other_names);
    assert_int_equal(csr_read(a, SPAN(csr_staple), &csr, NULL), ERR_OK);
    assert_true(csr->must_staple);
}

/* Well formed, and not acceptable. */
static void refused(void **state)
{
    static const struct {
        struct span der;
        const char *words;
    } rows[] = {{{csr_sha1, sizeof csr_sha1}, "signature algorithm"},
                {{csr_pss, sizeof csr_pss}, "signature algorithm"},
                {{csr_two_cn, sizeof csr_two_cn}, "two common names"}};
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct csr_checked *csr = NULL;
        struct err_info why = {0};
        assert_int_equal(csr_read(a, rows[i].der, &csr, &why), ERR_BAD_CSR);
        assert_non_null(strstr(why.detail, rows[i].words));
        assert_null(csr);
    }
}

/* S-FIN-16: No such structure at all. */
static void malformed(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct csr_checked *csr = NULL;
    struct span whole = SPAN(csr_p256);

    (void)state;
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(csr_read(a, span_slice(whole, 0, len), &csr, NULL),
                         ERR_MALFORMED);
    uint8_t *more = arena_get(a, whole.len + 1);
    memcpy(more, whole.data, whole.len);
    assert_int_equal(csr_read(a, span_make(more, whole.len + 1), &csr, NULL),
                     ERR_MALFORMED);
    assert_int_equal(csr_read(a, span_of(pem_leaf), &csr, NULL), ERR_MALFORMED);
    /* a length with an octet more than it needs: BER, not DER */
    more = arena_get(a, whole.len + 1);
    assert_true(whole.data[1] == 0x81 || whole.data[1] == 0x82);
    more[0] = whole.data[0];
    more[1] = (uint8_t)(whole.data[1] + 1);
    memcpy(more + 3, whole.data + 2, whole.len - 2);
    assert_int_equal(csr_read(a, span_make(more, whole.len + 1), &csr, NULL),
                     ERR_MALFORMED);
    uint8_t *huge = arena_get(a, CSR_MAX + 1);
    assert_int_equal(csr_read(a, span_make(huge, CSR_MAX + 1), &csr, NULL), ERR_BAD_CSR);
    assert_null(csr);
}

/* S-FIN-4: One changed bit anywhere is found: the signature covers all that is read. */
static void changed(void **state)
{
    static const struct span all[] = {
        {csr_p256, sizeof csr_p256}, {csr_rsa, sizeof csr_rsa}, {csr_ed, sizeof csr_ed}};
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
        for (size_t i = 0; i < all[k].len; i++) {
            const struct csr_checked *csr = NULL;
            uint8_t *octets = arena_copy(a, all[k].data, all[k].len);
            octets[i] ^= 0x10;
            enum err result = csr_read(a, span_make(octets, all[k].len), &csr, NULL);
            assert_true(result == ERR_MALFORMED || result == ERR_BAD_CSR);
        }
    }
}

static void judge_by_openssl(struct span der, const char *const *names, size_t count)
{
    const unsigned char *at = der.data;
    X509_REQ *theirs = d2i_X509_REQ(NULL, &at, (long)der.len);

    assert_non_null(theirs);
    assert_ptr_equal(at, der.data + der.len);
    assert_int_equal(X509_REQ_verify(theirs, X509_REQ_get0_pubkey(theirs)), 1);
    assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(theirs)), 0);
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(theirs);
    GENERAL_NAMES *found = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    assert_int_equal(sk_GENERAL_NAME_num(found), count);
    for (size_t i = 0; i < count; i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(found, (int)i);
        assert_int_equal(n->type, GEN_DNS);
        assert_true(span_is(span_make(ASN1_STRING_get0_data(n->d.dNSName),
                                      (size_t)ASN1_STRING_length(n->d.dNSName)),
                            names[i]));
    }
    GENERAL_NAMES_free(found);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(theirs);
}

static void made(void **state)
{
    static const struct {
        enum key_type type;
        int bits;
    } kinds[] = {
        {KEY_P256, 0}, {KEY_P384, 0}, {KEY_P521, 0}, {KEY_RSA, 2048}, {KEY_ED25519, 0}};
    static const char *const names[] = {"a.flow.test", "b.flow.test", "xn--fiqs8s.test"};
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        AUTO(buf) struct buf b = buf_make(CSR_MAX);
        AUTO(key) struct key *key = NULL;
        const struct csr_checked *csr = NULL;
        assert_int_equal(key_generate(kinds[i].type, kinds[i].bits, &key, NULL), ERR_OK);
        for (size_t count = 1; count <= 3; count++) {
            buf_clear(&b);
            assert_int_equal(make_names(&b, key, names, count), ERR_OK);
            judge_by_openssl(buf_span(&b), names, count);
            assert_int_equal(csr_read(a, buf_span(&b), &csr, NULL), ERR_OK);
            assert_int_equal(csr->dns_name_count, count);
            assert_true(key_equal(csr->key, key));
        }
    }
}

/* RFC 7633, as openssl reads it: beside names, and alone. */
static void staple(void **state)
{
    static const char *const name = "a.flow.test";
    AUTO(arena) struct arena *a = arena_new();
    AUTO(key) struct key *key = NULL;

    (void)state;
    assert_int_equal(key_generate(KEY_P256, 0, &key, NULL), ERR_OK);
    for (size_t count = 0; count < 2; count++) {
        const struct csr_names names = {
            .dns = &name, .dns_count = count, .must_staple = true};
        AUTO(buf) struct buf b = buf_make(CSR_MAX);
        const struct csr_checked *csr = NULL;
        assert_int_equal(csr_make(&b, key, &names, NULL), ERR_OK);
        if (count > 0)
            judge_by_openssl(buf_span(&b), &name, count);
        const unsigned char *at = b.data;
        X509_REQ *theirs = d2i_X509_REQ(NULL, &at, (long)b.len);
        STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(theirs);
        TLS_FEATURE *features = X509V3_get_d2i(extensions, NID_tlsfeature, NULL, NULL);
        assert_int_equal(sk_ASN1_INTEGER_num(features), 1);
        assert_int_equal(ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, 0)), 5);
        sk_ASN1_INTEGER_pop_free(features, ASN1_INTEGER_free);
        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
        X509_REQ_free(theirs);
        assert_int_equal(csr_read(a, buf_span(&b), &csr, NULL), ERR_OK);
        assert_true(csr->must_staple);
        assert_int_equal(csr->dns_name_count, count);
    }
}

/* Addresses beside a name, and alone (RFC 8738 3), judged by openssl. */
static void addresses(void **state)
{
    static const char *const name = "a.flow.test";
    static const uint8_t v4[] = {192, 0, 2, 1};
    static const uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
    const struct span list[] = {span_make(v4, sizeof v4), span_make(v6, sizeof v6)};
    AUTO(arena) struct arena *a = arena_new();
    AUTO(key) struct key *key = NULL;

    (void)state;
    assert_int_equal(key_generate(KEY_P256, 0, &key, NULL), ERR_OK);
    for (size_t dns = 0; dns < 2; dns++) {
        AUTO(buf) struct buf b = buf_make(CSR_MAX);
        const struct csr_checked *csr = NULL;
        const struct csr_names names = {
            .dns = &name, .dns_count = dns, .addresses = list, .address_count = 2};
        assert_int_equal(csr_make(&b, key, &names, NULL), ERR_OK);
        const unsigned char *at = b.data;
        X509_REQ *theirs = d2i_X509_REQ(NULL, &at, (long)b.len);
        STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(theirs);
        GENERAL_NAMES *found =
            X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
        assert_int_equal(sk_GENERAL_NAME_num(found), dns + 2);
        for (size_t i = 0; i < 2; i++) {
            const GENERAL_NAME *one = sk_GENERAL_NAME_value(found, (int)(dns + i));
            assert_int_equal(one->type, GEN_IPADD);
            assert_int_equal(ASN1_STRING_length(one->d.iPAddress), list[i].len);
            assert_memory_equal(ASN1_STRING_get0_data(one->d.iPAddress), list[i].data,
                                list[i].len);
        }
        GENERAL_NAMES_free(found);
        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
        X509_REQ_free(theirs);
        assert_int_equal(csr_read(a, buf_span(&b), &csr, NULL), ERR_OK);
        assert_int_equal(csr->dns_name_count, dns);
        assert_int_equal(csr->address_count, 2);
        assert_true(span_equal(csr->addresses[0], list[0]));
        assert_true(span_equal(csr->addresses[1], list[1]));
        assert_false(csr->has_other_names);
    }
    for (size_t len = 0; len <= 17; len++) {
        uint8_t octets[17] = {1};
        const struct span odd = span_make(octets, len);
        const struct csr_names names = {.addresses = &odd, .address_count = 1};
        AUTO(buf) struct buf b = buf_make(CSR_MAX);
        const struct csr_checked *csr = NULL;
        struct err_info why = {0};
        assert_int_equal(csr_make(&b, key, &names, NULL), ERR_OK);
        enum err result = csr_read(a, buf_span(&b), &csr, &why);
        assert_int_equal(result, len == 4 || len == 16 ? ERR_OK : ERR_BAD_CSR);
        if (result != ERR_OK)
            assert_non_null(strstr(why.detail, "4 nor 16 octets"));
    }
}

static void too_many_addresses(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(2 * CSR_MAX);
    AUTO(key) struct key *key = NULL;
    struct span *list = arena_array(a, CSR_NAMES_MAX + 1, sizeof *list);
    const struct csr_checked *csr = NULL;

    (void)state;
    for (size_t i = 0; i <= CSR_NAMES_MAX; i++)
        list[i] = span_make("\x7f\0\0\1", 4);
    struct csr_names names = {.addresses = list, .address_count = CSR_NAMES_MAX};
    assert_int_equal(key_generate(KEY_P256, 0, &key, NULL), ERR_OK);
    assert_int_equal(csr_make(&b, key, &names, NULL), ERR_OK);
    assert_int_equal(csr_read(a, buf_span(&b), &csr, NULL), ERR_OK);
    assert_int_equal(csr->address_count, CSR_NAMES_MAX);
    names.address_count++;
    buf_clear(&b);
    assert_int_equal(csr_make(&b, key, &names, NULL), ERR_OK);
    assert_int_equal(csr_read(a, buf_span(&b), &csr, NULL), ERR_BAD_CSR);
}

static void too_many_names(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(2 * CSR_MAX);
    AUTO(key) struct key *key = NULL;
    const char **names = arena_array(a, CSR_NAMES_MAX + 1, sizeof *names);
    const struct csr_checked *csr = NULL;

    (void)state;
    for (size_t i = 0; i <= CSR_NAMES_MAX; i++)
        names[i] = "a.flow.test";
    assert_int_equal(key_generate(KEY_P256, 0, &key, NULL), ERR_OK);
    assert_int_equal(make_names(&b, key, names, CSR_NAMES_MAX), ERR_OK);
    assert_int_equal(csr_read(a, buf_span(&b), &csr, NULL), ERR_OK);
    assert_int_equal(csr->dns_name_count, CSR_NAMES_MAX);
    buf_clear(&b);
    assert_int_equal(make_names(&b, key, names, CSR_NAMES_MAX + 1), ERR_OK);
    assert_int_equal(csr_read(a, buf_span(&b), &csr, NULL), ERR_BAD_CSR);
    for (size_t i = 0; i <= CSR_NAMES_MAX; i++)
        names[i] =
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.flow.test";
    buf_clear(&b);
    assert_int_equal(make_names(&b, key, names, CSR_NAMES_MAX), ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(refused),
        cmocka_unit_test(malformed),
        cmocka_unit_test(changed),
        cmocka_unit_test(made),
        cmocka_unit_test(too_many_names),
        cmocka_unit_test(staple),
        cmocka_unit_test(addresses),
        cmocka_unit_test(too_many_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
