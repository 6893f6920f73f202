/* The public half of a key in a token. */
#include "core/crypto/der_read.h"
#include "core/pkcs11/pkcs11_private.h"
#include "core/x509/certificate.h"

#define P256_POINT  65 /* octets: 04 and two coordinates */
#define P384_POINT  97
#define P521_POINT  133
#define ED25519_LEN 32

static struct span unsigned_number(struct span number)
{
    while (number.len > 0 && number.data[0] == 0)
        number = span_slice(number, 1, number.len);
    return number;
}

/* The octets inside an OCTET STRING, as PKCS #11 wants them; some modules leave the
 * string out. */
static struct span point_of(struct span value)
{
    struct der_reader r = der_read_start(value, 1);
    struct span inner = der_read_expect(&r, DER_OCTET_STRING);

    if (der_read_finish(&r, ERR_CRYPTO, "the point", NULL) == ERR_OK)
        return inner;
    return value;
}

static enum err ec_key(struct span value, struct key **k, struct err_info *why)
{
    struct span point = point_of(value);
    enum key_type type = KEY_P256;

    if (point.len == ED25519_LEN)
        return key_from_ed25519(point, k, why);
    if (point.len == P384_POINT)
        type = KEY_P384;
    else if (point.len == P521_POINT)
        type = KEY_P521;
    else if (point.len != P256_POINT)
        return err_set(why, ERR_BAD_PUBLIC_KEY,
                       "the key in the token is on no curve that is supported");
    size_t len = (point.len - 1) / 2;
    return key_from_ec(type, span_slice(point, 1, len), span_slice(point, 1 + len, len),
                       k, why);
}

/* From the numbers of a public key, or of a private one that tells them; none if it does
 * not. */
static enum err from_numbers(struct arena *a, struct pkcs11_token *t,
                             struct pkcs11_lease *lease, ck_object_handle_t object,
                             struct span *spki, struct err_info *why)
{
    AUTO(key) struct key *k = NULL;
    struct span point = pkcs11_object_value(a, t, lease->session, object, CKA_EC_POINT);
    struct span modulus =
        unsigned_number(pkcs11_object_value(a, t, lease->session, object, CKA_MODULUS));
    struct span exponent = unsigned_number(
        pkcs11_object_value(a, t, lease->session, object, CKA_PUBLIC_EXPONENT));

    if (point.len > 0)
        TRY(ec_key(point, &k, why));
    else if (modulus.len > 0 && exponent.len > 0)
        TRY(key_from_rsa(modulus, exponent, &k, why));
    if (k != NULL)
        *spki = arena_span(a, key_spki(k));
    return ERR_OK;
}

/* One that cannot be read tells nothing; the key is tried out in any case. */
static void from_certificate(struct arena *a, struct pkcs11_token *t,
                             struct pkcs11_lease *lease, ck_object_handle_t object,
                             struct span *spki)
{
    struct span der = pkcs11_object_value(a, t, lease->session, object, CKA_VALUE);
    struct certificate *certificate = NULL;
    struct err_info unsaid = {0};

    if (der.len > 0 && certificate_read(a, der, &certificate, &unsaid) == ERR_OK)
        *spki = certificate->spki;
}

/* The only object of that class beside the private key; more than one tell nothing. */
static enum err find_beside(struct pkcs11_token *t, struct pkcs11_lease *lease,
                            struct pkcs11_object *wanted, ck_object_class_t class,
                            ck_object_handle_t *object, bool *is_there,
                            struct err_info *why)
{
    ck_object_handle_t found[2];
    size_t count = 0;

    wanted->class = class;
    TRY(pkcs11_object_find(t, lease, wanted, found, 2, &count, why));
    *is_there = count == 1;
    *object = found[0];
    return ERR_OK;
}

enum err pkcs11_public_read(struct arena *a, struct pkcs11_token *t,
                            struct pkcs11_lease *lease, ck_object_handle_t private_key,
                            struct span *spki, struct err_info *why)
{
    struct pkcs11_object beside = {0};
    ck_object_handle_t object = 0;
    bool is_there = false;

    *spki = span_make(NULL, 0);
    beside.id = pkcs11_object_value(a, t, lease->session, private_key, CKA_ID);
    if (beside.id.len == 0)
        beside.label = arena_string_of(
            a, pkcs11_object_value(a, t, lease->session, private_key, CKA_LABEL));
    TRY(find_beside(t, lease, &beside, CKO_PUBLIC_KEY, &object, &is_there, why));
    if (is_there)
        TRY(from_numbers(a, t, lease, object, spki, why));
    if (spki->len > 0)
        return ERR_OK;
    TRY(from_numbers(a, t, lease, private_key, spki, why));
    if (spki->len > 0)
        return ERR_OK;
    TRY(find_beside(t, lease, &beside, CKO_CERTIFICATE, &object, &is_there, why));
    if (is_there)
        from_certificate(a, t, lease, object, spki);
    return ERR_OK;
}
