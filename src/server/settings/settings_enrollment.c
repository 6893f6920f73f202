/* Enrolment of attestation keys. */
#include "server/settings/settings_enrollment.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/x509/certificate.h"
#include "server/settings/settings_bundle.h"

#define FOLDER_MOST 4096              /* files of a folder */
#define ALL_MAX     (4 * 1024 * 1024) /* octets of all of them */

bool settings_enrollment_is_on(const struct settings *s)
{
    for (size_t i = 0; i < s->directories.count; i++) {
        const struct settings_directory *directory = s->directories.members[i];
        if (directory->attestation_enrollment)
            return true;
    }
    return false;
}

enum err settings_enrollment_check(struct settings *s, struct err_info *why)
{
    s->ak_identity_by_ek = strcmp(s->ak_identity, "ek") == 0;
    if (!s->ak_identity_by_ek && strcmp(s->ak_identity, "inventory") != 0)
        return err_set(why, ERR_CONFIG,
                       "attest.ak_identity: \"%s\" is neither inventory nor ek",
                       s->ak_identity);
    if (s->ak_issuer[0] != '\0' && settings_issuer(s, s->ak_issuer) == NULL)
        return err_set(why, ERR_CONFIG, "attest.ak_issuer: there is no issuers.%s",
                       s->ak_issuer);
    if (settings_enrollment_is_on(s) && s->ak_identity_by_ek &&
        s->ek_root_files.count == 0)
        return err_set(
            why, ERR_CONFIG,
            "attest.ek_roots: with attest.ak_identity: ek a device is known by "
            "its maker's certificate, and nobody's is believed");
    return ERR_OK;
}

/* ---- files ---- */

static bool is_certificate_file(const char *name)
{
    size_t len = strlen(name);

    return name[0] != '.' && len > 4 &&
           (strcmp(name + len - 4, ".pem") == 0 || strcmp(name + len - 4, ".crt") == 0);
}

static int compare_texts(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static enum err read_folder(struct arena *a, DIR *folder, const char *path,
                            struct span *content, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(SETTINGS_EK_ROOTS_MAX);
    const char **names = arena_array(a, FOLDER_MOST, sizeof *names);
    const struct dirent *entry;
    size_t count = 0;

    while ((entry = readdir(folder)) != NULL && count < FOLDER_MOST)
        if (is_certificate_file(entry->d_name))
            names[count++] = arena_string(a, entry->d_name);
    qsort(names, count, sizeof *names, compare_texts);
    for (size_t i = 0; i < count; i++) {
        struct span one;
        TRY(file_read(a, file_path(a, path, names[i]), SETTINGS_EK_ROOTS_MAX, &one, why));
        buf_add_span(&b, one);
        buf_add_text(&b, "\n");
    }
    if (b.failed)
        return err_set(why, ERR_TOO_LARGE,
                       "%s: the files have more than %d octets together", path,
                       SETTINGS_EK_ROOTS_MAX);
    *content = arena_span(a, buf_span(&b));
    return ERR_OK;
}

enum err settings_enrollment_read(struct arena *a, const struct settings *s,
                                  const char *name, struct span *content,
                                  struct err_info *why)
{
    const char *path = settings_path(a, s, name);
    DIR *folder = opendir(path);

    if (folder == NULL)
        return file_read(a, path, SETTINGS_EK_ROOTS_MAX, content, why);
    enum err result = read_folder(a, folder, path, content, why);
    (void)closedir(folder);
    return result;
}

enum err settings_enrollment_files(struct arena *a, const struct settings *s,
                                   struct err_info *why)
{
    for (size_t i = 0; i < s->ek_root_files.count; i++) {
        const char *name = s->ek_root_files.items[i];
        struct span *ders = arena_array(a, SETTINGS_EK_ROOTS_MOST, sizeof *ders);
        struct certificate *one = NULL;
        struct span pem;
        size_t count = 0;
        enum err result = settings_enrollment_read(a, s, name, &pem, why);
        if (result == ERR_OK)
            result =
                certificate_from_pem(a, pem, ders, SETTINGS_EK_ROOTS_MOST, &count, why);
        for (size_t j = 0; j < count && result == ERR_OK; j++)
            result = certificate_read(a, ders[j], &one, why);
        if (result != ERR_OK) {
            if (why != NULL)
                why->code = ERR_CONFIG;
            return err_prefix(why, "attest.ek_roots: %s", settings_path(a, s, name));
        }
    }
    return ERR_OK;
}

enum err settings_enrollment_roots(struct arena *a, const struct settings *s,
                                   struct span *pem, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(ALL_MAX);

    for (size_t i = 0; i < s->ek_root_files.count; i++) {
        struct span one;
        if (!settings_bundle_find(s, s->ek_root_files.items[i], &one))
            TRY(settings_enrollment_read(a, s, s->ek_root_files.items[i], &one, why));
        buf_add_span(&b, one);
        buf_add_text(&b, "\n");
    }
    if (b.failed)
        return err_set(why, ERR_TOO_LARGE, "attest.ek_roots: too much altogether");
    *pem = arena_span(a, buf_span(&b));
    return ERR_OK;
}
