/* A private JWK becomes what OpenSSL reads: PKCS #1 (RFC 8017 A.1.2) or SEC 1 (RFC 5915
 * 3), in PEM; and the other way round, from PKCS #8 (RFC 5208 5). */
#include "core/jose/jwk_private.h"

#include <string.h>

#include "core/base/base64url.h"
#include "core/base/memory.h"
#include "core/crypto/der_read.h"
#include "core/json/json_write.h"
#include "core/x509/der_write.h"
#include "core/x509/pem.h"

#define DER_MAX    (16 * 1024) /* octets: RSA of 16384 bits takes 9.3 KiB */
#define TAG_CURVE  0xa0        /* [0], constructed */
#define TAG_PUBLIC 0xa1        /* [1], constructed */

struct curve {
    const char *name;
    const char *oid; /* RFC 5480 2.1.1.1 */
    size_t oid_len;
    size_t size; /* octets of a number */
};

static const struct curve curves[] = {
    {"P-256", "\x2a\x86\x48\xce\x3d\x03\x01\x07", 8, 32},
    {"P-384", "\x2b\x81\x04\x00\x22", 5, 48},
    {"P-521", "\x2b\x81\x04\x00\x23", 5, 66},
};

static enum err need_number(struct arena *a, const struct json *jwk, const char *name,
                            struct span *number, struct err_info *why)
{
    const struct json *value = json_member(jwk, name);

    if (value == NULL)
        return err_set(why, ERR_CRYPTO, "the private key has no \"%s\"", name);
    if (!json_is_string(value) || !base64url_decode(a, json_span(value), number))
        return err_set(why, ERR_CRYPTO, "\"%s\" of the private key is not base64url",
                       name);
    return ERR_OK;
}

static enum err write_rsa(struct arena *a, const struct json *jwk, struct der_writer *w,
                          struct err_info *why)
{
    static const char *const members[] = {"n", "e", "d", "p", "q", "dp", "dq", "qi"};
    static const uint8_t version = 0; /* two primes */
    size_t count = sizeof members / sizeof members[0];
    size_t end = der_write_mark(w);

    for (size_t i = count; i > 0; i--) {
        struct span number;
        TRY(need_number(a, jwk, members[i - 1], &number, why));
        der_write_unsigned(w, number);
    }
    der_write_unsigned(w, span_make(&version, 1));
    der_write_wrap(w, DER_SEQUENCE, end);
    return ERR_OK;
}

static const struct curve *find_curve(const struct json *jwk)
{
    const char *name = json_text(json_member(jwk, "crv"));

    for (size_t i = 0; name != NULL && i < sizeof curves / sizeof curves[0]; i++)
        if (strcmp(curves[i].name, name) == 0)
            return &curves[i];
    return NULL;
}

static enum err write_ec(struct arena *a, const struct json *jwk, struct der_writer *w,
                         struct err_info *why)
{
    static const uint8_t version = 1;
    static const uint8_t uncompressed = 4;
    const struct curve *curve = find_curve(jwk);
    struct span x;
    struct span y;
    struct span d;

    if (curve == NULL)
        return err_set(why, ERR_CRYPTO,
                       "the curve of the private key is none of P-256, P-384 and P-521");
    TRY(need_number(a, jwk, "x", &x, why));
    TRY(need_number(a, jwk, "y", &y, why));
    TRY(need_number(a, jwk, "d", &d, why));
    if (x.len != curve->size || y.len != curve->size || d.len != curve->size)
        return err_set(why, ERR_CRYPTO,
                       "a number of the private key has not the length of %s",
                       curve->name);
    uint8_t *point = arena_get(a, 1 + 2 * curve->size);
    point[0] = uncompressed;
    memcpy(point + 1, x.data, x.len);
    memcpy(point + 1 + x.len, y.data, y.len);

    size_t end = der_write_mark(w);
    der_write_bits(w, span_make(point, 1 + 2 * curve->size));
    der_write_wrap(w, TAG_PUBLIC, end);
    size_t mark = der_write_mark(w);
    der_write_element(w, DER_OID, span_make(curve->oid, curve->oid_len));
    der_write_wrap(w, TAG_CURVE, mark);
    der_write_element(w, DER_OCTET_STRING, d);
    der_write_unsigned(w, span_make(&version, 1));
    der_write_wrap(w, DER_SEQUENCE, end);
    return ERR_OK;
}

