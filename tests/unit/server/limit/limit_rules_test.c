/* Tests of server/limit/limit_rules, limit_domain and limit_pause: which buckets a
 * request of ACME spends (S-RATE-4). */
#include "../store_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "server/limit/limit_domain.h"
#include "server/limit/limit_pause.h"
#include "server/limit/limit_rules.h"

#define DNS 0 /* enum identifier_type */
#define IP  1

struct fixture {
    struct store_fixture *store;
    struct limit *limit;
    struct rate rates[RATE_KINDS];
    struct err_info why;
    struct limit_rules_spent spent;
};

static int set_up(void **state)
{
    static struct fixture f;

    memset(&f, 0, sizeof f);
    f.store = store_fixture_new();
    f.limit = limit_new();
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    limit_free(f->limit);
    store_fixture_free(f->store);
    return 0;
}

static void set(struct fixture *f, enum rate_kind kind, const char *rate)
{
    assert_int_equal(rate_read(span_of(rate), &f->rates[kind], &f->why), ERR_OK);
    limit_configure(f->limit, f->rates);
}

static int64_t left(struct fixture *f, enum rate_kind kind, const char *key)
{
    struct limit_bucket_state s;

    limit_look(f->limit, kind, key, NULL, limit_now_us(), &s);
    return s.left;
}

static struct limit_rules_order order_of(struct fixture *f, int64_t account_id,
                                         const char *names)
{
    struct store_identifier *list = arena_array(f->store->arena, 8, sizeof *list);
    struct limit_rules_order order = {.account_id = account_id, .identifiers = list};
    char *text = arena_string(f->store->arena, names);
    char *next = NULL;

    for (char *name = strtok_r(text, " ", &next); name != NULL;
         name = strtok_r(NULL, " ", &next)) {
        struct address address;
        list[order.count].type = address_parse(span_of(name), &address) ? IP : DNS;
        list[order.count++].value = name;
    }
    return order;
}

static enum err new_order(struct fixture *f, const struct limit_rules_order *order)
{
    memset(&f->spent, 0, sizeof f->spent);
    return limit_rules_order(f->limit, f->store->session, f->store->arena, order,
                             &f->spent, &f->why);
}

static enum err certify(struct fixture *f, const struct limit_rules_order *order)
{
    memset(&f->spent, 0, sizeof f->spent);
    return limit_rules_certificate(f->limit, f->store->session, f->store->arena, order,
                                   &f->spent, &f->why);
}

