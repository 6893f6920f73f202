/* TPM2_MakeCredential without a TPM. Section numbers are those of TPM 2.0 Part 1. */
#include "core/tpm/credential.h"

#include <string.h>

#include "core/base/buf.h"
#include "core/base/random.h"
#include "core/base/secret.h"
#include "core/crypto/envelope.h"
#include "core/crypto/hash.h"

#define TEXT_MAX 1024 /* octets of anything that is hashed here */

/* What the template of an EK says that its public key does not. */
struct storage {
    enum key_type type;
    int bits; /* of RSA */
    enum hash_kind hash;
    size_t hash_len;
    size_t cipher_len; /* octets of the AES key */
};

/* TCG EK Credential Profile 2.x, B.3 and B.4 */
static const struct storage storages[] = {
    {KEY_RSA, 2048, HASH_SHA256, 32, 16}, {KEY_P256, 256, HASH_SHA256, 32, 16},
    {KEY_RSA, 3072, HASH_SHA384, 48, 32}, {KEY_RSA, 4096, HASH_SHA384, 48, 32},
    {KEY_P384, 384, HASH_SHA384, 48, 32}, {KEY_P521, 521, HASH_SHA512, 64, 32},
};

static const struct storage *find(const struct key *ek)
{
    for (size_t i = 0; i < sizeof storages / sizeof storages[0]; i++)
        if (storages[i].type == key_type(ek) &&
            (key_type(ek) != KEY_RSA || storages[i].bits == key_bits(ek)))
            return &storages[i];
    return NULL;
}

enum err credential_check_key(const struct key *ek, struct err_info *why)
{
    if (find(ek) != NULL)
        return ERR_OK;
    return err_set(why, ERR_BAD_PUBLIC_KEY,
                   "the endorsement key is none of RSA with 2048, 3072 or 4096 bits, "
                   "P-256, P-384 and P-521");
}

static void add_u16(struct buf *b, size_t value)
{
    buf_add_octet(b, (uint8_t)(value >> 8));
    buf_add_octet(b, (uint8_t)value);
}

static void add_u32(struct buf *b, size_t value)
{
    add_u16(b, value >> 16);
    add_u16(b, value & 0xffff);
}

/* A TPM2B: the length and the octets. */
static void add_sized(struct buf *b, struct span octets)
{
    add_u16(b, octets.len);
    buf_add_span(b, octets);
}

/* 11.4.10.2 KDFa: `len` octets, which one block of the MAC has. */
static void kdf_a(const struct storage *s, const uint8_t *seed, const char *label,
                  struct span context, size_t len, uint8_t *key)
{
    AUTO(buf) struct buf b = buf_make(TEXT_MAX);
    uint8_t mac[HASH_MAX_SIZE];

    add_u32(&b, 1); /* the counter */
    buf_add(&b, label, strlen(label) + 1);
    buf_add_span(&b, context);
    add_u32(&b, len * 8);
    (void)hash_hmac(s->hash, span_make(seed, s->hash_len), buf_span(&b), mac);
    memcpy(key, mac, len);
    explicit_bzero(mac, sizeof mac);
}

/* B.10.4: the seed is chosen, and encrypted for the key. */
static enum err seed_rsa(const struct storage *s, const struct key *ek, uint8_t *seed,
                         struct buf *sealed, struct err_info *why)
{
    static const char label[] = "IDENTITY"; /* its NUL is part of it */
    uint8_t octets[ENVELOPE_RSA_MAX];
    size_t len = 0;

    random_fill(seed, s->hash_len);
    TRY(envelope_oaep(ek, s->hash, span_make(label, sizeof label),
                      span_make(seed, s->hash_len), octets, &len, why));
    add_sized(sealed, span_make(octets, len));
    return ERR_OK;
}

/* C.6.1 and 11.4.10.3 KDFe: the seed follows from a key that is used once, whose point is
 * sent. */
static enum err seed_ecc(const struct storage *s, const struct key *ek, uint8_t *seed,
                         struct buf *sealed, struct err_info *why)
{
    static const char label[] = "IDENTITY";
    AUTO(key) struct key *once = NULL;
    AUTO(buf) struct buf text = buf_make(TEXT_MAX);
    AUTO(buf) struct buf point = buf_make(TEXT_MAX);
    uint8_t shared[ENVELOPE_SHARED_MAX];
    struct span x, y, ek_x, ek_y;
    size_t len = 0;

    TRY(key_generate(key_type(ek), 0, &once, why));
    TRY(envelope_agree(once, ek, shared, &len, why));
    key_numbers(once, &x, &y);
    key_numbers(ek, &ek_x, &ek_y);
    add_u32(&text, 1); /* the counter */
    buf_add(&text, shared, len);
    buf_add(&text, label, sizeof label);
    buf_add_span(&text, x);
    buf_add_span(&text, ek_x);
    (void)hash_make(s->hash, buf_span(&text), seed);
    explicit_bzero(shared, sizeof shared);
    add_sized(&point, x);
    add_sized(&point, y);
    add_sized(sealed, buf_span(&point));
    return ERR_OK;
}

/* 24.4: encrypted, then a MAC over that and the name. */
static enum err seal(const struct storage *s, const uint8_t *seed, struct span name,
                     struct span secret, struct buf *blob, struct err_info *why)
{
    AUTO(buf) struct buf plain = buf_make(TEXT_MAX);
    AUTO(buf) struct buf object = buf_make(TEXT_MAX);
    uint8_t sealed[2 + CREDENTIAL_SECRET_MAX];
    uint8_t key[HASH_MAX_SIZE];
    uint8_t mac[HASH_MAX_SIZE];

    add_sized(&plain, secret);
    kdf_a(s, seed, "STORAGE", name, s->cipher_len, key);
    TRY(envelope_cfb(span_make(key, s->cipher_len), buf_span(&plain), sealed, why));
    buf_add(&object, sealed, plain.len);
    buf_add_span(&object, name);
    kdf_a(s, seed, "INTEGRITY", span_make(NULL, 0), s->hash_len, key);
    size_t mac_len =
        hash_hmac(s->hash, span_make(key, s->hash_len), buf_span(&object), mac);
    explicit_bzero(key, sizeof key);
    add_u16(blob, 2 + mac_len + plain.len);
    add_sized(blob, span_make(mac, mac_len));
    buf_add(blob, sealed, plain.len);
    return ERR_OK;
}

enum err credential_make(struct arena *a, const struct key *ek, struct span name,
                         struct span secret, struct credential *made,
                         struct err_info *why)
{
    AUTO(buf) struct buf blob = buf_make(TEXT_MAX);
    AUTO(buf) struct buf sealed = buf_make(2 + ENVELOPE_RSA_MAX);
    uint8_t seed[HASH_MAX_SIZE];

    TRY(credential_check_key(ek, why));
    if (name.len == 0 || name.len > CREDENTIAL_NAME_MAX || secret.len == 0 ||
        secret.len > CREDENTIAL_SECRET_MAX)
        return err_set(why, ERR_CRYPTO, "the name or the secret is too long, or empty");
    const struct storage *s = find(ek);
    TRY(s->type == KEY_RSA ? seed_rsa(s, ek, seed, &sealed, why)
                           : seed_ecc(s, ek, seed, &sealed, why));
    enum err result = seal(s, seed, name, secret, &blob, why);
    explicit_bzero(seed, sizeof seed);
    TRY(result);
    made->blob = arena_span(a, buf_span(&blob));
    made->secret = arena_span(a, buf_span(&sealed));
    return ERR_OK;
}
