/* TLS handshakes with strangers.
 *
 * How much a server can make us read: OpenSSL bounds each message of a handshake and how
 * many empty records and warnings it takes; the longest message, the certificates, is
 * bounded here, and time bounds the rest. No finite-field groups are offered: a server
 * chooses their size, and one of 10,000 bits costs us a tenth of a second. */
#include "core/net/tls_probe.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/crypto/crypto_error.h"
#include "core/net/socket.h"
#include "core/net/tls_connection.h"
#include "core/net/tls_private.h"

/* Servers that one validates may be older than those one would like to talk to. Level 1
 * leaves RSA keys of 1024 bits in: what is proved does not depend on that key. */
#define TLS_PROBE_SUITES_1_2 "DEFAULT:!kDHE:@SECLEVEL=1"

#define HEADER_LEN 5 /* of a record: type, version, length (RFC 8446 5.1) */

/* RFC 8446 5.1 and 4: record types, and where a ServerHello names its version */
#define RECORD_TYPE_MIN 20
#define RECORD_TYPE_MAX 24
#define SERVER_HELLO    2
#define VERSION_AT      4
#define VERSION_NONE    0 /* no ServerHello came */

struct tls_prober {
    struct loop *loop;
    struct tls_context *context;
};

struct tls_probe {
    struct tls_prober *prober;
    struct arena *arena;
    const char *server_name;
    int64_t until_us;
    int fd; /* -1: there is none */
    bool dialled;
    struct loop_fd *watch;
    struct loop_timer *timer;
    struct tls_connection *tls;
    bool answered;             /* something came that may be the header of a record: */
    uint8_t first[HEADER_LEN]; /* the first */
    int version;               /* that the server chose */
    enum err failed;           /* before the loop came to it */
    char detail[TLS_PROBE_DETAIL_MAX];
    void (*done)(void *argument, const struct tls_probe_result *result);
    void *argument;
};

enum err tls_prober_new(struct loop *loop, const char *protocol, struct tls_prober **p,
                        struct err_info *why)
{
    const struct tls_client_options options = {.unverified = true, .alpn = {protocol}};
    struct tls_context *context;

    TRY(tls_context_client(&options, &context, why));
    if (SSL_CTX_set_cipher_list(context->ssl, TLS_PROBE_SUITES_1_2) != 1) {
        tls_context_unref(context);
        return crypto_error_set(why, ERR_CRYPTO, "cannot set up TLS");
    }
    SSL_CTX_set_max_cert_list(context->ssl, TLS_PROBE_CHAIN_MAX);
    struct tls_prober *made = memory_get_zeroed(1, sizeof *made);
    made->loop = loop;
    made->context = context;
    *p = made;
    return ERR_OK;
}

void tls_prober_free(struct tls_prober *p)
{
    if (p == NULL)
        return;
    tls_context_unref(p->context);
    free(p);
}

/* ---- the end of a probe ---- */

void tls_probe_cancel(struct tls_probe *probe)
{
    loop_fd_free(probe->watch);
    loop_timer_free(probe->timer);
    tls_connection_free(probe->tls);
    if (probe->fd >= 0)
        (void)close(probe->fd);
    arena_free(probe->arena);
    free(probe);
}

static void finish(struct tls_probe *probe, const struct tls_probe_result *result)
{
    probe->done(probe->argument, result);
    tls_probe_cancel(probe);
}

/* With what probe->detail says. */
static void finish_failed(struct tls_probe *probe, enum err code)
{
    int alert = probe->tls != NULL ? tls_connection_alert(probe->tls) : -1;

    text_make_printable(probe->detail);
    finish(probe, &(struct tls_probe_result){.code = code,
                                             .dialled = probe->dialled,
                                             .detail = probe->detail,
                                             .alert = alert,
                                             .version = ""});
}

__attribute__((format(printf, 3, 4))) static void
fail(struct tls_probe *probe, enum err code, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    (void)vsnprintf(probe->detail, sizeof probe->detail, format, values);
    va_end(values);
    finish_failed(probe, code);
}

/* Hands are shaken: say goodbye, which is no data (RFC 8737 4), and tell. */
static void succeed(struct tls_probe *probe)
{
    const struct tls_probe_result result = {
        .code = ERR_OK,
        .dialled = true,
        .detail = "",
        .alert = -1,
        .version = tls_connection_version(probe->tls),
        .protocol = tls_connection_alpn(probe->tls),
        .certificate = tls_connection_peer_certificate(probe->tls, probe->arena),
        .certificate_count = tls_connection_peer_certificate_count(probe->tls)};

    tls_connection_end(probe->tls);
    finish(probe, &result);
}

/* ---- what a server said that is no TLS of ours ---- */

/* OpenSSL shows each record's header before it judges it, and each message. */
static void on_message(int sent, int version, int type, const void *data, size_t len,
                       SSL *ssl, void *argument)
{
    struct tls_probe *probe = argument;
    const uint8_t *octets = data;

    (void)version;
    (void)ssl;
    if (sent != 0)
        return;
    if (type == SSL3_RT_HEADER && !probe->answered && len >= HEADER_LEN) {
        probe->answered = true;
        memcpy(probe->first, octets, HEADER_LEN);
    }
    if (type == SSL3_RT_HANDSHAKE && len > VERSION_AT + 1 && octets[0] == SERVER_HELLO)
        probe->version = octets[VERSION_AT] << 8 | octets[VERSION_AT + 1];
}

