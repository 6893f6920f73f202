/* JSON Web Keys and their thumbprints. */
#include "core/jose/jwk.h"

#include "core/base/base64url.h"
#include "core/crypto/hash.h"
#include "core/json/json_write.h"

#define TEXT_MAX 4096 /* octets of a JWK; ML-DSA-87 takes 3.4 KiB */

/* "crv" of each type (RFC 7518 6.2.1.1, RFC 8037 2). */
static const char *const curve_names[] = {
    [KEY_P256] = "P-256",
    [KEY_P384] = "P-384",
    [KEY_P521] = "P-521",
    [KEY_ED25519] = "Ed25519",
};

/* RFC 7518 6.2.2, 6.3.2, 6.4; RFC 8037 2. */
static const char *const private_members[] = {"d",  "p",  "q",   "dp",
                                              "dq", "qi", "oth", "k"};

static enum err need_number(struct arena *a, const struct json *jwk, const char *name,
                            struct span *number, struct err_info *why)
{
    const struct json *value = json_member(jwk, name);

    if (value == NULL)
        return err_set(why, ERR_BAD_PUBLIC_KEY, "the jwk has no \"%s\"", name);
    if (!json_is_string(value) || !base64url_decode(a, json_span(value), number))
        return err_set(why, ERR_BAD_PUBLIC_KEY, "\"%s\" of the jwk is not base64url",
                       name);
    return ERR_OK;
}

static const char *text_member(const struct json *jwk, const char *name)
{
    const char *text = json_text(json_member(jwk, name));

    return text == NULL ? "" : text;
}

static enum err read_ec(struct arena *a, const struct json *jwk, struct key **k,
                        struct err_info *why)
{
    const char *curve = text_member(jwk, "crv");
    struct span x, y;

    for (enum key_type type = KEY_P256; type <= KEY_P521; type++) {
        if (strcmp(curve, curve_names[type]) != 0)
            continue;
        TRY(need_number(a, jwk, "x", &x, why));
        TRY(need_number(a, jwk, "y", &y, why));
        return key_from_ec(type, x, y, k, why);
    }
    return err_set(why, ERR_BAD_PUBLIC_KEY,
                   "the curve \"%s\" of the jwk is none of P-256, P-384 and P-521",
                   curve);
}

static enum err read_okp(struct arena *a, const struct json *jwk, struct key **k,
                         struct err_info *why)
{
    const char *curve = text_member(jwk, "crv");
    struct span x;

    if (strcmp(curve, curve_names[KEY_ED25519]) != 0)
        return err_set(why, ERR_BAD_PUBLIC_KEY,
                       "the curve \"%s\" of the jwk is not Ed25519", curve);
    TRY(need_number(a, jwk, "x", &x, why));
    return key_from_ed25519(x, k, why);
}

static enum err read_rsa(struct arena *a, const struct json *jwk, struct key **k,
                         struct err_info *why)
{
    struct span n, e;

    TRY(need_number(a, jwk, "n", &n, why));
    TRY(need_number(a, jwk, "e", &e, why));
    return key_from_rsa(n, e, k, why);
}

enum err jwk_read(struct arena *a, const struct json *jwk, struct key **k,
                  struct err_info *why)
{
    struct key *made = NULL;

    if (!json_is_object(jwk))
        return err_set(why, ERR_MALFORMED, "jwk must be an object");
    const char *type = text_member(jwk, "kty");
    bool is_ec = strcmp(type, "EC") == 0;
    bool is_okp = strcmp(type, "OKP") == 0;
    if (!is_ec && !is_okp && strcmp(type, "RSA") != 0)
        return err_set(why, ERR_BAD_PUBLIC_KEY,
                       "the key type \"%s\" of the jwk is none of EC, OKP and RSA", type);
    for (size_t i = 0; i < sizeof private_members / sizeof *private_members; i++)
        if (json_member(jwk, private_members[i]) != NULL)
            return err_set(
                why, ERR_BAD_PUBLIC_KEY,
                "the jwk holds a private key; make a new one, this one is known now");
    if (is_ec)
        TRY(read_ec(a, jwk, &made, why));
    else if (is_okp)
        TRY(read_okp(a, jwk, &made, why));
    else
        TRY(read_rsa(a, jwk, &made, why));
    *k = arena_own(a, made, key_drop);
    return ERR_OK;
}

static const char *mldsa_name(enum key_type type)
{
    return type == KEY_MLDSA44   ? "ML-DSA-44"
           : type == KEY_MLDSA65 ? "ML-DSA-65"
                                 : "ML-DSA-87";
}

void jwk_write(struct buf *b, const struct key *k)
{
    struct json_writer w = json_writer_make(b);
    enum key_type type = key_type(k);
    struct span first, second;

    key_numbers(k, &first, &second);
    json_write_begin_object(&w, NULL);
    if (type == KEY_RSA) {
        json_write_base64url(&w, "e", second);
        json_write_text(&w, "kty", "RSA");
        json_write_base64url(&w, "n", first);
    } else if (key_type_is_plain(type) && type != KEY_ED25519) {
        json_write_text(&w, "alg", mldsa_name(type));
        json_write_text(&w, "kty", "AKP");
        json_write_base64url(&w, "pub", first);
    } else {
        json_write_text(&w, "crv", curve_names[type]);
        json_write_text(&w, "kty", type == KEY_ED25519 ? "OKP" : "EC");
        json_write_base64url(&w, "x", first);
        if (type != KEY_ED25519)
            json_write_base64url(&w, "y", second);
    }
    json_write_end_object(&w);
}

void jwk_thumbprint(const struct key *k, uint8_t thumbprint[JWK_THUMBPRINT_SIZE])
{
    AUTO(buf) struct buf text = buf_make(TEXT_MAX);

    jwk_write(&text, k);
    hash_sha256(buf_span(&text), thumbprint);
}

char *jwk_thumbprint_text(struct arena *a, const struct key *k)
{
    uint8_t thumbprint[JWK_THUMBPRINT_SIZE];

    jwk_thumbprint(k, thumbprint);
    return base64url_string(a, span_make(thumbprint, sizeof thumbprint));
}
