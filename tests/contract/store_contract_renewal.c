/* The store's contract: what says when a certificate is to be renewed, by which order it
 * is, and incidents (RFC 9773). */
#include "contract.h"

#include <pthread.h>
#include <string.h>

#include "server/store/store_renewal.h"

#define MISSING 987654

static int64_t account(struct contract *f, uint8_t mark)
{
    bool existed;

    return contract_add_account(f, mark, &existed)->id;
}

/* A finished issuance whose serial is `mark` all over. */
static struct store_issuance issued(struct contract *f, int64_t owner, size_t names,
                                    uint8_t mark)
{
    struct store_order *order = contract_add_proved_order(f, owner, names);
    struct store_issuance issuance = contract_issuance_for(order, mark);

    memset(issuance.key_hash, mark, sizeof issuance.key_hash);
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_OK);
    assert_int_equal(store_issuance_finish(f->session, issuance.id, span_of("der"),
                                           span_of("chain"), &f->why),
                     ERR_OK);
    contract_settle(f);
    return issuance;
}

static struct store_renewal *renewal(struct contract *f,
                                     const struct store_issuance *issuance)
{
    struct store_renewal *row = NULL;

    assert_int_equal(
        store_renewal_by_serial(f->session, f->arena,
                                span_make(issuance->serial, issuance->serial_len), &row,
                                &f->why),
        ERR_OK);
    return row;
}

static void facts_of_a_certificate(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_issuance issuance = issued(f, owner, 3, 7);
    const struct store_revocation revoked = {.at = CONTRACT_NOW + 5, .reason = 4};
    struct store_renewal *row = NULL;

    contract_restart(f);
    row = renewal(f, &issuance);
    assert_int_equal(row->issuance.id, issuance.id);
    assert_int_equal(row->issuance.account_id, owner);
    assert_int_equal(row->issuance.begun, CONTRACT_NOW);
    assert_int_equal(row->issuance.not_after, CONTRACT_NOW + 90);
    assert_memory_equal(row->issuance.key_hash, issuance.key_hash, STORE_HASH_SIZE);
    assert_true(span_is(row->issuance.certificate, "der"));
    assert_int_equal(row->identifier_count, 3);
    assert_string_equal(row->identifiers[2].value, "name2.example.test");
    assert_string_equal(row->profile, "");
    assert_int_equal(row->revocation.at, 0);
    assert_int_equal(row->revocation.reason, STORE_REASON_NONE);
    assert_false(row->replaced);
    assert_false(row->is_star);
    assert_int_equal(store_revoke(f->session, &issuance, &revoked, false, NULL, &f->why),
                     ERR_OK);
    contract_settle(f);
    row = renewal(f, &issuance);
    assert_int_equal(row->revocation.at, CONTRACT_NOW + 5);
    assert_int_equal(row->revocation.reason, 4);
}

