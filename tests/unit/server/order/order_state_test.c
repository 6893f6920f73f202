/* Tests of server/order/order_state: every combination of facts has the status of
 * RFC 8555 7.1.6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/order/order_state.h"

#define NOW INT64_C(1800000000)

/* S-STATE-2: RFC 8555 7.1.6: pending -> valid | invalid; valid -> expired | deactivated |
 * revoked. Written down here once more, as a table of all facts. */
static void authorizations(void **state)
{
    static const struct {
        enum store_verdict verdict;
        bool deactivated;
        bool expired;
        enum authz_status wanted;
    } rows[] = {
        {STORE_VERDICT_NONE, false, false, AUTHZ_PENDING},
        {STORE_VERDICT_NONE, false, true, AUTHZ_EXPIRED},
        {STORE_VERDICT_NONE, true, false, AUTHZ_DEACTIVATED},
        {STORE_VERDICT_NONE, true, true, AUTHZ_DEACTIVATED},
        {STORE_VERDICT_VALID, false, false, AUTHZ_VALID},
        {STORE_VERDICT_VALID, false, true, AUTHZ_EXPIRED},
        {STORE_VERDICT_VALID, true, false, AUTHZ_DEACTIVATED},
        {STORE_VERDICT_VALID, true, true, AUTHZ_DEACTIVATED},
        {STORE_VERDICT_INVALID, false, false, AUTHZ_INVALID},
        {STORE_VERDICT_INVALID, false, true, AUTHZ_INVALID},
        {STORE_VERDICT_INVALID, true, false, AUTHZ_INVALID},
        {STORE_VERDICT_INVALID, true, true, AUTHZ_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* whether and how it was begun makes no difference */
        for (int begun = 0; begun < 2; begun++) {
            const struct store_authz authz = {
                .verdict = rows[i].verdict,
                .deactivated = rows[i].deactivated ? NOW - 5 : 0,
                .expires = rows[i].expired ? NOW : NOW + 1,
                .attempt_type = begun ? CHALLENGE_HTTP_01 : -1,
                .attempt_begun = begun ? NOW - 9 : 0,
            };
            assert_int_equal(order_state_authz(&authz, NOW), rows[i].wanted);
        }
    }
}

/* S-STATE-1 */
static void challenges(void **state)
{
    static const struct {
        int attempted;
        int64_t begun;
        enum store_verdict verdict;
        enum challenge_status wanted;
    } rows[] = {
        {-1, 0, STORE_VERDICT_NONE, CHALLENGE_STATUS_PENDING},
        {CHALLENGE_DNS_01, NOW, STORE_VERDICT_NONE, CHALLENGE_STATUS_PENDING},
        {CHALLENGE_DNS_01, NOW, STORE_VERDICT_VALID, CHALLENGE_STATUS_PENDING},
        {CHALLENGE_DNS_01, NOW, STORE_VERDICT_INVALID, CHALLENGE_STATUS_PENDING},
        {CHALLENGE_HTTP_01, 0, STORE_VERDICT_NONE, CHALLENGE_STATUS_PENDING},
        {CHALLENGE_HTTP_01, NOW, STORE_VERDICT_NONE, CHALLENGE_STATUS_PROCESSING},
        {CHALLENGE_HTTP_01, NOW, STORE_VERDICT_VALID, CHALLENGE_STATUS_VALID},
        {CHALLENGE_HTTP_01, NOW, STORE_VERDICT_INVALID, CHALLENGE_STATUS_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct store_authz authz = {.attempt_type = rows[i].attempted,
                                          .attempt_begun = rows[i].begun,
                                          .verdict = rows[i].verdict};
        assert_int_equal(order_state_challenge(&authz, CHALLENGE_HTTP_01),
                         rows[i].wanted);
    }
}

/* The statuses two authorizations can have, in all pairs. */
static struct store_authz authz_that_is(enum authz_status status)
{
    struct store_authz authz = {.expires = NOW + 100, .attempt_type = -1};

    switch (status) {
    case AUTHZ_VALID:
        authz.verdict = STORE_VERDICT_VALID;
        break;
    case AUTHZ_INVALID:
        authz.verdict = STORE_VERDICT_INVALID;
        break;
    case AUTHZ_DEACTIVATED:
        authz.deactivated = NOW - 1;
        break;
    case AUTHZ_EXPIRED:
        authz.expires = NOW;
        break;
    default:
        break;
    }
    return authz;
}

enum { NO_ISSUANCE, BEGUN, FINISHED };

/* RFC 8555 7.1.6, said once more in plain words: what failed is invalid; what has its
 * certificate is valid; what is being issued is processing; then all depends on the
 * authorizations and the time. */
static enum order_status wanted(bool error, int issuance, bool expired,
                                enum authz_status one, enum authz_status two)
{
    bool dead = one == AUTHZ_INVALID || one == AUTHZ_DEACTIVATED ||
                one == AUTHZ_EXPIRED || two == AUTHZ_INVALID ||
                two == AUTHZ_DEACTIVATED || two == AUTHZ_EXPIRED;

    if (error)
        return ORDER_INVALID;
    if (issuance == FINISHED)
        return ORDER_VALID;
    if (issuance == BEGUN)
        return ORDER_PROCESSING;
    if (dead || expired)
        return ORDER_INVALID;
    return one == AUTHZ_VALID && two == AUTHZ_VALID ? ORDER_READY : ORDER_PENDING;
}

/* S-STATE-4 */
static void orders(void **state)
{
    static const enum authz_status statuses[] = {
        AUTHZ_PENDING, AUTHZ_VALID, AUTHZ_INVALID, AUTHZ_DEACTIVATED, AUTHZ_EXPIRED};
    size_t count = 0;

    (void)state;
    for (int bits = 0; bits < 12; bits++) {
        bool error = bits % 2 == 1;
        bool expired = bits / 2 % 2 == 1;
        int issuance = bits / 4;
        for (size_t i = 0; i < 5; i++) {
            for (size_t j = 0; j < 5; j++, count++) {
                struct store_authz authzs[] = {authz_that_is(statuses[i]),
                                               authz_that_is(statuses[j])};
                struct store_issuance made = {.finished = issuance == FINISHED};
                struct store_order order = {
                    .expires = expired ? NOW : NOW + 1,
                    .error = error ? "{}" : NULL,
                    .authzs = authzs,
                    .authz_count = 2,
                    .issuance = issuance == NO_ISSUANCE ? NULL : &made,
                };
                assert_int_equal(
                    order_state_order(&order, NOW),
                    wanted(error, issuance, expired, statuses[i], statuses[j]));
            }
        }
    }
    assert_int_equal(count, 300);
}

/* S-TOK-1: Each challenge type and each authorization has a token of its own, always the
 * same. */
static void tokens(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_authz one = {.seed = {1}};
    struct store_authz two = {.seed = {2}};

    (void)state;
    char *token = order_state_token(a, &one, CHALLENGE_HTTP_01);
    assert_int_equal(strlen(token), 43); /* 256 bits; RFC 8555 8.3 wants 128 */
    assert_int_equal(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789-_"),
                     43);
    assert_string_equal(token, order_state_token(a, &one, CHALLENGE_HTTP_01));
    assert_string_not_equal(token, order_state_token(a, &one, CHALLENGE_DNS_01));
    assert_string_not_equal(token, order_state_token(a, &two, CHALLENGE_HTTP_01));
    /* HMAC-SHA-256 of the type's name with the seed 01 00 ..., by the openssl command:
     * printf http-01 | openssl dgst -sha256 -mac HMAC -macopt hexkey:01(31 times 00)
     * -binary */
    assert_string_equal(token, "JPYDPNV6pkEdcDPsQ8FFkplHAJL4VFavH85r0AXCXzU");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(authorizations),
        cmocka_unit_test(challenges),
        cmocka_unit_test(orders),
        cmocka_unit_test(tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
