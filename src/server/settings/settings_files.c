/* Files that are named but missing: found before a running CA takes them over, which
 * would be without its front as soon as that is started again. */
#include "server/settings/settings_files.h"

#include <string.h>

#include "core/attest/attest.h"
#include "core/base/file.h"
#include "core/pkcs11/pkcs11_uri.h"
#include "server/settings/settings_attest.h"
#include "server/settings/settings_enrollment.h"

static enum err check(struct arena *a, const struct settings *s, const char *section,
                      const char *option, const char *file, struct err_info *why)
{
    const char *path = settings_path(a, s, file);

    if (file[0] == '\0' || file_exists(path))
        return ERR_OK;
    return err_set(why, ERR_CONFIG, "%s%s: there is no file %s", section, option, path);
}

/* A CA whose root is elsewhere waits for what that signs. */
static enum err check_intermediate(struct arena *a, const struct settings *s,
                                   struct err_info *why)
{
    const char *path = settings_path(a, s, s->intermediate_file);

    if (!file_exists(path) &&
        file_exists(settings_path(a, s, settings_files_request(a, s->intermediate_file))))
        return err_set(why, ERR_CONFIG,
                       "files.intermediate: there is no file %s; have the root sign the "
                       "request that init made, then: cairn-ca intermediate import --dir "
                       "%s --certificate FILE --root-cert FILE",
                       path, s->directory);
    return check(a, s, "", "files.intermediate", s->intermediate_file, why);
}

/* A credential is there only for the processes that systemd starts. */
static enum err check_pin(struct arena *a, const struct settings *s, const char *section,
                          const char *option, const char *source, struct err_info *why)
{
    if (strncmp(source, "credential:", strlen("credential:")) == 0)
        return ERR_OK;
    return check(a, s, section, option, source, why);
}

static enum err check_all(struct arena *a, const struct settings *s, const char *option,
                          const struct config_list *files, struct err_info *why)
{
    for (size_t i = 0; i < files->count; i++)
        TRY(check(a, s, "", option, files->items[i], why));
    return ERR_OK;
}

static enum err check_pkcs11(struct arena *a, const struct settings *s,
                             struct err_info *why)
{
    TRY(check_all(a, s, "pkcs11.modules", &s->pkcs11_modules, why));
    TRY(check_all(a, s, "pkcs11.read", &s->pkcs11_read, why));
    TRY(check_all(a, s, "pkcs11.write", &s->pkcs11_write, why));
    return check_pin(a, s, "", "pkcs11.pin", s->pkcs11_pin, why);
}

static enum err check_issuer(struct arena *a, const struct settings *s,
                             const struct settings_issuer *issuer, struct err_info *why)
{
    const char *section = arena_printf(a, "issuers.%s.", issuer->name);

    TRY(check(a, s, section, "certificate", issuer->certificate, why));
    if (!pkcs11_uri_is(issuer->key))
        TRY(check(a, s, section, "key", issuer->key, why));
    TRY(check_pin(a, s, section, "pin", issuer->pin, why));
    TRY(check(a, s, section, "root", issuer->root, why));
    for (size_t i = 0; i < issuer->alternates.count; i++)
        TRY(check(a, s, section, "alternates", issuer->alternates.items[i], why));
    return ERR_OK;
}

static enum err check_attest(struct arena *a, const struct settings *s,
                             struct err_info *why)
{
    static const char *const names[ATTEST_FORMAT_COUNT] = {
#define ATTEST_FORMAT(name, wire, option, proof, vendor) "attest." option "_roots",
#include "core/attest/formats.def"
#undef ATTEST_FORMAT
    };

    for (int i = 0; i < ATTEST_FORMAT_COUNT; i++)
        TRY(check_all(a, s, names[i], settings_attest_roots(s, i), why));
    return check(a, s, "", "attest.android_status", s->attest_android_status, why);
}

const char *settings_files_request(struct arena *a, const char *certificate)
{
    size_t len = strlen(certificate);

    if (len > 4 && strcmp(certificate + len - 4, ".pem") == 0)
        len -= 4;
    return arena_printf(a, "%.*s.csr", (int)len, certificate);
}

enum err settings_files_check(struct arena *a, const struct settings *settings,
                              struct err_info *why)
{
    const struct settings *s = settings;

    TRY(check_intermediate(a, s, why));
    TRY(check(a, s, "", "files.root", s->root_file, why));
    if (!pkcs11_uri_is(s->intermediate_key_file))
        TRY(check(a, s, "", "files.intermediate_key", s->intermediate_key_file, why));
    TRY(check_pkcs11(a, s, why));
    for (size_t i = 0; i < s->alternate_files.count; i++)
        TRY(check(a, s, "", "files.alternates", s->alternate_files.items[i], why));
    for (size_t i = 0; i < s->debian_weak.count; i++)
        TRY(check(a, s, "", "keys.debian_weak", s->debian_weak.items[i], why));
    for (size_t i = 0; i < s->compromised_keys.count; i++)
        TRY(check(a, s, "", "keys.compromised", s->compromised_keys.items[i], why));
    TRY(check(a, s, "", "rates.suffix_list", s->suffix_list, why));
    TRY(check(a, s, "", "ct.ca_file", s->ct_ca_file, why));
    TRY(check_attest(a, s, why));
    TRY(settings_enrollment_files(a, s, why));
    if (s->perspectives.count > 0 &&
        !file_exists(settings_path(a, s, SETTINGS_PERSPECTIVE_KEY)))
        return err_set(why, ERR_CONFIG,
                       "there are perspectives, but no key they know this CA by: %s; "
                       "make it with: cairn-ca perspective list --dir %s",
                       settings_path(a, s, SETTINGS_PERSPECTIVE_KEY), s->directory);
    for (size_t i = 0; i < s->issuers.count; i++)
        TRY(check_issuer(a, s, s->issuers.members[i], why));
    return ERR_OK;
}
