/* Tests of server/transparency/precertificate: the template writes both forms, OpenSSL
 * takes extensions out of a certificate by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "core/x509/oid.h"
#include "server/issue/template.h"
#include "server/transparency/precertificate.h"

#define NOW INT64_C(1800000000)

static struct arena *arena;
static struct key *key;
static struct template_issuer issuer;
static struct template_leaf leaf;

static struct span write_leaf(bool poison, struct span scts)
{
    struct template_leaf one = leaf;
    struct span tbs = {0};

    one.poison = poison;
    one.scts = scts;
    assert_int_equal(template_leaf_write(arena, &issuer, &one, &tbs, NULL), ERR_OK);
    return tbs;
}

/* X-CT-1: one template, three forms. */
static void forms(void **state)
{
    static const uint8_t list[700] = {2, 0xba, 7};
    const struct span scts[] = {span_make(list, 3), span_make(list, 120),
                                span_make(list, sizeof list)};
    const struct span pre = write_leaf(true, span_make(NULL, 0));
    const struct span bare = write_leaf(false, span_make(NULL, 0));
    enum precertificate_mark mark = PRECERTIFICATE_NONE;
    struct span made = {0};

    (void)state;
    assert_int_equal(precertificate_mark(pre, &mark, NULL), ERR_OK);
    assert_int_equal(mark, PRECERTIFICATE_POISON);
    assert_int_equal(precertificate_entry(arena, pre, &made, NULL), ERR_OK);
    assert_true(span_equal(made, bare));
    for (size_t i = 0; i < 3; i++) {
        const struct span final = write_leaf(false, scts[i]);
        assert_int_equal(precertificate_stamp(arena, pre, scts[i], &made, NULL), ERR_OK);
        assert_true(span_equal(made, final));
        assert_int_equal(precertificate_mark(final, &mark, NULL), ERR_OK);
        assert_int_equal(mark, PRECERTIFICATE_TIMESTAMPS);
        assert_int_equal(precertificate_of(arena, final, &made, NULL), ERR_OK);
        assert_true(span_equal(made, pre));
        assert_int_equal(precertificate_entry(arena, final, &made, NULL), ERR_OK);
        assert_true(span_equal(made, bare));
        assert_int_equal(precertificate_stamp(arena, final, scts[i], &made, NULL),
                         ERR_MALFORMED);
    }
    assert_int_equal(precertificate_mark(bare, &mark, NULL), ERR_OK);
    assert_int_equal(mark, PRECERTIFICATE_NONE);
    assert_int_equal(precertificate_entry(arena, bare, &made, NULL), ERR_MALFORMED);
    assert_int_equal(precertificate_of(arena, pre, &made, NULL), ERR_MALFORMED);
    assert_int_equal(precertificate_of(arena, bare, &made, NULL), ERR_MALFORMED);
    assert_int_equal(precertificate_stamp(arena, bare, scts[0], &made, NULL),
                     ERR_MALFORMED);
}

/* OpenSSL deletes the extension and encodes again. */
static void by_openssl(void **state)
{
    static const int kinds[] = {NID_ct_precert_poison, NID_ct_precert_scts};

    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct span tbs = i == 0 ? write_leaf(true, span_make(NULL, 0))
                                       : write_leaf(false, span_make("\0\6\0\4abcd", 8));
        uint8_t signature[KEY_SIGNATURE_MAX];
        size_t len = 0;
        unsigned char *theirs = NULL;
        struct span ours = {0};
        assert_int_equal(
            key_sign(key, KEY_SIGNATURE_ECDSA_SHA256, tbs, signature, &len, NULL),
            ERR_OK);
        const struct span der = template_assemble(arena, tbs, KEY_SIGNATURE_ECDSA_SHA256,
                                                  span_make(signature, len));
        const unsigned char *at = der.data;
        X509 *x = d2i_X509(NULL, &at, (long)der.len);
        assert_non_null(x);
        X509_EXTENSION_free(X509_delete_ext(x, X509_get_ext_by_NID(x, kinds[i], -1)));
        const int size = i2d_re_X509_tbs(x, &theirs);
        assert_true(size > 0);
        assert_int_equal(precertificate_entry(arena, tbs, &ours, NULL), ERR_OK);
        assert_true(span_equal(ours, span_make(theirs, (size_t)size)));
        OPENSSL_free(theirs);
        X509_free(x);
    }
}