static void domains(void **state)
{
    static const struct {
        const char *name;
        const char *domain;
    } rows[] = {
        {"www.example.com", "example.com"},
        {"a.b.c.example.com", "example.com"},
        {"example.com", "example.com"},
        {"com", "com"},
        {"www.example.co.uk", "example.co.uk"},
        {"co.uk", "co.uk"},
        {"a.github.io", "a.github.io"},
        {"x.a.github.io", "a.github.io"},
        {"www.city.kawasaki.jp", "city.kawasaki.jp"}, /* an exception of the list */
        {"a.b.c.kawasaki.jp", "b.c.kawasaki.jp"},     /* *.kawasaki.jp */
        {"www.example.internal", "example.internal"}, /* in no list */
        {"localhost", "localhost"},
        {"www.xn--55qx5d.cn",
         "www.xn--55qx5d.cn"}, /* the suffix is in the list as 公司.cn */
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(limit_domain_of(f->limit, rows[i].name), rows[i].domain);
}

static void domains_of_another_list(void **state)
{
    struct fixture *f = *state;
    char *path = arena_printf(f->store->arena, "%s/list", f->store->directory);

    assert_int_equal(limit_domain_load(f->limit, "", &f->why), ERR_OK);
    assert_int_equal(limit_domain_load(f->limit, path, &f->why), ERR_CONFIG);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(limit_domain_load(f->limit, path, &f->why), ERR_CONFIG); /* empty */
    assert_true(fputs("internal\ncorp.internal\n", file) >= 0);
    (void)fclose(file);
    assert_int_equal(limit_domain_load(f->limit, path, &f->why), ERR_OK);
    (void)unlink(path);
    assert_string_equal(limit_domain_of(f->limit, "a.b.corp.internal"),
                        "b.corp.internal");
    assert_string_equal(limit_domain_of(f->limit, "a.b.internal"), "b.internal");
    assert_true(limit_domain_is_registrable(f->limit, "b.internal"));
    assert_false(limit_domain_is_registrable(f->limit, "corp.internal"));
    assert_false(limit_domain_is_registrable(f->limit, "internal"));
    assert_false(limit_domain_is_registrable(f->limit, "example.org"));
    assert_true(limit_domain_is_registrable(NULL, "example.org"));
}

static void addresses(void **state)
{
    static const struct {
        const char *peer;
        const char *address;
        const char *network;
    } rows[] = {
        {"192.0.2.77", "192.0.2.77", "192.0.2.0/24"},
        {"::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0/24"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"},
        {"::1", "::/64", "::/48"},
    };
    struct fixture *f = *state;

    set(f, RATE_NEW_ACCOUNTS_PER_ADDRESS, "2/1h");
    set(f, RATE_NEW_ACCOUNTS_PER_NETWORK, "9/1h");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address peer;
        assert_true(address_parse(span_of(rows[i].peer), &peer));
        int64_t before = left(f, RATE_NEW_ACCOUNTS_PER_NETWORK, rows[i].network);
        assert_int_equal(
            limit_rules_account(f->limit, f->store->arena, &peer, &f->spent, &f->why),
            ERR_OK);
        assert_int_equal(left(f, RATE_NEW_ACCOUNTS_PER_NETWORK, rows[i].network),
                         before - 1);
        assert_int_equal(left(f, RATE_NEW_ACCOUNTS_PER_ADDRESS, rows[i].address),
                         i == 1 ? 0 : 1);
        limit_rules_refund(f->limit, &f->spent);
        assert_int_equal(left(f, RATE_NEW_ACCOUNTS_PER_NETWORK, rows[i].network), before);
        assert_int_equal(
            limit_rules_account(f->limit, f->store->arena, &peer, &f->spent, &f->why),
            ERR_OK);
    }
    const struct address none = {0};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(
            limit_rules_account(f->limit, f->store->arena, NULL, &f->spent, &f->why),
            ERR_OK);
        assert_int_equal(
            limit_rules_account(f->limit, f->store->arena, &none, &f->spent, &f->why),
            ERR_OK);
    }
    set(f, RATE_REQUESTS_PER_ADDRESS, "1/1h");
    struct address peer;
    assert_true(address_parse(span_of("192.0.2.1"), &peer));
    assert_int_equal(limit_rules_request(f->limit, f->store->arena, &peer, &f->why),
                     ERR_OK);
    assert_int_equal(limit_rules_request(f->limit, f->store->arena, &peer, &f->why),
                     ERR_RATE_LIMITED);
    assert_int_equal(limit_rules_request(f->limit, f->store->arena, NULL, &f->why),
                     ERR_OK);
}

/* Each registered domain once, whatever the names; addresses by their ranges. */
static void certificates(void **state)
{
    struct fixture *f = *state;
    const struct limit_rules_order order =
        order_of(f, 7,
                 "*.a.test a.test www.a.test b.test 192.0.2.1 2001:db8:1:2::1 "
                 "2001:db8:1:2::2");

    set(f, RATE_CERTIFICATES_PER_DOMAIN, "3/1h");
    set(f, RATE_CERTIFICATES_PER_SET, "3/1h");
    set(f, RATE_NEW_ORDERS_PER_ACCOUNT, "9/1h");
    assert_int_equal(new_order(f, &order), ERR_OK);
    assert_int_equal(left(f, RATE_CERTIFICATES_PER_DOMAIN, "a.test"), 3);
    assert_int_equal(left(f, RATE_NEW_ORDERS_PER_ACCOUNT, "7"), 8);
    limit_rules_refund(f->limit, &f->spent);
    assert_int_equal(left(f, RATE_NEW_ORDERS_PER_ACCOUNT, "7"), 9);
    assert_int_equal(certify(f, &order), ERR_OK);
    assert_int_equal(left(f, RATE_NEW_ORDERS_PER_ACCOUNT, "7"), 9);
    static const char *const keys[] = {"a.test", "b.test", "192.0.2.1",
                                       "2001:db8:1:2::/64"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(left(f, RATE_CERTIFICATES_PER_DOMAIN, keys[i]), 2);
    limit_rules_refund(f->limit, &f->spent);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(left(f, RATE_CERTIFICATES_PER_DOMAIN, keys[i]), 3);
    assert_int_equal(certify(f, &order), ERR_OK);
    limit_rules_refused(f->limit, f->store->session, &order);
    assert_int_equal(left(f, RATE_CERTIFICATES_PER_DOMAIN, "a.test"), 3);
}

/* A renewal by RFC 9773 is free; one of the same set is free of the domain's limit. */
static void renewals(void **state)
{
    struct fixture *f = *state;
    const struct limit_rules_order first = order_of(f, 7, "a.test www.a.test");
    const struct limit_rules_order again = order_of(f, 8, "www.a.test a.test");
    const struct limit_rules_order other = order_of(f, 7, "a.test");
    struct limit_rules_order ari = other;

    ari.is_renewal = true;
    set(f, RATE_CERTIFICATES_PER_DOMAIN, "1/1h");
    set(f, RATE_CERTIFICATES_PER_SET, "2/1h");
    set(f, RATE_NEW_ORDERS_PER_ACCOUNT, "3/1h");
    assert_int_equal(new_order(f, &first), ERR_OK);
    assert_int_equal(certify(f, &first), ERR_OK);
    assert_int_equal(limit_rules_issued(f->limit, f->store->session, &first,
                                        clock_now() + 3600, &f->why),
                     ERR_OK);
    assert_int_equal(new_order(f, &other), ERR_RATE_LIMITED);
    assert_non_null(strstr(f->why.detail, "registered domain a.test"));
    assert_int_equal(left(f, RATE_NEW_ORDERS_PER_ACCOUNT, "7"), 2);
    assert_int_equal(certify(f, &other), ERR_RATE_LIMITED);
    assert_int_equal(new_order(f, &again), ERR_OK);
    assert_int_equal(left(f, RATE_NEW_ORDERS_PER_ACCOUNT, "8"), 2);
    assert_int_equal(certify(f, &again), ERR_OK);
    assert_int_equal(certify(f, &again), ERR_RATE_LIMITED);
    assert_non_null(strstr(f->why.detail, "these identifiers (a.test, www.a.test) are"));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(new_order(f, &ari), ERR_OK);
        assert_int_equal(certify(f, &ari), ERR_OK);
    }
    assert_int_equal(left(f, RATE_NEW_ORDERS_PER_ACCOUNT, "7"), 2);
    /* the certificate has ended */
    clock_shift_ms(3601 * 1000);
    set(f, RATE_CERTIFICATES_PER_DOMAIN, "1/3h");
    assert_int_equal(certify(f, &first), ERR_OK);
    assert_int_equal(certify(f, &first), ERR_RATE_LIMITED);
    assert_non_null(strstr(f->why.detail, "registered domain a.test"));
    clock_shift_ms(0);
}

