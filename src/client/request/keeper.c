/* Calls to the process with the keys. */
#include "client/request/keeper.h"

#include "client/proc/wire.h"

enum err keeper_sign(const struct keeper *k, struct arena *a, enum keeper_key key,
                     const char *kid, const char *nonce, const char *url,
                     struct span payload, struct span *jws, struct err_info *why)
{
    static const char *const words[] = {"", "next", "certificate"};
    const struct wire_message m = {
        WIRE_SIGN,
        {span_of(kid), span_of(nonce), span_of(url), payload, span_of(words[key])},
        key == KEEPER_ACCOUNT ? 4 : 5};

    return wire_call(a, k->fd, &m, jws, why);
}

enum err keeper_change(const struct keeper *k, struct arena *a, const char *url,
                       const char *account, struct span *jws, struct err_info *why)
{
    const struct wire_message m = {WIRE_CHANGE, {span_of(url), span_of(account)}, 2};

    return wire_call(a, k->fd, &m, jws, why);
}

enum err keeper_settle(const struct keeper *k, struct arena *a, bool next,
                       struct err_info *why)
{
    const struct wire_message m = {WIRE_SETTLE, {span_of(next ? "next" : "")}, 1};

    return wire_call(a, k->fd, &m, NULL, why);
}

enum err keeper_outcome(const struct keeper *k, struct arena *a, enum challenge_type type,
                        const char *identifier, bool wildcard, bool proved,
                        struct err_info *why)
{
    const struct wire_message m = {WIRE_OUTCOME,
                                   {span_of(terms_challenge_type(type)),
                                    span_of(identifier), span_of(wildcard ? "*." : ""),
                                    span_of(proved ? "proved" : "")},
                                   4};

    return wire_call(a, k->fd, &m, NULL, why);
}

enum err keeper_csr(const struct keeper *k, struct arena *a, bool bare, struct span *der,
                    struct err_info *why)
{
    const struct wire_message m = {WIRE_CSR, {span_of(bare ? "bare" : "")}, 1};

    return wire_call(a, k->fd, &m, der, why);
}

enum err keeper_bind(const struct keeper *k, struct arena *a, const char *url,
                     struct span *jws, struct err_info *why)
{
    const struct wire_message m = {WIRE_BIND, {span_of(url)}, 1};

    return wire_call(a, k->fd, &m, jws, why);
}

enum err keeper_account(const struct keeper *k, struct arena *a, const char *url,
                        struct err_info *why)
{
    const struct wire_message m = {WIRE_ACCOUNT, {span_of(url)}, 1};

    return wire_call(a, k->fd, &m, NULL, why);
}

enum err keeper_present(const struct keeper *k, struct arena *a,
                        const struct keeper_challenge *c, struct span *payload,
                        struct err_info *why)
{
    const struct wire_message m = {
        WIRE_PRESENT,
        {span_of(terms_challenge_type(c->type)), span_of(c->identifier),
         span_of(c->wildcard ? "*." : ""), span_of(c->token), span_of(c->account_uri),
         span_of(c->issuers), span_of(c->more ? "more" : "")},
        7};

    return wire_call(a, k->fd, &m, payload, why);
}

enum err keeper_activate(const struct keeper *k, struct arena *a, struct span credential,
                         struct span secret, struct span *answer, struct err_info *why)
{
    const struct wire_message m = {WIRE_ACTIVATE, {credential, secret}, 2};

    return wire_call(a, k->fd, &m, answer, why);
}

enum err keeper_ready(const struct keeper *k, struct arena *a, struct err_info *why)
{
    const struct wire_message m = {.type = WIRE_READY};

    return wire_call(a, k->fd, &m, NULL, why);
}

enum err keeper_proved(const struct keeper *k, struct arena *a, struct err_info *why)
{
    const struct wire_message m = {.type = WIRE_PROVED};

    return wire_call(a, k->fd, &m, NULL, why);
}
