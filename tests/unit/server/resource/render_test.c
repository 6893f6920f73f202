/* Tests of server/resource/render: the objects of RFC 8555 7.1, to the octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "server/order/order_state.h"
#include "server/resource/render.h"

#define EXPIRES INT64_C(4000000000) /* 2096-10-02T07:06:40Z */

static const struct settings settings = {.base = "https://ca.test"};
static struct services services = {.settings = &settings};
static struct arena *arena;

static struct exchange begin(void)
{
    struct exchange x = {.services = &services, .arena = arena};

    x.reply.body = buf_make(EXCHANGE_BODY_MAX);
    return x;
}

static const char *header_of(const struct exchange *x, const char *name)
{
    for (size_t i = 0; i < x->reply.header_count; i++)
        if (strcmp(x->reply.headers[i].name, name) == 0)
            return x->reply.headers[i].value;
    return "";
}

/* Body, status and type; the exchange is used up. */
static void assert_reply(struct exchange *x, int status, const char *body)
{
    assert_int_equal(x->reply.status, status);
    assert_string_equal(x->reply.content_type, "application/json");
    if (!span_is(buf_span(&x->reply.body), body))
        fail_msg("%.*s instead of %s", (int)x->reply.body.len,
                 (const char *)x->reply.body.data, body);
    buf_free(&x->reply.body);
}

#define ORDERS "\"orders\":\"https://ca.test/acme/orders/7\""

static void accounts(void **state)
{
    struct store_account account = {
        .id = 7, .contacts = "[\"mailto:a@b.test\"]", .terms_agreed = true};
    struct exchange x = begin();

    (void)state;
    render_account(&x, 201, &account);
    assert_reply(&x, 201,
                 "{\"status\":\"valid\",\"contact\":[\"mailto:a@b.test\"],"
                 "\"termsOfServiceAgreed\":true," ORDERS "}");
    account = (struct store_account){
        .id = 7, .contacts = "[]", .status = STORE_ACCOUNT_DEACTIVATED};
    x = begin();
    render_account(&x, 200, &account);
    assert_reply(&x, 200, "{\"status\":\"deactivated\",\"contact\":[]," ORDERS "}");
    account.status = STORE_ACCOUNT_REVOKED;
    x = begin();
    render_account(&x, 200, &account);
    assert_reply(&x, 200, "{\"status\":\"revoked\",\"contact\":[]," ORDERS "}");
}

#define ORDER_MIDDLE                                                                     \
    "\"expires\":\"2096-10-02T07:06:40Z\",\"identifiers\":[{\"type\":\"dns\","           \
    "\"value\":\"a.test\"},{\"type\":\"dns\",\"value\":\"*.b.test\"}],"                  \
    "\"authorizations\":[\"https://ca.test/acme/authz/11\","                             \
    "\"https://ca.test/acme/authz/12\"],\"finalize\":\"https://ca.test/acme/finalize/"   \
    "7\""

static void orders(void **state)
{
    const struct store_identifier identifiers[] = {{IDENTIFIER_DNS, "a.test"},
                                                   {IDENTIFIER_DNS, "*.b.test"}};
    struct store_authz authzs[] = {{.id = 11, .expires = EXPIRES},
                                   {.id = 12, .expires = EXPIRES}};
    struct store_issuance issuance = {.id = 99};
    struct store_order order = {.id = 7,
                                .expires = EXPIRES,
                                .identifiers = identifiers,
                                .identifier_count = 2,
                                .authzs = authzs,
                                .authz_count = 2};
    struct exchange x = begin();

    (void)state;
    render_order(&x, 201, &order);
    assert_string_equal(header_of(&x, "Location"), "https://ca.test/acme/order/7");
    assert_string_equal(header_of(&x, "Retry-After"), "");
    assert_reply(&x, 201, "{\"status\":\"pending\"," ORDER_MIDDLE "}");
    authzs[0].verdict = authzs[1].verdict = STORE_VERDICT_VALID;
    x = begin();
    render_order(&x, 200, &order);
    assert_reply(&x, 200, "{\"status\":\"ready\"," ORDER_MIDDLE "}");
    order.issuance = &issuance;
    x = begin();
    render_order(&x, 200, &order);
    assert_string_equal(header_of(&x, "Retry-After"), "1");
    assert_reply(&x, 200, "{\"status\":\"processing\"," ORDER_MIDDLE "}");
    issuance.finished = true;
    x = begin();
    render_order(&x, 200, &order);
    assert_string_equal(header_of(&x, "Retry-After"), "");
    assert_reply(&x, 200,
                 "{\"status\":\"valid\"," ORDER_MIDDLE
                 ",\"certificate\":\"https://ca.test/acme/certificate/99\"}");
    order.issuance = NULL;
    order.error = "{\"type\":\"x\"}";
    x = begin();
    render_order(&x, 200, &order);
    assert_reply(&x, 200,
                 "{\"status\":\"invalid\"," ORDER_MIDDLE ",\"error\":{\"type\":\"x\"}}");
}