static void only_certificates_are_renewed(void **state)
{
    struct contract *f = *state;
    struct store_order *order = contract_add_proved_order(f, account(f, 1), 1);
    struct store_issuance begun = contract_issuance_for(order, 1);
    struct store_renewal *row = NULL;

    assert_int_equal(store_issuance_begin(f->session, &begun, &f->why), ERR_OK);
    contract_settle(f);
    assert_int_equal(store_renewal_by_serial(f->session, f->arena,
                                             span_make(begun.serial, 16), &row, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(
        store_renewal_by_serial(f->session, f->arena, span_make(NULL, 0), &row, &f->why),
        ERR_NOT_FOUND);
}

static void certificates_one_after_the_other(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_renewal *rows = NULL;
    size_t count = 99;

    assert_int_equal(
        store_renewals_after(f->session, f->arena, 0, 2, &rows, &count, &f->why), ERR_OK);
    assert_int_equal(count, 0);
    const struct store_issuance made[] = {issued(f, owner, 1, 1), issued(f, owner, 2, 2),
                                          issued(f, owner, 1, 3)};
    assert_int_equal(
        store_renewals_after(f->session, f->arena, 0, 2, &rows, &count, &f->why), ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].issuance.id, made[0].id);
    assert_int_equal(rows[1].issuance.id, made[1].id);
    assert_int_equal(rows[1].identifier_count, 2);
    assert_int_equal(
        store_renewals_after(f->session, f->arena, made[1].id, 2, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].issuance.serial[0], 3);
}

/* --- replacement ---------------------------------------------------------------------
 */

static bool has_error(const struct store_order *order, int64_t now)
{
    assert_int_equal(now, CONTRACT_NOW + 1);
    return order->error != NULL;
}

static bool yes(const struct store_order *order, int64_t now)
{
    (void)order;
    return now == CONTRACT_NOW + 1;
}

static enum err replace_if(struct contract *f, int64_t owner, int64_t issuance_id,
                           store_order_judge *is_over, struct store_order **made)
{
    struct store_identifier *name = arena_get(f->arena, sizeof *name);
    struct store_order *order = arena_get(f->arena, sizeof *order);
    struct err_info why = {0};

    name->value = "name0.example.test";
    order->account_id = owner;
    order->created = CONTRACT_NOW;
    order->expires = CONTRACT_NOW + 1000;
    order->profile = "";
    order->replaces = "AQ.BA";
    order->identifiers = name;
    order->identifier_count = 1;
    order->authzs = arena_get(f->arena, sizeof *order->authzs);
    order->authzs[0].identifier = *name;
    order->authzs[0].expires = CONTRACT_NOW + 1000;
    const struct store_replacing replacing = {issuance_id, is_over, CONTRACT_NOW + 1};
    enum err result =
        store_order_add_replacing(f->session, NULL, order, NULL, &replacing, &why);
    contract_settle(f);
    *made = order;
    return result;
}

static enum err replace(struct contract *f, int64_t owner, int64_t issuance_id,
                        struct store_order **made)
{
    return replace_if(f, owner, issuance_id, has_error, made);
}

static size_t orders_of(struct contract *f, int64_t owner)
{
    int64_t ids[20];
    size_t count = 0;

    assert_int_equal(
        store_orders_of_account(f->session, owner, INT64_MAX, 20, ids, &count, &f->why),
        ERR_OK);
    return count;
}

static void certificate_is_replaced_once(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_issuance old = issued(f, owner, 1, 4);
    struct store_order *first = NULL;
    struct store_order *second = NULL;
    struct store_order *row = NULL;

    assert_int_equal(replace(f, MISSING, old.id, &first), ERR_NOT_FOUND);
    assert_int_equal(replace(f, owner, old.id, &first), ERR_OK);
    assert_int_equal(replace(f, owner, old.id, &second), ERR_CONFLICT);
    assert_int_equal(orders_of(f, owner), 2);
    contract_restart(f);
    assert_int_equal(store_order_by_id(f->session, f->arena, first->id, &row, &f->why),
                     ERR_OK);
    assert_string_equal(row->replaces, "AQ.BA");
    assert_int_equal(replace(f, owner, old.id, &second), ERR_CONFLICT);
    /* it came to nothing: another one may */
    assert_int_equal(store_order_fail(f->session, first->id, "{}", &f->why), ERR_OK);
    assert_int_equal(replace(f, owner, old.id, &second), ERR_OK);
    assert_int_equal(replace(f, owner, old.id, &first), ERR_CONFLICT);
    assert_false(renewal(f, &old)->replaced);
    /* and now it is replaced indeed */
    assert_int_equal(store_attempt_finish(f->session, second->authzs[0].id, 0,
                                          STORE_VERDICT_VALID, NULL, "[]", CONTRACT_NOW,
                                          &f->why),
                     ERR_OK);
    struct store_issuance next = contract_issuance_for(second, 5);
    assert_int_equal(store_issuance_begin(f->session, &next, &f->why), ERR_OK);
    assert_false(renewal(f, &old)->replaced);
    assert_int_equal(store_issuance_finish(f->session, next.id, span_of("der"),
                                           span_of("chain"), &f->why),
                     ERR_OK);
    contract_settle(f);
    assert_true(renewal(f, &old)->replaced);
    assert_false(renewal(f, &next)->replaced);
}

/* It looked ready to who finalizes it, and was over to who replaced it: the store saw
 * which came first. */
static void whose_place_is_taken_is_not_issued(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_issuance old = issued(f, owner, 1, 4);
    struct store_order *orders[2] = {NULL, NULL};

    assert_int_equal(replace(f, owner, old.id, &orders[0]), ERR_OK);
    assert_int_equal(replace_if(f, owner, old.id, yes, &orders[1]), ERR_OK);
    for (size_t i = 0; i < 2; i++) {
        struct store_issuance next = contract_issuance_for(orders[i], (uint8_t)(5 + i));
        assert_int_equal(store_attempt_finish(f->session, orders[i]->authzs[0].id, 0,
                                              STORE_VERDICT_VALID, NULL, "[]",
                                              CONTRACT_NOW, &f->why),
                         ERR_OK);
        assert_int_equal(store_issuance_begin(f->session, &next, &f->why),
                         i == 0 ? ERR_CONFLICT : ERR_OK);
    }
    contract_settle(f);
}

static void an_order_that_replaces_nothing_says_so(void **state)
{
    struct contract *f = *state;
    struct store_order *order = contract_add_order(f, account(f, 1), 1);
    struct store_order *row = NULL;

    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &row, &f->why),
                     ERR_OK);
    assert_null(row->replaces);
}

