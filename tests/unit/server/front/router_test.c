/* Tests of server/front/router: every path and method to its handler, or to an answer
 * that says why not; and the headers that every reply carries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/front/router.h"
#include "server/gate/gate.h"
#include "server/issue/issuer.h"

#define GET_ALLOW  "GET, HEAD, OPTIONS"
#define POST_ALLOW "POST, OPTIONS"
#define BOTH_ALLOW "GET, HEAD, POST, OPTIONS"

static const struct issuer issuer = {.name = "",
                                     .root_pem = {(const uint8_t *)"root", 4}};
static const struct issuer_set issuers = {&issuer, 1, NULL};

struct world {
    struct arena *arena;
    struct services services;
    struct gate gate;
    char folder[64];
    char nonces[80];
};

static int setup(void **state)
{
    static struct world w;
    struct err_info why = {0};
    struct settings *settings = NULL;

    memset(&w, 0, sizeof w);
    w.arena = arena_new();
    (void)snprintf(w.folder, sizeof w.folder, "/tmp/cairn-router-XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    (void)snprintf(w.nonces, sizeof w.nonces, "%s/nonces", w.folder);
    assert_int_equal(nonce_jar_open(w.nonces, &w.gate.nonces, &why), ERR_OK);
    assert_int_equal(settings_defaults(w.arena, w.folder, NULL, 0, &settings, &why),
                     ERR_OK);
    w.services.settings = settings;
    w.services.gate = &w.gate;
    w.services.issuers = &issuers;
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    nonce_jar_close(w->gate.nonces);
    (void)unlink(w->nonces);
    (void)rmdir(w->folder);
    arena_free(w->arena);
    return 0;
}

static struct exchange make(struct world *w, const char *method, const char *path)
{
    struct exchange x = {.services = &w->services,
                         .arena = w->arena,
                         .method = method,
                         .path = path,
                         .url = path,
                         .reply.body = buf_make(EXCHANGE_BODY_MAX)};
    return x;
}

static const char *header(const struct exchange *x, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < x->reply.header_count; i++) {
        if (strcmp(x->reply.headers[i].name, name) != 0)
            continue;
        assert_null(value); /* no header twice */
        value = x->reply.headers[i].value;
    }
    return value;
}

