/* TLS contexts: one policy for all of them, certificates and keys from PEM. */
#include "core/net/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/crypto/crypto_error.h"
#include "core/crypto/hash.h"
#include "core/net/tls_lean.h"
#include "core/net/tls_private.h"

/* TLS 1.2 suites with ephemeral keys and AEAD (RFC 9325 4.2); those of 1.3 are all so. */
#define TLS_SUITES_1_2                                                                   \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                         \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                         \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

#define TLS_GROUPS_SERVER "X25519:P-256"
/* a client must name the curve of the server's certificate too (RFC 8422 5.1.1) */
#define TLS_GROUPS_CLIENT "X25519:P-256:P-384:P-521"

#define TLS_TICKETS 1 /* session tickets after a TLS 1.3 handshake */

static BIO *bio_of(struct span pem)
{
    return pem.len <= INT32_MAX ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
}

/* The PEM reader came to the end of the text, and not to a broken block? */
static bool at_end_of_pem(void)
{
    unsigned long last = ERR_peek_last_error();
    bool end =
        ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;

    ERR_clear_error();
    return end;
}

/* Passphrases are not asked for at the terminal. */
static int no_passphrase(char *to, int size, int rwflag, void *argument)
{
    (void)to;
    (void)size;
    (void)rwflag;
    (void)argument;
    return -1;
}

static enum err use_chain(SSL_CTX *ssl, BIO *in, struct err_info *why)
{
    X509 *certificate = PEM_read_bio_X509(in, NULL, no_passphrase, NULL);
    bool good;

    if (certificate == NULL)
        return crypto_error_set(why, ERR_CONFIG, "there is no certificate for TLS");
    good = SSL_CTX_use_certificate(ssl, certificate) == 1;
    X509_free(certificate);
    if (!good)
        return crypto_error_set(why, ERR_CONFIG, "the TLS certificate is not usable");
    while ((certificate = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL)
        if (SSL_CTX_add0_chain_cert(ssl, certificate) != 1) {
            X509_free(certificate);
            return crypto_error_set(why, ERR_CONFIG, "the TLS chain is not usable");
        }
    if (!at_end_of_pem())
        return err_set(why, ERR_CONFIG, "the TLS chain has a broken certificate");
    return ERR_OK;
}

static enum err use_key(SSL_CTX *ssl, BIO *in, struct err_info *why)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
    bool good;

    if (key == NULL)
        return crypto_error_set(why, ERR_CONFIG, "the TLS key is not readable");
    good = SSL_CTX_use_PrivateKey(ssl, key) == 1;
    EVP_PKEY_free(key);
    if (!good || SSL_CTX_check_private_key(ssl) != 1)
        return crypto_error_set(why, ERR_CONFIG,
                                "the TLS key does not belong to the certificate");
    return ERR_OK;
}

static enum err use_identity(SSL_CTX *ssl, struct span chain_pem, struct span key_pem,
                             struct err_info *why)
{
    BIO *chain = bio_of(chain_pem);
    BIO *key = bio_of(key_pem);
    enum err result = ERR_OK;

    if (chain == NULL || key == NULL)
        result = crypto_error_set(why, ERR_CRYPTO, "cannot read TLS certificate and key");
    if (result == ERR_OK)
        result = use_chain(ssl, chain, why);
    if (result == ERR_OK)
        result = use_key(ssl, key, why);
    BIO_free(chain);
    BIO_free(key);
    return result;
}

/* Trust the certificates in the PEM text. */
static enum err trust(SSL_CTX *ssl, struct span pem, bool announce, struct err_info *why)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    BIO *in = bio_of(pem);
    X509 *certificate;
    size_t count = 0;

    if (in == NULL)
        return crypto_error_set(why, ERR_CRYPTO, "cannot read the trusted certificates");
    while ((certificate = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL) {
        if (X509_STORE_add_cert(store, certificate) == 1 &&
            (!announce || SSL_CTX_add_client_CA(ssl, certificate) == 1))
            count++;
        X509_free(certificate);
    }
    BIO_free(in);
    if (!at_end_of_pem() || count == 0)
        return err_set(why, ERR_CONFIG, "the trusted certificates are not readable");
    return ERR_OK;
}

static enum err set_alpn(struct tls_context *c, const char *const *protocols,
                         struct err_info *why)
{
    for (size_t i = 0; i < TLS_ALPN_MAX && protocols[i] != NULL; i++) {
        size_t len = strlen(protocols[i]);
        if (len == 0 || len > sizeof c->alpn - c->alpn_len - 1)
            return err_set(why, ERR_CONFIG, "the ALPN protocol names are too long");
        c->alpn[c->alpn_len] = (unsigned char)len;
        memcpy(c->alpn + c->alpn_len + 1, protocols[i], len);
        c->alpn_len += (unsigned int)len + 1;
    }
    return ERR_OK;
}

