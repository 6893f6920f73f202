/* Tests of server/validate/tls_alpn_01. All the ways to do it wrong are in
 * tests/unit/core/acme/alpn_proof_test.c and tests/flow/test_tls_alpn_01.py. */
#include "validate_world.h"

#include <string.h>

#include "core/acme/alpn_proof.h"
#include "core/net/socket.h"
#include "core/net/tls_connection.h"

#include <poll.h>
#include <unistd.h>

#include "../../core/x509/alpn_maker.h"

#define PATIENCE_MS 20000

/* A TLS server that shows one certificate to everybody. */
struct server {
    struct tls_context *context;
    int listener;
    pthread_t thread;
};

static bool wait_for(int fd, int milliseconds)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, milliseconds) == 1;
}

static void *serve(void *argument)
{
    struct server *s = argument;
    struct err_info why = {0};
    struct address peer;
    char got[16];
    size_t len;
    int fd;

    while (wait_for(s->listener, -1) &&
           socket_accept(s->listener, &fd, &peer) == SOCKET_ACCEPTED) {
        struct tls_connection *t = tls_connection_accept(s->context, fd);
        while (tls_connection_handshake(t, &why) == TLS_WANT_READ &&
               wait_for(fd, PATIENCE_MS))
            ;
        while (tls_connection_read(t, got, sizeof got, &len, &why) == TLS_WANT_READ &&
               wait_for(fd, PATIENCE_MS))
            ;
        tls_connection_free(t);
        (void)close(fd);
    }
    return NULL;
}

static struct span pem_of(struct arena *a, BIO *out)
{
    char *data = NULL;
    long len = BIO_get_mem_data(out, &data);
    struct span copy = arena_span(a, span_make(data, (size_t)len));

    BIO_free(out);
    return copy;
}

/* Begin to serve what was made, where the world's validator goes for TLS. */
static void open_server(struct world *w, struct server *s, const struct alpn_made *made)
{
    AUTO(arena) struct arena *a = arena_new();
    EVP_PKEY *key = NULL;
    X509 *x = alpn_make(made, &key);
    BIO *chain = BIO_new(BIO_s_mem());
    BIO *key_pem = BIO_new(BIO_s_mem());
    struct err_info why = {0};
    struct address at;

    assert_int_equal(PEM_write_bio_X509(chain, x), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL),
                     1);
    const struct tls_server_options o = {.chain_pem = pem_of(a, chain),
                                         .key_pem = pem_of(a, key_pem),
                                         .alpn = {TLS_ALPN_ACME_TLS_1}};
    assert_int_equal(tls_context_server(&o, &s->context, &why), ERR_OK);
    assert_true(address_parse(span_of("127.0.0.1"), &at));
    assert_int_equal(socket_listen(&at, false, &s->listener, &why), ERR_OK);
    assert_int_equal(socket_local_address(s->listener, &at, &why), ERR_OK);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    w->view.tls_port = at.port;
    assert_true(validate_reload(w->validator, &w->options));
    EVP_PKEY_free(key);
    X509_free(x);
}

