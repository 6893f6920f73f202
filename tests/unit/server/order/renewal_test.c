/* Tests of server/order/renewal: certificates by their names, who may replace them, whom
 * an incident concerns; rows S-ARI-2, 9, 12. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/x509/x509_fixtures.h"
#include "server/order/renewal.h"
#include "server/store_fixture.h"

/* By python3-cryptography, of the fixtures' leaf: serial 0xff01, valid from 2026-11-24
 * 23:52:03 to 2109-01-13 23:52:03. */
#define LEAF_ID     "QzeONE7JVxm388BcRF0DDce_NkM.AP8B"
#define LEAF_BEGINS INT64_C(1795564323)
#define LEAF_ENDS   INT64_C(4387564323)
#define OTHER_KEY   "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AP8B"

static const struct settings settings = {.renewal_poll = 6 * 3600 * 1000,
                                         .renewal_revoked_url = ""};

static const uint8_t leaf_serial[] = {0xff, 0x01};
static const uint8_t leaf_key_id[] = {0x43, 0x37, 0x8e, 0x34, 0x4e, 0xc9, 0x57,
                                      0x19, 0xb7, 0xf3, 0xc0, 0x5c, 0x44, 0x5d,
                                      0x03, 0x0d, 0xc7, 0xbf, 0x36, 0x43};

static int set_up(void **state)
{
    *state = store_fixture_new();
    return 0;
}

static int tear_down(void **state)
{
    store_fixture_free(*state);
    return 0;
}

static struct span leaf(struct store_fixture *f)
{
    struct span der = {0};
    size_t count = 0;

    assert_int_equal(
        certificate_from_pem(f->arena, span_of(pem_leaf), &der, 1, &count, &f->why),
        ERR_OK);
    return der;
}

/* An account with a certificate: the fixtures' leaf, with another serial in the store if
 * there is to be more than one. */
static struct store_issuance add_leaf(struct store_fixture *f, int64_t account_id,
                                      const char *name, struct span serial)
{
    struct store_order *order = store_fixture_proved_order(f, account_id, name);
    struct store_issuance i = {.order_id = order->id,
                               .account_id = account_id,
                               .serial_len = serial.len,
                               .tbs = span_of("tbs"),
                               .begun = LEAF_BEGINS + 100,
                               .not_after = LEAF_ENDS};

    memcpy(i.serial, serial.data, serial.len);
    memset(i.key_hash, 5, sizeof i.key_hash);
    assert_int_equal(store_issuance_begin(f->session, &i, &f->why), ERR_OK);
    assert_int_equal(
        store_issuance_finish(f->session, i.id, leaf(f), span_of("chain"), &f->why),
        ERR_OK);
    return i;
}

static struct store_issuance add_one(struct store_fixture *f)
{
    int64_t id = store_fixture_account(f, 1, "{}")->id;

    return add_leaf(f, id, "a.flow.test", span_make(leaf_serial, sizeof leaf_serial));
}

static enum err find(struct store_fixture *f, const char *id, int64_t now,
                     struct renewal **renewal)
{
    return renewal_find(f->session, f->arena, &settings, span_of(id), now, renewal,
                        &f->why);
}

static void by_name(void **state)
{
    struct store_fixture *f = *state;
    struct renewal *renewal = NULL;

    assert_int_equal(find(f, LEAF_ID, LEAF_BEGINS, &renewal), ERR_NOT_FOUND);
    struct store_issuance issuance = add_one(f);
    assert_int_equal(find(f, "QzeONE7JVxm388BcRF0DDce_NkM=.AP8B", LEAF_BEGINS, &renewal),
                     ERR_MALFORMED);
    assert_int_equal(find(f, OTHER_KEY, LEAF_BEGINS, &renewal), ERR_NOT_FOUND);
    assert_non_null(strstr(f->why.detail, OTHER_KEY));
    assert_null(renewal);
    assert_int_equal(find(f, LEAF_ID, LEAF_BEGINS, &renewal), ERR_OK);
    assert_string_equal(renewal->id, LEAF_ID);
    assert_int_equal(renewal->row->issuance.id, issuance.id);
    int64_t lifetime = LEAF_ENDS - LEAF_BEGINS;
    assert_true(renewal->window.start > LEAF_BEGINS + lifetime / 100 * 63);
    assert_true(renewal->window.end < LEAF_BEGINS + lifetime / 100 * 71);
    assert_int_equal(renewal->window.poll, 6 * 3600);
}