/* Choose what both know, in our order (RFC 7301 3.2). */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *offered, unsigned int offered_len,
                       void *argument)
{
    struct tls_context *c = argument;
    unsigned char *chosen = NULL;

    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_len, c->alpn, c->alpn_len, offered,
                              offered_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int select_context(SSL *ssl, int *alert, void *argument)
{
    struct tls_context *c = argument;
    struct tls_connection *t = SSL_get_app_data(ssl);
    struct tls_context *other =
        c->choose(c->choose_argument, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));

    if (other == NULL && c->only_chosen)
        *alert = SSL_AD_UNRECOGNIZED_NAME;
    if (other == NULL)
        return c->only_chosen ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_OK;
    tls_context_unref(t->chosen);
    t->chosen = other;
    return SSL_set_SSL_CTX(ssl, other->ssl) != NULL ? SSL_TLSEXT_ERR_OK
                                                    : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* The choice of a protocol is not asked for by OpenSSL when a client offers none. */
static int demand_alpn(SSL *ssl, int *alert, void *argument)
{
    const unsigned char *extension;
    size_t len;

    (void)argument;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
                                  &extension, &len) == 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
}

static bool is_pinned(const struct tls_context *c, const uint8_t *pin)
{
    bool found = false;

    for (size_t i = 0; i < c->pin_count; i++)
        found = memcmp(c->pins[i], pin, TLS_PIN_SIZE) == 0 || found;
    return found;
}

/* In the place of OpenSSL's verification of a chain. */
static int verify_pin(X509_STORE_CTX *verification, void *argument)
{
    const struct tls_context *c = argument;
    SSL *ssl =
        X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_connection *t = SSL_get_app_data(ssl);
    X509 *certificate = X509_STORE_CTX_get0_cert(verification);
    unsigned char *spki = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);

    t->pin_is_wrong = true;
    if (len > 0) {
        hash_sha256(span_make(spki, (size_t)len), t->pin);
        t->pin_is_wrong = !is_pinned(c, t->pin);
    }
    OPENSSL_free(spki);
    X509_STORE_CTX_set_error(verification,
                             t->pin_is_wrong ? X509_V_ERR_CERT_REJECTED : X509_V_OK);
    return t->pin_is_wrong ? 0 : 1;
}

static enum err set_pins(struct tls_context *c, const struct tls_pins *pins,
                         struct err_info *why)
{
    if (pins->count > TLS_PINS_MAX)
        return err_set(why, ERR_CONFIG, "at most %d pinned keys", TLS_PINS_MAX);
    memcpy(c->pins, pins->sha256, pins->count * TLS_PIN_SIZE);
    c->pin_count = pins->count;
    if (SSL_CTX_set_min_proto_version(c->ssl, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(c->ssl, 0) != 1)
        return crypto_error_set(why, ERR_CRYPTO, "cannot set up TLS 1.3");
    (void)SSL_CTX_set_options(c->ssl, SSL_OP_NO_TICKET);
    SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(c->ssl, verify_pin, c);
    return ERR_OK;
}

/* What all contexts have in common. */
static enum err set_policy(SSL_CTX *ssl, char *groups, struct err_info *why)
{
    if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(ssl, TLS_SUITES_1_2) != 1 ||
        SSL_CTX_set1_groups_list(ssl, groups) != 1)
        return crypto_error_set(why, ERR_CRYPTO, "cannot set up TLS");
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                    SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(ssl, 1); /* one read(2) for a record, not two */
    return ERR_OK;
}

/* Takes `lean` over. */
static enum err context_new(struct tls_lean *lean, const SSL_METHOD *method, char *groups,
                            struct tls_context **c, struct err_info *why)
{
    struct tls_context *made = memory_get_zeroed(1, sizeof *made);
    enum err result;

    atomic_init(&made->references, 1);
    made->lean = lean;
    made->ssl = SSL_CTX_new_ex(tls_lean_context(lean), NULL, method);
    made->bio = tls_connection_bio_new();
    if (made->ssl == NULL || made->bio == NULL)
        result = crypto_error_set(why, ERR_CRYPTO, "cannot make a TLS context");
    else
        result = set_policy(made->ssl, groups, why);
    if (result != ERR_OK) {
        tls_context_unref(made);
        return result;
    }
    *c = made;
    return ERR_OK;
}

static void set_only_chosen(struct tls_context *c, bool only_chosen)
{
    c->only_chosen = only_chosen;
    if (!only_chosen)
        return;
    SSL_CTX_set_client_hello_cb(c->ssl, demand_alpn, NULL);
    (void)SSL_CTX_set_num_tickets(c->ssl, 0);
    (void)SSL_CTX_set_options(c->ssl, SSL_OP_NO_TICKET);
}

