/* JWS with a MAC: the external account binding of RFC 8555 7.3.4. */
#include "core/jose/jws_mac.h"

#include "core/base/secret.h"
#include "core/crypto/hash.h"
#include "core/jose/jws_parts.h"
#include "core/json/json_write.h"

static const char *const names[HASH_KIND_COUNT] = {
    [HASH_SHA256] = "HS256", [HASH_SHA384] = "HS384", [HASH_SHA512] = "HS512"};

bool jws_mac_algorithm(const char *name, enum hash_kind *hash)
{
    for (int i = 0; i < HASH_KIND_COUNT; i++)
        if (names[i] != NULL && strcmp(name, names[i]) == 0) {
            *hash = (enum hash_kind)i;
            return true;
        }
    return false;
}

enum err jws_mac_read(struct arena *a, const struct json *value, struct jws_mac **jws,
                      struct err_info *why)
{
    struct jws_mac *read = arena_get(a, sizeof *read);
    struct jws_parts parts;
    const char *algorithm = NULL;

    TRY(jws_parts_read(a, value, &parts, why));
    TRY(json_need_text(parts.header, "alg", &algorithm, why));
    if (!jws_mac_algorithm(algorithm, &read->hash))
        return err_set(why, ERR_BAD_SIGNATURE_ALGORITHM,
                       "the algorithm \"%.40s\" of the binding is none of HS256, HS384, "
                       "HS512",
                       algorithm);
    TRY(json_need_text(parts.header, "kid", &read->kid, why));
    TRY(json_need_text(parts.header, "url", &read->url, why));
    if (json_member(parts.header, "nonce") != NULL ||
        json_member(parts.header, "jwk") != NULL)
        return err_set(why, ERR_MALFORMED,
                       "the binding must have no nonce and no jwk (RFC 8555 7.3.4)");
    read->signing_input = parts.signing_input;
    read->mac = parts.signature;
    read->payload = parts.payload;
    *jws = read;
    return ERR_OK;
}

enum err jws_mac_verify(const struct jws_mac *jws, struct span key, struct err_info *why)
{
    uint8_t mac[HASH_MAX_SIZE];
    size_t len = hash_hmac(jws->hash, key, jws->signing_input, mac);

    if (!secret_equal(span_make(mac, len), jws->mac))
        return err_set(why, ERR_UNAUTHORIZED, "the MAC of the binding is wrong");
    return ERR_OK;
}

enum err jws_mac_sign(struct buf *b, enum hash_kind hash, struct span key,
                      const char *kid, const char *url, struct span payload,
                      struct err_info *why)
{
    AUTO(buf) struct buf header = buf_make(JWS_PARTS_HEADER_MAX);
    AUTO(buf) struct buf input = buf_make(JWS_PARTS_INPUT_MAX);
    struct json_writer w = json_writer_make(&header);
    uint8_t mac[HASH_MAX_SIZE];

    if (key.len < JWS_MAC_KEY_MIN)
        return err_set(why, ERR_CRYPTO, "the key of the binding has less than %d octets",
                       JWS_MAC_KEY_MIN);
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "alg", names[hash]);
    json_write_text(&w, "kid", kid);
    json_write_text(&w, "url", url);
    json_write_end_object(&w);
    jws_parts_input(&input, buf_span(&header), payload);
    if (header.failed || input.failed)
        return err_set(why, ERR_TOO_LARGE,
                       "the header or the payload of a JWS is too large");
    size_t len = hash_hmac(hash, key, buf_span(&input), mac);
    jws_parts_write(b, buf_span(&input), span_make(mac, len));
    if (b->failed)
        return err_set(why, ERR_TOO_LARGE, "the JWS is too large");
    return ERR_OK;
}