static bool is_no_tls(const struct tls_probe *probe)
{
    return probe->answered &&
           (probe->first[0] < RECORD_TYPE_MIN || probe->first[0] > RECORD_TYPE_MAX);
}

static const char *version_name(int version)
{
    return version == TLS1_1_VERSION ? "TLS 1.1"
           : version == TLS1_VERSION ? "TLS 1.0"
           : version == SSL3_VERSION ? "SSL 3.0"
                                     : "an unknown version of TLS";
}

static void fail_handshake(struct tls_probe *probe, const struct err_info *why)
{
    int alert = tls_connection_alert(probe->tls);
    char shown[HEADER_LEN + 1] = "";

    if (is_no_tls(probe)) {
        for (size_t i = 0; i < HEADER_LEN; i++)
            shown[i] = probe->first[i] != '\0' ? (char)probe->first[i] : '?';
        fail(probe, ERR_TLS, "what answers does not speak TLS: it begins with \"%s\"",
             shown);
    } else if (alert >= 0) {
        fail(probe, ERR_TLS, "the server refused with the TLS alert %s (%d)",
             tls_connection_alert_name(alert), alert);
    } else if (probe->version != VERSION_NONE && probe->version != TLS1_2_VERSION) {
        fail(probe, ERR_TLS, "the server chose %s; TLS 1.2 or 1.3 is needed",
             version_name(probe->version));
    } else if (why->os_error != 0) {
        fail(probe, ERR_CONNECTION, "the connection broke during the TLS handshake: %s",
             strerror(why->os_error));
    } else if (tls_connection_is_cut(probe->tls)) {
        fail(probe, ERR_CONNECTION, "the connection was closed during the TLS handshake");
    } else {
        const char *reason = ERR_reason_error_string(probe->tls->error);
        fail(probe, ERR_TLS, "the TLS handshake failed: %s",
             reason != NULL ? reason : why->detail);
    }
}

/* ---- from dialling to the end ---- */

static void on_timer(void *argument)
{
    struct tls_probe *probe = argument;

    if (probe->failed != ERR_OK)
        finish_failed(probe, probe->failed);
    else if (!probe->dialled)
        fail(probe, ERR_CONNECTION, "no connection in time");
    else if (!probe->answered)
        fail(probe, ERR_CONNECTION, "no answer in time");
    else
        fail(probe, ERR_CONNECTION, "the TLS handshake did not end in time");
}

static void shake_hands(struct tls_probe *probe)
{
    struct err_info why = {0};

    switch (tls_connection_handshake(probe->tls, &why)) {
    case TLS_DONE:
        succeed(probe);
        return;
    case TLS_WANT_READ:
        loop_fd_want(probe->watch, LOOP_READ);
        return;
    case TLS_WANT_WRITE:
        loop_fd_want(probe->watch, LOOP_WRITE);
        return;
    case TLS_CLOSED:
        fail(probe, ERR_CONNECTION, "the server ended the TLS handshake");
        return;
    default:
        fail_handshake(probe, &why);
        return;
    }
}

static void on_events(void *argument, int events)
{
    struct tls_probe *probe = argument;
    struct err_info why = {0};

    (void)events;
    if (!probe->dialled) {
        if (socket_connect_end(probe->fd, &why) != ERR_OK) {
            fail(probe, ERR_CONNECTION, "%s", strerror(why.os_error));
            return;
        }
        probe->dialled = true;
        int64_t left_us = probe->until_us - clock_monotonic_us();
        loop_timer_set(probe->timer, left_us > 1000 ? left_us / 1000 : 1);
        if (tls_connection_connect(probe->prober->context, probe->fd, probe->server_name,
                                   &probe->tls, &why) != ERR_OK) {
            fail(probe, ERR_INTERNAL, "%s", why.detail);
            return;
        }
        SSL_set_msg_callback(probe->tls->ssl, on_message);
        SSL_set_msg_callback_arg(probe->tls->ssl, probe);
    }
    shake_hands(probe);
}

static int64_t at_least_1(int64_t milliseconds)
{
    return milliseconds > 0 ? milliseconds : 1;
}

struct tls_probe *
tls_probe_start(struct tls_prober *p, const struct tls_probe_request *request,
                void (*done)(void *argument, const struct tls_probe_result *result),
                void *argument)
{
    struct tls_probe *probe = memory_get_zeroed(1, sizeof *probe);
    int64_t timeout_ms = at_least_1(request->timeout_ms);
    int64_t dial_ms = at_least_1(request->dial_ms);
    struct err_info why = {0};

    probe->prober = p;
    probe->arena = arena_new();
    probe->server_name = arena_string(probe->arena, request->server_name);
    probe->until_us = clock_monotonic_us() + timeout_ms * 1000;
    probe->fd = -1;
    probe->done = done;
    probe->argument = argument;
    probe->timer = loop_timer_new(p->loop, on_timer, probe);
    if (socket_connect_begin(&request->to, &probe->fd, &why) != ERR_OK) {
        probe->failed = ERR_CONNECTION;
        (void)text_copy(probe->detail, sizeof probe->detail,
                        why.os_error != 0 ? strerror(why.os_error) : why.detail);
        loop_timer_set(probe->timer, 0); /* told from the loop, as everything */
        return probe;
    }
    loop_timer_set(probe->timer, dial_ms < timeout_ms ? dial_ms : timeout_ms);
    probe->watch = loop_fd_new(p->loop, probe->fd, on_events, probe);
    loop_fd_want(probe->watch, LOOP_WRITE);
    return probe;
}