static void failures(void **state)
{
    struct fixture *f = *state;
    const struct limit_rules_order wild = order_of(f, 7, "*.a.test b.test");
    const struct limit_rules_order others = order_of(f, 8, "*.a.test b.test");
    struct limit_rules_order ari = wild;

    ari.is_renewal = true;
    set(f, RATE_FAILED_VALIDATIONS, "2/1h");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(new_order(f, &wild), ERR_OK);
        assert_int_equal(limit_rules_validation(f->limit, f->store->arena, 7, "a.test",
                                                &f->spent, &f->why),
                         ERR_OK);
        limit_rules_validated(f->limit, f->store->session, 7, "a.test", false);
    }
    assert_int_equal(new_order(f, &wild), ERR_RATE_LIMITED);
    assert_non_null(strstr(f->why.detail, "failed validations of a.test by account 7"));
    assert_int_equal(new_order(f, &ari), ERR_RATE_LIMITED);
    assert_int_equal(limit_rules_validation(f->limit, f->store->arena, 7, "a.test",
                                            &f->spent, &f->why),
                     ERR_RATE_LIMITED);
    assert_int_equal(limit_rules_validation(f->limit, f->store->arena, 7, "b.test",
                                            &f->spent, &f->why),
                     ERR_OK);
    assert_int_equal(new_order(f, &others), ERR_OK);
    limit_rules_validated(f->limit, f->store->session, 7, "a.test", true);
    assert_int_equal(new_order(f, &wild), ERR_RATE_LIMITED); /* what failed, failed */
}

/* What counts is the name that is to be proved (RFC 9444 4.3). */
static void failures_above(void **state)
{
    static const char *const above[] = {"a.test", NULL};
    struct fixture *f = *state;
    const struct limit_rules_order plain = order_of(f, 7, "www.a.test b.test");
    struct limit_rules_order below = plain;

    below.proved = above;
    set(f, RATE_FAILED_VALIDATIONS, "1/1h");
    limit_rules_validated(f->limit, f->store->session, 7, "a.test", false);
    assert_int_equal(new_order(f, &plain), ERR_OK);
    assert_int_equal(new_order(f, &below), ERR_RATE_LIMITED);
    assert_non_null(strstr(f->why.detail, "failed validations of a.test by account 7"));
    assert_int_equal(limit_reset(f->limit, RATE_FAILED_VALIDATIONS, "7/a.test"), true);
    limit_rules_validated(f->limit, f->store->session, 7, "www.a.test", false);
    assert_int_equal(new_order(f, &plain), ERR_RATE_LIMITED);
    assert_int_equal(new_order(f, &below), ERR_OK);
}

