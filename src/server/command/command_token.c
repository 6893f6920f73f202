/* Keys in tokens, for the commands that make certificates of CAs. */
#include "server/command/command_token.h"

#include "core/pkcs11/pkcs11.h"
#include "server/command/passphrase.h"
#include "server/issue/hierarchy.h"

/* A module is started once in a process. */
static struct pkcs11 *tokens;

static void drop_tokens(void *unused)
{
    (void)unused;
    pkcs11_free(tokens);
    tokens = NULL;
}

static void begin(struct arena *a)
{
    if (tokens != NULL)
        return;
    tokens = pkcs11_new();
    (void)arena_own(a, tokens, drop_tokens);
}

static enum err read_access(struct arena *a, const char *text,
                            const struct command_token *token, struct pkcs11_uri *uri,
                            struct secret *pin, struct err_info *why)
{
    TRY(pkcs11_uri_read(a, span_of(text), uri, why));
    if (token->module == NULL && uri->module_path == NULL)
        return err_set(why, ERR_USAGE,
                       "a key in a token needs --module, the PKCS #11 module to reach it "
                       "by");
    if (uri->pin_file != NULL)
        return passphrase_read_from(a, "/", uri->pin_file, pin, why);
    if (token->pin != NULL)
        return passphrase_read_from(a, token->directory, token->pin, pin, why);
    return ERR_OK;
}

enum err command_token_open(struct arena *a, const char *text,
                            const struct command_token *token, struct key **key,
                            struct err_info *why)
{
    AUTO(secret) struct secret pin = {0};
    struct pkcs11_uri uri;

    TRY(read_access(a, text, token, &uri, &pin, why));
    const struct pkcs11_access access = {token->module, &pin, 1};
    begin(a);
    return pkcs11_key_open(tokens, &uri, &access, span_make(NULL, 0), key, why);
}

enum err command_token_is_free(struct arena *a, const char *text,
                               const struct command_token *token, struct err_info *why)
{
    AUTO(secret) struct secret pin = {0};
    struct pkcs11_uri uri;

    TRY(read_access(a, text, token, &uri, &pin, why));
    const struct pkcs11_access access = {token->module, &pin, 1};
    begin(a);
    return pkcs11_key_is_free(tokens, &uri, &access, why);
}

enum err command_token_make(struct arena *a, const char *text,
                            const struct command_token *token, const char *type,
                            struct key **key, struct err_info *why)
{
    AUTO(secret) struct secret pin = {0};
    struct pkcs11_uri uri;
    struct pkcs11_uri named;
    enum key_type kind = KEY_P256;
    int bits = 0;

    TRY(hierarchy_key_type(type, &kind, &bits, why));
    TRY(read_access(a, text, token, &uri, &pin, why));
    const struct pkcs11_access access = {token->module, &pin, 1};
    begin(a);
    return pkcs11_key_generate(a, tokens, &uri, &access, kind, bits, key, &named, why);
}
