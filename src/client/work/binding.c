/* External account binding. */
#include "client/work/binding.h"

#include <string.h>

#include "core/base/base64url.h"
#include "core/base/memory.h"
#include "core/base/secret_file.h"
#include "core/base/text.h"
#include "core/jose/jwk.h"
#include "core/jose/jws_mac.h"

#define KEY_FILE_MAX 4096 /* octets */
#define BINDING_MAX  (64 * 1024)

/* CAs hand keys out in either alphabet, with or without padding. */
static bool decode(struct arena *a, struct span text, struct span *key)
{
    char *copy = arena_string_of(a, text);

    for (char *p = copy; *p != '\0'; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
    bool good = base64url_decode_padded(a, span_of(copy), key);
    memory_wipe(copy, text.len);
    return good;
}

static enum err read_key(struct arena *a, const char *path, struct span *key,
                         struct err_info *why)
{
    struct span text;

    TRY(secret_file_read(a, "--eab-key-file", path, KEY_FILE_MAX, &text, why));
    bool good = decode(a, text_trim(text), key);
    memory_wipe((void *)(uintptr_t)text.data, text.len);
    if (!good || key->len < JWS_MAC_KEY_MIN)
        return err_set(why, ERR_CONFIG,
                       "--eab-key-file: %s holds no MAC key: base64url of at least %d "
                       "octets, nothing else",
                       path, JWS_MAC_KEY_MIN);
    return ERR_OK;
}

enum err binding_make(struct arena *a, const struct settings_ca *ca,
                      const struct key *account_key, const char *url, struct span *jws,
                      struct err_info *why)
{
    enum hash_kind hash = HASH_SHA256;
    AUTO(buf) struct buf jwk = buf_make(BINDING_MAX);
    AUTO(buf) struct buf made = buf_make(BINDING_MAX);
    struct span key = {0};

    (void)jws_mac_algorithm(ca->eab_algorithm, &hash);
    if (ca->eab_kid[0] == '\0' || strncmp(url, "https://", 8) != 0)
        return err_set(why, ERR_PROTOCOL, "a binding for %.200s cannot be made", url);
    TRY(read_key(a, ca->eab_key_file, &key, why));
    jwk_write(&jwk, account_key);
    enum err result =
        jws_mac_sign(&made, hash, key, ca->eab_kid, url, buf_span(&jwk), why);
    memory_wipe((void *)(uintptr_t)key.data, key.len);
    TRY(result);
    *jws = arena_span(a, buf_span(&made));
    return ERR_OK;
}
