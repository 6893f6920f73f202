/* Keys made in advance. */
#include "client/store/next_key.h"

#include <unistd.h>

#include "client/store/certificate_store.h"
#include "core/base/file.h"
#include "core/base/memory.h"

char *next_key_path(struct arena *a, const char *directory, const char *name,
                    const char *key_type)
{
    return arena_printf(a, "%s/certificates/%s/next.%s", directory, name,
                        certificate_store_file(a, key_type, "key.pem"));
}

enum err next_key_read(const char *path, struct key **key, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span pem;

    TRY(file_read(a, path, KEY_PEM_MAX, &pem, why));
    enum err result = key_from_pem(pem, NULL, key, why);
    memory_wipe((void *)(uintptr_t)pem.data, pem.len);
    return result == ERR_OK ? ERR_OK : err_prefix(why, "%s", path);
}

void next_key_drop(const char *path)
{
    file_sweep(path);
    (void)unlink(path);
}

enum err next_key_write(const char *path, const struct key *key, struct err_info *why)
{
    AUTO(secret) struct secret pem = {0};

    TRY(key_to_pem(key, NULL, &pem, why));
    file_sweep(path); /* under the certificate's lock: keys nobody knows of any more */
    return file_replace(path, span_make(pem.data, pem.len), 0600, why);
}