struct racer {
    struct contract *f;
    int64_t owner;
    int64_t issuance_id;
    enum err result;
};

static void *race(void *argument)
{
    struct racer *r = argument;
    struct store_identifier name = {.value = "name0.example.test"};
    struct store_authz authz = {.identifier = name, .expires = CONTRACT_NOW + 1000};
    struct store_order order = {.account_id = r->owner,
                                .created = CONTRACT_NOW,
                                .expires = CONTRACT_NOW + 1000,
                                .profile = "",
                                .replaces = "AQ.BA",
                                .identifiers = &name,
                                .identifier_count = 1,
                                .authzs = &authz};
    const struct store_replacing replacing = {r->issuance_id, has_error,
                                              CONTRACT_NOW + 1};
    struct store_session *session = NULL;
    struct err_info why = {0};

    r->result = store_session_open(r->f->store, &session, &why);
    if (r->result == ERR_OK)
        r->result =
            store_order_add_replacing(session, NULL, &order, NULL, &replacing, &why);
    if (store_wait(r->f->store, store_session_ticket(session), &why) != ERR_OK)
        r->result = ERR_STORE;
    store_session_close(session);
    return NULL;
}

/* What was proved serves the order that replaces as it does any other. */
static void proofs_serve_replacing_orders(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_issuance old = issued(f, owner, 1, 4);
    const struct store_reuse reuse = {
        .proved_last = CONTRACT_NOW + 1, .outlives = CONTRACT_NOW, .types = ~0U};
    const struct store_replacing replacing = {old.id, has_error, CONTRACT_NOW + 1};
    struct store_identifier name = {.value = "name0.example.test"};
    struct store_authz authz = {.identifier = name, .expires = CONTRACT_NOW + 5000};
    struct store_order order = {.account_id = owner,
                                .created = CONTRACT_NOW,
                                .expires = CONTRACT_NOW + 5000,
                                .profile = "",
                                .replaces = "AQ.BA",
                                .identifiers = &name,
                                .identifier_count = 1,
                                .authzs = &authz};
    struct store_order *row = NULL;

    assert_int_equal(store_order_add_replacing(f->session, f->arena, &order, &reuse,
                                               &replacing, &f->why),
                     ERR_OK);
    contract_settle(f);
    assert_int_equal(order.authzs[0].verdict, STORE_VERDICT_VALID);
    assert_int_equal(order.expires, CONTRACT_NOW + 1000);
    assert_int_equal(store_order_by_id(f->session, f->arena, order.id, &row, &f->why),
                     ERR_OK);
    assert_int_equal(row->authzs[0].id, order.authzs[0].id);
    assert_true(row->authzs[0].order_id != order.id);
    assert_string_equal(row->replaces, "AQ.BA");
}

