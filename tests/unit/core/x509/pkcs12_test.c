/* Tests of core/x509/pkcs12: OpenSSL reads what was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "core/x509/certificate.h"
#include "core/x509/pkcs12.h"
#include "x509_fixtures.h"

static struct span chain_of(struct buf *b)
{
    *b = buf_make(100000);
    buf_add_text(b, pem_leaf);
    buf_add_text(b, pem_intermediate);
    return buf_span(b);
}

static PKCS12 *parse(const struct buf *b)
{
    const unsigned char *at = b->data;
    PKCS12 *read = d2i_PKCS12(NULL, &at, (long)b->len);

    assert_non_null(read);
    assert_ptr_equal(at, b->data + b->len);
    return read;
}

static void what_is_written_can_be_read(void **state)
{
    AUTO(buf) struct buf chain;
    AUTO(buf) struct buf b = buf_make(PKCS12_MAX);
    struct err_info why = {0};
    const struct pkcs12_content content = {.key_pem = span_of(pem_leaf_key),
                                           .chain_pem = chain_of(&chain),
                                           .password = "a p\xc3\xa4ssword",
                                           .name = "www.example.test"};
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;
    STACK_OF(X509) *rest = NULL;
    int len = 0;

    (void)state;
    assert_int_equal(pkcs12_write(&b, &content, &why), ERR_OK);
    PKCS12 *read = parse(&b);
    assert_int_equal(PKCS12_verify_mac(read, "other", -1), 0);
    assert_int_equal(PKCS12_parse(read, content.password, &key, &leaf, &rest), 1);
    assert_int_equal(X509_check_private_key(leaf, key), 1);
    assert_int_equal(sk_X509_num(rest), 1);
    assert_string_equal((const char *)X509_alias_get0(leaf, &len), content.name);
    EVP_PKEY_free(key);
    X509_free(leaf);
    sk_X509_pop_free(rest, X509_free);
    PKCS12_free(read);
}

static void one_without_a_password(void **state)
{
    AUTO(buf) struct buf b = buf_make(PKCS12_MAX);
    struct err_info why = {0};
    const struct pkcs12_content content = {.key_pem = span_of(pem_leaf_key),
                                           .chain_pem = span_of(pem_leaf),
                                           .password = "",
                                           .name = "x"};

    (void)state;
    assert_int_equal(pkcs12_write(&b, &content, &why), ERR_OK);
    PKCS12 *read = parse(&b);
    assert_int_equal(PKCS12_verify_mac(read, "", 0), 1);
    PKCS12_free(read);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct err_info why = {0};
    const struct {
        const char *key;
        const char *chain;
        enum err code;
        const char *says;
    } rows[] = {
        {pem_leaf_key, pem_intermediate, ERR_CRYPTO,
         "the key is not that of the certificate"},
        {"", pem_leaf, ERR_CRYPTO, "the key cannot be put into a PKCS #12 file"},
        {pem_leaf, pem_leaf, ERR_CRYPTO, "the key cannot be put into a PKCS #12 file"},
        {pem_leaf_key, "", ERR_MALFORMED, "there is no certificate"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(buf) struct buf b = buf_make(PKCS12_MAX);
        const struct pkcs12_content content = {.key_pem = span_of(rows[i].key),
                                               .chain_pem = span_of(rows[i].chain),
                                               .password = "p",
                                               .name = "x"};
        assert_int_equal(pkcs12_write(&b, &content, &why), rows[i].code);
        assert_memory_equal(why.detail, rows[i].says, strlen(rows[i].says));
        assert_int_equal(b.len, 0);
    }
    AUTO(buf) struct buf small = buf_make(100);
    const struct pkcs12_content content = {.key_pem = span_of(pem_leaf_key),
                                           .chain_pem = span_of(pem_leaf),
                                           .password = "p",
                                           .name = "x"};
    assert_int_equal(pkcs12_write(&small, &content, &why), ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(one_without_a_password),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