static void routes(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        enum err result; /* ERR_MEDIA_TYPE: it came to the gate */
        int status;      /* with ERR_OK */
        const char *allow;
        int64_t id;
    } rows[] = {
        {"GET", "/acme/directory", ERR_OK, 200, NULL, 0},
        {"HEAD", "/acme/directory", ERR_OK, 200, NULL, 0},
        {"GET", "/acme/new-nonce", ERR_OK, 204, NULL, 0},
        {"HEAD", "/acme/new-nonce", ERR_OK, 200, NULL, 0},
        {"GET", "/acme/root.pem", ERR_OK, 200, NULL, 0},
        {"POST", "/acme/directory", ERR_MEDIA_TYPE, 0, NULL, 0},
        {"POST", "/acme/root.pem", ERR_METHOD_NOT_ALLOWED, 0, GET_ALLOW, 0},
        {"get", "/acme/directory", ERR_METHOD_NOT_ALLOWED, 0, BOTH_ALLOW, 0},
        {"DELETE", "/acme/root.pem", ERR_METHOD_NOT_ALLOWED, 0, GET_ALLOW, 0},
        {"OPTIONS", "/acme/new-nonce", ERR_OK, 204, BOTH_ALLOW, 0},
        {"OPTIONS", "/acme/root.pem", ERR_OK, 204, GET_ALLOW, 0},
        {"OPTIONS", "/acme/new-account", ERR_OK, 204, POST_ALLOW, 0},
        {"OPTIONS", "/acme/challenge/7/http-01", ERR_OK, 204, POST_ALLOW, 7},
        {"OPTIONS", "*", ERR_OK, 204, BOTH_ALLOW, 0},
        {"OPTIONS", "/acme/nothing", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/new-account", ERR_MEDIA_TYPE, 0, NULL, 0},
        {"POST", "/acme/new-order", ERR_MEDIA_TYPE, 0, NULL, 0},
        {"POST", "/acme/account/1", ERR_MEDIA_TYPE, 0, NULL, 1},
        {"POST", "/acme/order/9223372036854775807", ERR_MEDIA_TYPE, 0, NULL, INT64_MAX},
        {"POST", "/acme/finalize/12", ERR_MEDIA_TYPE, 0, NULL, 12},
        {"POST", "/acme/certificate/3", ERR_MEDIA_TYPE, 0, NULL, 3},
        {"POST", "/acme/certificate/3/1", ERR_MEDIA_TYPE, 0, NULL, 3},
        {"POST", "/acme/authz/4", ERR_MEDIA_TYPE, 0, NULL, 4},
        {"POST", "/acme/challenge/5/http-01", ERR_MEDIA_TYPE, 0, NULL, 5},
        {"GET", "/acme/order/1", ERR_METHOD_NOT_ALLOWED, 0, POST_ALLOW, 1},
        {"HEAD", "/acme/order/1", ERR_METHOD_NOT_ALLOWED, 0, POST_ALLOW, 1},
        {"PUT", "/acme/new-order", ERR_METHOD_NOT_ALLOWED, 0, POST_ALLOW, 0},
        {"POST", "/acme/order", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/order/", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/order/0", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/order/01", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/order/+1", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/order/-1", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/order/1x", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/order/1/", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/order/1/2", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/order/9223372036854775808", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/orders/1", ERR_MEDIA_TYPE, 0, NULL, 1},
        {"POST", "/acme/orders/1/99", ERR_MEDIA_TYPE, 0, NULL, 1},
        {"POST", "/acme/orders", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/orders/1/", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/orderz/1", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/key-change", ERR_MEDIA_TYPE, 0, NULL, 0},
        {"GET", "/acme/renewal-info/x", ERR_MALFORMED, 0, NULL, 0}, /* no such names */
        {"HEAD", "/acme/renewal-info/AQ.=", ERR_MALFORMED, 0, NULL, 0},
        {"POST", "/acme/renewal-info/AQ.AQ", ERR_MEDIA_TYPE, 0, NULL, 0},
        {"PUT", "/acme/renewal-info/AQ.AQ", ERR_METHOD_NOT_ALLOWED, 0, BOTH_ALLOW, 0},
        {"OPTIONS", "/acme/renewal-info/AQ.AQ", ERR_OK, 204, BOTH_ALLOW, 0},
        {"GET", "/acme/renewal-info", ERR_NOT_FOUND, 0, NULL, 0},
        {"GET", "/acme/renewal-info/", ERR_NOT_FOUND, 0, NULL, 0},
        {"GET", "/acme/renewal-info/AQ.AQ/", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/revoke-cert", ERR_MEDIA_TYPE, 0, NULL, 0},
        {"POST", "/acme/order%2f1", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/challenge/5", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/challenge/5/", ERR_NOT_FOUND, 0, NULL, 0},
        {"POST", "/acme/challenge/5/a/b", ERR_NOT_FOUND, 0, NULL, 0},
        {"GET", "/acme/directory/", ERR_NOT_FOUND, 0, NULL, 0},
        {"GET", "/acme/directory/1", ERR_NOT_FOUND, 0, NULL, 0},
        {"GET", "/acme/directoryx", ERR_NOT_FOUND, 0, NULL, 0},
        {"GET", "/acme/Directory", ERR_NOT_FOUND, 0, NULL, 0},
        {"GET", "/acme//directory", ERR_NOT_FOUND, 0, NULL, 0},
        {"GET", "//acme/directory", ERR_NOT_FOUND, 0, NULL, 0},
        {"GET", "/acme/", ERR_NOT_FOUND, 0, NULL, 0},
        {"GET", "/acme", ERR_NOT_FOUND, 0, NULL, 0},
        {"GET", "/", ERR_NOT_FOUND, 0, NULL, 0},
        {"GET", "", ERR_NOT_FOUND, 0, NULL, 0},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct exchange x = make(w, rows[i].method, rows[i].path);
        struct err_info why = {0};
        enum err result = router_step(&x, &why);
        if (result != rows[i].result)
            print_error("%s %s: %s\n", rows[i].method, rows[i].path, why.detail);
        assert_int_equal(result, rows[i].result);
        if (result == ERR_OK)
            assert_int_equal(x.reply.status, rows[i].status);
        if (result != ERR_NOT_FOUND)
            assert_int_equal(x.id, rows[i].id);
        const char *allow = header(&x, "Allow");
        assert_string_equal(allow != NULL ? allow : "none",
                            rows[i].allow != NULL ? rows[i].allow : "none");
        buf_free(&x.reply.body);
    }
}

static void finishes(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        bool nonce;
        bool link;
    } rows[] = {
        {"GET", "/acme/directory", false, false},
        {"HEAD", "/acme/directory", false, false},
        {"GET", "/acme/new-nonce", true, true},
        {"HEAD", "/acme/new-nonce", true, true},
        {"OPTIONS", "/acme/new-nonce", false, true},
        {"GET", "/acme/root.pem", false, true},
        {"POST", "/acme/new-order", true, true},
        {"POST", "/acme/nothing", true, true}, /* errors carry one too, RFC 8555 6.5 */
        {"GET", "/acme/nothing", false, true},
        {"GET", "/acme/order/1", false, true},
        {"OPTIONS", "*", false, true},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct exchange x = make(w, rows[i].method, rows[i].path);
        router_finish(&x);
        if ((header(&x, "Replay-Nonce") != NULL) != rows[i].nonce)
            print_error("%s %s\n", rows[i].method, rows[i].path);
        assert_int_equal(header(&x, "Replay-Nonce") != NULL, rows[i].nonce);
        assert_int_equal(header(&x, "Cache-Control") != NULL, rows[i].nonce);
        assert_int_equal(header(&x, "Link") != NULL, rows[i].link);
        if (rows[i].link)
            assert_string_equal(header(&x, "Link"),
                                "<https://localhost:8443/acme/directory>;rel=\"index\"");
        assert_string_equal(header(&x, "Access-Control-Allow-Origin"), "*");
        assert_non_null(
            strstr(header(&x, "Access-Control-Expose-Headers"), "Replay-Nonce"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(routes, setup, teardown),
        cmocka_unit_test_setup_teardown(finishes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
