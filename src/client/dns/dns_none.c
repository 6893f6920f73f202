/* Provider "none": nobody adds records. For dns-persist-01, whose records stay, and which
 * wants to know no more than how they are looked at. */
#include "client/dns/dns_provider.h"

static enum err check(const struct settings_dns *dns, struct err_info *why)
{
    (void)dns;
    (void)why;
    return ERR_OK;
}

static enum err add(const struct dns_use *use, struct dns_task *task,
                    struct err_info *why)
{
    return err_set(why, ERR_CONFIG, "%s: nobody adds records, as %s needs it",
                   dns_provider_option(use->arena, use->dns, "provider"), task->name);
}

static enum err remove_record(const struct dns_use *use, const struct dns_task *task,
                              struct err_info *why)
{
    (void)use;
    (void)task;
    (void)why;
    return ERR_OK;
}

const struct dns_provider dns_provider_none = {
    .name = "none", .check = check, .add = add, .remove = remove_record};
