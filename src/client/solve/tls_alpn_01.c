/* tls-alpn-01 (RFC 8737): by a listener of our own, alone or in front of a server. */
#include <string.h>

#include "client/solve/splice.h"
#include "client/solve/standalone.h"

enum err tls_alpn_01_open(struct solver *s, struct err_info *why)
{
    const struct settings_certificate *c = s->options->wanted->certificate;
    bool alone = strcmp(c->tls, "standalone") == 0;
    struct splice_options ignored = {0};
    const struct standalone how = {
        CHALLENGE_TLS_ALPN_01, c->tls_port, alone ? "" : c->tls,
        "run cairn as root, or take --http webroot:DIR",
        "stop it while cairn works, have it listen on another port and take --tls "
        "splice:ADDRESS:PORT with that, have the port forwarded for \"acme-tls/1\" to "
        "another one (--tls-port), or take --challenge http-01"};

    if (!alone && !splice_read(c->tls, &ignored))
        return err_set(why, ERR_USAGE,
                       "tls: \"%.100s\" is neither standalone nor splice:ADDRESS:PORT",
                       c->tls);
    return standalone_open(s, &how, why);
}
