/* Tests of core/net/tls_probe: handshakes with servers that do it right or wrong, on
 * loopback. What foreign servers make of it is in tests/flow/test_tls_alpn_01.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/net/socket.h"
#include "core/net/tls_connection.h"
#include "core/net/tls_private.h"
#include "core/net/tls_probe.h"
#include "tls_fixtures.h"

#define PATIENCE_MS 20000
#define SHORT_MS    500
#define PROTOCOL    TLS_ALPN_ACME_TLS_1

enum manner {
    SAYS,     /* octets, then hangs up */
    RESETS,   /* hangs up hard */
    SILENT,   /* nothing, until the probe gives up */
    DRIPS,    /* a ServerHello octet by octet, and never the end of it */
    HANDSHAKE /* TLS */
};

struct world {
    struct loop *loop;
    struct tls_prober *prober;
    struct address at;
    int listener;
    pthread_t thread;
    pthread_mutex_t serving; /* held while a connection is served, as this says: */
    enum manner manner;
    struct span says;
    struct tls_context *tls;
    atomic_size_t data;  /* octets of application data that came */
    char asked[300];     /* by SNI */
    bool ended;          /* with close_notify */
    uint8_t offered[64]; /* by ALPN */
    unsigned int offered_len;
    /* the result */
    int results;
    enum err code;
    bool dialled;
    int alert;
    char detail[TLS_PROBE_DETAIL_MAX];
    char protocol[32];
    char version[16];
    size_t certificate_len;
    size_t certificate_count;
};

/* ---- the server ---- */

static bool wait_for(int fd, short events, int milliseconds)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, milliseconds) == 1;
}

static void handshake(struct world *w, int fd)
{
    struct tls_connection *t = tls_connection_accept(w->tls, fd);
    enum tls_result r;
    struct err_info why = {0};
    char got[64];
    size_t len = 0;

    while ((r = tls_connection_handshake(t, &why)) == TLS_WANT_READ)
        if (!wait_for(fd, POLLIN, PATIENCE_MS))
            break;
    while (r == TLS_DONE || r == TLS_WANT_READ) {
        r = tls_connection_read(t, got, sizeof got, &len, &why);
        if (r == TLS_DONE)
            w->data += len;
        else if (r == TLS_WANT_READ && !wait_for(fd, POLLIN, PATIENCE_MS))
            break;
    }
    w->ended = r == TLS_CLOSED;
    tls_connection_free(t);
}

static void serve_one(struct world *w, int fd)
{
    char got[4096];
    const struct linger hard = {.l_onoff = 1};

    switch (w->manner) {
    case HANDSHAKE:
        handshake(w, fd);
        return;
    case SAYS:
        (void)wait_for(fd, POLLIN, PATIENCE_MS);
        (void)recv(fd, got, sizeof got, 0);
        (void)send(fd, w->says.data, w->says.len, MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_WR);
        (void)wait_for(fd, POLLIN, PATIENCE_MS);
        return;
    case RESETS:
        (void)wait_for(fd, POLLIN, PATIENCE_MS);
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        return;
    case DRIPS:
        for (size_t i = 0; i < w->says.len; i++) {
            (void)send(fd, w->says.data + i, 1, MSG_NOSIGNAL);
            (void)usleep(1000);
        }
        do {
            (void)wait_for(fd, POLLIN, PATIENCE_MS);
        } while (recv(fd, got, sizeof got, 0) > 0);
        return;
    default:
        do {
            (void)wait_for(fd, POLLIN, PATIENCE_MS);
        } while (recv(fd, got, sizeof got, 0) > 0);
        return;
    }
}

static void *serve(void *argument)
{
    struct world *w = argument;
    struct address peer;
    int fd = -1;

    for (;;) {
        if (!wait_for(w->listener, POLLIN, -1) ||
            socket_accept(w->listener, &fd, &peer) != SOCKET_ACCEPTED)
            return NULL;
        pthread_mutex_lock(&w->serving);
        serve_one(w, fd);
        pthread_mutex_unlock(&w->serving);
        (void)close(fd);
    }
}

