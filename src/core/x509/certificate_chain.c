/* Chains judged by OpenSSL. */
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "core/x509/certificate.h"
#include "core/x509/certificate_authority.h"

static X509 *parse(struct span der)
{
    const unsigned char *at = der.data;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);

    if (x != NULL && at != der.data + der.len) {
        X509_free(x);
        return NULL;
    }
    return x;
}

static bool add_roots(X509_STORE *store, struct span pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    bool any = false;
    X509 *x;

    while (bio != NULL && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        any = X509_STORE_add_cert(store, x) == 1 || any;
        X509_free(x);
    }
    BIO_free(bio);
    return any;
}

/* What a chain is for. */
struct wish {
    int purpose; /* X509_PURPOSE_ */
    const char *host;
    int64_t now;
    bool strict;   /* as certificate_check_path says */
    bool anchored; /* any certificate of the roots ends a chain */
};

#define AUTH_LEVEL                                                                       \
    2 /* of OpenSSL: 112 bits, so no SHA-1, and no RSA of less than 2048 bits */

/* OpenSSL takes keyCertSign alone for a CA, and a root without any extension. */
static enum err check_issuers(STACK_OF(X509) * path, struct err_info *why)
{
    for (int i = 1; i < sk_X509_num(path); i++) {
        X509 *issuer = sk_X509_value(path, i);
        if ((X509_get_extension_flags(issuer) & EXFLAG_CA) == 0 ||
            (X509_get_key_usage(issuer) & KU_KEY_CERT_SIGN) == 0)
            return err_set(why, ERR_UNAUTHORIZED,
                           "certificate %d of the path is not of a CA", i + 1);
    }
    return ERR_OK;
}

static enum err judge(X509_STORE *store, X509 *leaf, STACK_OF(X509) * rest,
                      const struct wish *wish, struct err_info *why)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    enum err result = ERR_OK;

    if (context == NULL || X509_STORE_CTX_init(context, store, leaf, rest) != 1) {
        X509_STORE_CTX_free(context);
        return err_set(why, ERR_CRYPTO, "the chain cannot be checked");
    }
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)wish->now);
    X509_VERIFY_PARAM_set_purpose(parameters, wish->purpose);
    if (wish->anchored)
        (void)X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    if (wish->host != NULL)
        X509_VERIFY_PARAM_set1_host(parameters, wish->host, 0);
    if (wish->strict)
        X509_VERIFY_PARAM_set_auth_level(parameters, AUTH_LEVEL);
    if (X509_verify_cert(context) != 1)
        result =
            err_set(why, ERR_UNAUTHORIZED, "the chain is not good: %s",
                    X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    else if (wish->strict || wish->anchored)
        result = check_issuers(X509_STORE_CTX_get0_chain(context), why);
    X509_STORE_CTX_free(context);
    return result;
}

static enum err check(const struct span *chain, size_t count, struct span roots,
                      const struct wish *wish, struct err_info *why)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *all = sk_X509_new_null();
    enum err result = ERR_OK;

    for (size_t i = 0; i < count && result == ERR_OK; i++) {
        X509 *x = parse(chain[i]);
        if (x == NULL || sk_X509_push(all, x) <= 0)
            result = err_set(why, ERR_UNAUTHORIZED,
                             "certificate %zu of the chain is malformed", i + 1);
    }
    if (result == ERR_OK && count == 0)
        result = err_set(why, ERR_UNAUTHORIZED, "the chain is empty");
    if (result == ERR_OK && !add_roots(store, roots))
        result = err_set(why, ERR_UNAUTHORIZED, "there is no root certificate to trust");
    if (result == ERR_OK)
        result = judge(store, sk_X509_value(all, 0), all, wish, why);
    sk_X509_pop_free(all, X509_free);
    X509_STORE_free(store);
    return result;
}

enum err certificate_check_chain(const struct span *chain, size_t count,
                                 struct span roots, const char *host, int64_t now,
                                 struct err_info *why)
{
    const struct wish wish = {
        .purpose = X509_PURPOSE_SSL_SERVER, .host = host, .now = now};

    return check(chain, count, roots, &wish, why);
}

enum err certificate_authority_chain(const struct span *chain, size_t count,
                                     struct span roots, int64_t now, struct err_info *why)
{
    const struct wish wish = {.purpose = X509_PURPOSE_ANY, .now = now};

    return check(chain, count, roots, &wish, why);
}

enum err certificate_check_path(const struct span *chain, size_t count, struct span roots,
                                int64_t now, struct err_info *why)
{
    const struct wish wish = {.purpose = X509_PURPOSE_ANY, .now = now, .strict = true};

    return check(chain, count, roots, &wish, why);
}

enum err certificate_check_anchored(const struct span *chain, size_t count,
                                    struct span anchors, int64_t now,
                                    struct err_info *why)
{
    const struct wish wish = {.purpose = X509_PURPOSE_ANY, .now = now, .anchored = true};

    return check(chain, count, anchors, &wish, why);
}