static void one_of_many_orders_replaces_it(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_issuance old = issued(f, owner, 1, 4);
    struct racer racers[8];
    pthread_t threads[8];
    size_t won = 0;

    for (size_t i = 0; i < 8; i++) {
        racers[i] = (struct racer){.f = f, .owner = owner, .issuance_id = old.id};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 8; i++) {
        won += racers[i].result == ERR_OK;
        assert_true(racers[i].result == ERR_OK || racers[i].result == ERR_CONFLICT);
    }
    assert_int_equal(won, 1);
    assert_int_equal(orders_of(f, owner), 2);
}

/* --- incidents -----------------------------------------------------------------------
 */

static struct store_incident *incidents(struct contract *f, struct span serial,
                                        size_t *count)
{
    struct store_incident *rows = NULL;

    assert_int_equal(store_incidents(f->session, f->arena, serial, &rows, count, &f->why),
                     ERR_OK);
    return rows;
}

static void incident_is_kept_whole(void **state)
{
    static const uint8_t hash[STORE_HASH_SIZE] = {1, 2, 3};
    struct contract *f = *state;
    struct store_issuance old = issued(f, account(f, 1), 1, 4);
    struct store_incident everything = {
        .created = CONTRACT_NOW, .over = 7200, .explanation = ""};
    struct store_incident all_set = {.created = CONTRACT_NOW + 1,
                                     .over = 60,
                                     .explanation = "https://ca.example.test/why",
                                     .account_id = 3,
                                     .begun_from = 4,
                                     .begun_before = 5,
                                     .name = "a.example.test",
                                     .profile = "",
                                     .key_hash = span_make(hash, sizeof hash),
                                     .issuer = span_of("issuer"),
                                     .by_serial = true};
    size_t count = 99;

    (void)incidents(f, span_make(NULL, 0), &count);
    assert_int_equal(count, 0);
    assert_int_equal(store_incident_add(f->session, &everything, NULL, 0, &f->why),
                     ERR_OK);
    assert_int_equal(store_incident_add(f->session, &all_set, NULL, 0, &f->why), ERR_OK);
    assert_true(all_set.id > everything.id);
    assert_int_equal(all_set.last_issuance, old.id);
    contract_settle(f);
    contract_restart(f);
    struct store_incident *rows = incidents(f, span_make(NULL, 0), &count);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].id, everything.id);
    assert_int_equal(rows[0].over, 7200);
    assert_string_equal(rows[0].explanation, "");
    assert_int_equal(rows[0].last_issuance, old.id);
    assert_int_equal(rows[0].account_id, 0);
    assert_null(rows[0].name);
    assert_null(rows[0].profile);
    assert_int_equal(rows[0].key_hash.len, 0);
    assert_int_equal(rows[0].issuer.len, 0);
    assert_false(rows[0].by_serial);
    assert_int_equal(rows[1].created, CONTRACT_NOW + 1);
    assert_string_equal(rows[1].explanation, "https://ca.example.test/why");
    assert_int_equal(rows[1].account_id, 3);
    assert_int_equal(rows[1].begun_from, 4);
    assert_int_equal(rows[1].begun_before, 5);
    assert_string_equal(rows[1].name, "a.example.test");
    assert_string_equal(rows[1].profile, "");
    assert_true(span_equal(rows[1].key_hash, span_make(hash, sizeof hash)));
    assert_true(span_is(rows[1].issuer, "issuer"));
    assert_true(rows[1].by_serial);
    assert_false(rows[1].has_serial);
}

