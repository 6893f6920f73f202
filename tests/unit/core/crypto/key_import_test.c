/* Tests of core/crypto/key_import, key_spki: public keys from octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/text.h"
#include "core/crypto/key.h"
#include "key_fixtures.h"

#define ROOM 1200 /* octets; a key of 8192 bits fits */

struct octets {
    uint8_t data[ROOM];
    size_t len;
};

static struct span from_hex(const char *hex, struct octets *o)
{
    assert_true(text_unhex(span_of(hex), o->data, sizeof o->data, &o->len));
    return span_make(o->data, o->len);
}

/* OpenSSL wrote these; reading and writing them again gives the same octets. */
static void reads_what_openssl_wrote(void **state)
{
    static const struct {
        const char *hex;
        enum key_type type;
    } rows[] = {
        {spki_p256, KEY_P256},       {spki_p384, KEY_P384}, {spki_p521, KEY_P521},
        {spki_ed25519, KEY_ED25519}, {spki_rsa, KEY_RSA},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets o;
        struct key *k = NULL;
        struct err_info why = {0};
        struct span spki = from_hex(rows[i].hex, &o);
        if (key_from_spki(spki, &k, &why) != ERR_OK)
            fail_msg("%s: %s", rows[i].hex, why.detail);
        assert_int_equal(key_type(k), rows[i].type);
        assert_true(span_equal(key_spki(k), spki));
        key_free(k);
    }
}

/* No key may be cut, and none may have anything behind it. */
static void length_must_be_exact(void **state)
{
    static const char *const rows[] = {spki_p256, spki_p384, spki_p521, spki_ed25519,
                                       spki_rsa};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets o;
        struct key *k = NULL;
        struct span spki = from_hex(rows[i], &o);
        for (size_t len = 0; len < spki.len; len++)
            assert_int_equal(key_from_spki(span_slice(spki, 0, len), &k, NULL),
                             ERR_BAD_PUBLIC_KEY);
        o.data[spki.len] = 0;
        assert_int_equal(key_from_spki(span_make(o.data, spki.len + 1), &k, NULL),
                         ERR_BAD_PUBLIC_KEY);
        assert_null(k);
    }
}