static void due(void **state)
{
    struct store_fixture *f = *state;
    struct renewal *renewal = NULL;

    (void)add_one(f);
    assert_int_equal(find(f, LEAF_ID, LEAF_BEGINS, &renewal), ERR_OK);
    assert_false(renewal_is_due(renewal, renewal->window.start - 1));
    assert_true(renewal_is_due(renewal, renewal->window.start));
    assert_true(renewal_is_due(renewal, renewal->window.end + 1)); /* late is no sin */
    assert_true(renewal_is_due(renewal, LEAF_ENDS));
    assert_false(renewal_is_due(renewal, LEAF_ENDS + 1));
    renewal->row->is_star = true; /* the CA renews it by itself */
    assert_false(renewal_is_due(renewal, LEAF_ENDS));
}

static void by_whom(void **state)
{
    static const struct store_identifier same[] = {{0, "new.flow.test"},
                                                   {0, "a.flow.test"}};
    static const struct store_identifier others[] = {
        {0, "b.flow.test"}, {0, "*.a.flow.test"}, {1, "a.flow.test"}};
    struct store_fixture *f = *state;
    struct renewal *renewal = NULL;
    struct store_issuance issuance = add_one(f);

    assert_int_equal(find(f, LEAF_ID, LEAF_BEGINS, &renewal), ERR_OK);
    assert_int_equal(renewal_check(renewal, issuance.account_id, same, 2, &f->why),
                     ERR_OK);
    assert_int_equal(renewal_check(renewal, issuance.account_id + 1, same, 2, &f->why),
                     ERR_UNAUTHORIZED);
    assert_int_equal(renewal_check(renewal, issuance.account_id, same, 1, &f->why),
                     ERR_MALFORMED);
    assert_int_equal(renewal_check(renewal, issuance.account_id, others, 3, &f->why),
                     ERR_MALFORMED);
}

static void concerned(void **state)
{
    static const uint8_t fives[STORE_HASH_SIZE] = {5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
                                                   5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
                                                   5, 5, 5, 5, 5, 5, 5, 5, 5, 5};
    static const uint8_t zeros[STORE_HASH_SIZE];
    struct store_fixture *f = *state;
    struct renewal *renewal = NULL;
    struct store_issuance i = add_one(f);
    const struct {
        const char *what;
        bool yes;
        struct store_incident incident;
    } rows[] = {
        {"all", true, {0}},
        {"account", true, {.account_id = i.account_id}},
        {"another account", false, {.account_id = i.account_id + 1}},
        {"from then", true, {.begun_from = i.begun}},
        {"from later", false, {.begun_from = i.begun + 1}},
        {"before then", false, {.begun_before = i.begun}},
        {"before later", true, {.begun_before = i.begun + 1}},
        {"name", true, {.name = "a.flow.test"}},
        {"another name", false, {.name = "b.flow.test"}},
        {"above", false, {.name = "flow.test"}},
        {"below", true, {.name = ".flow.test"}},
        {"below itself", false, {.name = ".a.flow.test"}},
        {"below another", false, {.name = ".low.test"}},
        {"no profile", true, {.profile = ""}},
        {"a profile", false, {.profile = "tlsserver"}},
        {"key", true, {.key_hash = span_make(fives, sizeof fives)}},
        {"another key", false, {.key_hash = span_make(zeros, sizeof zeros)}},
        {"issuer", true, {.issuer = span_make(leaf_key_id, sizeof leaf_key_id)}},
        {"another issuer", false, {.issuer = span_make(leaf_key_id, 19)}},
        {"serial", true, {.by_serial = true, .has_serial = true}},
        {"another serial", false, {.by_serial = true}},
        {"all of them",
         true,
         {.account_id = i.account_id, .begun_from = i.begun, .name = "a.flow.test"}},
        {"not all",
         false,
         {.account_id = i.account_id, .begun_from = i.begun, .name = "b.flow.test"}},
    };

    assert_int_equal(find(f, LEAF_ID, LEAF_BEGINS, &renewal), ERR_OK);
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        struct store_incident incident = rows[n].incident;
        incident.last_issuance = i.id;
        if (renewal_is_concerned(&incident, renewal->row, renewal->certificate) !=
            rows[n].yes)
            fail_msg("%s", rows[n].what);
        incident.last_issuance = i.id - 1; /* issued since then: all is well */
        assert_false(renewal_is_concerned(&incident, renewal->row, renewal->certificate));
    }
}

