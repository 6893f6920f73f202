/* A token, by PKCS #11: the URI names its key. One that is to be attested (format `step`)
 * is there already, and the token has said once that it was made in it; any other is made
 * when it is first wanted. */
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
    {KEY_RSA, 3072, "rsa3072", ATTEST_COSE_RS256},
    {KEY_RSA, 4096, "rsa4096", ATTEST_COSE_RS256},
};
#define TYPES (sizeof types / sizeof types[0])

struct device_token {
    struct pkcs11 *tokens;
    struct secret pin;
    struct pkcs11_uri uri;
    struct pkcs11_access access;
    struct key *key;         /* NULL: not opened, or not there, yet */
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
    const struct device_token *p = d->state;
    struct span id;

    TRY(step_identity_read(a, p->chain.leaf, &id, why));
    if (id.data != NULL)
        TRY(identifier_device_join(a, IDENTIFIER_PERMANENT_IDENTIFIER, id,
                                   span_make(NULL, 0), &identifiers[0], why));
    *count = id.data != NULL ? 1 : 0;
    return ERR_OK;
}

/* ---- the key ---- */

static enum err open_key(struct device_token *p, struct err_info *why)
{
    TRY(pkcs11_key_open(p->tokens, &p->uri, &p->access, span_make(NULL, 0), &p->key,
                        why));
    p->type = type_of(p->key);
    if (p->type == NULL)
        return err_set(why, ERR_CONFIG,
                       "the key in the token is none of P-256, P-384, RSA 2048, 3072 and "
                       "4096");
    return ERR_OK;
}

static enum err generate(struct device_token *p, const char *type, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct pkcs11_uri ignored; /* the id it got: it is found by what the user wrote */

    for (size_t i = 0; i < TYPES; i++)
        if (strcmp(types[i].word, type) == 0) {
            p->type = &types[i];
            return pkcs11_key_generate(a, p->tokens, &p->uri, &p->access, types[i].type,
                                       types[i].bits, &p->key, &ignored, why);
        }
    return err_set(why, ERR_USAGE, "keys of the type \"%.50s\" are not made in tokens",
                   type);
}

/* The token is there, lets us in and has no key that is called so, neither by label nor
 * by id? */
static bool is_free(struct device_token *p)
{
    struct err_info ignored = {0};

    return pkcs11_key_is_free(p->tokens, &p->uri, &p->access, &ignored) == ERR_OK;
}

static enum err need_key(struct device_token *p, struct err_info *why)
{
    return p->key != NULL ? ERR_OK : open_key(p, why);
}

static enum err need_or_make(struct device *d, const char *type, struct err_info *why)
{
    struct device_token *p = d->state;
    enum err result = need_key(p, why);

    if (result != ERR_NOT_FOUND || d->options->use == DEVICE_USE_ATTESTED || !is_free(p))
        return result;
    *why = (struct err_info){0};
    return generate(p, type, why);
}

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
    struct device_token *p = d->state;

    TRY(need_or_make(d, type, why));
    const char *word = p->type->word;
    if (d->options->use != DEVICE_USE_ACCOUNT && strcmp(word, type) != 0)
        return err_set(why, ERR_USAGE, "the key in the token is of type %s: say --key %s",
                       word, word);
    key->spki = key_spki(p->key);
    key->text = text_of(a, &p->uri);
    return ERR_OK;
}

/* The text is the URI, without the module: there is one key that it can mean. */
static enum err load_key(struct device *d, struct arena *a, struct span text,
                         struct device_key *key, struct err_info *why)
{
    struct device_token *p = d->state;

    (void)text;
    TRY(need_key(p, why));
    key->spki = key_spki(p->key);
    key->text = text_of(a, &p->uri);
    return ERR_OK;
}

static enum err sign(struct device *d, struct span input, uint8_t *signature, size_t *len,
                     struct err_info *why)
{
    struct device_token *p = d->state;

    TRY(need_key(p, why));
    return key_sign_outside(p->key, input, signature, len, why);
}

static enum err attest(struct device *d, struct arena *a, const char *key_authorization,
                       struct span *object, struct err_info *why)
{
    const struct device_token *p = d->state;
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

static void close_token(struct device *d)
{
    struct device_token *p = d->state;

    key_free(p->key);
    pkcs11_free(p->tokens);
    secret_free(&p->pin);
}

/* The options that said where the token is. */
static const char *option_of(const struct device *d)
{
    return d->options->use == DEVICE_USE_ACCOUNT ? "account_key" : "--device";
}

/* The module is said by each user: which of them one may trust, nobody else knows. */
static enum err read_uri(struct device *d, struct err_info *why)
{
    struct device_token *p = d->state;

    if (pkcs11_uri_read(d->arena, span_of(d->options->text), &p->uri, why) != ERR_OK)
        return err_prefix(why, "%s", option_of(d));
    if (p->uri.module_path == NULL)
        return err_set(why, ERR_CONFIG,
                       "%s: the URI does not say which module reaches the token "
                       "(?module-path=/usr/lib/...)",
                       option_of(d));
    if (p->uri.pin_file != NULL)
        return err_set(why, ERR_CONFIG,
                       "%s: the file with the PIN is said by --pin-file%s, not by "
                       "pin-source",
                       option_of(d),
                       d->options->use == DEVICE_USE_ACCOUNT ? " or account_pin_file"
                                                             : "");
    return ERR_OK;
}

static enum err find_chain(struct device *d, struct err_info *why)
{
    struct device_token *p = d->state;
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
    TRY(pkcs11_certificate_list(d->arena, p->tokens, &p->uri, &p->access, token,
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

enum err device_token_open(struct device *d, struct err_info *why)
{
    struct device_token *p = arena_get(d->arena, sizeof *p);

    *p = (struct device_token){.tokens = pkcs11_new()};
    d->state = p;
    d->close = close_token;
    d->make_key = make_key;
    d->load_key = load_key;
    d->sign = sign;
    TRY(read_uri(d, why));
    p->pin = secret_make(d->options->pin);
    pkcs11_serve_user(p->tokens, "--pin-file");
    p->access = (struct pkcs11_access){
        .module = p->uri.module_path, .pin = &p->pin, .sessions = 1};
    d->description = describe(d->arena, &p->uri);
    if (d->options->use != DEVICE_USE_ATTESTED)
        return ERR_OK; /* the token is looked for with its key */
    d->identify = identify;
    d->attest = attest;
    TRY(open_key(p, why));
    return find_chain(d, why);
}