static void refuses_other_keys(void **state)
{
    static const struct {
        const char *hex;
        const char *sentence; /* part of it */
    } rows[] = {
        {spki_p256_compressed, "uncompressed"},
        {spki_p256_explicit, "type"},
        {spki_secp256k1, "curve"},
        {spki_rsa1024, "1024"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets o;
        struct key *k = NULL;
        struct err_info why = {0};
        assert_int_equal(key_from_spki(from_hex(rows[i].hex, &o), &k, &why),
                         ERR_BAD_PUBLIC_KEY);
        if (strstr(why.detail, rows[i].sentence) == NULL)
            fail_msg("%zu: %s", i, why.detail);
        assert_null(k);
    }
}

/* One octet of a good key is replaced, inserted (`insert`) or taken away (`take`). */
static void refuses_changed_keys(void **state)
{
    static const struct {
        const char *hex;
        size_t at;
        size_t take;
        const char *insert;
        const char *what;
    } rows[] = {
        {spki_p256, 1, 1, "8159", "length longer than needed"},
        {spki_p256, 1, 1, "80", "indefinite length"},
        {spki_p256, 0, 1, "31", "SET"},
        {spki_p256, 11, 1, "04", "another algorithm"},
        {spki_p256, 22, 1, "08", "another curve"},
        {spki_p256, 25, 1, "01", "unused bits"},
        {spki_p256, 26, 1, "06", "hybrid point"},
        {spki_p256, 26, 1, "02", "compressed form of the wrong length"},
        {spki_p256, 26, 1, "00", "infinity of the wrong length"},
        {spki_p256, 90, 1, "00", "y off the curve or another"},
        {spki_ed25519, 11, 1, "01", "unused bits"},
        {spki_ed25519, 3, 1, "07", "OID longer than what holds it"},
        {spki_ed25519, 8, 1, "71", "Ed448"},
        {spki_rsa, 17, 1, "04", "parameters an OCTET STRING"},
        {spki_rsa, 18, 1, "01", "NULL with content"},
        {spki_rsa, 293, 1, "00", "even exponent"},
        {spki_rsa, 288, 1, "00", "even modulus"},
        {spki_rsa, 289, 1, "04", "exponent of another type"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets good, inserted, bad;
        struct key *k = NULL;
        struct span spki = from_hex(rows[i].hex, &good);
        struct span in = from_hex(rows[i].insert, &inserted);
        memcpy(bad.data, spki.data, rows[i].at);
        memcpy(bad.data + rows[i].at, in.data, in.len);
        bad.len = rows[i].at + in.len;
        size_t rest = spki.len - rows[i].at - rows[i].take;
        memcpy(bad.data + bad.len, spki.data + rows[i].at + rows[i].take, rest);
        bad.len += rest;
        assert_false(span_equal(spki, span_make(bad.data, bad.len)));
        if (key_from_spki(span_make(bad.data, bad.len), &k, NULL) != ERR_BAD_PUBLIC_KEY)
            fail_msg("not refused: %s", rows[i].what);
        assert_null(k);
    }
}

/* RSA without its parameters (RFC 3279 wants NULL), Ed25519 with parameters. */
static void parameters(void **state)
{
    struct octets o;
    struct key *k = NULL;
    struct err_info why = {0};
    uint8_t changed[ROOM];

    (void)state;
    struct span rsa = from_hex(spki_rsa, &o);
    memcpy(changed, rsa.data, 17);
    memcpy(changed + 17, rsa.data + 19, rsa.len - 19);
    changed[3] = (uint8_t)(changed[3] - 2);
    changed[5] = (uint8_t)(changed[5] - 2);
    assert_int_equal(key_from_spki(span_make(changed, rsa.len - 2), &k, &why),
                     ERR_BAD_PUBLIC_KEY);
    assert_non_null(strstr(why.detail, "missing"));
    struct span ed = from_hex(spki_ed25519, &o);
    memcpy(changed, ed.data, 9);
    changed[9] = 0x05;
    changed[10] = 0x00;
    memcpy(changed + 11, ed.data + 9, ed.len - 9);
    changed[1] = (uint8_t)(changed[1] + 2);
    changed[3] = (uint8_t)(changed[3] + 2);
    assert_int_equal(key_from_spki(span_make(changed, ed.len + 2), &k, &why),
                     ERR_BAD_PUBLIC_KEY);
    assert_non_null(strstr(why.detail, "behind the last element"));
}

static void ec_numbers(void **state)
{
    struct octets o;
    struct key *good = NULL;
    struct key *k = NULL;
    struct span x, y;
    uint8_t zero[66] = {0};
    uint8_t prime[32]; /* of P-256 */

    (void)state;
    assert_int_equal(key_from_spki(from_hex(spki_p256, &o), &good, NULL), ERR_OK);
    key_numbers(good, &x, &y);
    assert_int_equal(key_from_ec(KEY_P256, x, y, &k, NULL), ERR_OK);
    key_free(k);
    k = NULL;
    assert_int_equal(key_from_ec(KEY_P256, y, x, &k, NULL), ERR_BAD_PUBLIC_KEY);
    assert_int_equal(key_from_ec(KEY_P384, x, y, &k, NULL), ERR_BAD_PUBLIC_KEY);
    assert_int_equal(key_from_ec(KEY_RSA, x, y, &k, NULL), ERR_BAD_PUBLIC_KEY);
    assert_int_equal(key_from_ec(KEY_ED25519, x, y, &k, NULL), ERR_BAD_PUBLIC_KEY);
    assert_int_equal(key_from_ec(KEY_P256, span_slice(x, 1, 31), y, &k, NULL),
                     ERR_BAD_PUBLIC_KEY);
    assert_int_equal(key_from_ec(KEY_P256, x, span_slice(y, 0, 31), &k, NULL),
                     ERR_BAD_PUBLIC_KEY);
    assert_int_equal(key_from_ec(KEY_P256, x, span_make(NULL, 0), &k, NULL),
                     ERR_BAD_PUBLIC_KEY);
    assert_int_equal(
        key_from_ec(KEY_P256, span_make(zero, 32), span_make(zero, 32), &k, NULL),
        ERR_BAD_PUBLIC_KEY);
    assert_int_equal(
        key_from_ec(KEY_P521, span_make(zero, 66), span_make(zero, 66), &k, NULL),
        ERR_BAD_PUBLIC_KEY);
    size_t len = 0;
    assert_true(text_unhex(
        span_of("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"),
        prime, sizeof prime, &len));
    assert_int_equal(key_from_ec(KEY_P256, span_make(prime, 32), y, &k, NULL),
                     ERR_BAD_PUBLIC_KEY);
    assert_null(k);
    key_free(good);
}

static void ed25519_numbers(void **state)
{
    uint8_t x[33] = {0};
    struct key *k = NULL;

    (void)state;
    assert_int_equal(key_from_ed25519(span_make(x, 31), &k, NULL), ERR_BAD_PUBLIC_KEY);
    assert_int_equal(key_from_ed25519(span_make(x, 33), &k, NULL), ERR_BAD_PUBLIC_KEY);
    assert_int_equal(key_from_ed25519(span_make(NULL, 0), &k, NULL), ERR_BAD_PUBLIC_KEY);
    assert_null(k);
}

/* The points whose order divides 8, each as it is written and with the other sign; y that
 * belong to no point (worked out with Euler's criterion in Python); y not below the
 * prime. */
static void ed25519_points(void **state)
{
    static const struct {
        const char *hex;
        const char *sentence; /* part of it; NULL: it is good */
    } rows[] = {
        {"0000000000000000000000000000000000000000000000000000000000000000",
         "small order"},
        {"0000000000000000000000000000000000000000000000000000000000000080",
         "small order"},
        {"0100000000000000000000000000000000000000000000000000000000000000",
         "small order"},
        {"0100000000000000000000000000000000000000000000000000000000000080",
         "small order"},
        {"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
         "small order"},
        {"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
         "small order"},
        {"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
         "small order"},
        {"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
         "small order"},
        {"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
         "small order"},
        {"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
         "small order"},
        {"0200000000000000000000000000000000000000000000000000000000000000", "no point"},
        {"0700000000000000000000000000000000000000000000000000000000000080", "no point"},
        {"0b00000000000000000000000000000000000000000000000000000000000000", "no point"},
        {"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "RFC 8032"},
        {"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "RFC 8032"},
        {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "RFC 8032"},
        {"0300000000000000000000000000000000000000000000000000000000000000", NULL},
        {"0400000000000000000000000000000000000000000000000000000000000080", NULL},
        /* RFC 8032 7.1, test 1 */
        {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets o;
        struct key *k = NULL;
        struct err_info why = {0};
        enum err result = key_from_ed25519(from_hex(rows[i].hex, &o), &k, &why);
        if (rows[i].sentence == NULL ? result != ERR_OK
                                     : result != ERR_BAD_PUBLIC_KEY ||
                                           strstr(why.detail, rows[i].sentence) == NULL)
            fail_msg("%s: %s", rows[i].hex, why.detail);
        key_free(k);
    }
}

static void rsa_numbers(void **state)
{
    static const struct {
        size_t modulus_len;
        uint8_t first; /* octet of the modulus */
        uint8_t last;
        const char *exponent; /* hexadecimal */
        enum err result;
        int bits;
    } rows[] = {
        {256, 0x80, 0x01, "010001", ERR_OK, 2048},
        {256, 0xff, 0xff, "03", ERR_OK, 2048},
        {257, 0x01, 0x01, "010001", ERR_OK, 2049},
        {1024, 0x80, 0x01, "010001", ERR_OK, 8192},
        {256, 0x80, 0x01, "ffffffffffffffff", ERR_OK, 2048},
        {256, 0x7f, 0x01, "010001", ERR_BAD_PUBLIC_KEY, 0}, /* 2047 bits */
        {128, 0x80, 0x01, "010001", ERR_BAD_PUBLIC_KEY, 0},
        {1025, 0x01, 0x01, "010001", ERR_BAD_PUBLIC_KEY, 0}, /* 8193 bits */
        {256, 0x80, 0x02, "010001", ERR_BAD_PUBLIC_KEY, 0},  /* even */
        {257, 0x00, 0x01, "010001", ERR_BAD_PUBLIC_KEY, 0},  /* leading zero */
        {0, 0x80, 0x01, "010001", ERR_BAD_PUBLIC_KEY, 0},
        {256, 0x80, 0x01, "", ERR_BAD_PUBLIC_KEY, 0},
        {256, 0x80, 0x01, "01", ERR_BAD_PUBLIC_KEY, 0},
        {256, 0x80, 0x01, "02", ERR_BAD_PUBLIC_KEY, 0},
        {256, 0x80, 0x01, "010000", ERR_BAD_PUBLIC_KEY, 0},
        {256, 0x80, 0x01, "00010001", ERR_BAD_PUBLIC_KEY, 0},
        {256, 0x80, 0x01, "010000000000000001", ERR_BAD_PUBLIC_KEY, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct octets e;
        uint8_t n[ROOM];
        struct key *k = NULL;
        memset(n, 0x5a, sizeof n);
        n[0] = rows[i].first;
        if (rows[i].modulus_len > 0)
            n[rows[i].modulus_len - 1] = rows[i].last;
        enum err result = key_from_rsa(span_make(n, rows[i].modulus_len),
                                       from_hex(rows[i].exponent, &e), &k, NULL);
        if (result != rows[i].result)
            fail_msg("row %zu: %s", i, err_name(result));
        if (result != ERR_OK)
            continue;
        struct key *again = NULL;
        struct span first, second;
        assert_int_equal(key_bits(k), rows[i].bits);
        key_numbers(k, &first, &second);
        assert_true(span_equal(first, span_make(n, rows[i].modulus_len)));
        assert_true(span_equal(second, span_make(e.data, e.len)));
        assert_int_equal(key_from_spki(key_spki(k), &again, NULL), ERR_OK);
        assert_true(key_equal(k, again));
        key_free(again);
        key_free(k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_openssl_wrote),
        cmocka_unit_test(length_must_be_exact),
        cmocka_unit_test(refuses_other_keys),
        cmocka_unit_test(refuses_changed_keys),
        cmocka_unit_test(parameters),
        cmocka_unit_test(ec_numbers),
        cmocka_unit_test(ed25519_numbers),
        cmocka_unit_test(ed25519_points),
        cmocka_unit_test(rsa_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
