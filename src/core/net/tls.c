/* TLS for servers over non-blocking sockets. */
#include "core/net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

/* RFC 9325 4.2: forward secrecy and AEAD. */
#define CIPHERS_TLS_1_2                                                                  \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                         \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                         \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define GROUPS "X25519:P-256:P-384"

struct tls_context {
    SSL_CTX *ssl;
    atomic_int references;
    bool http2;
};

struct tls_connection {
    SSL *ssl;
    struct tls_context *context;
};

static enum err failed(const char *what, struct err_info *why)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return err_set(why, ERR_CRYPTO, "%s: %s", what,
                   reason != NULL ? reason : "no reason given");
}

static int choose_protocol(SSL *ssl, const unsigned char **chosen,
                           unsigned char *chosen_len, const unsigned char *offered,
                           unsigned int offered_len, void *argument)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    static const unsigned char one[] = "\x08http/1.1";
    const struct tls_context *context = argument;
    unsigned char *out = NULL;

    (void)ssl;
    int result = SSL_select_next_proto(&out, chosen_len, context->http2 ? both : one,
                                       (context->http2 ? sizeof both : sizeof one) - 1,
                                       offered, offered_len);
    *chosen = out;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK
                                            : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static enum err use_chain(SSL_CTX *ssl, struct span pem, struct err_info *why)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *leaf = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool good = leaf != NULL && SSL_CTX_use_certificate(ssl, leaf) == 1;
    X509 *next;

    X509_free(leaf);
    while (good && (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        good = SSL_CTX_add0_chain_cert(ssl, next) == 1;
        if (!good)
            X509_free(next);
    }
    BIO_free(bio);
    if (!good)
        return failed("the HTTPS certificate cannot be used", why);
    ERR_clear_error(); /* the end of the PEM text is no failure */
    return ERR_OK;
}

static enum err use_key(SSL_CTX *ssl, struct span pem, struct err_info *why)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    bool good = key != NULL && SSL_CTX_use_PrivateKey(ssl, key) == 1 &&
                SSL_CTX_check_private_key(ssl) == 1;

    EVP_PKEY_free(key);
    BIO_free(bio);
    return good ? ERR_OK : failed("the HTTPS key cannot be used", why);
}

static bool configure(SSL_CTX *ssl)
{
    static const unsigned char id[] = "cairn";

    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE |
                                       SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ssl, CIPHERS_TLS_1_2) == 1 &&
           SSL_CTX_set1_groups_list(ssl, GROUPS) == 1 &&
           SSL_CTX_set_num_tickets(ssl, 1) == 1 &&
           SSL_CTX_set_session_id_context(ssl, id, sizeof id - 1) == 1;
}

enum err tls_context_new(struct span chain_pem, struct span key_pem, bool http2,
                         struct tls_context **context, struct err_info *why)
{
    struct tls_context *c = memory_get_zeroed(1, sizeof *c);
    enum err result = ERR_OK;

    atomic_store(&c->references, 1);
    c->http2 = http2;
    c->ssl = SSL_CTX_new(TLS_server_method());
    if (c->ssl == NULL || !configure(c->ssl))
        result = failed("TLS cannot be set up", why);
    if (result == ERR_OK)
        result = use_chain(c->ssl, chain_pem, why);
    if (result == ERR_OK)
        result = use_key(c->ssl, key_pem, why);
    if (result != ERR_OK) {
        tls_context_release(c);
        return result;
    }
    SSL_CTX_set_alpn_select_cb(c->ssl, choose_protocol, c);
    *context = c;
    return ERR_OK;
}

struct tls_context *tls_context_reference(struct tls_context *context)
{
    atomic_fetch_add(&context->references, 1);
    return context;
}

void tls_context_release(struct tls_context *context)
{
    if (context == NULL || atomic_fetch_sub(&context->references, 1) != 1)
        return;
    SSL_CTX_free(context->ssl);
    free(context);
}

struct tls_connection *tls_connection_new(struct tls_context *context, int fd)
{
    struct tls_connection *c = memory_get_zeroed(1, sizeof *c);

    c->context = tls_context_reference(context);
    c->ssl = SSL_new(context->ssl);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1) {
        tls_connection_free(c);
        return NULL;
    }
    SSL_set_accept_state(c->ssl);
    return c;
}

void tls_connection_free(struct tls_connection *c)
{
    if (c == NULL)
        return;
    SSL_free(c->ssl);
    tls_context_release(c->context);
    free(c);
}

static enum tls_result result_of(const struct tls_connection *c, int result)
{
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        return TLS_FAILED;
    }
}

enum tls_result tls_handshake(struct tls_connection *c)
{
    ERR_clear_error();
    return result_of(c, SSL_do_handshake(c->ssl));
}

enum tls_result tls_read(struct tls_connection *c, void *to, size_t room, size_t *got)
{
    ERR_clear_error();
    int result = SSL_read_ex(c->ssl, to, room, got);
    return result == 1 ? TLS_DONE : result_of(c, result);
}

enum tls_result tls_write(struct tls_connection *c, const void *from, size_t len,
                          size_t *put)
{
    ERR_clear_error();
    int result = SSL_write_ex(c->ssl, from, len, put);
    return result == 1 ? TLS_DONE : result_of(c, result);
}

bool tls_has_pending(const struct tls_connection *c)
{
    return SSL_has_pending(c->ssl) == 1;
}

bool tls_is_http2(const struct tls_connection *c)
{
    const unsigned char *protocol = NULL;
    unsigned int len = 0;

    SSL_get0_alpn_selected(c->ssl, &protocol, &len);
    return len == 2 && memcmp(protocol, "h2", 2) == 0;
}

void tls_close_notify(struct tls_connection *c)
{
    ERR_clear_error();
    (void)SSL_shutdown(c->ssl);
}
