/* Flattened JWS as RFC 8555 6.2 narrows it: read, verified, signed. */
#include "core/jose/jws.h"

#include "core/base/base64url.h"
#include "core/jose/jwk.h"
#include "core/jose/jws_parts.h"
#include "core/json/json_write.h"

#define ALGORITHMS                                                                       \
    "ES256, ES384, ES512, EdDSA, Ed25519, RS256, RS384, RS512, PS256, PS384, PS512"

/* RFC 7518 3.1, RFC 8037 3.1; Ed25519 is what RFC 9864 calls EdDSA of that curve. */
static const struct {
    const char *name;
    enum key_signature signature;
    enum key_type type;
} algorithms[] = {
    {"ES256", KEY_SIGNATURE_ES256, KEY_P256},
    {"ES384", KEY_SIGNATURE_ES384, KEY_P384},
    {"ES512", KEY_SIGNATURE_ES512, KEY_P521},
    {"EdDSA", KEY_SIGNATURE_EDDSA, KEY_ED25519},
    {"RS256", KEY_SIGNATURE_RS256, KEY_RSA},
    {"RS384", KEY_SIGNATURE_RS384, KEY_RSA},
    {"RS512", KEY_SIGNATURE_RS512, KEY_RSA},
    {"PS256", KEY_SIGNATURE_PS256, KEY_RSA},
    {"PS384", KEY_SIGNATURE_PS384, KEY_RSA},
    {"PS512", KEY_SIGNATURE_PS512, KEY_RSA},
    {"Ed25519", KEY_SIGNATURE_EDDSA, KEY_ED25519},
};

#define SHORT_MAX       2 /* octets that may be missing of an ECDSA signature */
#define ALGORITHM_COUNT (sizeof algorithms / sizeof *algorithms)

const char *jws_algorithms_json(void)
{
    return "[\"ES256\",\"ES384\",\"ES512\",\"EdDSA\",\"Ed25519\",\"RS256\",\"RS384\","
           "\"RS512\",\"PS256\",\"PS384\",\"PS512\"]";
}

static enum err wrong_algorithm(const char *name, const char *reason,
                                struct err_info *why)
{
    return err_set(why, ERR_BAD_SIGNATURE_ALGORITHM,
                   "the algorithm \"%.40s\" %s; supported are " ALGORITHMS, name, reason);
}

/* ALGORITHM_COUNT if there is none. */
static size_t row_named(const char *name)
{
    size_t i = 0;

    while (i < ALGORITHM_COUNT && strcmp(name, algorithms[i].name) != 0)
        i++;
    return i;
}

static enum err read_algorithm(const struct json *header, struct jws *read, size_t *row,
                               struct err_info *why)
{
    TRY(json_need_text(header, "alg", &read->algorithm_name, why));
    *row = row_named(read->algorithm_name);
    if (*row == ALGORITHM_COUNT)
        return wrong_algorithm(read->algorithm_name, "is not supported", why);
    read->algorithm = algorithms[*row].signature;
    return ERR_OK;
}

/* What the jwk itself says it is for (RFC 7517 4.4). */
static enum err check_algorithm_of_key(const struct json *header, const struct jws *read,
                                       struct err_info *why)
{
    const char *name = NULL;

    TRY(json_take_text(json_member(header, "jwk"), "alg", &name, why));
    if (name == NULL)
        return ERR_OK;
    size_t row = row_named(name);
    if (row == ALGORITHM_COUNT || algorithms[row].signature != read->algorithm)
        return wrong_algorithm(read->algorithm_name, "is not the alg of the jwk", why);
    return ERR_OK;
}

/* RFC 8555 6.2: exactly one of jwk and kid. */
static enum err read_key(struct arena *a, const struct json *header, struct jws *read,
                         struct err_info *why)
{
    const struct json *jwk = json_member(header, "jwk");

    TRY(json_take_text(header, "kid", &read->kid, why));
    if ((jwk == NULL) == (read->kid == NULL))
        return err_set(
            why, ERR_MALFORMED,
            "the protected header must have exactly one of jwk and kid, and has %s",
            jwk == NULL ? "none" : "both");
    if (read->kid != NULL && read->kid[0] == '\0')
        return err_set(why, ERR_MALFORMED, "kid is empty");
    if (jwk == NULL)
        return ERR_OK;
    TRY(jwk_read(a, jwk, &read->jwk, why));
    AUTO(buf) struct buf text = buf_make(JWS_PARTS_HEADER_MAX);
    jwk_write(&text, read->jwk);
    read->jwk_text = arena_string_of(a, buf_span(&text));
    return ERR_OK;
}

/* RFC 8555 6.5.2: a nonce that is not base64url is malformed, not merely unknown. */
static enum err read_nonce(struct arena *a, const struct json *header, struct jws *read,
                           struct err_info *why)
{
    struct span octets;

    TRY(json_take_text(header, "nonce", &read->nonce, why));
    if (read->nonce == NULL)
        return ERR_OK;
    if (read->nonce[0] == '\0' || !base64url_decode(a, span_of(read->nonce), &octets))
        return err_set(why, ERR_MALFORMED, "nonce is not base64url (RFC 8555 6.5.2)");
    return ERR_OK;
}