/* No octet less; nothing that is not one of its three forms comes out. */
static void malformed(void **state)
{
    const struct span pre = write_leaf(true, span_make(NULL, 0));
    struct span made = {0};
    size_t kept = 0;

    (void)state;
    for (size_t len = 0; len < pre.len; len++) {
        enum precertificate_mark mark;
        assert_int_equal(precertificate_mark(span_slice(pre, 0, len), &mark, NULL),
                         ERR_MALFORMED);
    }
    for (size_t i = 0; i < pre.len; i++) {
        uint8_t *octets = arena_copy(arena, pre.data, pre.len);
        struct span back = {0};
        octets[i] ^= 0x01;
        const struct span other = span_make(octets, pre.len);
        if (precertificate_stamp(arena, other, span_make("\0\1\0", 3), &made, NULL) !=
            ERR_OK)
            continue;
        assert_int_equal(precertificate_of(arena, made, &back, NULL), ERR_OK);
        assert_true(span_equal(back, other));
        kept++;
    }
    assert_true(kept > 0); /* what is in names and keys does not matter to it */
}

/* The poison twice, not critical, of another value; and both. */
static void wrong_poisons(void **state)
{
    static const char good[] = "\x30\x13\x06\x0a\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x03"
                               "\x01\x01\xff\x04\x02\x05\x00";
    static const char plain[] = "\x30\x10\x06\x0a\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x03"
                                "\x04\x02\x05\x00";
    static const char other[] = "\x30\x13\x06\x0a\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x03"
                                "\x01\x01\xff\x04\x02\x0c\x00";
    static const char list[] = "\x30\x10\x06\x0a\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02"
                               "\x04\x02\x04\x00";
    static const struct {
        const char *first, *second;
        bool is_good;
    } rows[] = {{good, "", true},   {good, good, false}, {plain, "", false},
                {other, "", false}, {good, list, false}, {list, good, false},
                {list, "", true},   {list, list, false}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t room[200];
        struct der_writer w = der_writer_make(room, sizeof room);
        const size_t mark = der_write_mark(&w);
        enum precertificate_mark found;
        const size_t first = (size_t)rows[i].first[1] + 2;
        const size_t second =
            rows[i].second[0] != '\0' ? (size_t)rows[i].second[1] + 2 : 0;
        der_write_raw(&w, span_make(rows[i].second, second));
        der_write_raw(&w, span_make(rows[i].first, first));
        der_write_wrap(&w, DER_SEQUENCE, mark);
        der_write_wrap(&w, DER_CONTEXT_CONSTRUCTED(3), mark);
        der_write_element(&w, DER_INTEGER, span_make("\1", 1));
        der_write_wrap(&w, DER_SEQUENCE, mark);
        assert_int_equal(precertificate_mark(der_write_take(&w), &found, NULL) == ERR_OK,
                         rows[i].is_good);
    }
}

static int set_up(void **state)
{
    static const char *const name = "a.flow.test";
    static struct span usage;

    (void)state;
    arena = arena_new();
    usage = oid_octets(OID_SERVER_AUTH);
    if (key_generate(KEY_P256, 0, &key, NULL) != ERR_OK)
        return -1;
    issuer = (struct template_issuer){.name = span_make("\x30\0", 2),
                                      .key_id = span_make("12345678901234567890", 20),
                                      .signature_kind = KEY_SIGNATURE_ECDSA_SHA256};
    leaf = (struct template_leaf){.usages = {&usage, 1},
                                  .not_before = NOW,
                                  .not_after = NOW + 86400,
                                  .dns_names = &name,
                                  .dns_name_count = 1,
                                  .spki = key_spki(key),
                                  .key_type = KEY_P256};
    serial_make(NOW, leaf.serial);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    key_free(key);
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(by_openssl),
        cmocka_unit_test(malformed),
        cmocka_unit_test(wrong_poisons),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