/* S-SEC-2: by all accounts together, whatever they prove below it. */
static void validations_of_a_domain(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"a.test", "www.a.test"};

    set(f, RATE_VALIDATIONS_PER_DOMAIN, "2/1h");
    for (int i = 0; i < 2; i++)
        assert_int_equal(limit_rules_validation(f->limit, f->store->arena, 7 + i,
                                                names[i], &f->spent, &f->why),
                         ERR_OK);
    assert_int_equal(limit_rules_validation(f->limit, f->store->arena, 9, "b.a.test",
                                            &f->spent, &f->why),
                     ERR_RATE_LIMITED);
    assert_non_null(strstr(f->why.detail, "names of registered domain a.test"));
    assert_int_equal(limit_rules_validation(f->limit, f->store->arena, 9, "b.test",
                                            &f->spent, &f->why),
                     ERR_OK);
    assert_int_equal(left(f, RATE_VALIDATIONS_PER_DOMAIN, "b.test"), 1);
    limit_rules_refund(f->limit, &f->spent);
    assert_int_equal(left(f, RATE_VALIDATIONS_PER_DOMAIN, "b.test"), 2);
}

/* An authorization without an order is as an order of one name. */
static void authorizations(void **state)
{
    struct fixture *f = *state;
    const struct limit_rules_order order = order_of(f, 7, "b.test");

    set(f, RATE_FAILED_VALIDATIONS, "1/1h");
    set(f, RATE_NEW_ORDERS_PER_ACCOUNT, "2/1h");
    limit_rules_validated(f->limit, f->store->session, 7, "a.test", false);
    assert_int_equal(limit_rules_authz(f->limit, f->store->arena, 7, NULL, "a.test",
                                       &f->spent, &f->why),
                     ERR_RATE_LIMITED);
    assert_int_equal(left(f, RATE_NEW_ORDERS_PER_ACCOUNT, "7"), 2);
    assert_int_equal(limit_rules_authz(f->limit, f->store->arena, 7, NULL, "b.test",
                                       &f->spent, &f->why),
                     ERR_OK);
    assert_int_equal(left(f, RATE_NEW_ORDERS_PER_ACCOUNT, "7"), 1);
    limit_rules_refund(f->limit, &f->spent);
    assert_int_equal(left(f, RATE_NEW_ORDERS_PER_ACCOUNT, "7"), 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(limit_rules_authz(f->limit, f->store->arena, 7, NULL, "b.test",
                                           &f->spent, &f->why),
                         ERR_OK);
    assert_int_equal(limit_rules_authz(f->limit, f->store->arena, 7, NULL, "b.test",
                                       &f->spent, &f->why),
                     ERR_RATE_LIMITED);
    assert_int_equal(new_order(f, &order), ERR_RATE_LIMITED);
}

static void pauses(void **state)
{
    struct fixture *f = *state;
    const struct limit_rules_order order = order_of(f, 7, "b.test *.a.test");
    const struct store_limit_pause by_hand = {9, "c.test", 1, "because"};

    set(f, RATE_PAUSE_AFTER, "2/1d");
    for (int i = 0; i < 5; i++) { /* never two in a row */
        limit_rules_validated(f->limit, f->store->session, 7, "a.test", false);
        limit_rules_validated(f->limit, f->store->session, 7, "a.test", true);
    }
    assert_int_equal(new_order(f, &order), ERR_OK);
    limit_rules_validated(f->limit, f->store->session, 7, "a.test", false);
    assert_int_equal(new_order(f, &order), ERR_OK);
    limit_rules_validated(f->limit, f->store->session, 7, "a.test", false);
    assert_int_equal(new_order(f, &order), ERR_RATE_LIMITED);
    assert_non_null(strstr(f->why.detail, "a.test is paused for account 7: its"));
    assert_non_null(strstr(f->why.detail, "cairn-ca pause remove 7 a.test"));
    assert_int_equal(f->why.retry_after_seconds, 86400);
    assert_int_equal(limit_rules_validation(f->limit, f->store->arena, 7, "a.test",
                                            &f->spent, &f->why),
                     ERR_RATE_LIMITED);
    limit_rules_validated(f->limit, f->store->session, 7, "a.test", false); /* again */
    assert_int_equal(limit_pause_add(f->limit, f->store->session, &by_hand, &f->why),
                     ERR_OK);
    assert_int_equal(limit_pause_add(f->limit, f->store->session, &by_hand, &f->why),
                     ERR_CONFLICT);
    /* as after a restart */
    limit_free(f->limit);
    f->limit = limit_new();
    limit_configure(f->limit, f->rates);
    assert_int_equal(new_order(f, &order), ERR_OK);
    assert_int_equal(limit_pause_load(f->limit, f->store->session, &f->why), ERR_OK);
    assert_int_equal(new_order(f, &order), ERR_RATE_LIMITED);
    assert_string_equal(limit_pause_reason(f->limit, f->store->arena, 9, "c.test"),
                        "because");
    assert_null(limit_pause_reason(f->limit, f->store->arena, 7, "c.test"));
    /* an end of it counts from the start */
    assert_int_equal(
        limit_pause_remove(f->limit, f->store->session, 7, "a.test", &f->why), ERR_OK);
    assert_int_equal(
        limit_pause_remove(f->limit, f->store->session, 7, "a.test", &f->why),
        ERR_NOT_FOUND);
    limit_rules_validated(f->limit, f->store->session, 7, "a.test", false);
    assert_int_equal(new_order(f, &order), ERR_OK);
}

/* All accounts of one external account key share what its policy says; another key has
 * its own, and an override stands above both. */
static void external_keys(void **state)
{
    struct fixture *f = *state;
    const enum rate_kind kind = RATE_NEW_ORDERS_PER_EXTERNAL_KEY;
    const struct rate wide = {9, 3600000, 9, 400000000, 3600000000};
    struct limit_rules_key team = {.kid = "Team-1"};
    struct limit_rules_key other = {.kid = "other"};
    struct limit_rules_order first = order_of(f, 7, "a.test");
    struct limit_rules_order second = order_of(f, 8, "b.test");
    struct limit_rules_order third = order_of(f, 9, "c.test");
    struct limit_bucket_state s;

    assert_int_equal(rate_read(span_of("2/1d"), &team.orders, &f->why), ERR_OK);
    other.orders = team.orders;
    first.key = second.key = &team;
    third.key = &other;
    assert_int_equal(new_order(f, &first), ERR_OK);
    limit_rules_refund(f->limit, &f->spent); /* nothing new was made */
    assert_int_equal(new_order(f, &first), ERR_OK);
    assert_int_equal(limit_rules_authz(f->limit, f->store->arena, 8, &team, "b.test",
                                       &f->spent, &f->why),
                     ERR_OK);
    assert_int_equal(new_order(f, &first), ERR_RATE_LIMITED);
    assert_int_equal(new_order(f, &second), ERR_RATE_LIMITED);
    assert_int_equal(f->spent.count, 0);
    assert_non_null(
        strstr(f->why.detail, "external account key Team-1 are limited to 2 in 1 day"));
    assert_in_range(f->why.retry_after_seconds, 43100, 43200);
    assert_int_equal(limit_rules_authz(f->limit, f->store->arena, 8, &team, "b.test",
                                       &f->spent, &f->why),
                     ERR_RATE_LIMITED);
    second.is_renewal = true;
    assert_int_equal(new_order(f, &second), ERR_OK);
    second.is_renewal = false;
    assert_int_equal(new_order(f, &third), ERR_OK);
    limit_look(f->limit, kind, "Team-1", &team.orders, limit_now_us(), &s);
    assert_int_equal(s.left, 0);
    /* its own rate, with as much spent, and back */
    limit_override(f->limit, kind, "Team-1", &team.orders, &wide);
    limit_look(f->limit, kind, "Team-1", &team.orders, limit_now_us(), &s);
    assert_true(s.overridden && s.left == 7);
    assert_int_equal(new_order(f, &second), ERR_OK);
    limit_override(f->limit, kind, "Team-1", &team.orders, NULL);
    assert_int_equal(new_order(f, &second), ERR_RATE_LIMITED);
}

/* With everything off nothing is asked of the store and nothing kept. */
static void all_off(void **state)
{
    struct fixture *f = *state;
    const struct limit_rules_order order = order_of(f, 7, "a.test b.test");

    store_session_begin(f->store->session);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(new_order(f, &order), ERR_OK);
        assert_int_equal(certify(f, &order), ERR_OK);
        assert_int_equal(
            limit_rules_issued(f->limit, f->store->session, &order, 1, &f->why), ERR_OK);
        limit_rules_validated(f->limit, f->store->session, 7, "a.test", i > 1);
    }
    assert_int_equal(store_session_ticket(f->store->session), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(domains),
        TEST(domains_of_another_list),
        TEST(addresses),
        TEST(certificates),
        TEST(renewals),
        TEST(failures),
        TEST(failures_above),
        TEST(authorizations),
        TEST(validations_of_a_domain),
        TEST(pauses),
        TEST(external_keys),
        TEST(all_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