static void close_server(struct server *s)
{
    (void)shutdown(s->listener, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    (void)close(s->listener);
    tls_context_unref(s->context);
}

/* S-ALPN-5, S-ALPN-6, S-IP-4: the verdict, its sentence and the record. */
static void verdicts(void **state)
{
    struct world *w = *state;
    const struct alpn_proof proof = alpn_proof_of("good.test", PROOF);
    static const uint8_t other[ALPN_DIGEST_LEN] = {0};
    const struct {
        const char *identifier;
        struct alpn_made made;
        enum err code;
        const char *words;
        const char *recorded;
    } rows[] = {
        {"good.test",
         {.names = "DNS:good.test", .digest = proof.digest},
         ERR_OK,
         "",
         "\"names\":[\"\\\"good.test\\\"\"],\"acme_identifier\":\""},
        {"127.0.0.1",
         {.names = "IP:127.0.0.1", .digest = proof.digest},
         ERR_OK,
         "",
         "[{\"server_name\":\"1.0.0.127.in-addr.arpa\",\"address\":\"127.0.0.1:"},
        {"good.test",
         {.names = "DNS:bad.test", .digest = proof.digest},
         ERR_UNAUTHORIZED,
         ": the certificate is for \"bad.test\"; expected one for the DNS name "
         "\"good.test\" only",
         "\"names\":[\"\\\"bad.test\\\"\"]"},
        {"127.0.0.1",
         {.names = "DNS:good.test", .digest = proof.digest},
         ERR_UNAUTHORIZED,
         "expected one for 127.0.0.1 only",
         "\"protocol\":\"acme-tls/1\",\"certificates\":1,\"certificate_sha256\":\""},
        {"good.test",
         {.names = "DNS:good.test", .digest = other},
         ERR_UNAUTHORIZED,
         "it was made for another token or account key",
         "\"acme_identifier\":\"0000000000"},
        {"good.test",
         {.names = "DNS:good.test", .digest = proof.digest, .twice = true},
         ERR_UNAUTHORIZED,
         "the certificate: it has an extension twice",
         "\"certificate_sha256\":\""},
    };

    w->type = CHALLENGE_TLS_ALPN_01;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct server s = {0};
        open_server(w, &s, &rows[i].made);
        validate_world_check(w, rows[i].identifier);
        close_server(&s);
        if (w->code != rows[i].code || strstr(w->detail, rows[i].words) == NULL ||
            strstr(w->record, rows[i].recorded) == NULL)
            print_error("row %zu: %s %s\n", i, w->detail, w->record);
        assert_int_equal(w->valid, rows[i].code == ERR_OK);
        assert_int_equal(w->code, rows[i].code);
        assert_non_null(strstr(w->detail, rows[i].words));
        assert_non_null(strstr(w->record, rows[i].recorded));
        assert_int_equal(w->troubles, 0); /* what is wrong is final */
        assert_int_equal(w->asked, rows[i].identifier[0] == 'g' ? 2 : 0);
    }
}

/* S-ALPN-10, S-RETRY-3: what is no answer is asked for again, as in http-01. */
static void trouble(void **state)
{
    struct world *w = *state;

    w->type = CHALLENGE_TLS_ALPN_01;
    w->view.tls_port = w->view.http_port;
    assert_true(validate_reload(w->validator, &w->options));
    w->answer = HTTP_OK;
    validate_world_check(w, "good.test");
    assert_int_equal(w->code, ERR_TLS);
    assert_non_null(strstr(w->detail, "good.test at 127.0.0.1:"));
    assert_non_null(strstr(w->detail, "(TLS with server name good.test): what answers "
                                      "does not speak TLS: it begins with \"HTTP/\""));
    assert_int_equal(w->troubles, 3);
    w->answer = "";
    validate_world_check(w, "good.test");
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_int_equal(w->troubles, 3);
    validate_world_check(w, "inside.test");
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_non_null(strstr(w->detail, "inside.test is at 10.0.0.1"));
    validate_world_check(w, "10.0.0.1");
    assert_non_null(strstr(w->detail, "10.0.0.1 is private use"));
    assert_int_equal(w->asked, 0);
    validate_world_check(w, "gone.test");
    assert_int_equal(w->code, ERR_DNS);
}

/* A server that says nothing, and a validator that is freed meanwhile. */
static void silence(void **state)
{
    struct world *w = *state;

    w->type = CHALLENGE_TLS_ALPN_01;
    w->view.tls_port = w->view.http_port;
    w->options.timeout_ms = 500;
    assert_true(validate_reload(w->validator, &w->options));
    w->answer = NULL;
    validate_world_check(w, "good.test");
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_non_null(strstr(w->detail, "no answer in time"));
    validate_world_begin(w, "127.0.0.1");
}

/* S-WILD-5: the front offers it for no wildcard; the validator would not do it either. */
static void malformed(void **state)
{
    struct world *w = *state;
    struct validate_question q = {.type = CHALLENGE_TLS_ALPN_01,
                                  .identifier = "good.test",
                                  .wildcard = true,
                                  .token = TOKEN,
                                  .key_authorization = PROOF};

    for (int i = 0; i < 2; i++) {
        validate_world_ask(w, &q);
        loop_run(w->loop);
        assert_int_equal(w->code, ERR_INTERNAL);
        q.wildcard = false;
        q.key_authorization = "";
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(verdicts, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(trouble, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(silence, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(malformed, validate_world_set_up,
                                        validate_world_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
