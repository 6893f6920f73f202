/* Which types of keys the OpenSSL that runs has. */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "core/crypto/key_private.h"

static bool there[KEY_MLDSA87 + 1];
static pthread_once_t asked = PTHREAD_ONCE_INIT;

/* A provider must have both the keys and the signatures. */
static void ask(void)
{
    for (int type = KEY_MLDSA44; type <= KEY_MLDSA87; type++) {
        const char *name = key_kind((enum key_type)type)->openssl_name;
        EVP_KEYMGMT *keys = EVP_KEYMGMT_fetch(NULL, name, NULL);
        EVP_SIGNATURE *signatures = EVP_SIGNATURE_fetch(NULL, name, NULL);
        there[type] = keys != NULL && signatures != NULL;
        EVP_KEYMGMT_free(keys);
        EVP_SIGNATURE_free(signatures);
    }
    ERR_clear_error(); /* what is not found is no error here */
}

static bool is_mldsa(enum key_type type)
{
    return type == KEY_MLDSA44 || type == KEY_MLDSA65 || type == KEY_MLDSA87;
}

bool key_type_is_there(enum key_type type)
{
    if (!is_mldsa(type))
        return true;
    (void)pthread_once(&asked, ask);
    return there[type];
}

enum err key_type_check(enum key_type type, struct err_info *why)
{
    if (key_type_is_there(type))
        return ERR_OK;
    return err_set(why, ERR_CRYPTO,
                   "keys of type %s need OpenSSL 3.5 or newer, and this is OpenSSL %s",
                   key_kind(type)->openssl_name, OpenSSL_version(OPENSSL_VERSION_STRING));
}

bool key_type_is_plain(enum key_type type)
{
    return type == KEY_ED25519 || is_mldsa(type);
}
