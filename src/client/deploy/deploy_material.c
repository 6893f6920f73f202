/* The version in force. */
#include "client/deploy/deploy_material.h"

#include <string.h>

#include "client/store/certificate_store.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/secret.h"
#include "core/crypto/key.h"
#include "core/x509/certificate.h"

#define PEM_MAX (CERTIFICATE_MAX * 2 * CERTIFICATE_CHAIN_MAX) /* octets of a file */

static char *part_path(struct arena *a, const struct deploy_material *m, size_t index,
                       const char *file)
{
    const char *key_type = index == 0 ? "" : m->parts[index].key_type;

    return file_path(a, m->folder, certificate_store_file(a, key_type, file));
}

static void drop_secret(void *object)
{
    secret_free(object);
}

static enum err read_key(struct arena *a, const char *path, struct span *pem,
                         struct err_info *why)
{
    struct span text;
    enum err result = file_read(a, path, KEY_PEM_MAX, &text, why);

    if (result == ERR_NOT_FOUND)
        return ERR_OK; /* the request was brought along, its key is elsewhere */
    if (result != ERR_OK)
        return result;
    struct secret *kept = arena_get(a, sizeof *kept);
    *kept = secret_make(text);
    memory_wipe((void *)(uintptr_t)text.data, text.len);
    arena_own(a, kept, drop_secret);
    *pem = span_make(kept->data, kept->len);
    return ERR_OK;
}

/* All but the keys. */
static enum err read_public(struct arena *a, const char *directory,
                            const char *certificate, struct deploy_material *m,
                            struct err_info *why)
{
    struct certificate_metadata metadata;

    TRY(certificate_store_get(a, directory, certificate, &metadata, why));
    *m = (struct deploy_material){.certificate = certificate, .serials = ""};
    m->folder = certificate_store_path(a, directory, certificate);
    m->names = metadata.names;
    m->name_count = metadata.name_count;
    m->count = metadata.part_count;
    m->not_after = metadata.parts[0].not_after;
    for (size_t i = 0; i < m->count; i++) {
        const struct certificate_part *p = &metadata.parts[i];
        m->parts[i] = (struct deploy_part){.key_type = p->key_type, .serial = p->serial};
        m->serials = arena_printf(a, "%s%s%s", m->serials, i > 0 ? "," : "", p->serial);
        if (p->not_after < m->not_after)
            m->not_after = p->not_after;
    }
    return ERR_OK;
}

enum err deploy_material_read(struct arena *a, const char *directory,
                              const char *certificate, struct deploy_material *m,
                              struct err_info *why)
{
    struct deploy_material read;

    TRY(read_public(a, directory, certificate, &read, why));
    for (size_t i = 0; i < read.count; i++) {
        struct deploy_part *p = &read.parts[i];
        TRY(file_read(a, part_path(a, &read, i, "cert.pem"), PEM_MAX, &p->certificate_pem,
                      why));
        TRY(file_read(a, part_path(a, &read, i, "chain.pem"), PEM_MAX, &p->chain_pem,
                      why));
        TRY(read_key(a, part_path(a, &read, i, "key.pem"), &p->key_pem, why));
    }
    *m = read;
    return ERR_OK;
}

const char *deploy_material_serials(struct arena *a, const char *directory,
                                    const char *certificate)
{
    struct deploy_material m;
    struct err_info ignored = {0};

    return read_public(a, directory, certificate, &m, &ignored) == ERR_OK ? m.serials
                                                                          : NULL;
}