static void the_most_urgent_incident(void **state)
{
    struct store_fixture *f = *state;
    int64_t now = LEAF_BEGINS + 1000;
    struct store_incident slow = {.created = now, .over = 7200, .explanation = "u:slow"};
    struct store_incident quick = {.created = now + 9, .over = 60, .explanation = "u:1"};
    struct store_incident other = {
        .created = now, .over = 10, .explanation = "u:no", .name = "no.flow.test"};
    struct renewal *renewal = NULL;

    (void)add_one(f);
    assert_int_equal(store_incident_add(f->session, &slow, NULL, 0, &f->why), ERR_OK);
    assert_int_equal(store_incident_add(f->session, &other, NULL, 0, &f->why), ERR_OK);
    assert_int_equal(find(f, LEAF_ID, now, &renewal), ERR_OK);
    assert_string_equal(renewal->window.explanation, "u:slow");
    assert_true(renewal_is_due(renewal, now));
    assert_int_equal(store_incident_add(f->session, &quick, NULL, 0, &f->why), ERR_OK);
    assert_int_equal(find(f, LEAF_ID, now, &renewal), ERR_OK);
    assert_string_equal(renewal->window.explanation, "u:1");
    assert_int_equal(renewal->window.end, now + 69);
    quick.explanation = "u:2";
    assert_int_equal(store_incident_add(f->session, &quick, NULL, 0, &f->why), ERR_OK);
    assert_int_equal(find(f, LEAF_ID, now, &renewal), ERR_OK);
    assert_string_equal(renewal->window.explanation, "u:2");
}

/* A certificate of the CA's own server. */
static void add_own(struct store_fixture *f)
{
    struct store_issuance i = {.serial = {7},
                               .serial_len = 1,
                               .tbs = span_of("tbs"),
                               .begun = LEAF_BEGINS + 100,
                               .not_after = LEAF_ENDS};

    assert_int_equal(store_issuance_begin_own(f->session, &i, STORE_OWN_ALL, &f->why),
                     ERR_OK);
    assert_int_equal(
        store_issuance_finish(f->session, i.id, leaf(f), span_of("chain"), &f->why),
        ERR_OK);
}

static int64_t counted(struct store_fixture *f, const struct store_incident *incident,
                       const struct span *serials, size_t serial_count, int64_t now)
{
    int64_t count = -1;

    assert_int_equal(
        renewal_count(f->session, incident, serials, serial_count, now, &count, &f->why),
        ERR_OK);
    return count;
}

/* More than are read at once. */
static void counting(void **state)
{
    enum { MANY = 1003 };
    struct store_fixture *f = *state;
    const struct store_incident all = {0};
    int64_t one = store_fixture_account(f, 1, "{}")->id;
    int64_t two = store_fixture_account(f, 2, "{}")->id;
    const struct store_revocation revoked = {.at = 1, .reason = 0};
    struct store_issuance last = {0};

    assert_int_equal(counted(f, &all, NULL, 0, LEAF_BEGINS), 0);
    add_own(f);
    const struct store_incident own = {.by_serial = true};
    const struct span own_serial = span_make("\7", 1);
    assert_int_equal(counted(f, &all, NULL, 0, LEAF_BEGINS), 0);
    assert_int_equal(counted(f, &own, &own_serial, 1, LEAF_BEGINS), 0);
    for (int n = 0; n < MANY; n++) {
        const uint8_t serial[] = {1, (uint8_t)(n >> 8), (uint8_t)n};
        last = add_leaf(f, n % 10 == 0 ? one : two, n % 5 == 0 ? "e.test" : "f.test",
                        span_make(serial, sizeof serial));
    }
    assert_int_equal(counted(f, &all, NULL, 0, LEAF_BEGINS), MANY);
    const struct store_incident account = {.account_id = one};
    assert_int_equal(counted(f, &account, NULL, 0, LEAF_BEGINS), 101);
    const struct store_incident both = {.account_id = two, .name = "e.test"};
    assert_int_equal(counted(f, &both, NULL, 0, LEAF_BEGINS), 100);
    const struct store_incident listed = {.by_serial = true, .name = "e.test"};
    const uint8_t texts[][3] = {{1, 0, 0}, {1, 0, 1}, {1, 0, 5}, {9, 9, 9}};
    const struct span serials[] = {span_make(texts[0], 3), span_make(texts[1], 3),
                                   span_make(texts[2], 3), span_make(texts[3], 3)};
    assert_int_equal(counted(f, &listed, serials, 4, LEAF_BEGINS), 2);
    assert_int_equal(store_revoke(f->session, &last, &revoked, false, NULL, &f->why),
                     ERR_OK);
    assert_int_equal(counted(f, &all, NULL, 0, LEAF_BEGINS), MANY - 1);
    assert_int_equal(counted(f, &all, NULL, 0, LEAF_ENDS + 1), 0);
}

static void orders_that_came_to_nothing(void **state)
{
    struct store_authz authz = {.expires = 100, .attempt_type = -1};
    struct store_order order = {.expires = 100, .authzs = &authz, .authz_count = 1};

    (void)state;
    assert_false(renewal_order_is_over(&order, 99));
    assert_true(renewal_order_is_over(&order, 100));
    order.error = "{}";
    assert_true(renewal_order_is_over(&order, 0));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(by_name),
        TEST(due),
        TEST(by_whom),
        TEST(concerned),
        TEST(the_most_urgent_incident),
        TEST(counting),
        cmocka_unit_test(orders_that_came_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