static enum err set_server(struct tls_context *c, const struct tls_server_options *o,
                           struct err_info *why)
{
    static const unsigned char session_context[] = "cairn";

    /* requests say where they end, so a connection that just breaks cuts nothing off */
    (void)SSL_CTX_set_options(c->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE |
                                          SSL_OP_PRIORITIZE_CHACHA |
                                          SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_num_tickets(c->ssl, TLS_TICKETS);
    (void)SSL_CTX_set_session_id_context(c->ssl, session_context,
                                         sizeof session_context - 1);
    if (o->chain_pem.len > 0 || !o->only_chosen)
        TRY(use_identity(c->ssl, o->chain_pem, o->key_pem, why));
    TRY(set_alpn(c, o->alpn, why));
    set_only_chosen(c, o->only_chosen);
    if (c->alpn_len > 0)
        SSL_CTX_set_alpn_select_cb(c->ssl, select_alpn, c);
    if (o->client_ca_pem.len > 0) {
        TRY(trust(c->ssl, o->client_ca_pem, true, why));
        SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                           NULL);
    }
    if (o->client_pins.count > 0)
        TRY(set_pins(c, &o->client_pins, why));
    c->choose = o->choose;
    c->choose_argument = o->choose_argument;
    if (c->choose != NULL) {
        (void)SSL_CTX_set_tlsext_servername_callback(c->ssl, select_context);
        (void)SSL_CTX_set_tlsext_servername_arg(c->ssl, c);
    }
    return ERR_OK;
}

enum err tls_context_server(const struct tls_server_options *o, struct tls_context **c,
                            struct err_info *why)
{
    char groups[] = TLS_GROUPS_SERVER;
    struct tls_context *made;

    TRY(context_new(NULL, TLS_server_method(), groups, &made, why));
    enum err result = set_server(made, o, why);
    if (result != ERR_OK) {
        tls_context_unref(made);
        return result;
    }
    *c = made;
    return ERR_OK;
}

static int verify_nothing(X509_STORE_CTX *verification, void *argument)
{
    (void)verification;
    (void)argument;
    return 1;
}

static enum err set_client(struct tls_context *c, const struct tls_client_options *o,
                           struct err_info *why)
{
    TRY(set_alpn(c, o->alpn, why));
    if (c->alpn_len > 0 && SSL_CTX_set_alpn_protos(c->ssl, c->alpn, c->alpn_len) != 0)
        return crypto_error_set(why, ERR_CRYPTO, "cannot set up ALPN");
    if (o->chain_pem.len > 0)
        TRY(use_identity(c->ssl, o->chain_pem, o->key_pem, why));
    if (o->pins.count > 0)
        return set_pins(c, &o->pins, why);
    c->unverified = o->unverified;
    if (o->unverified) {
        /* or OpenSSL verifies all the same, to remember what came of it */
        SSL_CTX_set_cert_verify_callback(c->ssl, verify_nothing, NULL);
        return ERR_OK;
    }
    SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
    if (o->ca_pem.len > 0)
        TRY(trust(c->ssl, o->ca_pem, false, why));
    if (o->ca_file != NULL && SSL_CTX_load_verify_file(c->ssl, o->ca_file) != 1)
        return crypto_error_set(why, ERR_CONFIG,
                                "cannot read the trusted certificates %s", o->ca_file);
    if (o->ca_file == NULL && o->ca_pem.len == 0 &&
        SSL_CTX_set_default_verify_paths(c->ssl) != 1)
        return crypto_error_set(why, ERR_CONFIG,
                                "cannot read the system's trusted certificates");
    return ERR_OK;
}

enum err tls_context_client(const struct tls_client_options *o, struct tls_context **c,
                            struct err_info *why)
{
    char groups[] = TLS_GROUPS_CLIENT;
    struct tls_context *made;

    struct tls_lean *lean = o->unverified ? tls_lean_new() : NULL;
    TRY(context_new(lean, TLS_client_method(), groups, &made, why));
    enum err result = set_client(made, o, why);
    if (result != ERR_OK) {
        tls_context_unref(made);
        return result;
    }
    *c = made;
    return ERR_OK;
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
    if (c != NULL)
        (void)atomic_fetch_add_explicit(&c->references, 1, memory_order_relaxed);
    return c;
}

void tls_context_unref(struct tls_context *c)
{
    if (c == NULL ||
        atomic_fetch_sub_explicit(&c->references, 1, memory_order_acq_rel) > 1)
        return;
    SSL_CTX_free(c->ssl);
    if (c->bio != NULL)
        BIO_meth_free(c->bio);
    tls_lean_free(c->lean);
    free(c);
}
