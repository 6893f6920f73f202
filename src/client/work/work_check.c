/* What settings name, looked at before anything is asked. */
#include <string.h>

#include "client/deploy/deploy_check.h"
#include "client/deploy/deploy_content.h"
#include "client/deploy/deploy_target.h"
#include "client/device/device.h"
#include "client/dns/dns_ask.h"
#include "client/dns/dns_provider.h"
#include "client/solve/solve_choose.h"
#include "client/work/work.h"

#define LIST_MAX 400 /* octets of challenge types in a sentence */

static enum err check_challenges(const struct wanted *w, struct err_info *why)
{
    const struct challenge_list *list = &w->certificate->challenge_types;
    struct challenge_list all = {0};
    AUTO(buf) struct buf known = buf_make(LIST_MAX);

    solve_choose_all(&all);
    challenge_list_write(&known, &all);
    for (size_t i = 0; i < list->count; i++)
        if (!solve_choose_knows(list->types[i]))
            return err_set(
                why, ERR_CONFIG,
                "challenges: this version of cairn cannot answer %s, only %.*s",
                terms_challenge_type(list->types[i]), (int)known.len,
                (const char *)known.data);
    return ERR_OK;
}

static enum err check_dns(const struct settings_dns *dns, struct err_info *why)
{
    struct dns_addresses ignored;

    if (dns->resolver[0] != '\0' &&
        dns_ask_resolvers(dns->resolver, &ignored, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "dns.%s.resolver", dns->name);
    }
    return dns_provider_check(dns, why);
}

static enum err check_deployment(struct arena *a, const struct settings_deployment *d,
                                 struct err_info *why)
{
    struct deploy_check ignored;

    if (!deploy_target_is_known(d->target))
        return err_set(why, ERR_CONFIG, "target: \"%.100s\" is none of %s", d->target,
                       deploy_target_names());
    if (strcmp(d->target, "hook") == 0 && d->command[0] == '\0')
        return err_set(why, ERR_CONFIG, "command: it must be given, as target is hook");
    if (d->check[0] != '\0')
        TRY(deploy_check_parse(a, d->check, &ignored, why));
    return deploy_content_check(d, why);
}

/* What cannot be written, as nobody has it. What a TPM gives to keep is a PEM that
 * servers can read; where a token's key is, their own configuration says. */
static enum err check_files(const struct settings_deployment *d, const char *device,
                            struct err_info *why)
{
    bool has_text = device_makes_keys(device);
    const char *option = d->pkcs12_file[0] != '\0'                  ? "pkcs12_file"
                         : !has_text && d->combined_file[0] != '\0' ? "combined_file"
                         : !has_text && d->key_file[0] != '\0'      ? "key_file"
                                                                    : NULL;

    if (option == NULL)
        return ERR_OK;
    return err_set(why, ERR_CONFIG,
                   "deployments.%s: %s: it would have the private key in it, which does "
                   "not leave the device",
                   d->name, option);
}

static enum err check_device(const struct wanted *w, struct err_info *why)
{
    const struct settings_certificate *c = w->certificate;

    if (c->device[0] == '\0')
        return ERR_OK;
    TRY(device_check(c->device, why));
    if (c->keys.count > 1 && !device_makes_keys(c->device))
        return err_set(why, ERR_CONFIG,
                       "keys: the URI names one key of the token; several are for a TPM");
    for (size_t i = 0; i < c->keys.count; i++)
        TRY(device_check_key(c->device, c->keys.items[i], why));
    for (size_t i = 0; i < w->deployment_count; i++)
        TRY(check_files(w->deployments[i], c->device, why));
    return ERR_OK;
}

enum err work_check(const struct wanted *w, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();

    TRY(check_challenges(w, why));
    for (size_t i = 0; i < w->deployment_count; i++)
        if (check_deployment(a, w->deployments[i], why) != ERR_OK)
            return err_prefix(why, "deployments.%s", w->deployments[i]->name);
    for (size_t i = 0; i < w->dns_count; i++)
        TRY(check_dns(w->dns[i].dns, why));
    return check_device(w, why);
}