/* How the next connections are served. */
static void behave(struct world *w, enum manner manner, struct span says)
{
    pthread_mutex_lock(&w->serving);
    w->manner = manner;
    w->says = says;
    pthread_mutex_unlock(&w->serving);
}

static struct tls_context *keep_name(void *argument, const char *server_name)
{
    struct world *w = argument;

    (void)snprintf(w->asked, sizeof w->asked, "%s", server_name);
    return NULL;
}

static void speak(struct world *w, const char *protocol)
{
    const struct tls_server_options o = {.chain_pem = span_of(pem_localhost),
                                         .key_pem = span_of(pem_localhost_key),
                                         .alpn = {protocol},
                                         .choose = keep_name,
                                         .choose_argument = w};
    struct err_info why = {0};

    pthread_mutex_lock(&w->serving);
    tls_context_unref(w->tls);
    w->tls = NULL;
    assert_int_equal(tls_context_server(&o, &w->tls, &why), ERR_OK);
    w->manner = HANDSHAKE;
    pthread_mutex_unlock(&w->serving);
}

static int set_up(void **state)
{
    static struct world made;
    struct world *w = &made;
    struct err_info why = {0};
    struct address loopback;

    memset(w, 0, sizeof *w);
    assert_true(address_parse(span_of("127.0.0.1"), &loopback));
    assert_int_equal(socket_listen(&loopback, false, &w->listener, &why), ERR_OK);
    assert_int_equal(socket_local_address(w->listener, &w->at, &why), ERR_OK);
    assert_int_equal(loop_new(&w->loop, &why), ERR_OK);
    assert_int_equal(tls_prober_new(w->loop, PROTOCOL, &w->prober, &why), ERR_OK);
    assert_int_equal(pthread_mutex_init(&w->serving, NULL), 0);
    assert_int_equal(pthread_create(&w->thread, NULL, serve, w), 0);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    (void)shutdown(w->listener, SHUT_RDWR);
    (void)pthread_join(w->thread, NULL);
    (void)close(w->listener);
    tls_prober_free(w->prober);
    loop_free(w->loop);
    tls_context_unref(w->tls);
    return 0;
}

/* What is not verified is shaken hands with in a context of few kinds of keys; that those
 * of servers are among them is seen in tests/flow/test_tls_alpn_01.py. */
static void is_lean(void **state)
{
    const struct tls_client_options lean = {.unverified = true};
    const struct tls_client_options usual = {.ca_pem = span_of(pem_localhost)};
    struct tls_context *c = NULL;
    struct err_info why = {0};

    (void)state;
    assert_int_equal(tls_context_client(&lean, &c, &why), ERR_OK);
    assert_non_null(c->lean);
    tls_context_unref(c);
    assert_int_equal(tls_context_client(&usual, &c, &why), ERR_OK);
    assert_null(c->lean);
    tls_context_unref(c);
}

/* ---- probes ---- */

static void on_probed(void *argument, const struct tls_probe_result *r)
{
    struct world *w = argument;

    w->results++;
    w->code = r->code;
    w->dialled = r->dialled;
    w->alert = r->alert;
    (void)snprintf(w->detail, sizeof w->detail, "%s", r->detail);
    (void)snprintf(w->protocol, sizeof w->protocol, "%.*s", (int)r->protocol.len,
                   (const char *)r->protocol.data);
    (void)snprintf(w->version, sizeof w->version, "%s", r->version);
    w->certificate_len = r->certificate.len;
    w->certificate_count = r->certificate_count;
    loop_stop(w->loop);
}

static void probe(struct world *w, struct address to, int64_t timeout_ms)
{
    const struct tls_probe_request request = {.to = to,
                                              .server_name = "a.flow.test",
                                              .dial_ms = timeout_ms,
                                              .timeout_ms = timeout_ms};

    w->results = 0;
    assert_non_null(tls_probe_start(w->prober, &request, on_probed, w));
    assert_int_equal(w->results, 0); /* never from within tls_probe_start */
    loop_run(w->loop);
    assert_int_equal(w->results, 1);
}