enum err jwk_private_read(struct arena *a, const struct json *jwk, struct key **k,
                          struct err_info *why)
{
    uint8_t der[DER_MAX];
    struct der_writer w = der_writer_make(der, sizeof der);
    AUTO(buf) struct buf pem = buf_make(2 * DER_MAX);
    AUTO(key) struct key *made = NULL;

    if (!json_is_object(jwk))
        return err_set(why, ERR_MALFORMED, "the private key is no JSON object");
    const char *kty = json_text(json_member(jwk, "kty"));
    bool rsa = kty != NULL && strcmp(kty, "RSA") == 0;
    if (!rsa && (kty == NULL || strcmp(kty, "EC") != 0))
        return err_set(why, ERR_CRYPTO, "the private key is neither RSA nor EC");
    enum err result = rsa ? write_rsa(a, jwk, &w, why) : write_ec(a, jwk, &w, why);
    if (result == ERR_OK && w.failed)
        result = err_set(why, ERR_CRYPTO, "the private key is too large");
    if (result == ERR_OK) {
        pem_add(&pem, rsa ? "RSA PRIVATE KEY" : "EC PRIVATE KEY", der_write_take(&w));
        result = key_from_pem(buf_span(&pem), NULL, &made, why);
    }
    memory_wipe(der, sizeof der);
    if (pem.data != NULL)
        memory_wipe(pem.data, pem.len);
    TRY(result);
    *k = made;
    made = NULL;
    return ERR_OK;
}

/* ---- writing ---- */

static void write_member(struct json_writer *w, struct arena *a, const char *name,
                         struct span number)
{
    char *text = base64url_string(a, number);

    json_write_text(w, name, text);
    memory_wipe(text, strlen(text));
}

static void write_rsa_members(struct json_writer *w, struct arena *a,
                              struct der_reader *r)
{
    static const char *const members[] = {"n", "e", "d", "p", "q", "dp", "dq", "qi"};

    der_read_enter(r, DER_SEQUENCE);
    (void)der_read_small(r, 0); /* two primes */
    json_write_text(w, "kty", "RSA");
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        write_member(w, a, members[i], der_read_unsigned(r));
    der_read_leave(r);
}

static void write_ec_members(struct json_writer *w, struct arena *a, struct der_reader *r,
                             const struct key *k)
{
    struct span x;
    struct span y;
    uint8_t tag = 0;

    key_numbers(k, &x, &y);
    json_write_text(w, "kty", "EC");
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        if (curves[i].size == x.len)
            json_write_text(w, "crv", curves[i].name);
    write_member(w, a, "x", x);
    write_member(w, a, "y", y);
    der_read_enter(r, DER_SEQUENCE);
    (void)der_read_small(r, 1);
    write_member(w, a, "d", der_read_expect(r, DER_OCTET_STRING));
    while (der_read_more(r))
        (void)der_read_tlv(r, &tag); /* the curve and the public half */
    der_read_leave(r);
}

static enum err write_members(struct arena *a, struct span pem, const struct key *k,
                              struct buf *b, struct err_info *why)
{
    static const struct pem_kind kind = {"PRIVATE KEY", "private key"};
    struct json_writer w = json_writer_make(b);
    struct span der;
    size_t count = 0;

    TRY(pem_read(a, pem, &kind, &der, 1, &count, why));
    struct der_reader r = der_read_start(der, 4);
    der_read_enter(&r, DER_SEQUENCE);
    (void)der_read_small(&r, 0);
    (void)der_read_expect(&r, DER_SEQUENCE);
    struct der_reader inner = der_read_start(der_read_expect(&r, DER_OCTET_STRING), 4);
    json_write_begin_object(&w, NULL);
    if (key_type(k) == KEY_RSA)
        write_rsa_members(&w, a, &inner);
    else
        write_ec_members(&w, a, &inner, k);
    json_write_end_object(&w);
    memory_wipe((void *)(uintptr_t)der.data, der.len);
    if (!der_read_ok(&r) || !der_read_ok(&inner) || b->failed)
        return err_set(why, ERR_CRYPTO, "the private key cannot be written as a JWK");
    return ERR_OK;
}

enum err jwk_private_write(struct buf *b, const struct key *k, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(secret) struct secret pem = {0};

    if (key_type(k) != KEY_RSA && (key_type(k) > KEY_P521 || key_type(k) < KEY_P256))
        return err_set(why, ERR_CRYPTO, "the private key is neither RSA nor EC");
    TRY(key_to_pem(k, NULL, &pem, why));
    return write_members(a, span_make(pem.data, pem.len), k, b, why);
}
