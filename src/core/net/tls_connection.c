/* TLS over a non-blocking descriptor. */
#include "core/net/tls_connection.h"

#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/crypto/crypto_error.h"
#include "core/net/address.h"
#include "core/net/tls_private.h"

#define ALERT_MAX     255 /* an octet, RFC 8446 6 */
#define TLS_HOST_SIZE 256 /* octets of a host name and its NUL (RFC 1035 2.3.4) */

static int bio_fd(BIO *b)
{
    return (int)(intptr_t)BIO_get_data(b);
}

static bool may_retry(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static int bio_read(BIO *b, char *to, size_t room, size_t *len)
{
    ssize_t n = recv(bio_fd(b), to, room, 0);

    BIO_clear_retry_flags(b);
    *len = n > 0 ? (size_t)n : 0;
    if (n == 0)
        BIO_set_flags(b, BIO_FLAGS_IN_EOF);
    if (may_retry(n))
        BIO_set_retry_read(b);
    return n > 0;
}

static int bio_write(BIO *b, const char *data, size_t size, size_t *len)
{
    ssize_t n = send(bio_fd(b), data, size, MSG_NOSIGNAL);

    BIO_clear_retry_flags(b);
    *len = n > 0 ? (size_t)n : 0;
    if (may_retry(n))
        BIO_set_retry_write(b);
    return n > 0;
}

static long bio_ctrl(BIO *b, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

BIO_METHOD *tls_connection_bio_new(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "descriptor");

    if (m == NULL || BIO_meth_set_read_ex(m, bio_read) != 1 ||
        BIO_meth_set_write_ex(m, bio_write) != 1 || BIO_meth_set_ctrl(m, bio_ctrl) != 1) {
        BIO_meth_free(m);
        return NULL;
    }
    return m;
}

/* OpenSSL fails here only when memory runs out. */
static struct tls_connection *connection_new(struct tls_context *c, int fd)
{
    struct tls_connection *t = memory_get_zeroed(1, sizeof *t);
    BIO *bio = BIO_new(c->bio);

    t->context = tls_context_ref(c);
    t->ssl = SSL_new(c->ssl);
    if (bio == NULL || t->ssl == NULL || SSL_set_app_data(t->ssl, t) != 1)
        abort();
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    return t;
}

struct tls_connection *tls_connection_accept(struct tls_context *c, int fd)
{
    struct tls_connection *t = connection_new(c, fd);

    SSL_set_accept_state(t->ssl);
    return t;
}

/* The certificate must be for `host`, which is also asked for by SNI if it is a name
 * (RFC 6066 3). */
static bool expect_host(struct tls_connection *t, const char *host)
{
    char name[TLS_HOST_SIZE]; /* OpenSSL's macro takes no const */
    struct address a;
    bool is_address = address_parse(span_of(host), &a);

    if (t->context->pin_count > 0)
        return true; /* its key says who it is */
    if (!text_copy(name, sizeof name, host) ||
        (!is_address && SSL_set_tlsext_host_name(t->ssl, name) != 1))
        return false;
    if (t->context->unverified)
        return true;
    if (is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), host) == 1;
    SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set1_host(t->ssl, host) == 1;
}

enum err tls_connection_connect(struct tls_context *c, int fd, const char *host,
                                struct tls_connection **t, struct err_info *why)
{
    struct tls_connection *made = connection_new(c, fd);

    SSL_set_connect_state(made->ssl);
    if (!expect_host(made, host)) {
        tls_connection_free(made);
        return crypto_error_set(why, ERR_TLS, "cannot ask for the host %s", host);
    }
    *t = made;
    return ERR_OK;
}

void tls_connection_free(struct tls_connection *t)
{
    if (t == NULL)
        return;
    SSL_free(t->ssl);
    tls_context_unref(t->chosen);
    tls_context_unref(t->context);
    free(t);
}

static enum tls_result fail(struct tls_connection *t, int error, int os_error,
                            struct err_info *why)
{
    long verdict = SSL_get_verify_result(t->ssl);
    char pin[2 * TLS_PIN_SIZE + 1];

