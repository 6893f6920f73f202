/* Profiles beside the certificates that issue by them. */
#include "server/settings/settings_issuing.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/crypto/der_read.h"
#include "core/x509/certificate.h"
#include "core/x509/oid.h"
#include "server/settings/settings_issuers.h"

#define FILE_MAX    (1024 * 1024) /* octets */
#define DAY_SECONDS 86400

/* Does the profile take keys of that class at all? */
static bool takes_class(const struct settings_profile *profile, int class)
{
    static const unsigned int words[SETTINGS_KEY_CLASSES] = {
        [SETTINGS_KEYS_RSA] = 1U << SETTINGS_KEY_RSA | 1U << SETTINGS_KEY_RSA2048 |
                              1U << SETTINGS_KEY_RSA3072 | 1U << SETTINGS_KEY_RSA4096,
        [SETTINGS_KEYS_ECDSA] =
            1U << SETTINGS_KEY_P256 | 1U << SETTINGS_KEY_P384 | 1U << SETTINGS_KEY_P521,
        [SETTINGS_KEYS_ED25519] = 1U << SETTINGS_KEY_ED25519,
        [SETTINGS_KEYS_MLDSA] = 1U << SETTINGS_KEY_MLDSA44 | 1U << SETTINGS_KEY_MLDSA65 |
                                1U << SETTINGS_KEY_MLDSA87,
    };

    return (profile->key_types & words[class]) != 0;
}

/* The certificate that signs for keys of a class; NULL if it cannot be read, or is that
 * of a class before, or there are no such keys. */
static const struct certificate *issuer_of(struct arena *a, const struct settings *s,
                                           const struct settings_directory *directory,
                                           const struct settings_profile *profile,
                                           int class)
{
    const char *name =
        settings_issuers_name(directory, profile, (enum settings_key_class) class);
    if (!takes_class(profile, class))
        return NULL;
    for (int i = 0; i < class; i++)
        if (takes_class(profile, i) &&
            strcmp(name, settings_issuers_name(directory, profile,
                                               (enum settings_key_class)i)) == 0)
            return NULL;
    const struct settings_issuer *named = settings_issuer(s, name);
    const char *file = named != NULL ? named->certificate : s->intermediate_file;
    struct span ders[CERTIFICATE_CHAIN_MAX];
    struct certificate *certificate = NULL;
    struct span pem;
    size_t count = 0;

    if (file_read(a, settings_path(a, s, file), FILE_MAX, &pem, NULL) != ERR_OK ||
        certificate_from_pem(a, pem, ders, CERTIFICATE_CHAIN_MAX, &count, NULL) !=
            ERR_OK ||
        certificate_read(a, ders[0], &certificate, NULL) != ERR_OK)
        return NULL;
    return certificate;
}

/* Does the issuer's extended key usage, if it has one, leave room for all usages? It
 * narrows what stands below it for whoever heeds it (Baseline Requirements 7.1.2.10.6).
 */
static bool allows_usages(const struct certificate *issuer,
                          const struct settings_profile *profile)
{
    for (size_t i = 0;
         issuer->extended_key_usage.len > 0 && i < profile->usage_oids.count; i++) {
        struct der_reader r = der_read_start(issuer->extended_key_usage, 2);
        bool found = false;
        der_read_enter(&r, DER_SEQUENCE);
        while (der_read_more(&r)) {
            struct span usage = der_read_oid(&r);
            found = found || oid_is(usage, OID_ANY_EXTENDED_KEY_USAGE) ||
                    span_equal(usage, profile->usage_oids.contents[i]);
        }
        if (!found)
            return false;
    }
    return true;
}

static enum err judge(const struct settings_profile *profile,
                      const struct settings_directory *directory,
                      const struct certificate *issuer, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    int64_t lasts = issuer->not_after - issuer->not_before + 1;

    if (profile->lifetime_seconds > lasts)
        return err_set(why, ERR_CONFIG,
                       "lifetime: the issuing certificate of directory \"%s\" is itself "
                       "valid for %lld days only",
                       directory->name, (long long)(lasts / DAY_SECONDS));
    if (!allows_usages(issuer, profile))
        return err_set(
            why, ERR_CONFIG,
            "usages: the issuing certificate of directory \"%s\" is not for all "
            "of them (its extended key usage)",
            directory->name);
    if (profile->baseline && key_from_spki(issuer->spki, &key, NULL) == ERR_OK &&
        key_type_is_plain(key_type(key)))
        return err_set(why, ERR_CONFIG,
                       "rules: the issuer of directory \"%s\" has an %s key, which br "
                       "does not allow (BR 6.1.5)",
                       directory->name,
                       key_type(key) == KEY_ED25519 ? "Ed25519" : "ML-DSA");
    return ERR_OK;
}

/* An issuer that a profile names for keys it does not take would never sign. */
static enum err check_rows(const struct settings *s, struct err_info *why)
{
    for (size_t i = 0; i < s->profiles.count; i++) {
        const struct settings_profile *profile = s->profiles.members[i];
        for (int c = 0; c < SETTINGS_KEY_CLASSES; c++)
            if (profile->issuer_by_key[c] != NULL && !takes_class(profile, c))
                return err_set(why, ERR_CONFIG,
                               "profiles.%s: issuers: \"%s\" is for a type of key that "
                               "key_types does not have",
                               profile->name, profile->issuer_by_key[c]);
    }
    return ERR_OK;
}

enum err settings_issuing_check(struct arena *a, const struct settings *s,
                                struct err_info *why)
{
    TRY(check_rows(s, why));
    for (size_t i = 0; i < s->directories.count; i++) {
        const struct settings_directory *directory = s->directories.members[i];
        for (size_t j = 0; j < SETTINGS_KEY_CLASSES * directory->offered_count; j++) {
            const struct settings_profile *profile =
                directory->offered[j / SETTINGS_KEY_CLASSES];
            const struct certificate *issuer =
                issuer_of(a, s, directory, profile, (int)(j % SETTINGS_KEY_CLASSES));
            if (issuer != NULL && judge(profile, directory, issuer, why) != ERR_OK)
                return err_prefix(why, "profiles.%s", profile->name);
        }
    }
    return ERR_OK;
}

const char *const *settings_issuing_notes(struct arena *a, const struct settings *s,
                                          int64_t now, size_t *count)
{
    const char **notes = arena_array(a, CONFIG_LIST_MAX, sizeof *notes);
    char end[CLOCK_TEXT_SIZE];

    *count = 0;
    for (size_t i = 0; i < s->directories.count; i++) {
        const struct settings_directory *directory = s->directories.members[i];
        for (size_t j = 0; j < SETTINGS_KEY_CLASSES * directory->offered_count; j++) {
            const struct settings_profile *profile =
                directory->offered[j / SETTINGS_KEY_CLASSES];
            const struct certificate *issuer =
                issuer_of(a, s, directory, profile, (int)(j % SETTINGS_KEY_CLASSES));
            if (issuer == NULL || now + profile->lifetime_seconds <= issuer->not_after ||
                *count == CONFIG_LIST_MAX)
                continue;
            clock_text(end, issuer->not_after);
            notes[(*count)++] = arena_printf(
                a,
                "profiles.%s: lifetime: certificates of directory \"%s\" end "
                "earlier, with their issuing certificate at %s",
                profile->name, directory->name, end);
        }
    }
    return notes;
}
