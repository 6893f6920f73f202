/* Tests of core/crypto/aead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "core/base/text.h"
#include "core/crypto/aead.h"

/* Test case 16 of the GCM specification (McGrew, Viega). */
static const char key_hex[] =
    "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
static const char iv_hex[] = "cafebabefacedbaddecaf888";
static const char associated_hex[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
static const char plain_hex[] =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
static const char sealed_hex[] =
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
    "76fc6ece0f4e1768cddf8853bb2d551b";

static size_t octets(const char *hex, uint8_t *to, size_t room)
{
    size_t len = 0;
    assert_true(text_unhex(span_of(hex), to, room, &len));
    return len;
}

static void known_answer(void **state)
{
    uint8_t key[32], iv[12], associated[20], plain[60], expected[76], sealed[76],
        opened[60];

    (void)state;
    (void)octets(key_hex, key, sizeof key);
    (void)octets(iv_hex, iv, sizeof iv);
    (void)octets(associated_hex, associated, sizeof associated);
    assert_int_equal(octets(plain_hex, plain, sizeof plain), 60);
    assert_int_equal(octets(sealed_hex, expected, sizeof expected), 76);
    struct aead *k = aead_new(key);
    struct span with = span_make(associated, sizeof associated);
    for (int round = 0; round < 3; round++) { /* the context is used again */
        aead_seal(k, iv, with, span_make(plain, 60), sealed);
        assert_memory_equal(sealed, expected, 76);
        assert_true(aead_open(k, iv, with, span_make(sealed, 76), opened));
        assert_memory_equal(opened, plain, 60);
    }
    aead_free(k);
}

static void refuses(void **state)
{
    static const uint8_t zero[60];
    uint8_t key[32] = {1}, iv[12] = {2}, sealed[60 + AEAD_TAG_SIZE], opened[60] = {0};
    struct aead *k = aead_new(key);
    struct span with = span_of("with");

    (void)state;
    aead_seal(k, iv, with, span_make(key, 32), sealed);
    struct span whole = span_make(sealed, 32 + AEAD_TAG_SIZE);
    for (size_t i = 0; i < whole.len; i++) {
        sealed[i] ^= 1;
        assert_false(aead_open(k, iv, with, whole, opened));
        assert_memory_equal(opened, zero, 32);
        sealed[i] ^= 1;
    }
    assert_false(aead_open(k, iv, span_of("Wist"), whole, opened));
    assert_false(aead_open(k, iv, span_make(NULL, 0), whole, opened));
    assert_false(aead_open(k, iv, with, span_slice(whole, 0, whole.len - 1), opened));
    assert_false(aead_open(k, iv, with, span_slice(whole, 0, AEAD_TAG_SIZE - 1), opened));
    assert_false(aead_open(k, iv, with, span_make(NULL, 0), opened));
    iv[0] = 3;
    assert_false(aead_open(k, iv, with, whole, opened));
    iv[0] = 2;
    assert_true(aead_open(k, iv, with, whole, opened));
    key[0] = 9;
    struct aead *other = aead_new(key);
    assert_false(aead_open(other, iv, with, whole, opened));
    aead_free(other);
    aead_free(k);
    aead_free(NULL);
}

static void nothing_to_seal(void **state)
{
    uint8_t key[32] = {0}, iv[12] = {0}, sealed[AEAD_TAG_SIZE], opened[1];
    struct aead *k = aead_new(key);

    (void)state;
    aead_seal(k, iv, span_make(NULL, 0), span_make(NULL, 0), sealed);
    assert_true(
        aead_open(k, iv, span_make(NULL, 0), span_make(sealed, sizeof sealed), opened));
    sealed[0] ^= 0x80;
    assert_false(
        aead_open(k, iv, span_make(NULL, 0), span_make(sealed, sizeof sealed), opened));
    aead_free(k);
}

/* Seal and open again and again; returns the argument if all went well. */
static void *work(void *argument)
{
    struct aead *k = argument;
    uint8_t iv[12] = {0}, plain[16] = {7}, sealed[32], opened[16];

    for (unsigned int i = 0; i < 500; i++) {
        memcpy(iv, &i, sizeof i);
        aead_seal(k, iv, span_make(iv, 4), span_make(plain, 16), sealed);
        if (!aead_open(k, iv, span_make(iv, 4), span_make(sealed, 32), opened) ||
            memcmp(opened, plain, 16) != 0)
            return NULL;
    }
    return argument;
}

static void several_threads(void **state)
{
    uint8_t key[32] = {5};
    struct aead *k = aead_new(key);
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, k), 0);
    for (int i = 0; i < 4; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, k);
    }
    aead_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answer),
        cmocka_unit_test(refuses),
        cmocka_unit_test(nothing_to_seal),
        cmocka_unit_test(several_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
