/* Which key accounts get. */
#include "client/settings/settings_account_key.h"

#include <string.h>

#include "client/settings/settings_key.h"
#include "core/base/text.h"
#include "core/pkcs11/pkcs11_uri.h"

static bool is_tpm(const char *text)
{
    return strcmp(text, "tpm") == 0 || strncmp(text, "tpm:", 4) == 0;
}

/* What is kept of a key is lines (store/account_key.h). */
static bool is_one_line(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return false;
    return true;
}

static enum err check_uri(struct arena *a, const char *text, struct err_info *why)
{
    struct pkcs11_uri uri;

    if (pkcs11_uri_read(a, span_of(text), &uri, why) != ERR_OK)
        return err_prefix(why, "account_key");
    if (uri.module_path == NULL)
        return err_set(why, ERR_CONFIG,
                       "account_key: the URI does not say which module reaches the token "
                       "(?module-path=/usr/lib/...)");
    if (uri.pin_file != NULL)
        return err_set(why, ERR_CONFIG,
                       "account_key: the file with the PIN is said by account_pin_file "
                       "(--pin-file), not by pin-source");
    return ERR_OK;
}

static enum err check_device(struct arena *a, const struct settings_ca *ca,
                             struct err_info *why)
{
    const struct settings_key *type = settings_key_find(ca->account_key_type);
    bool tpm = is_tpm(ca->account_key);

    if (!is_one_line(ca->account_key) || !is_one_line(ca->account_pin_file))
        return err_set(why, ERR_CONFIG, "account_key: it is more than one line");
    if (type == NULL || !type->for_accounts || (tpm && type->bits > 2048))
        return err_set(why, ERR_CONFIG, "account_key_type: \"%.50s\" is none of %s",
                       ca->account_key_type,
                       tpm ? "p256, p384, rsa2048"
                           : "p256, p384, rsa2048, rsa3072, rsa4096");
    return tpm ? ERR_OK : check_uri(a, ca->account_key, why);
}

enum err settings_account_key_check(struct arena *a, const struct settings_ca *ca,
                                    struct err_info *why)
{
    const struct settings_key *key = settings_key_find(ca->account_key);

    if (is_tpm(ca->account_key) || pkcs11_uri_is(ca->account_key))
        return check_device(a, ca, why);
    if (key == NULL || !key->for_accounts)
        return err_set(why, ERR_CONFIG,
                       "account_key: \"%.50s\" is none of p256, p384, rsa2048, rsa3072, "
                       "rsa4096, tpm, tpm:TCTI, pkcs11:URI",
                       ca->account_key);
    return ERR_OK;
}