static void incident_knows_its_serials(void **state)
{
    struct contract *f = *state;
    struct store_incident one = {.explanation = "", .by_serial = true};
    struct store_incident two = {.explanation = "", .by_serial = true};
    struct store_incident other = {.explanation = ""};
    const struct span serials[] = {span_of("first"), span_of("second"), span_of("first")};
    size_t count = 0;

    assert_int_equal(store_incident_extend(f->session, MISSING, serials, 3, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_incident_add(f->session, &one, serials, 1, &f->why), ERR_OK);
    assert_int_equal(store_incident_add(f->session, &two, NULL, 0, &f->why), ERR_OK);
    assert_int_equal(store_incident_add(f->session, &other, NULL, 0, &f->why), ERR_OK);
    contract_settle(f);
    assert_true(incidents(f, span_of("first"), &count)[0].has_serial);
    assert_false(incidents(f, span_of("second"), &count)[0].has_serial);
    assert_int_equal(store_incident_extend(f->session, other.id, serials, 3, &f->why),
                     ERR_CONFLICT);
    assert_int_equal(store_incident_remove(f->session, other.id, &f->why), ERR_OK);
    assert_int_equal(store_incident_extend(f->session, one.id, serials, 3, &f->why),
                     ERR_OK);
    assert_int_equal(store_incident_extend(f->session, one.id, serials, 2, &f->why),
                     ERR_OK);
    contract_settle(f);
    struct store_incident *rows = incidents(f, span_of("second"), &count);
    assert_true(rows[0].has_serial);
    assert_false(rows[1].has_serial);
    assert_false(incidents(f, span_of("third"), &count)[0].has_serial);
    /* removed with them: the next one does not inherit */
    assert_int_equal(store_incident_remove(f->session, one.id, &f->why), ERR_OK);
    assert_int_equal(store_incident_remove(f->session, one.id, &f->why), ERR_NOT_FOUND);
    assert_int_equal(store_incident_remove(f->session, two.id, &f->why), ERR_OK);
    assert_int_equal(store_incident_add(f->session, &one, NULL, 0, &f->why), ERR_OK);
    assert_true(one.id > two.id);
    contract_settle(f);
    assert_false(incidents(f, span_of("second"), &count)[0].has_serial);
    assert_int_equal(count, 1);
}

static void incidents_are_bounded(void **state)
{
    struct contract *f = *state;
    struct store_incident one = {.explanation = ""};
    size_t count = 0;

    for (int i = 0; i < STORE_INCIDENTS_MAX; i++)
        assert_int_equal(store_incident_add(f->session, &one, NULL, 0, &f->why), ERR_OK);
    assert_int_equal(store_incident_add(f->session, &one, NULL, 0, &f->why),
                     ERR_CONFLICT);
    contract_settle(f);
    (void)incidents(f, span_make(NULL, 0), &count);
    assert_int_equal(count, STORE_INCIDENTS_MAX);
    assert_int_equal(store_incident_remove(f->session, one.id, &f->why), ERR_OK);
    assert_int_equal(store_incident_add(f->session, &one, NULL, 0, &f->why), ERR_OK);
    contract_settle(f);
}

int contract_renewal(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(facts_of_a_certificate),
        CONTRACT_TEST(only_certificates_are_renewed),
        CONTRACT_TEST(certificates_one_after_the_other),
        CONTRACT_TEST(certificate_is_replaced_once),
        CONTRACT_TEST(whose_place_is_taken_is_not_issued),
        CONTRACT_TEST(an_order_that_replaces_nothing_says_so),
        CONTRACT_TEST(proofs_serve_replacing_orders),
        CONTRACT_TEST(one_of_many_orders_replaces_it),
        CONTRACT_TEST(incident_is_kept_whole),
        CONTRACT_TEST(incident_knows_its_serials),
        CONTRACT_TEST(incidents_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
