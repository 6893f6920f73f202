/* Account URIs in DNS records. */
#include "server/order/order_persist.h"

#include "core/acme/dns_persist.h"

char *order_persist_prefix(struct arena *a, const struct settings *settings,
                           const struct settings_directory *directory)
{
    return directory->dns_persist_revision < SETTINGS_DNS_PERSIST_HASHED
               ? NULL
               : arena_printf(a, "%s/account-hash/",
                              settings_url(a, settings, directory));
}

char *order_persist_uri(struct arena *a, const struct settings *settings,
                        const struct settings_directory *directory,
                        const struct order_persist_account *account, const char *name)
{
    char *url = settings_account_url(a, settings, directory->name, account->id);
    const char *prefix = order_persist_prefix(a, settings, directory);

    return prefix == NULL
               ? url
               : dns_persist_hashed_uri(a, prefix, name, account->thumbprint, url);
}
