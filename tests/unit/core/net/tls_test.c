/* Tests of core/net/tls and tls_connection: both ends in one thread, over a socket pair.
 * What foreign clients make of it is tested in tests/flow/test_tls.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/tls.h"
#include "core/net/tls_connection.h"
#include "tls_fixtures.h"

#define TURNS_MAX 100

struct ends {
    int fds[2];
    struct tls_connection *server;
    struct tls_connection *client;
    enum tls_result server_result;
    enum tls_result client_result;
    struct err_info server_why;
    struct err_info client_why;
};

static struct tls_server_options server_options(void)
{
    struct tls_server_options o = {.chain_pem = span_of(pem_localhost),
                                   .key_pem = span_of(pem_localhost_key),
                                   .alpn = {TLS_ALPN_H2, TLS_ALPN_HTTP_1_1}};
    return o;
}

static struct tls_client_options client_options(void)
{
    struct tls_client_options o = {.ca_pem = span_of(pem_localhost),
                                   .alpn = {TLS_ALPN_HTTP_1_1}};
    return o;
}

static bool goes_on(enum tls_result r)
{
    return r == TLS_WANT_READ || r == TLS_WANT_WRITE;
}

/* Shake hands until both ends are done with it, one way or another. */
static void meet(struct ends *e, const struct tls_server_options *so,
                 const struct tls_client_options *co, const char *host)
{
    struct tls_context *s = NULL;
    struct tls_context *c = NULL;

    memset(e, 0, sizeof *e);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, e->fds), 0);
    assert_int_equal(tls_context_server(so, &s, &e->server_why), ERR_OK);
    assert_int_equal(tls_context_client(co, &c, &e->client_why), ERR_OK);
    e->server = tls_connection_accept(s, e->fds[0]);
    assert_int_equal(
        tls_connection_connect(c, e->fds[1], host, &e->client, &e->client_why), ERR_OK);
    tls_context_unref(s); /* the connections have their own */
    tls_context_unref(c);
    e->server_result = e->client_result = TLS_WANT_READ;
    for (int i = 0; i < TURNS_MAX; i++) {
        if (goes_on(e->client_result))
            e->client_result = tls_connection_handshake(e->client, &e->client_why);
        if (goes_on(e->server_result))
            e->server_result = tls_connection_handshake(e->server, &e->server_why);
    }
}

static void part(struct ends *e)
{
    tls_connection_free(e->client);
    tls_connection_free(e->server);
    (void)close(e->fds[0]);
    (void)close(e->fds[1]);
}

static void agrees(void **state)
{
    struct tls_server_options so = server_options();
    struct tls_client_options co = client_options();
    struct ends e;

    (void)state;
    static const char *const hosts[] = {"localhost", "127.0.0.1"};
    for (size_t i = 0; i < 2; i++) {
        AUTO(arena) struct arena *a = arena_new();
        meet(&e, &so, &co, hosts[i]);
        assert_int_equal(e.server_result, TLS_DONE);
        assert_int_equal(e.client_result, TLS_DONE);
        assert_string_equal(tls_connection_version(e.client), "TLSv1.3");
        assert_non_null(strstr(tls_connection_suite(e.server), "TLS_"));
        assert_true(tls_connection_alpn_is(e.server, TLS_ALPN_HTTP_1_1));
        assert_false(tls_connection_alpn_is(e.server, TLS_ALPN_H2));
        assert_false(tls_connection_is_resumed(e.server));
        assert_true(tls_connection_peer_certificate(e.client, a).len > 100);
        assert_int_equal(tls_connection_peer_certificate(e.server, a).len, 0);
        part(&e);
    }
}

