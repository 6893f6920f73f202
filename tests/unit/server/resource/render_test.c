/* Tests of server/resource/render: the objects of RFC 8555 7.1, to the octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "server/exchange/account_cache.h"
#include "server/order/order_state.h"
#include "server/resource/render.h"

#define EXPIRES INT64_C(4000000000) /* 2096-10-02T07:06:40Z */

static const struct settings settings = {.base = "https://ca.test"};
static struct services services = {.settings = &settings};
static struct arena *arena;

static struct exchange begin(void)
{
    static const struct settings_directory directory = {
        .name = "default",
        .challenge_types = 1U << CHALLENGE_HTTP_01 | 1U << CHALLENGE_DNS_01 |
                           1U << CHALLENGE_TLS_ALPN_01};
    static const struct account nobody = {.id = 7};
    struct exchange x = {.services = &services,
                         .arena = arena,
                         .directory = &directory,
                         .account = &nobody};

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
    "\"profile\":\"short\",\"authorizations\":[\"https://ca.test/acme/authz/11\","       \
    "\"https://ca.test/acme/authz/12\"],\"finalize\":\"https://ca.test/acme/finalize/"   \
    "7\""

/* S-ORD-4, 5 */
static void orders(void **state)
{
    const struct store_identifier identifiers[] = {{IDENTIFIER_DNS, "a.test"},
                                                   {IDENTIFIER_DNS, "*.b.test"}};
    struct store_authz authzs[] = {{.id = 11, .expires = EXPIRES},
                                   {.id = 12, .expires = EXPIRES}};
    struct store_issuance issuance = {.id = 99};
    struct store_order order = {.id = 7,
                                .expires = EXPIRES,
                                .profile = "short",
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

/* One authorization for several names is listed once. */
static void orders_of_subdomains(void **state)
{
    const struct store_identifier identifiers[] = {{IDENTIFIER_DNS, "a.b.test"},
                                                   {IDENTIFIER_DNS, "c.test"},
                                                   {IDENTIFIER_DNS, "d.b.test"}};
    struct store_authz authzs[] = {{.id = 11, .expires = EXPIRES, .subdomains = true},
                                   {.id = 12, .expires = EXPIRES},
                                   {.id = 11, .expires = EXPIRES, .subdomains = true}};
    const struct store_order order = {.id = 7,
                                      .expires = EXPIRES,
                                      .profile = "",
                                      .identifiers = identifiers,
                                      .identifier_count = 3,
                                      .authzs = authzs,
                                      .authz_count = 3};
    struct exchange x = begin();

    (void)state;
    render_order(&x, 201, &order);
    assert_reply(&x, 201,
                 "{\"status\":\"pending\",\"expires\":\"2096-10-02T07:06:40Z\","
                 "\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.b.test\"},"
                 "{\"type\":\"dns\",\"value\":\"c.test\"},"
                 "{\"type\":\"dns\",\"value\":\"d.b.test\"}],"
                 "\"authorizations\":[\"https://ca.test/acme/authz/11\","
                 "\"https://ca.test/acme/authz/12\"],"
                 "\"finalize\":\"https://ca.test/acme/finalize/7\"}");
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
#define CHALLENGE_OF(type)                                                               \
    "{\"type\":\"" type "\",\"url\":\"https://ca.test/acme/challenge/5/" type "\","      \
    "\"status\":\"%s\",\"token\":\"%s\""
#define CHALLENGE CHALLENGE_OF("http-01")

static void authorizations(void **state)
{
    struct store_authz authz = pending();
    const char *token = order_state_token(arena, &authz, CHALLENGE_HTTP_01);
    const char *dns_token = order_state_token(arena, &authz, CHALLENGE_DNS_01);
    const char *tls_token = order_state_token(arena, &authz, CHALLENGE_TLS_ALPN_01);
    struct exchange x = begin();

    (void)state;
    render_authz(&x, &authz);
    assert_string_equal(header_of(&x, "Retry-After"), "1");
    assert_reply(
        &x, 200,
        arena_printf(arena,
                     AUTHZ_HEAD
                     "\"status\":\"pending\"," AUTHZ_EXPIRES "\"challenges\":[" CHALLENGE
                     "}," CHALLENGE_OF("dns-01") "}," CHALLENGE_OF("tls-alpn-01") "}]}",
                     "pending", token, "pending", dns_token, "pending", tls_token));
    authz.wildcard = true; /* DNS challenges only */
    x = begin();
    render_authz(&x, &authz);
    assert_reply(&x, 200,
                 arena_printf(arena,
                              AUTHZ_HEAD "\"status\":\"pending\"," AUTHZ_EXPIRES
                                         "\"challenges\":[" CHALLENGE_OF(
                                             "dns-01") "}],\"wildcard\":true}",
                              "pending", dns_token));
    authz.subdomains = true; /* RFC 9444 4.1 */
    x = begin();
    render_authz(&x, &authz);
    assert_reply(&x, 200,
                 arena_printf(arena,
                              AUTHZ_HEAD "\"status\":\"pending\"," AUTHZ_EXPIRES
                                         "\"challenges\":[" CHALLENGE_OF(
                                             "dns-01") "}],\"wildcard\":true,"
                                                       "\"subdomainAuthAllowed\":true}",
                              "pending", dns_token));
    authz.subdomains = false;
    authz.wildcard = false;
    authz.attempt_type = CHALLENGE_HTTP_01;
    authz.attempt_begun = 1000000000;
    authz.attempt_finished = 1000000001;
    authz.verdict = STORE_VERDICT_VALID;
    authz.record =
        "{\"version\":1,\"perspectives\":[{\"name\":\"local\",\"steps\":[{\"x\":1}]}]}";
    x = begin();
    render_authz(&x, &authz);
    assert_string_equal(header_of(&x, "Retry-After"), "");
    assert_reply(&x, 200,
                 arena_printf(arena,
                              AUTHZ_HEAD "\"status\":\"valid\"," AUTHZ_EXPIRES
                                         "\"challenges\":[" CHALLENGE
                                         ",\"validated\":\"2001-09-09T01:46:41Z\","
                                         "\"validationRecord\":[{\"x\":1}]}]}",
                              "valid", token));
    authz.wildcard = true;
    authz.verdict = STORE_VERDICT_INVALID;
    authz.error = "{}";
    x = begin();
    render_authz(&x, &authz);
    assert_reply(&x, 200,
                 arena_printf(arena,
                              AUTHZ_HEAD
                              "\"status\":\"invalid\"," AUTHZ_EXPIRES
                              "\"challenges\":[" CHALLENGE
                              ",\"error\":{},\"validationRecord\":[{\"x\":1}]}],"
                              "\"wildcard\":true}",
                              "invalid", token));
    /* decided by another challenge: only that one is shown (RFC 8555 7.1.4), though it is
     * offered no more */
    authz = pending();
    authz.attempt_type = CHALLENGE_TLS_ALPN_01;
    authz.verdict = STORE_VERDICT_VALID;
    token = order_state_token(arena, &authz, CHALLENGE_TLS_ALPN_01);
    x = begin();
    render_authz(&x, &authz);
    assert_reply(&x, 200,
                 arena_printf(arena,
                              AUTHZ_HEAD "\"status\":\"valid\"," AUTHZ_EXPIRES
                                         "\"challenges\":[" CHALLENGE_OF(
                                             "tls-alpn-01") ",\"validated\":"
                                                            "\"1970-01-01T00:00:00Z\"}]}",
                              "valid", token));
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

/* S-DNSP-1, 2, 15: no token, and what the record must have. S-DNSA-1. */
static void challenges_of_drafts(void **state)
{
    static const char *const names[] = {"ca.test", "ca2.test"};
    struct settings_directory directory = {.name = "a", .caa_identities = {names, 2}};
    struct store_authz authz = pending();

    (void)state;
    for (int64_t revision = 1; revision <= 2; revision++) {
        struct exchange x = begin();
        x.directory = &directory;
        directory.dns_persist_revision = revision;
        render_challenge(&x, &authz, CHALLENGE_DNS_PERSIST_01);
        const char *body = arena_string_of(arena, buf_span(&x.reply.body));
        assert_null(strstr(body, "token"));
        assert_non_null(strstr(body, revision == 1
                                         ? "\"accounturi\":\"https://ca.test/acme/a/"
                                           "account/7\",\"issuer-domain-names\":["
                                           "\"ca.test\",\"ca2.test\"]}"
                                         : "\"accounturi\":\"https://ca.test/acme/a/"
                                           "account-hash/sha-256/"));
        if (revision == 2)
            assert_non_null(
                strstr(body, "\",\"issuerDomainNames\":[\"ca.test\",\"ca2.test\"]}"));
        buf_free(&x.reply.body);
    }
    struct exchange x = begin();
    render_challenge(&x, &authz, CHALLENGE_DNS_ACCOUNT_01);
    assert_non_null(
        strstr(arena_string_of(arena, buf_span(&x.reply.body)),
               arena_printf(arena, "\"token\":\"%s\"",
                            order_state_token(arena, &authz, CHALLENGE_DNS_ACCOUNT_01))));
    buf_free(&x.reply.body);
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

/* S-EAB-11, and challenges that an external account key allows. */
static void accounts_with_an_external_key(void **state)
{
    static const struct external_policy policy = {.challenge_types = 1U
                                                                     << CHALLENGE_DNS_01};
    const struct account bound = {.id = 7, .external = &policy};
    struct store_account account = {.id = 7,
                                    .contacts = "[]",
                                    .external_key = 3,
                                    .external_binding = "{\"payload\":\"x\"}"};
    struct store_authz authz = {.attempt_type = -1, .identifier = {0, "a.test"}};
    struct exchange x = begin();

    (void)state;
    render_account(&x, 200, &account);
    assert_reply(&x, 200,
                 "{\"status\":\"valid\",\"contact\":[]," ORDERS
                 ",\"externalAccountBinding\":{\"payload\":\"x\"}}");
    x = begin();
    assert_true(render_has_challenge(&x, &authz, CHALLENGE_HTTP_01));
    authz.challenges = 1U << CHALLENGE_DNS_01; /* as its profile says */
    assert_false(render_has_challenge(&x, &authz, CHALLENGE_HTTP_01));
    assert_true(render_has_challenge(&x, &authz, CHALLENGE_DNS_01));
    authz.challenges = 0;
    x.account = &bound;
    assert_false(render_has_challenge(&x, &authz, CHALLENGE_HTTP_01));
    assert_true(render_has_challenge(&x, &authz, CHALLENGE_DNS_01));
    /* what was attempted is shown for good */
    authz.attempt_type = CHALLENGE_HTTP_01;
    assert_true(render_has_challenge(&x, &authz, CHALLENGE_HTTP_01));
    buf_free(&x.reply.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts),
        cmocka_unit_test(orders),
        cmocka_unit_test(orders_of_subdomains),
        cmocka_unit_test(authorizations),
        cmocka_unit_test(challenges),
        cmocka_unit_test(challenges_of_drafts),
        cmocka_unit_test(accounts_with_an_external_key),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
