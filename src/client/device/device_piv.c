/* A token with attestation certificates (format `step`), by PKCS #11: the key is there
 * already, and the token has said once that it was made in it. */
#include <string.h>

#include "client/device/device.h"
#include "client/device/piv_chain.h"
#include "core/acme/identifier_device.h"
#include "core/attest/attest_write.h"
#include "core/attest/step_identity.h"
#include "core/pkcs11/pkcs11.h"
#include "core/x509/certificate.h"

#define CERTIFICATES_MAX 64 /* in the token: a YubiKey has room for 25 keys */

/* What differs between the types of keys. */
static const struct type {
    enum key_type type;
    int bits;
    const char *word; /* of --key */
    int64_t algorithm;
} types[] = {
    {KEY_P256, 256, "p256", ATTEST_COSE_ES256},
    {KEY_P384, 384, "p384", ATTEST_COSE_ES384},
    {KEY_RSA, 2048, "rsa2048", ATTEST_COSE_RS256},
    {KEY_RSA, 4096, "rsa4096", ATTEST_COSE_RS256},
};
#define TYPES (sizeof types / sizeof types[0])

struct device_piv {
    struct pkcs11 *tokens;
    struct secret pin;
    struct pkcs11_uri uri;
    struct key *key;
    const struct type *type; /* of the key */
    struct piv_chain chain;
};

static const struct type *type_of(const struct key *k)
{
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].type == key_type(k) && types[i].bits == key_bits(k))
            return &types[i];
    return NULL;
}

/* ---- what it is ---- */

static enum err identify(struct device *d, struct arena *a,
                         struct identifier *identifiers, size_t *count,
                         struct err_info *why)
{
    const struct device_piv *p = d->state;
    struct span id;

    TRY(step_identity_read(a, p->chain.leaf, &id, why));
    if (id.data != NULL)
        TRY(identifier_device_join(a, IDENTIFIER_PERMANENT_IDENTIFIER, id,
                                   span_make(NULL, 0), &identifiers[0], why));
    *count = id.data != NULL ? 1 : 0;
    return ERR_OK;
}

/* ---- the key ---- */

/* How others find it: token and key, without what is this machine's own. */
static struct span text_of(struct arena *a, const struct pkcs11_uri *uri)
{
    struct pkcs11_uri portable = *uri;

    portable.module_path = NULL;
    return span_of(arena_printf(a, "%s;type=private\n", pkcs11_uri_text(a, &portable)));
}

static enum err make_key(struct device *d, struct arena *a, const char *type,
                         struct device_key *key, struct err_info *why)
{
    const struct device_piv *p = d->state;
    const char *word = p->type->word;

    if (strcmp(word, type) != 0)
        return err_set(why, ERR_USAGE, "the key in the token is of type %s: say --key %s",
                       word, word);
    key->spki = key_spki(p->key);
    key->text = text_of(a, &p->uri);
    return ERR_OK;
}

static enum err sign(struct device *d, struct span input, uint8_t *signature, size_t *len,
                     struct err_info *why)
{
    const struct device_piv *p = d->state;

    return key_sign_outside(p->key, input, signature, len, why);
}

static enum err attest(struct device *d, struct arena *a, const char *key_authorization,
                       struct span *object, struct err_info *why)
{
    const struct device_piv *p = d->state;
    AUTO(buf) struct buf b = buf_make(DEVICE_OBJECT_MAX);
    uint8_t *signature = arena_get(a, KEY_SIGNATURE_MAX);
    size_t len = 0;

    TRY(key_sign(p->key, key_x509_signature(p->key), span_of(key_authorization),
                 signature, &len, why));
    const struct attest_write_step what = {.algorithm = p->type->algorithm,
                                           .chain = p->chain.chain,
                                           .chain_count = p->chain.count,
                                           .signature = span_make(signature, len)};
    attest_write_step(&b, &what);
    if (b.failed)
        return err_set(why, ERR_TOO_LARGE, "the attestation is too large");
    *object = arena_span(a, buf_span(&b));
    return ERR_OK;
}

/* ---- opening ---- */

static void close_piv(struct device *d)
{
    struct device_piv *p = d->state;

    key_free(p->key);
    pkcs11_free(p->tokens);
    secret_free(&p->pin);
}

/* The module is said by each user: which of them one may trust, nobody else knows. */
static enum err read_uri(struct device *d, struct err_info *why)
{
    struct device_piv *p = d->state;

    if (pkcs11_uri_read(d->arena, span_of(d->options->text), &p->uri, why) != ERR_OK)
        return err_prefix(why, "--device");
    if (p->uri.module_path == NULL)
        return err_set(why, ERR_CONFIG,
                       "--device: the URI does not say which module reaches the token "
                       "(?module-path=/usr/lib/...)");
    if (p->uri.pin_file != NULL)
        return err_set(why, ERR_CONFIG,
                       "--device: the file with the PIN is said by --pin-file, not by "
                       "pin-source");
    return ERR_OK;
}

static enum err open_key(struct device *d, const struct pkcs11_access *access,
                         struct err_info *why)
{
    struct device_piv *p = d->state;

    TRY(pkcs11_key_open(p->tokens, &p->uri, access, span_make(NULL, 0), &p->key, why));
    p->type = type_of(p->key);
    if (p->type == NULL)
        return err_set(why, ERR_CONFIG,
                       "the key in the token is none of P-256, P-384, RSA 2048 and 4096");
    return ERR_OK;
}

static enum err find_chain(struct device *d, const struct pkcs11_access *access,
                           struct err_info *why)
{
    struct device_piv *p = d->state;
    struct span file[CERTIFICATE_CHAIN_MAX];
    struct span token[CERTIFICATES_MAX];
    size_t file_count = 0;
    size_t token_count = 0;

    if (d->options->chain.len > 0 &&
        certificate_from_pem(d->arena, d->options->chain, file, CERTIFICATE_CHAIN_MAX,
                             &file_count, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "--attestation-chain");
    }
    TRY(pkcs11_certificate_list(d->arena, p->tokens, &p->uri, access, token,
                                CERTIFICATES_MAX, &token_count, why));
    return piv_chain_find(d->arena, key_spki(p->key), file, file_count, token,
                          token_count, &p->chain, why);
}

static const char *describe(struct arena *a, const struct pkcs11_uri *uri)
{
    if (uri->token != NULL)
        return arena_printf(a, "token \"%s\"", uri->token);
    return uri->serial != NULL
               ? arena_printf(a, "token %s", uri->serial)
               : arena_printf(a, "token in slot %llu", (unsigned long long)uri->slot);
}

enum err device_piv_open(struct device *d, struct err_info *why)
{
    struct device_piv *p = arena_get(d->arena, sizeof *p);

    *p = (struct device_piv){.tokens = pkcs11_new()};
    d->state = p;
    d->close = close_piv;
    d->identify = identify;
    d->make_key = make_key;
    d->attest = attest;
    d->sign = sign;
    TRY(read_uri(d, why));
    p->pin = secret_make(d->options->pin);
    pkcs11_serve_user(p->tokens, "--pin-file");
    const struct pkcs11_access access = {
        .module = p->uri.module_path, .pin = &p->pin, .sessions = 1};
    TRY(open_key(d, &access, why));
    d->description = describe(d->arena, &p->uri);
    return find_chain(d, &access, why);
}
