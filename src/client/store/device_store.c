/* devices/HASH.pem */
#include "client/store/device_store.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"

#define KEPT_MAX  (1024 * 1024) /* octets */
#define NAME_HASH 8             /* octets of the hash in the file's name */

static char *folder_of(struct arena *a, const char *directory)
{
    return file_path(a, directory, "devices");
}

static char *path_of(struct arena *a, const char *directory, const char *ca,
                     const struct settings_certificate *c)
{
    const char *whole = arena_printf(a, "%s\n%s\n%s", ca, c->device, c->attestation_ca);
    uint8_t hash[HASH_SHA256_SIZE];
    char hex[2 * NAME_HASH + 1];

    hash_sha256(span_of(whole), hash);
    text_hex(hex, hash, NAME_HASH);
    return arena_printf(a, "%s/%s.pem", folder_of(a, directory), hex);
}

enum err device_store_get(struct arena *a, const char *directory, const char *ca,
                          const struct settings_certificate *c, struct span *kept,
                          struct err_info *why)
{
    enum err result = file_read(a, path_of(a, directory, ca, c), KEPT_MAX, kept, why);

    if (result != ERR_NOT_FOUND)
        return result;
    *kept = span_of("");
    return ERR_OK;
}

enum err device_store_put(struct arena *a, const char *directory, const char *ca,
                          const struct settings_certificate *c, struct span kept,
                          struct err_info *why)
{
    TRY(file_make_directory(folder_of(a, directory), 0700, why));
    return file_replace(path_of(a, directory, ca, c), kept, 0600, why);
}
