/* OpenSSL without what a handshake does not need. */
#include "core/net/tls_lean.h"

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/memory.h"

#define PROVIDER_NAME "lean"
#define ROWS_MAX      32 /* algorithms of one kind that are left */

/* Those of which a server's key or ours can be, and HMAC for the CBC suites of TLS 1.2 */
static const char *const key_names[] = {"RSA",     "RSA-PSS", "EC",  "X25519",
                                        "ED25519", "ED448",   "HMAC"};

struct tls_lean {
    OSSL_LIB_CTX *context;
    OSSL_PROVIDER *provider;
};

/* One of OpenSSL's own. Its algorithms keep its context, so that they work as ever. */
static OSSL_PROVIDER *whole;
static bool is_chosen;
static OSSL_ALGORITHM managers[ROWS_MAX];
static OSSL_ALGORITHM decoders[ROWS_MAX];

/* "RSA:rsaEncryption:1.2.840...": the first name is what it is. */
static bool is_key(const char *names)
{
    size_t len = strcspn(names, ":");

    for (size_t i = 0; i < sizeof key_names / sizeof key_names[0]; i++)
        if (strlen(key_names[i]) == len && strncasecmp(names, key_names[i], len) == 0)
            return true;
    return false;
}

static bool is_wanted_decoder(const OSSL_ALGORITHM *a)
{
    return is_key(a->algorithm_names) &&
           strstr(a->property_definition, "input=der") != NULL &&
           strstr(a->property_definition, "SubjectPublicKeyInfo") != NULL;
}

static bool is_wanted_manager(const OSSL_ALGORITHM *a)
{
    return is_key(a->algorithm_names);
}

/* False: OpenSSL is another than this was written for. */
static bool choose(int operation, bool (*is_wanted)(const OSSL_ALGORITHM *a),
                   OSSL_ALGORITHM *to)
{
    int no_cache = 0;
    const OSSL_ALGORITHM *all =
        OSSL_PROVIDER_query_operation(whole, operation, &no_cache);
    size_t count = 0;

    for (; all != NULL && all->algorithm_names != NULL; all++) {
        if (!is_wanted(all))
            continue;
        if (count == ROWS_MAX - 1)
            return false;
        to[count++] = *all;
    }
    to[count] = (OSSL_ALGORITHM){0};
    return count > 0 && no_cache == 0;
}

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
    (void)context;
    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return managers;
    case OSSL_OP_DECODER:
        return decoders;
    case OSSL_OP_ENCODER:
    case OSSL_OP_STORE:
        return NULL;
    default:
        return OSSL_PROVIDER_query_operation(whole, operation, no_cache);
    }
}

/* The groups of TLS. */
static int get_capabilities(void *context, const char *capability, OSSL_CALLBACK *each,
                            void *argument)
{
    (void)context;
    return OSSL_PROVIDER_get_capabilities(whole, capability, each, argument);
}

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                 const OSSL_DISPATCH **out, void **context)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))get_capabilities},
        {0, NULL}};

    (void)handle;
    (void)in;
    *out = functions;
    *context = OSSL_PROVIDER_get0_provider_ctx(whole);
    return 1;
}

static bool choose_all(void)
{
    whole = OSSL_PROVIDER_try_load(NULL, "default", 1); /* and others stay as they are */
    is_chosen = whole != NULL && choose(OSSL_OP_KEYMGMT, is_wanted_manager, managers) &&
                choose(OSSL_OP_DECODER, is_wanted_decoder, decoders);
    return is_chosen;
}

struct tls_lean *tls_lean_new(void)
{
    struct tls_lean *made;

    if (!is_chosen && !choose_all())
        return NULL;
    made = memory_get_zeroed(1, sizeof *made);
    made->context = OSSL_LIB_CTX_new();
    if (made->context != NULL &&
        OSSL_PROVIDER_add_builtin(made->context, PROVIDER_NAME, start) == 1)
        made->provider = OSSL_PROVIDER_load(made->context, PROVIDER_NAME);
    if (made->provider != NULL)
        return made;
    tls_lean_free(made);
    return NULL;
}

OSSL_LIB_CTX *tls_lean_context(const struct tls_lean *l)
{
    return l != NULL ? l->context : NULL;
}

void tls_lean_free(struct tls_lean *l)
{
    if (l == NULL)
        return;
    if (l->provider != NULL)
        (void)OSSL_PROVIDER_unload(l->provider);
    OSSL_LIB_CTX_free(l->context);
    free(l);
}