/* Who is not who it should be, is found out by the client. */
static void distrusts(void **state)
{
    struct tls_server_options so = server_options();
    struct tls_client_options co = client_options();
    struct ends e;

    (void)state;
    static const struct {
        const char *host;
        const char *trusted;
        bool unverified;
        bool good;
    } rows[] = {
        {"localhost", pem_localhost, false, true},
        {"other.test", pem_localhost, false, false},
        {"127.0.0.2", pem_localhost, false, false},
        {"tls test", pem_localhost, false,
         false}, /* the common name counts for nothing */
        {"localhost", pem_other, false, false},
        {"other.test", pem_other, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        co.ca_pem = span_of(rows[i].trusted);
        co.unverified = rows[i].unverified;
        meet(&e, &so, &co, rows[i].host);
        assert_int_equal(e.client_result, rows[i].good ? TLS_DONE : TLS_FAILED);
        if (!rows[i].good)
            assert_non_null(
                strstr(e.client_why.detail, "the peer's certificate is not acceptable"));
        part(&e);
    }
}

static void wants_client_certificates(void **state)
{
    struct tls_server_options so = server_options();
    struct tls_client_options co = client_options();
    uint8_t octet;
    size_t len;
    struct ends e;

    (void)state;
    so.client_ca_pem = span_of(pem_other);
    co.chain_pem = span_of(pem_other);
    co.key_pem = span_of(pem_other_key);
    meet(&e, &so, &co, "localhost");
    assert_int_equal(e.server_result, TLS_DONE);
    {
        AUTO(arena) struct arena *a = arena_new();
        assert_true(tls_connection_peer_certificate(e.server, a).len > 100);
    }
    part(&e);
    /* none, and one of somebody else */
    for (int i = 0; i < 2; i++) {
        co.chain_pem = i == 0 ? span_make(NULL, 0) : span_of(pem_localhost);
        co.key_pem = i == 0 ? span_make(NULL, 0) : span_of(pem_localhost_key);
        meet(&e, &so, &co, "localhost");
        assert_int_equal(e.server_result, TLS_FAILED);
        /* in TLS 1.3 the client learns it when it reads */
        assert_int_equal(tls_connection_read(e.client, &octet, 1, &len, &e.client_why),
                         TLS_FAILED);
        part(&e);
    }
}

static void alpn_without_agreement(void **state)
{
    struct tls_server_options so = server_options();
    struct tls_client_options co = client_options();
    struct ends e;

    (void)state;
    co.alpn[0] = TLS_ALPN_ACME_TLS_1;
    meet(&e, &so, &co, "localhost");
    assert_int_equal(e.server_result, TLS_FAILED);
    assert_int_equal(e.client_result, TLS_FAILED);
    part(&e);
    co.alpn[0] = NULL; /* who offers nothing is taken without */
    meet(&e, &so, &co, "localhost");
    assert_int_equal(e.server_result, TLS_DONE);
    assert_false(tls_connection_alpn_is(e.server, TLS_ALPN_HTTP_1_1));
    part(&e);
}

static struct tls_context *other;
static char asked[64];

static struct tls_context *choose(void *argument, const char *name)
{
    *(int *)argument += 1;
    (void)strncpy(asked, name != NULL ? name : "-", sizeof asked - 1);
    return name != NULL && strcmp(name, "other.test") == 0 ? tls_context_ref(other)
                                                           : NULL;
}

static void chooses_by_name(void **state)
{
    struct tls_server_options so = server_options();
    struct tls_client_options co = client_options();
    struct err_info why = {0};
    int calls = 0;
    struct ends e;

    (void)state;
    struct tls_server_options oo = so;
    oo.chain_pem = span_of(pem_other);
    oo.key_pem = span_of(pem_other_key);
    assert_int_equal(tls_context_server(&oo, &other, &why), ERR_OK);
    so.choose = choose;
    so.choose_argument = &calls;
    static const char *const names[] = {"other.test", "localhost", "127.0.0.1"};
    for (size_t i = 0; i < 3; i++) {
        co.ca_pem = span_of(i == 0 ? pem_other : pem_localhost);
        meet(&e, &so, &co, names[i]);
        assert_int_equal(e.client_result, TLS_DONE);
        assert_string_equal(asked, i == 2 ? "-" : names[i]); /* no SNI for an address */
        part(&e);
    }
    assert_int_equal(calls, 3);
    tls_context_unref(other);
}

/* RFC 8737 3, 5: who is not expected gets no certificate, and hears why. */
static void only_the_chosen(void **state)
{
    static const struct {
        const char *protocol; /* NULL: none is offered */
        const char *name;
        bool good;
        const char *alert;
    } rows[] = {
        {TLS_ALPN_ACME_TLS_1, "other.test", true, NULL},
        {TLS_ALPN_ACME_TLS_1, "localhost", false, "unrecognized name"},
        {TLS_ALPN_ACME_TLS_1, "127.0.0.1", false, "unrecognized name"}, /* no SNI */
        {TLS_ALPN_HTTP_1_1, "other.test", false, "no application protocol"},
        {NULL, "other.test", false, "no application protocol"},
        {NULL, "localhost", false, "no application protocol"},
    };
    struct tls_server_options so = server_options();
    struct tls_client_options co = {.unverified = true};
    struct err_info why = {0};
    int calls = 0;
    struct ends e;

    (void)state;
    so.alpn[0] = TLS_ALPN_ACME_TLS_1;
    so.alpn[1] = NULL;
    so.only_chosen = true;
    assert_int_equal(tls_context_server(&so, &other, &why), ERR_OK);
    so.chain_pem = so.key_pem = span_make(NULL, 0);
    so.choose = choose;
    so.choose_argument = &calls;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        co.alpn[0] = rows[i].protocol;
        meet(&e, &so, &co, rows[i].name);
        assert_int_equal(e.client_result, rows[i].good ? TLS_DONE : TLS_FAILED);
        assert_int_equal(e.server_result, rows[i].good ? TLS_DONE : TLS_FAILED);
        if (rows[i].good)
            assert_true(tls_connection_alpn_is(e.client, TLS_ALPN_ACME_TLS_1));
        else
            assert_non_null(strstr(e.client_why.detail, rows[i].alert));
        part(&e);
    }
    tls_context_unref(other);
}

