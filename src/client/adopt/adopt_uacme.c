/* uacme: private/key.pem, private/NAME/key.pem, NAME/cert.pem. */
#include <string.h>

#include "client/adopt/adopt.h"
#include "core/base/file.h"

#define CA_DEFAULT "https://acme-v02.api.letsencrypt.org/directory"

static void take_certificate(struct adopt *found, const char *ca, const char *name)
{
    struct arena *a = found->arena;
    const char *certificate = arena_printf(a, "%s/%s/cert.pem", found->folder, name);
    const char *key = arena_printf(a, "%s/private/%s/key.pem", found->folder, name);

    if (!file_exists(certificate))
        return;
    struct adopt_certificate *c = adopt_certificate_add(found, name, certificate, ca);
    if (c == NULL)
        return;
    adopt_certificate_files(found, c, key, certificate, NULL);
    if (c->want->names.count == 0)
        adopt_list_add(found, &c->want->names, name);
    c->want->reuse_key = true; /* as uacme does */
    adopt_remark(
        found, certificate,
        "uacme does not keep its hook: cairn answers http-01 by a listener unless "
        "its settings say otherwise (dns: one with provider uacme runs such a "
        "hook)");
    adopt_keep_paths(found, c, key, NULL, NULL, certificate);
}

enum err adopt_uacme(struct adopt *found, struct err_info *why)
{
    struct arena *a = found->arena;
    const char *key = file_path(a, found->folder, "private/key.pem");
    const char *ca = found->ca != NULL ? found->ca : CA_DEFAULT;
    const char *const *names = NULL;
    size_t count = 0;

    if (!file_exists(key))
        return err_set(why, ERR_NOT_FOUND, "there is no uacme in %s: no private/key.pem",
                       found->folder);
    if (found->ca == NULL)
        adopt_remark(
            found, found->folder,
            "uacme does not keep which CA it asks: Let's Encrypt is taken for it "
            "unless you say --ca URL");
    adopt_list_folder(a, found->folder, &names, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], "private") != 0)
            take_certificate(found, ca, names[i]);
    adopt_account_pem(found, ca, NULL, NULL, key);
    return ERR_OK;
}
