/* Microseconds of CPU of what each ACME request pays: JSON, hashes, keys, JWS. Prints one
 * line each, judges nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/base64url.h"
#include "core/base/random.h"
#include "core/crypto/aead.h"
#include "core/crypto/hash.h"
#include "core/crypto/key.h"
#include "core/crypto/key_weak.h"
#include "core/jose/jwk.h"
#include "core/jose/jws.h"
#include "core/json/json_read.h"
#include "meter.h"

struct bench {
    struct arena *arena;
    struct key *key;        /* private */
    struct key *public_key; /* the same, imported */
    enum key_signature how; /* JOSE signature of the key */
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t signature_len;
    struct buf jws;
    struct aead *aead;
    const struct json *jwk;
};

static const char message[] =
    "a message of a length that is usual for the signing input of a JWS: "
    "a protected header with a nonce, a URL and the URL of an account, "
    "then a small payload; both as base64url, so that they are a third "
    "longer than what was meant to be said, which is not very much.";

static void check(enum err result, const struct err_info *why)
{
    meter_check("crypto_bench", result, why);
}

static void run(const char *type, const char *name, struct bench *b, int rounds,
                void (*step)(struct bench *b))
{
    step(b);
    double start = meter_us();
    for (int i = 0; i < rounds; i++)
        step(b);
    printf("%-8s %-16s %9.2f us\n", type, name, (meter_us() - start) / rounds);
}

static void step_sign(struct bench *b)
{
    struct err_info why = {0};
    check(
        key_sign(b->key, b->how, span_of(message), b->signature, &b->signature_len, &why),
        &why);
}

static void step_verify(struct bench *b)
{
    struct err_info why = {0};
    check(key_verify(b->public_key, b->how, span_of(message),
                     span_make(b->signature, b->signature_len), &why),
          &why);
}

static void step_from_spki(struct bench *b)
{
    struct err_info why = {0};
    struct key *k = NULL;
    check(key_from_spki(key_spki(b->key), &k, &why), &why);
    key_free(k);
}

static void step_weakness(struct bench *b)
{
    if (key_weakness(b->public_key) != NULL)
        exit(1);
}

static void step_fingerprint(struct bench *b)
{
    uint8_t digest[KEY_WEAK_FINGERPRINT_SIZE];

    (void)key_weak_fingerprint(b->public_key, digest);
}

static void step_jwk_read(struct bench *b)
{
    struct err_info why = {0};
    struct key *k = NULL;
    check(jwk_read(b->arena, b->jwk, &k, &why), &why);
    arena_reset(b->arena);
}

static void step_thumbprint(struct bench *b)
{
    uint8_t thumbprint[JWK_THUMBPRINT_SIZE];
    jwk_thumbprint(b->key, thumbprint);
}

static void step_jws_read(struct bench *b)
{
    struct err_info why = {0};
    struct jws *jws = NULL;
    check(jws_read(b->arena, buf_span(&b->jws), &jws, &why), &why);
    arena_reset(b->arena);
}

static void step_jws_verify(struct bench *b)
{
    struct err_info why = {0};
    struct jws *jws = NULL;
    const struct jws_verified *verified = NULL;
    check(jws_read(b->arena, buf_span(&b->jws), &jws, &why), &why);
    check(jws_verify(b->arena, jws, b->public_key, &verified, &why), &why);
    arena_reset(b->arena);
}

static void step_jws_sign(struct bench *b)
{
    struct err_info why = {0};
    buf_clear(&b->jws);
    check(jws_sign(
              &b->jws, b->key, "https://ca.example/acme/account/1",
              "vPZ6CuvWTA2TwYqPvE8Y7yvPZ6CuvWTA2TwY", "https://ca.example/acme/new-order",
              span_of(
                  "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"www.example.org\"}]}"),
              &why),
          &why);
}

static void step_sha256(struct bench *b)
{
    uint8_t digest[HASH_SHA256_SIZE];
    (void)b;
    hash_sha256(span_of(message), digest);
}