/* A megabyte through a socket that takes some of it at a time. */
static void carries(void **state)
{
    struct tls_server_options so = server_options();
    struct tls_client_options co = client_options();
    static uint8_t sent[1 << 20];
    static uint8_t got[1 << 20];
    size_t out = 0;
    size_t in = 0;
    size_t len;
    int blocked = 0;
    struct ends e;

    (void)state;
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 7 + i / 251);
    meet(&e, &so, &co, "localhost");
    assert_int_equal(tls_connection_read(e.server, got, sizeof got, &len, &e.server_why),
                     TLS_WANT_READ);
    while (in < sizeof sent) {
        while (out < sizeof sent) {
            enum tls_result r = tls_connection_write(
                e.server, span_make(sent + out, sizeof sent - out), &len, &e.server_why);
            if (r == TLS_WANT_WRITE) {
                blocked++;
                break;
            }
            assert_int_equal(r, TLS_DONE);
            assert_true(len > 0);
            out += len;
        }
        for (;;) {
            enum tls_result r = tls_connection_read(e.client, got + in, sizeof got - in,
                                                    &len, &e.client_why);
            if (r == TLS_WANT_READ)
                break;
            assert_int_equal(r, TLS_DONE);
            in += len;
            if (in == sizeof sent)
                break;
        }
    }
    assert_true(blocked > 0);
    assert_memory_equal(sent, got, sizeof sent);
    /* what came with what was read is announced by the connection, not the descriptor */
    assert_int_equal(
        tls_connection_write(e.server, span_of("0123456789"), &len, &e.server_why),
        TLS_DONE);
    assert_int_equal(tls_connection_read(e.client, got, 1, &len, &e.client_why),
                     TLS_DONE);
    assert_true(tls_connection_has_pending(e.client));
    part(&e);
}

static void ends(void **state)
{
    struct tls_server_options so = server_options();
    struct tls_client_options co = client_options();
    uint8_t octet;
    size_t len;
    struct ends e;

    (void)state;
    meet(&e, &so, &co, "localhost");
    tls_connection_end(e.server);
    assert_int_equal(tls_connection_read(e.client, &octet, 1, &len, &e.client_why),
                     TLS_CLOSED);
    part(&e);
    /* cut off: a server takes it as an end, a client does not (RFC 8446 6.1) */
    meet(&e, &so, &co, "localhost");
    (void)shutdown(e.fds[1], SHUT_WR);
    assert_int_equal(tls_connection_read(e.server, &octet, 1, &len, &e.server_why),
                     TLS_CLOSED);
    (void)shutdown(e.fds[0], SHUT_WR);
    enum tls_result r = TLS_DONE;
    for (int i = 0; i < TURNS_MAX && (r == TLS_DONE || goes_on(r)); i++)
        r = tls_connection_read(e.client, &octet, 1, &len, &e.client_why);
    assert_int_equal(r, TLS_FAILED);
    part(&e);
    /* a peer that is gone raises no signal */
    meet(&e, &so, &co, "localhost");
    (void)close(e.fds[1]);
    e.fds[1] = -1;
    r = TLS_DONE;
    for (int i = 0; i < TURNS_MAX && r == TLS_DONE; i++)
        r = tls_connection_write(e.server, span_of("x"), &len, &e.server_why);
    assert_int_equal(r, TLS_FAILED);
    part(&e);
}

static void refuses_bad_options(void **state)
{
    static const char broken[] =
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    static const struct {
        const char *chain;
        const char *key;
        const char *client_ca;
        const char *says;
    } rows[] = {
        {"", pem_localhost_key, "", "no certificate"},
        {"hello", pem_localhost_key, "", "no certificate"},
        {broken, pem_localhost_key, "", "no certificate"},
        {pem_localhost, "", "", "key is not readable"},
        {pem_localhost, pem_localhost, "", "key is not readable"},
        {pem_localhost, pem_other_key, "", "does not belong"},
        {pem_localhost, pem_localhost_key, "hello", "trusted certificates"},
        {pem_localhost, pem_localhost_key, broken, "trusted certificates"},
    };
    struct err_info why = {0};
    struct tls_context *c = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct tls_server_options o = {.chain_pem = span_of(rows[i].chain),
                                             .key_pem = span_of(rows[i].key),
                                             .client_ca_pem = span_of(rows[i].client_ca)};
        assert_int_equal(tls_context_server(&o, &c, &why), ERR_CONFIG);
        if (strstr(why.detail, rows[i].says) == NULL)
            print_error("%zu: %s\n", i, why.detail);
        assert_non_null(strstr(why.detail, rows[i].says));
        assert_null(c);
    }
    const struct tls_client_options co = {.ca_file = "/nonexistent/roots.pem"};
    assert_int_equal(tls_context_client(&co, &c, &why), ERR_CONFIG);
    assert_non_null(strstr(why.detail, "/nonexistent/roots.pem"));
    tls_context_unref(NULL);
    tls_connection_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees),
        cmocka_unit_test(distrusts),
        cmocka_unit_test(wants_client_certificates),
        cmocka_unit_test(alpn_without_agreement),
        cmocka_unit_test(chooses_by_name),
        cmocka_unit_test(only_the_chosen),
        cmocka_unit_test(carries),
        cmocka_unit_test(ends),
        cmocka_unit_test(refuses_bad_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