enum err jws_read(struct arena *a, struct span text, struct jws **jws,
                  struct err_info *why)
{
    struct jws *read = arena_get(a, sizeof *read);
    const struct json *document = NULL;
    struct jws_parts parts;
    size_t row = 0;

    TRY(json_read(a, text, &document, why));
    TRY(jws_parts_read(a, document, &parts, why));
    TRY(read_algorithm(parts.header, read, &row, why));
    TRY(read_nonce(a, parts.header, read, why));
    TRY(json_take_text(parts.header, "url", &read->url, why));
    TRY(read_key(a, parts.header, read, why));
    if (read->jwk != NULL && key_type(read->jwk) != algorithms[row].type)
        return wrong_algorithm(read->algorithm_name, "does not fit the jwk", why);
    if (read->jwk != NULL)
        TRY(check_algorithm_of_key(parts.header, read, why));
    read->signing_input = parts.signing_input;
    read->signature = parts.signature;
    read->payload = parts.payload;
    *jws = read;
    return ERR_OK;
}

/* RFC 7518 3.4 wants both numbers at full length, but some devices leave their leading
 * zeros away, one in 128 signatures. Which number is short cannot be seen, so every way
 * of putting the zeros back is tried; each is a signature of full length, or none. */
static enum err verify_short(const struct jws *jws, const struct key *key,
                             size_t number_len, struct err_info *why)
{
    size_t lost = 2 * number_len - jws->signature.len;
    enum err result = ERR_UNAUTHORIZED;

    for (size_t of_r = 0; of_r <= lost && result == ERR_UNAUTHORIZED; of_r++) {
        uint8_t whole[KEY_SIGNATURE_MAX] = {0};
        size_t r_len = number_len - of_r;
        size_t s_len = number_len - (lost - of_r);
        memcpy(whole + of_r, jws->signature.data, r_len);
        memcpy(whole + 2 * number_len - s_len, jws->signature.data + r_len, s_len);
        result = key_verify(key, jws->algorithm, jws->signing_input,
                            span_make(whole, 2 * number_len), why);
    }
    return result;
}

static enum err verify(const struct jws *jws, const struct key *key, struct err_info *why)
{
    enum key_type type = key_type(key);
    struct span x;
    struct span y;

    key_numbers(key, &x, &y);
    bool is_curve = type == KEY_P256 || type == KEY_P384 || type == KEY_P521;
    if (is_curve && jws->signature.len < 2 * x.len &&
        jws->signature.len + SHORT_MAX >= 2 * x.len)
        return verify_short(jws, key, x.len, why);
    return key_verify(key, jws->algorithm, jws->signing_input, jws->signature, why);
}

enum err jws_verify(struct arena *a, const struct jws *jws, const struct key *key,
                    const struct jws_verified **verified, struct err_info *why)
{
    enum err result = verify(jws, key, why);

    if (result == ERR_BAD_SIGNATURE_ALGORITHM)
        return wrong_algorithm(jws->algorithm_name, "does not fit the key", why);
    TRY(result);
    struct jws_verified *made = arena_get(a, sizeof *made);
    made->jws = jws;
    made->key = key;
    *verified = made;
    return ERR_OK;
}

/* The first row of a type is the one we sign with; ALGORITHM_COUNT: there is none. */
static size_t row_of(const struct key *key)
{
    size_t i = 0;

    while (i < ALGORITHM_COUNT && algorithms[i].type != key_type(key))
        i++;
    return i;
}

static void write_header(struct buf *header, const struct key *key, const char *kid,
                         const char *nonce, const char *url)
{
    struct json_writer w = json_writer_make(header);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "alg", algorithms[row_of(key)].name);
    if (kid != NULL) {
        json_write_text(&w, "kid", kid);
    } else {
        AUTO(buf) struct buf jwk = buf_make(JWS_PARTS_HEADER_MAX);
        jwk_write(&jwk, key);
        json_write_raw(&w, "jwk", buf_span(&jwk));
    }
    if (nonce != NULL)
        json_write_text(&w, "nonce", nonce);
    json_write_text(&w, "url", url);
    json_write_end_object(&w);
}

enum err jws_sign(struct buf *b, const struct key *key, const char *kid,
                  const char *nonce, const char *url, struct span payload,
                  struct err_info *why)
{
    AUTO(buf) struct buf header = buf_make(JWS_PARTS_HEADER_MAX);
    AUTO(buf) struct buf input = buf_make(JWS_PARTS_INPUT_MAX);
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    if (row_of(key) == ALGORITHM_COUNT)
        return err_set(why, ERR_CRYPTO, "requests are not signed with ML-DSA keys");
    write_header(&header, key, kid, nonce, url);
    jws_parts_input(&input, buf_span(&header), payload);
    if (header.failed || input.failed)
        return err_set(why, ERR_TOO_LARGE,
                       "the header or the payload of a JWS is too large");
    TRY(key_sign(key, algorithms[row_of(key)].signature, buf_span(&input), signature,
                 &len, why));
    jws_parts_write(b, buf_span(&input), span_make(signature, len));
    if (b->failed)
        return err_set(why, ERR_TOO_LARGE, "the JWS is too large");
    return ERR_OK;
}