static void step_hmac(struct bench *b)
{
    uint8_t mac[HASH_SHA256_SIZE];
    hash_hmac_sha256(span_make(b->signature, 32), span_of(message), mac);
}

static void step_aead(struct bench *b)
{
    uint8_t iv[AEAD_IV_SIZE] = {0};
    uint8_t plain[16] = {0};
    uint8_t sealed[sizeof plain + AEAD_TAG_SIZE];
    aead_seal(b->aead, iv, span_make(NULL, 0), span_make(plain, sizeof plain), sealed);
    if (!aead_open(b->aead, iv, span_make(NULL, 0), span_make(sealed, sizeof sealed),
                   plain))
        abort();
}

static void step_base64url(struct bench *b)
{
    struct span octets;
    if (!base64url_decode(b->arena, span_of(base64url_string(b->arena, span_of(message))),
                          &octets))
        abort();
    arena_reset(b->arena);
}

static void of_type(const char *name, enum key_type type, enum key_signature how,
                    int rounds)
{
    struct err_info why = {0};
    struct bench b = {.arena = arena_new(), .how = how, .jws = buf_make(64 * 1024)};
    struct arena *keep = arena_new();
    AUTO(buf) struct buf text = buf_make(4096);

    check(key_generate(type, 2048, &b.key, &why), &why);
    check(key_from_spki(key_spki(b.key), &b.public_key, &why), &why);
    jwk_write(&text, b.key);
    check(json_read(keep, buf_span(&text), &b.jwk, &why), &why);
    run(name, "sign", &b, rounds, step_sign);
    run(name, "verify", &b, rounds, step_verify);
    run(name, "from SPKI", &b, rounds, step_from_spki);
    run(name, "from JWK", &b, rounds, step_jwk_read);
    run(name, "thumbprint", &b, rounds * 10, step_thumbprint);
    run(name, "JWS sign", &b, rounds, step_jws_sign);
    run(name, "JWS read", &b, rounds * 4, step_jws_read);
    run(name, "JWS read+verify", &b, rounds, step_jws_verify);
    buf_free(&b.jws);
    key_free(b.key);
    key_free(b.public_key);
    arena_free(keep);
    arena_free(b.arena);
}

/* What a CA asks of a good key before it certifies it. */
static void gates(const char *name, int bits, int rounds)
{
    struct err_info why = {0};
    struct bench b = {0};

    check(key_generate(KEY_RSA, bits, &b.key, &why), &why);
    check(key_from_spki(key_spki(b.key), &b.public_key, &why), &why);
    run(name, "weaknesses", &b, rounds, step_weakness);
    run(name, "Debian's name", &b, rounds, step_fingerprint);
    key_free(b.key);
    key_free(b.public_key);
}

int main(void)
{
    uint8_t secret[AEAD_KEY_SIZE];
    random_fill(secret, sizeof secret);
    struct bench b = {.arena = arena_new(), .aead = aead_new(secret)};

    run("-", "SHA-256", &b, 200000, step_sha256);
    run("-", "HMAC-SHA-256", &b, 50000, step_hmac);
    run("-", "AEAD seal+open", &b, 100000, step_aead);
    run("-", "base64url both", &b, 100000, step_base64url);
    aead_free(b.aead);
    arena_free(b.arena);
    of_type("P-256", KEY_P256, KEY_SIGNATURE_ES256, 4000);
    of_type("P-384", KEY_P384, KEY_SIGNATURE_ES384, 400);
    of_type("P-521", KEY_P521, KEY_SIGNATURE_ES512, 400);
    of_type("Ed25519", KEY_ED25519, KEY_SIGNATURE_EDDSA, 4000);
    of_type("RSA-2048", KEY_RSA, KEY_SIGNATURE_RS256, 1000);
    gates("RSA-2048", 2048, 4000);
    gates("RSA-3072", 3072, 4000);
    gates("RSA-4096", 4096, 4000);
    return 0;
}
