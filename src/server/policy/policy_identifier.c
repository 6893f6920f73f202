/* What may be certified, and by what challenges it can be proved. */
#include <string.h>

#include "core/acme/identifier_device.h"
#include "server/policy/policy.h"

#define DNS_LABEL                                                                        \
    "_acme-challenge." /* what a DNS challenge asks for stands behind it                 \
                        */

/* Those that server/validate knows, in the order they are shown. */
static const enum challenge_type known[] = {
    CHALLENGE_HTTP_01,        CHALLENGE_DNS_01,         CHALLENGE_TLS_ALPN_01,
    CHALLENGE_DNS_ACCOUNT_01, CHALLENGE_DNS_PERSIST_01, CHALLENGE_DEVICE_ATTEST_01};

bool policy_offers(const struct settings_directory *directory, enum challenge_type type,
                   enum identifier_type identifier, bool wildcard)
{
    if ((directory->challenge_types & 1U << (unsigned int)type) == 0)
        return false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i] == type)
            return terms_answers(type, identifier, wildcard);
    return false;
}

/* One "*." in front is checked already. Wildcards are proved in the DNS only. */
static enum err check_wildcard(const struct identifier *identifier, struct err_info *why)
{
    const char *base = identifier_base(identifier);

    if (strchr(base, '.') == NULL)
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the wildcard \"%s\" would stand for all names of a top-level "
                       "domain; behind \"*.\" at least two labels are needed",
                       identifier->value);
    if (strlen(base) + strlen(DNS_LABEL) > IDENTIFIER_DNS_MAX)
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the wildcard \"%s\" is too long to be proved: \"" DNS_LABEL
                       "\" must fit in front of it",
                       identifier->value);
    return ERR_OK;
}

enum err policy_identifier(struct arena *a, const char *type, const char *value,
                           struct identifier *identifier, struct err_info *why)
{
    struct identifier read = {0};
    enum identifier_type known_type = IDENTIFIER_TYPE_COUNT;

    (void)terms_read_identifier_type(type, &known_type);
    switch (known_type) {
    case IDENTIFIER_DNS:
        TRY(identifier_read_dns(a, value, &read, why));
        if (identifier_is_wildcard(&read))
            TRY(check_wildcard(&read, why));
        break;
    case IDENTIFIER_IP:
        TRY(identifier_read_ip(a, value, &read, why));
        break;
    case IDENTIFIER_PERMANENT_IDENTIFIER:
    case IDENTIFIER_HARDWARE_MODULE:
        TRY(identifier_read_device(a, known_type, span_of(value), &read, why));
        break;
    default:
        return err_set(
            why, ERR_UNSUPPORTED_IDENTIFIER,
            "identifiers of type \"%.50s\" are not supported; this server has: "
            "dns, ip, permanent-identifier, hardware-module",
            type);
    }
    *identifier = read;
    return ERR_OK;
}
