/* Policy: what a profile takes of a certificate request. */
#include <string.h>

#include "server/policy/policy.h"

static enum err check_key(struct arena *a, const struct settings_profile *profile,
                          const struct key *key, struct err_info *why)
{
    static const char *const names[] = {
        [KEY_P256] = "p256",       [KEY_P384] = "p384",       [KEY_P521] = "p521",
        [KEY_ED25519] = "ed25519", [KEY_MLDSA44] = "mldsa44", [KEY_MLDSA65] = "mldsa65",
        [KEY_MLDSA87] = "mldsa87", [KEY_RSA] = "rsa"};
    const char *name = names[key_type(key)];

    if (settings_profile_takes(profile, key_type(key), key_bits(key)))
        return ERR_OK;
    if (key_type(key) == KEY_RSA)
        name = arena_printf(a, "rsa%d", key_bits(key));
    return err_set(why, ERR_BAD_CSR,
                   "the key is of type %s; the profile \"%s\" takes these: %s", name,
                   profile->name, settings_profile_keys(a, profile));
}

static enum err check_staple(const struct settings_profile *profile, bool renewed,
                             struct err_info *why)
{
    if (profile->must_staple_rule == SETTINGS_MUST_STAPLE_NEVER)
        return err_set(why, ERR_BAD_CSR,
                       "the request asks for must-staple, which the profile \"%s\" does "
                       "not allow",
                       profile->name);
    if (profile->must_staple_rule == SETTINGS_MUST_STAPLE_ALLOW && renewed)
        return err_set(
            why, ERR_BAD_CSR,
            "the request asks for must-staple, which certificates that are "
            "renewed automatically have only if the profile asks for it; \"%s\" "
            "does not",
            profile->name);
    return ERR_OK;
}

static enum err check_common_name(const struct settings_profile *profile,
                                  const char *common_name, bool renewed, bool for_device,
                                  struct err_info *why)
{
    bool is_taken = for_device
                        ? profile->device_subject_rule == SETTINGS_DEVICE_SUBJECT_CSR
                        : profile->common_name_rule == SETTINGS_COMMON_NAME_CSR;

    if (!for_device && profile->common_name_rule == SETTINGS_COMMON_NAME_REFUSE)
        return err_set(why, ERR_BAD_CSR,
                       "the request has a common name, which the profile \"%s\" does not "
                       "allow; put names into the subjectAltName only",
                       profile->name);
    if (is_taken && !renewed && strlen(common_name) > SETTINGS_COMMON_NAME_MAX)
        return err_set(why, ERR_BAD_CSR,
                       "the common name is longer than the %d characters it may have "
                       "(RFC 5280 A.1); leave it out",
                       SETTINGS_COMMON_NAME_MAX);
    return ERR_OK;
}

enum err policy_request(struct arena *a, const struct settings_profile *profile,
                        const struct csr_checked *csr, bool renewed, bool for_device,
                        struct err_info *why)
{
    TRY(check_key(a, profile, csr->key, why));
    if (csr->must_staple)
        TRY(check_staple(profile, renewed, why));
    return csr->common_name == NULL
               ? ERR_OK
               : check_common_name(profile, csr->common_name, renewed, for_device, why);
}