/* S-ALPN-3, S-ALPN-9: SNI and ALPN as asked for, no data, a proper goodbye. */
static void agrees(void **state)
{
    struct world *w = *state;

    speak(w, PROTOCOL);
    probe(w, w->at, PATIENCE_MS);
    assert_int_equal(w->code, ERR_OK);
    assert_true(w->dialled && w->alert == -1);
    assert_string_equal(w->protocol, PROTOCOL);
    assert_string_equal(w->version, "TLSv1.3");
    assert_true(w->certificate_len > 100);
    assert_int_equal(w->certificate_count, 1);
    (void)shutdown(w->listener, SHUT_RDWR);
    (void)pthread_join(w->thread, NULL); /* the server has seen all of it */
    assert_string_equal(w->asked, "a.flow.test");
    assert_int_equal(w->data, 0);
    assert_true(w->ended);
    assert_int_equal(pthread_mutex_init(&w->serving, NULL), 0);
    assert_int_equal(pthread_create(&w->thread, NULL, serve, w), 0);
}

/* S-ALPN-11: a server that knows other protocols only sends an alert; one that knows no
 * ALPN agrees on nothing. */
static void other_protocols(void **state)
{
    struct world *w = *state;

    speak(w, TLS_ALPN_HTTP_1_1);
    probe(w, w->at, PATIENCE_MS);
    assert_int_equal(w->code, ERR_TLS);
    assert_int_equal(w->alert, 120);
    assert_string_equal(
        w->detail, "the server refused with the TLS alert no application protocol (120)");
    speak(w, NULL);
    probe(w, w->at, PATIENCE_MS);
    assert_int_equal(w->code, ERR_OK);
    assert_string_equal(w->protocol, "");
}

/* The one that answers with a protocol nobody offered. */
static int insist(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                  const unsigned char *offered, unsigned int offered_len, void *argument)
{
    struct world *w = argument;

    (void)ssl;
    assert_true(offered_len <= sizeof w->offered);
    memcpy(w->offered, offered, offered_len);
    w->offered_len = offered_len;
    *out = (const unsigned char *)TLS_ALPN_HTTP_1_1;
    *out_len = sizeof TLS_ALPN_HTTP_1_1 - 1;
    return SSL_TLSEXT_ERR_OK;
}

/* S-ALPN-3, S-ALPN-4: one protocol is offered. A server that chose another is told of, or
 * refused by an OpenSSL that looks at that itself. */
static void an_unoffered_protocol(void **state)
{
    struct world *w = *state;

    speak(w, PROTOCOL);
    SSL_CTX_set_alpn_select_cb(w->tls->ssl, insist, w);
    probe(w, w->at, PATIENCE_MS);
    if (w->code == ERR_OK)
        assert_string_equal(w->protocol, TLS_ALPN_HTTP_1_1);
    else
        assert_string_equal(w->detail, "the TLS handshake failed: bad extension");
    assert_int_equal(w->offered_len, sizeof PROTOCOL);
    assert_memory_equal(w->offered, "\x0a" PROTOCOL, sizeof PROTOCOL);
}

#define OCTETS(text)                                                                     \
    {                                                                                    \
        (const uint8_t *)(text), sizeof(text) - 1                                        \
    }
/* the beginning of a ServerHello that chooses TLS 1.1, and all of it */
#define HELLO_HEAD "\x16\x03\2\0\x2a\2\0\0\x26\3\2"
#define HELLO                                                                            \
    HELLO_HEAD "0123456789abcdef0123456789abcdef"                                        \
               "\0\xc0\x13\0"

