/* cert.pem and its like. */
#include "client/store/certificate_files.h"

#include <string.h>

#include "client/store/metadata.h"
#include "core/base/file.h"
#include "core/base/text.h"

#define PEM_MAX    (2 * CERTIFICATE_MAX) /* octets of one certificate */
#define FULL_MAX   (PEM_MAX * CERTIFICATE_CHAIN_MAX)
#define SERIAL_MAX 64 /* octets; RFC 5280 has 20 */

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

enum err certificate_files_read(struct arena *a, const char *folder,
                                const struct certificate_metadata *m, size_t part,
                                struct certificate **certificate, struct err_info *why)
{
    const char *type = part == 0 ? "" : m->parts[part].key_type;

    return read_first(a,
                      file_path(a, folder, certificate_store_file(a, type, "cert.pem")),
                      PEM_MAX, certificate, why);
}

/* The first one in each of both files is that of the metadata. */
static const char *damage_of_part(struct arena *a, const char *folder,
                                  const struct certificate_metadata *m, size_t part)
{
    static const char *const files[] = {"cert.pem", "fullchain.pem"};
    char serial[2 * SERIAL_MAX + 1];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *type = part == 0 ? "" : m->parts[part].key_type;
        const char *name = certificate_store_file(a, type, files[i]);
        struct certificate *read = NULL;
        struct err_info ignored = {0};
        enum err result =
            read_first(a, file_path(a, folder, name), FULL_MAX, &read, &ignored);
        if (result == ERR_IO)
            continue;
        if (result != ERR_OK)
            return arena_printf(a, "its file %s is %s", name,
                                result == ERR_NOT_FOUND ? "missing" : "damaged");
        if (read->serial.len > SERIAL_MAX)
            continue;
        text_hex(serial, read->serial.data, read->serial.len);
        if (strcmp(serial, m->parts[part].serial) != 0)
            return arena_printf(a, "its file %s is that of another certificate", name);
    }
    return NULL;
}

/* Who reads without a lock may have read the metadata of one and the files of another. */
static bool is_still(struct arena *a, const char *folder,
                     const struct certificate_metadata *m)
{
    struct certificate_metadata now;
    struct err_info ignored = {0};
    struct span text;

    return file_read(a, file_path(a, folder, "metadata.json"), METADATA_MAX, &text,
                     &ignored) == ERR_OK &&
           metadata_read(a, text, &now, &ignored) == ERR_OK &&
           strcmp(now.parts[0].serial, m->parts[0].serial) == 0;
}

const char *certificate_files_damage(struct arena *a, const char *folder,
                                     const struct certificate_metadata *m)
{
    for (size_t i = 0; i < m->part_count; i++) {
        const char *damage = damage_of_part(a, folder, m, i);
        if (damage != NULL)
            return is_still(a, folder, m) ? damage : NULL;
    }
    return NULL;
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
