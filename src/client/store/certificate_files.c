/* cert.pem and its like. */
#include "client/store/certificate_files.h"

#include "core/base/file.h"

#define PEM_MAX (2 * CERTIFICATE_MAX) /* octets of one certificate */

/* The first certificate of a file. */
static enum err read_first(struct arena *a, const char *path, size_t max,
                           struct certificate **certificate, struct err_info *why)
{
    struct span ders[CERTIFICATE_CHAIN_MAX];
    struct span pem;
    size_t count = 0;

    TRY(file_read(a, path, max, &pem, why));
    if (certificate_from_pem(a, pem, ders, CERTIFICATE_CHAIN_MAX, &count, why) !=
            ERR_OK ||
        certificate_read(a, ders[0], certificate, why) != ERR_OK)
        return err_set(why, ERR_MALFORMED, "%s is damaged", path);
    return ERR_OK;
}

static const char *path_of(struct arena *a, const char *folder,
                           const struct certificate_metadata *m, size_t part,
                           const char *file)
{
    const char *type = part == 0 ? "" : m->parts[part].key_type;

    return file_path(a, folder, certificate_store_file(a, type, file));
}

enum err certificate_files_read(struct arena *a, const char *folder,
                                const struct certificate_metadata *m, size_t part,
                                struct certificate **certificate, struct err_info *why)
{
    return read_first(a, path_of(a, folder, m, part, "cert.pem"), PEM_MAX, certificate,
                      why);
}

bool certificate_files_share_key(struct arena *a, const char *folder,
                                 const struct certificate_metadata *m, const char *other,
                                 const struct certificate_metadata *other_m)
{
    struct certificate *one = NULL;
    struct certificate *two = NULL;
    struct err_info ignored = {0};

    for (size_t i = 0; i < m->part_count; i++)
        for (size_t k = 0; k < other_m->part_count; k++)
            if (certificate_files_read(a, folder, m, i, &one, &ignored) == ERR_OK &&
                certificate_files_read(a, other, other_m, k, &two, &ignored) == ERR_OK &&
                span_equal(one->spki, two->spki))
                return true;
    return false;
}
