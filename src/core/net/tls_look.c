/* A server's certificate, looked at. */
#include "core/net/tls_look.h"

#include <netdb.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/crypto/crypto_error.h"
#include "core/net/socket.h"
#include "core/net/starttls.h"
#include "core/net/tls_connection.h"
#include "core/net/tls_private.h"

/* Our own server may be set up for old clients. */
#define SUITES_1_2 "DEFAULT:@SECLEVEL=1"

/* signature_algorithms, by kind; a kind that this OpenSSL does not have is not offered */
static const char *const signatures[] = {
    [TLS_LOOK_ANY] = NULL,
    [TLS_LOOK_ECDSA] = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512",
    [TLS_LOOK_RSA] = "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:"
                     "RSA+SHA512",
    [TLS_LOOK_ED25519] = "ed25519",
};

struct look {
    struct tls_context *context;
    struct tls_connection *tls;
    int fd;
};

static void look_auto(struct look *l)
{
    tls_connection_free(l->tls);
    tls_context_unref(l->context);
    if (l->fd >= 0)
        (void)close(l->fd);
}

static enum err connect_one(const struct address *to, int64_t until_us, int *fd,
                            struct err_info *why)
{
    int made = -1;

    TRY(socket_connect_begin(to, &made, why));
    enum err result = starttls_wait(made, POLLOUT, until_us, why);
    if (result == ERR_OK)
        result = socket_connect_end(made, why);
    if (result == ERR_OK)
        *fd = made;
    else
        (void)close(made);
    return result;
}

static enum err connect_any(const struct tls_look_request *r, int64_t until_us, int *fd,
                            struct err_info *why)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    enum err result = ERR_DNS;

    int reason = getaddrinfo(r->host, NULL, &hints, &found);
    if (reason != 0)
        return err_set(why, ERR_DNS, "%.200s has no address: %s", r->host,
                       gai_strerror(reason));
    for (const struct addrinfo *i = found; i != NULL && result != ERR_OK;
         i = i->ai_next) {
        struct address to = address_from_sockaddr(i->ai_addr);
        to.port = r->port;
        result = connect_one(&to, until_us, fd, why);
    }
    freeaddrinfo(found);
    if (result == ERR_NETWORK)
        why->code = result = ERR_CONNECTION;
    return result;
}

static enum err shake_hands(struct look *l, int64_t until_us, struct err_info *why)
{
    for (;;) {
        switch (tls_connection_handshake(l->tls, why)) {
        case TLS_DONE:
            return ERR_OK;
        case TLS_WANT_READ:
            TRY(starttls_wait(l->fd, POLLIN, until_us, why));
            break;
        case TLS_WANT_WRITE:
            TRY(starttls_wait(l->fd, POLLOUT, until_us, why));
            break;
        case TLS_CLOSED:
            return err_set(why, ERR_TLS, "the server ended the TLS handshake");
        default:
            if (tls_connection_alert(l->tls) >= 0)
                return err_set(why, ERR_TLS, "the server refused with the TLS alert %s",
                               tls_connection_alert_name(tls_connection_alert(l->tls)));
            if (tls_connection_is_cut(l->tls))
                return err_set(why, ERR_CONNECTION,
                               "the connection was closed during the TLS handshake");
            return err_set(why, ERR_TLS, "%s", why->detail);
        }
    }
}

enum err tls_look(struct arena *a, const struct tls_look_request *r,
                  struct span *certificate, struct err_info *why)
{
    const struct tls_client_options options = {.unverified = true};
    AUTO(look) struct look l = {.fd = -1};
    int64_t until_us = clock_monotonic_us() + r->timeout_ms * 1000;

    char *list = /* OpenSSL's macro takes no const */
        signatures[r->kind] != NULL ? arena_string(a, signatures[r->kind]) : NULL;
    TRY(tls_context_client(&options, &l.context, why));
    if (SSL_CTX_set_cipher_list(l.context->ssl, SUITES_1_2) != 1 ||
        (list != NULL && SSL_CTX_set1_sigalgs_list(l.context->ssl, list) != 1))
        return crypto_error_set(why, ERR_CRYPTO, "cannot set up TLS");
    TRY(connect_any(r, until_us, &l.fd, why));
    if (r->starttls[0] != '\0')
        TRY(starttls_talk(l.fd, r->starttls, r->server_name, until_us, why));
    TRY(tls_connection_connect(l.context, l.fd, r->server_name, &l.tls, why));
    TRY(shake_hands(&l, until_us, why));
    const struct span seen = tls_connection_peer_certificate(l.tls, a);
    if (seen.len == 0)
        return err_set(why, ERR_TLS, "the server showed no certificate");
    tls_connection_end(l.tls);
    *certificate = seen;
    return ERR_OK;
}
