/* The providers that there are. */
#include "client/dns/dns_provider.h"

#include <string.h>

#include "core/base/buf.h"

#define NAMES_MAX 400 /* octets of a list in a sentence */

static const struct dns_provider *const providers[] = {
#define PROVIDER(name, parallel) &dns_provider_##name,
#include "client/dns/providers.def"
#undef PROVIDER
};

#define PROVIDER_COUNT (sizeof providers / sizeof providers[0])

const struct dns_provider *dns_provider_find(const char *name)
{
    for (size_t i = 0; i < PROVIDER_COUNT; i++) {
        size_t len = strlen(providers[i]->name);
        bool takes_more = len > 0 && providers[i]->name[len - 1] == ':';
        if (takes_more ? strncmp(name, providers[i]->name, len) == 0
                       : strcmp(name, providers[i]->name) == 0)
            return providers[i];
    }
    return NULL;
}

bool dns_provider_keeps(const struct settings_dns *dns)
{
    const struct dns_provider *found = dns_provider_find(dns->provider);

    return found != NULL && found->keeps;
}

size_t dns_provider_parallel(const struct settings_dns *dns)
{
    static const size_t parallels[] = {
#define PROVIDER(name, parallel) parallel,
#include "client/dns/providers.def"
#undef PROVIDER
    };
    const struct dns_provider *found = dns_provider_find(dns->provider);

    for (size_t i = 0; i < PROVIDER_COUNT; i++)
        if (providers[i] == found)
            return parallels[i];
    return 1;
}

const char *dns_provider_option(struct arena *a, const struct settings_dns *dns,
                                const char *option)
{
    return arena_printf(a, "dns.%s.%s", dns->name, option);
}

enum err dns_provider_check(const struct settings_dns *dns, struct err_info *why)
{
    AUTO(buf) struct buf names = buf_make(NAMES_MAX);
    const struct dns_provider *provider = dns_provider_find(dns->provider);

    if (provider != NULL)
        return provider->check(dns, why);
    for (size_t i = 0; i < PROVIDER_COUNT; i++)
        buf_printf(&names, "%s%s", i > 0 ? ", " : "", providers[i]->name);
    return err_set(why, ERR_CONFIG, "dns.%s.provider: \"%.100s\" is none of %.*s",
                   dns->name, dns->provider, (int)names.len, (const char *)names.data);
}

enum err dns_provider_check_there(const struct settings_dns *dns,
                                  const struct settings *s, struct err_info *why)
{
    const struct dns_provider *provider = dns_provider_find(dns->provider);

    return provider == NULL || provider->check_there == NULL
               ? ERR_OK
               : provider->check_there(dns, s, why);
}
