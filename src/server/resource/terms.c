/* Terms of service (RFC 8555 7.3, 7.3.3): what every account agrees to, and agrees to
 * again when the operator has changed them and says so. */
#include <string.h>

#include "server/exchange/account_cache.h"
#include "server/resource/resource.h"

void resource_terms_link(struct exchange *x)
{
    const char *terms = x->services->settings->terms_of_service;

    if (terms[0] != '\0')
        exchange_header_add(
            x, "Link", arena_printf(x->arena, "<%s>;rel=\"terms-of-service\"", terms));
}

enum err resource_terms_refuse(struct exchange *x, const char *what, struct err_info *why)
{
    const struct settings *settings = x->services->settings;
    const char *help = settings->terms_of_service_help;

    resource_terms_link(x);
    (void)err_set(why, ERR_USER_ACTION_REQUIRED, "%s: %s", what,
                  settings->terms_of_service);
    why->instance = help[0] != '\0' ? help : settings->terms_of_service;
    return ERR_USER_ACTION_REQUIRED;
}

bool resource_terms_are_new(const struct exchange *x)
{
    const char *terms = x->services->settings->terms_of_service;

    return terms[0] != '\0' && strcmp(terms, x->account->terms) != 0;
}

enum err resource_terms_check(struct exchange *x, struct err_info *why)
{
    if (!x->services->settings->terms_of_service_renew || !resource_terms_are_new(x))
        return ERR_OK;
    return resource_terms_refuse(
        x,
        "the terms of service have changed; update the account with "
        "\"termsOfServiceAgreed\": true to agree to them",
        why);
}
