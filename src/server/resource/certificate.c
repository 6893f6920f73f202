/* Certificates and their chains (RFC 8555 7.4.2). */
#include <string.h>

#include "core/base/text.h"
#include "core/crypto/der_read.h"
#include "core/x509/certificate.h"
#include "server/exchange/account_cache.h"
#include "server/issue/issuer_choice.h"
#include "server/resource/resource.h"

#define CERTIFICATE_TYPE "application/pem-certificate-chain"

enum err resource_issuer(const struct exchange *x, const struct settings_profile *profile,
                         enum key_type type, const struct issuer **issuer,
                         struct err_info *why)
{
    *issuer = issuer_choice_for_key(x->services->issuers, x->directory, profile, type);
    if (*issuer == NULL)
        return err_set(why, ERR_UNAVAILABLE, "this directory's issuer is not there");
    return ERR_OK;
}

enum err resource_issuers(const struct exchange *x,
                          const struct settings_profile *profile,
                          struct issuer_choice *choice, struct err_info *why)
{
    if (!issuer_choice_make(x->services->issuers, x->directory, profile, choice))
        return err_set(why, ERR_UNAVAILABLE, "an issuer of this directory is not there");
    return ERR_OK;
}

static enum err load(struct exchange *x, struct store_issuance **issuance,
                     struct err_info *why)
{
    enum err result = store_certificate_by_id(x->session, x->arena, x->id, issuance, why);

    if (result == ERR_OK && (*issuance)->account_id != x->account->id)
        result = ERR_NOT_FOUND;
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "there is no such certificate");
    if (result == ERR_OK && !x->post_as_get)
        return err_set(why, ERR_MALFORMED,
                       "a certificate is fetched with an empty payload (POST-as-GET)");
    return result;
}

/* The issuers are kept as DER certificates one behind the other. */
static enum err add_issuers(struct exchange *x, struct span issuers, struct err_info *why)
{
    struct der_reader r = der_read_start(issuers, 1);

    while (der_read_more(&r))
        certificate_pem_add(&x->reply.body, der_read_element(&r));
    return der_read_finish(&r, ERR_INTERNAL, "the stored chain", why);
}

/* Links to the other chains there are now; `shown` is 0 for the first. */
static void add_links(struct exchange *x, const struct issuer *issuer, size_t shown)
{
    const char *url = exchange_url(x, "certificate", x->id);

    for (size_t i = 0; issuer != NULL && i <= issuer->alternate_count; i++) {
        if (i == shown)
            continue;
        const char *other = i == 0 ? url : arena_printf(x->arena, "%s/%zu", url, i);
        exchange_header_add(x, "Link",
                            arena_printf(x->arena, "<%s>;rel=\"alternate\"", other));
    }
}

enum err resource_certificate_show(struct exchange *x,
                                   const struct store_issuance *issuance,
                                   struct err_info *why)
{
    certificate_pem_add(&x->reply.body, issuance->certificate);
    TRY(add_issuers(x, issuance->issuers, why));
    exchange_reply_set(x, 200, CERTIFICATE_TYPE);
    return ERR_OK;
}

enum err resource_certificate(struct exchange *x, struct err_info *why)
{
    struct store_issuance *issuance = NULL;

    TRY(load(x, &issuance, why));
    add_links(x, issuer_set_of_certificate(x->services->issuers, issuance->certificate),
              0);
    return resource_certificate_show(x, issuance, why);
}

enum err resource_certificate_alternate(struct exchange *x, struct err_info *why)
{
    struct store_issuance *issuance = NULL;
    const char *last = strrchr(x->path, '/');
    uint64_t number = 0;

    TRY(load(x, &issuance, why));
    const struct issuer *issuer =
        issuer_set_of_certificate(x->services->issuers, issuance->certificate);
    if (issuer == NULL || last == NULL || last[1] == '0' ||
        !text_number(span_of(last + 1), issuer->alternate_count, &number))
        return err_set(why, ERR_NOT_FOUND, "there is no such chain");
    certificate_pem_add(&x->reply.body, issuance->certificate);
    buf_add_span(&x->reply.body, issuer->alternates[number - 1]);
    add_links(x, issuer, (size_t)number);
    exchange_reply_set(x, 200, CERTIFICATE_TYPE);
    return ERR_OK;
}
