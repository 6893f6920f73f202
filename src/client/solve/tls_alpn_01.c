/* tls-alpn-01 (RFC 8737): by a listener of our own. */
#include "client/solve/standalone.h"

enum err tls_alpn_01_open(struct solver *s, struct err_info *why)
{
    const struct standalone how = {CHALLENGE_TLS_ALPN_01,
                                   s->options->wanted->certificate->tls_port,
                                   "run cairn as root, or take --http webroot:DIR",
                                   "stop it while cairn works, have the port forwarded "
                                   "for \"acme-tls/1\" to another "
                                   "one (--tls-port), or take --challenge http-01"};

    return standalone_open(s, &how, why);
}