    t->error = ERR_peek_error();
    text_hex(pin, t->pin, sizeof t->pin);
    if (t->pin_is_wrong)
        (void)err_set(why, ERR_TLS, "the peer has another key than expected: sha256:%s",
                      pin);
    else if (verdict != X509_V_OK && !t->context->unverified)
        (void)crypto_error_set(why, ERR_TLS,
                               "the peer's certificate is not acceptable: %s",
                               X509_verify_cert_error_string(verdict));
    else if (error == SSL_ERROR_SYSCALL && os_error != 0)
        (void)err_set_os(why, ERR_TLS, os_error, "the TLS connection broke");
    else
        (void)crypto_error_set(why, ERR_TLS, "TLS failed");
    ERR_clear_error();
    return TLS_FAILED;
}

/* Translate what the last call on the connection returned. */
static enum tls_result result_of(struct tls_connection *t, int returned,
                                 struct err_info *why)
{
    int os_error = errno;
    int error = SSL_get_error(t->ssl, returned);

    switch (error) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        return fail(t, error, os_error, why);
    }
}

enum tls_result tls_connection_handshake(struct tls_connection *t, struct err_info *why)
{
    ERR_clear_error();
    errno = 0;
    return result_of(t, SSL_do_handshake(t->ssl), why);
}

enum tls_result tls_connection_read(struct tls_connection *t, void *to, size_t room,
                                    size_t *len, struct err_info *why)
{
    ERR_clear_error();
    errno = 0;
    return result_of(t, SSL_read_ex(t->ssl, to, room, len), why);
}

enum tls_result tls_connection_write(struct tls_connection *t, struct span data,
                                     size_t *len, struct err_info *why)
{
    ERR_clear_error();
    errno = 0;
    return result_of(t, SSL_write_ex(t->ssl, data.data, data.len, len), why);
}

bool tls_connection_has_pending(const struct tls_connection *t)
{
    return SSL_has_pending(t->ssl) == 1;
}

void tls_connection_end(struct tls_connection *t)
{
    ERR_clear_error();
    if (SSL_is_init_finished(t->ssl))
        (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
}

struct span tls_connection_alpn(const struct tls_connection *t)
{
    const unsigned char *agreed;
    unsigned int len;

    SSL_get0_alpn_selected(t->ssl, &agreed, &len);
    return span_make(agreed, len);
}

bool tls_connection_alpn_is(const struct tls_connection *t, const char *protocol)
{
    return span_is(tls_connection_alpn(t), protocol);
}

int tls_connection_alert(const struct tls_connection *t)
{
    int reason = ERR_GET_REASON(t->error);

    if (ERR_GET_LIB(t->error) != ERR_LIB_SSL || reason < SSL_AD_REASON_OFFSET ||
        reason > SSL_AD_REASON_OFFSET + ALERT_MAX)
        return -1;
    return reason - SSL_AD_REASON_OFFSET;
}

const char *tls_connection_alert_name(int alert)
{
    return SSL_alert_desc_string_long(alert);
}

bool tls_connection_is_cut(const struct tls_connection *t)
{
    return ERR_GET_LIB(t->error) == ERR_LIB_SSL &&
           ERR_GET_REASON(t->error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

const char *tls_connection_version(const struct tls_connection *t)
{
    return SSL_get_version(t->ssl);
}

const char *tls_connection_suite(const struct tls_connection *t)
{
    return SSL_get_cipher_name(t->ssl);
}

bool tls_connection_is_resumed(const struct tls_connection *t)
{
    return SSL_session_reused(t->ssl) == 1;
}

const uint8_t *tls_connection_pin(const struct tls_connection *t)
{
    return t->pin;
}

struct span tls_connection_peer_certificate(const struct tls_connection *t,
                                            struct arena *a)
{
    X509 *certificate = SSL_get0_peer_certificate(t->ssl);
    unsigned char *der = NULL;
    int len = certificate != NULL ? i2d_X509(certificate, &der) : 0;
    struct span copy = {0};

    if (len > 0)
        copy = arena_span(a, span_make(der, (size_t)len));
    OPENSSL_free(der);
    return copy;
}

size_t tls_connection_peer_certificate_count(const struct tls_connection *t)
{
    const STACK_OF(X509) *chain = SSL_get_peer_cert_chain(t->ssl);

    return chain != NULL ? (size_t)sk_X509_num(chain) : 0;
}
