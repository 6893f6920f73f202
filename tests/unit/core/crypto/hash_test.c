/* Tests of core/crypto/hash and core/crypto/digest: FIPS 180-4 and RFC 4231 examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/text.h"
#include "core/crypto/digest.h"
#include "core/crypto/hash.h"

static void assert_hex(const uint8_t *octets, size_t len, const char *hex)
{
    char text[2 * DIGEST_MAX_SIZE + 1];

    assert_int_equal(strlen(hex), 2 * len);
    text_hex(text, octets, len);
    assert_string_equal(text, hex);
}

static void sha256(void **state)
{
    uint8_t digest[HASH_SHA256_SIZE];

    (void)state;
    hash_sha256(span_of("abc"), digest);
    assert_hex(digest, sizeof digest,
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_sha256(span_make(NULL, 0), digest);
    assert_hex(digest, sizeof digest,
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void digests(void **state)
{
    static const struct {
        enum digest which;
        const char *hex; /* of "abc" */
    } rows[] = {
        {DIGEST_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {DIGEST_SHA256,
         "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {DIGEST_SHA384, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                        "8086072ba1e7cc2358baeca134c825a7"},
        {DIGEST_SHA512,
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
         "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    };

    (void)state;
    assert_int_equal(sizeof rows / sizeof *rows, DIGEST_COUNT);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t digest[DIGEST_MAX_SIZE];
        size_t len = digest_make(rows[i].which, span_of("abc"), digest);
        assert_hex(digest, len, rows[i].hex);
        assert_ptr_equal(digest_algorithm(rows[i].which),
                         digest_algorithm(rows[i].which));
    }
}

static void hmac(void **state)
{
    uint8_t key[131];
    uint8_t mac[HASH_SHA256_SIZE];

    (void)state;
    memset(key, 0x0b, 20);
    hash_hmac_sha256(span_make(key, 20), span_of("Hi There"), mac);
    assert_hex(mac, sizeof mac,
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hash_hmac_sha256(span_of("Jefe"), span_of("what do ya want for nothing?"), mac);
    assert_hex(mac, sizeof mac,
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    hash_hmac_sha256(span_make(key, sizeof key),
                     span_of("Test Using Larger Than Block-Size Key - Hash Key First"),
                     mac);
    assert_hex(mac, sizeof mac,
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hash_hmac_sha256(span_make(NULL, 0), span_make(NULL, 0), mac);
    assert_hex(mac, sizeof mac,
               "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 4231 (SHA-1: RFC 2202), test cases 1 and 2. */
static void hmac_of_every_kind(void **state)
{
    static const struct {
        enum hash_kind kind;
        const char *hi, *jefe;
    } rows[] = {
        {HASH_SHA256, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {HASH_SHA384,
         "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
         "faea9ea9076ede7f4af152e8b2fa9cb6",
         "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
         "8e2240ca5e69e2c78b3239ecfab21649"},
        {HASH_SHA512,
         "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
         "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
         "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
         "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
        {HASH_SHA1, "b617318655057264e28bc0b6fb378c8ef146be00",
         "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {HASH_SHA224, "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22",
         "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"},
    };
    uint8_t key[20];
    uint8_t mac[HASH_MAX_SIZE];

    (void)state;
    memset(key, 0x0b, sizeof key);
    assert_int_equal(sizeof rows / sizeof *rows, HASH_KIND_COUNT);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len =
            hash_hmac(rows[i].kind, span_make(key, sizeof key), span_of("Hi There"), mac);
        assert_hex(mac, len, rows[i].hi);
        len = hash_hmac(rows[i].kind, span_of("Jefe"),
                        span_of("what do ya want for nothing?"), mac);
        assert_hex(mac, len, rows[i].jefe);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256),
        cmocka_unit_test(digests),
        cmocka_unit_test(hmac),
        cmocka_unit_test(hmac_of_every_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