/* S-ALPN-8, S-ALPN-11: each has its own sentence. */
static void refusals(void **state)
{
    struct world *w = *state;
    static const struct {
        struct span says;
        enum err code;
        int alert;
        const char *words;
    } rows[] = {
        {OCTETS("HTTP/1.1 400 Bad Request\r\n\r\n"), ERR_TLS, -1,
         "does not speak TLS: it begins with \"HTTP/\""},
        {OCTETS("SSH-2.0-x\r\n"), ERR_TLS, -1, "begins with \"SSH-2\""},
        {OCTETS("\0\x1b[2J"), ERR_TLS, -1, "begins with \"??[2J\""},
        {OCTETS("\x15\3\1\0\2\2\x70"), ERR_TLS, 112, "TLS alert unrecognized name (112)"},
        {OCTETS("\x15\3\3\0\2\2\x28"), ERR_TLS, 40, "TLS alert handshake failure (40)"},
        {OCTETS("\x15\3\3\0\2\2\x46"), ERR_TLS, 70, "TLS alert protocol version (70)"},
        {OCTETS("\x15\3\3\0\2\1\0"), ERR_CONNECTION, -1, "ended the TLS handshake"},
        {OCTETS(HELLO), ERR_TLS, -1,
         "the server chose TLS 1.1; TLS 1.2 or 1.3 is needed"},
        {OCTETS("\x16\3\3\0\4\x0b\0\0\0"), ERR_TLS, -1, "the TLS handshake failed: "},
        {OCTETS("\x16\3\3\xff\xff"), ERR_TLS, -1, "the TLS handshake failed: "},
        {OCTETS("\x16\3\3\0\x50\2"), ERR_CONNECTION, -1,
         "closed during the TLS handshake"},
        {OCTETS(""), ERR_CONNECTION, -1, "closed during the TLS handshake"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        behave(w, SAYS, rows[i].says);
        probe(w, w->at, PATIENCE_MS);
        if (strstr(w->detail, rows[i].words) == NULL)
            print_error("row %zu: %s\n", i, w->detail);
        assert_non_null(strstr(w->detail, rows[i].words));
        assert_int_equal(w->code, rows[i].code);
        assert_int_equal(w->alert, rows[i].alert);
        assert_true(w->dialled);
    }
    behave(w, RESETS, (struct span){0});
    probe(w, w->at, PATIENCE_MS);
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_non_null(strstr(w->detail, "Connection reset by peer"));
}

/* Whoever is silent or drips gets the time there is. */
static void waits(void **state)
{
    struct world *w = *state;
    static const char hello[] = HELLO;

    behave(w, SILENT, (struct span){0});
    probe(w, w->at, SHORT_MS);
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_true(w->dialled);
    assert_string_equal(w->detail, "no answer in time");
    behave(w, DRIPS, span_make(hello, sizeof HELLO_HEAD));
    probe(w, w->at, SHORT_MS);
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_string_equal(w->detail, "the TLS handshake did not end in time");
}

static void nobody_there(void **state)
{
    struct world *w = *state;
    struct address to = w->at;
    struct err_info why = {0};
    int listener = -1;

    to.port = 0;
    assert_int_equal(socket_listen(&to, false, &listener, &why), ERR_OK);
    assert_int_equal(socket_local_address(listener, &to, &why), ERR_OK);
    (void)close(listener); /* a port that nobody listens on */
    probe(w, to, PATIENCE_MS);
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_false(w->dialled);
    assert_string_equal(w->detail, "Connection refused");
    /* what the kernel refuses at once is told from the loop all the same */
    assert_true(address_parse(span_of("255.255.255.255"), &to));
    to.port = 443;
    probe(w, to, PATIENCE_MS);
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_false(w->dialled);
    assert_true(strlen(w->detail) > 5);
}

static void given_up(void **state)
{
    struct world *w = *state;
    const struct tls_probe_request request = {.to = w->at,
                                              .server_name = "a.flow.test",
                                              .dial_ms = PATIENCE_MS,
                                              .timeout_ms = PATIENCE_MS};

    behave(w, SILENT, (struct span){0});
    w->results = 0;
    tls_probe_cancel(tls_probe_start(w->prober, &request, on_probed, w));
    assert_int_equal(w->results, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_lean),
        cmocka_unit_test_setup_teardown(agrees, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_protocols, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unoffered_protocol, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(given_up, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