static struct store_authz pending(void)
{
    const struct store_authz authz = {.id = 5,
                                      .identifier = {IDENTIFIER_DNS, "a.test"},
                                      .expires = EXPIRES,
                                      .attempt_type = -1,
                                      .seed = {1}};
    return authz;
}

#define AUTHZ_HEAD    "{\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},"
#define AUTHZ_EXPIRES "\"expires\":\"2096-10-02T07:06:40Z\","
#define CHALLENGE                                                                        \
    "{\"type\":\"http-01\",\"url\":\"https://ca.test/acme/challenge/5/http-01\","        \
    "\"status\":\"%s\",\"token\":\"%s\""

static void authorizations(void **state)
{
    struct store_authz authz = pending();
    const char *token = order_state_token(arena, &authz, CHALLENGE_HTTP_01);
    struct exchange x = begin();

    (void)state;
    render_authz(&x, &authz);
    assert_string_equal(header_of(&x, "Retry-After"), "1");
    assert_reply(&x, 200,
                 arena_printf(arena,
                              AUTHZ_HEAD "\"status\":\"pending\"," AUTHZ_EXPIRES
                                         "\"challenges\":[" CHALLENGE "}]}",
                              "pending", token));
    authz.attempt_type = CHALLENGE_HTTP_01;
    authz.attempt_begun = 1000000000;
    authz.attempt_finished = 1000000001;
    authz.verdict = STORE_VERDICT_VALID;
    authz.record = "[1]";
    x = begin();
    render_authz(&x, &authz);
    assert_string_equal(header_of(&x, "Retry-After"), "");
    assert_reply(&x, 200,
                 arena_printf(arena,
                              AUTHZ_HEAD "\"status\":\"valid\"," AUTHZ_EXPIRES
                                         "\"challenges\":[" CHALLENGE
                                         ",\"validated\":\"2001-09-09T01:46:41Z\","
                                         "\"validationRecord\":[1]}]}",
                              "valid", token));
    authz.wildcard = true;
    authz.verdict = STORE_VERDICT_INVALID;
    authz.error = "{}";
    x = begin();
    render_authz(&x, &authz);
    assert_reply(&x, 200,
                 arena_printf(arena,
                              AUTHZ_HEAD "\"status\":\"invalid\"," AUTHZ_EXPIRES
                                         "\"challenges\":[" CHALLENGE
                                         ",\"error\":{},\"validationRecord\":[1]}],"
                                         "\"wildcard\":true}",
                              "invalid", token));
    /* decided by another challenge: only that one would be shown (RFC 8555 7.1.4) */
    authz = pending();
    authz.attempt_type = CHALLENGE_DNS_01;
    authz.verdict = STORE_VERDICT_VALID;
    x = begin();
    render_authz(&x, &authz);
    assert_reply(&x, 200,
                 AUTHZ_HEAD "\"status\":\"valid\"," AUTHZ_EXPIRES "\"challenges\":[]}");
}

static void challenges(void **state)
{
    struct store_authz authz = pending();
    const char *token = order_state_token(arena, &authz, CHALLENGE_HTTP_01);
    struct exchange x = begin();

    (void)state;
    authz.attempt_type = CHALLENGE_HTTP_01;
    authz.attempt_begun = 1;
    render_challenge(&x, &authz, CHALLENGE_HTTP_01);
    assert_string_equal(header_of(&x, "Link"),
                        "<https://ca.test/acme/authz/5>;rel=\"up\"");
    assert_string_equal(header_of(&x, "Location"),
                        "https://ca.test/acme/challenge/5/http-01");
    assert_string_equal(header_of(&x, "Retry-After"), "1");
    assert_reply(&x, 200, arena_printf(arena, CHALLENGE "}", "processing", token));
    authz.verdict = STORE_VERDICT_INVALID;
    authz.error = "{}";
    x = begin();
    render_challenge(&x, &authz, CHALLENGE_HTTP_01);
    assert_string_equal(header_of(&x, "Retry-After"), "");
    assert_reply(&x, 200,
                 arena_printf(arena, CHALLENGE ",\"error\":{}}", "invalid", token));
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts),
        cmocka_unit_test(orders),
        cmocka_unit_test(authorizations),
        cmocka_unit_test(challenges),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
