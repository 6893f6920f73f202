/* Tests of server/order/order_desk: a real store, and a validator and a signer that only
 * note what they are asked. */
#include "server/store_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "server/order/order_desk.h"
#include "server/order/order_state.h"

#define PATIENCE_US 20000000
#define ASKED_MAX   32

static const uint8_t thumbprint[STORE_THUMBPRINT_SIZE] = {1, 2, 3};

/* What the others were asked. */
struct asked {
    pthread_mutex_t lock;
    size_t checks, signs;
    int64_t check_ids[ASKED_MAX];
    int64_t sign_ids[ASKED_MAX];
    char token[64], identifier[64], authorization[128], tbs[64];
};

struct world {
    struct store_fixture *f;
    struct work_pool *workers;
    struct order_desk *desk;
    struct asked asked;
    int64_t account;
};

static void on_check(void *context, const struct order_desk_check *check)
{
    struct asked *a = context;

    pthread_mutex_lock(&a->lock);
    a->check_ids[a->checks++ % ASKED_MAX] = check->authz_id;
    (void)strncpy(a->token, check->token, sizeof a->token - 1);
    (void)strncpy(a->identifier, check->identifier, sizeof a->identifier - 1);
    (void)strncpy(a->authorization, check->key_authorization,
                  sizeof a->authorization - 1);
    pthread_mutex_unlock(&a->lock);
}

static void on_sign(void *context, const struct order_desk_sign *sign)
{
    struct asked *a = context;

    pthread_mutex_lock(&a->lock);
    a->sign_ids[a->signs++ % ASKED_MAX] = sign->issuance_id;
    memset(a->tbs, 0, sizeof a->tbs);
    memcpy(a->tbs, sign->tbs.data, sign->tbs.len < 63 ? sign->tbs.len : 63);
    pthread_mutex_unlock(&a->lock);
}

static void open_desk(struct world *w)
{
    const struct order_desk_ports ports = {&w->asked, on_check, on_sign};

    assert_int_equal(work_pool_new(w->f->store, 2, &w->workers, &w->f->why), ERR_OK);
    w->desk = order_desk_new(w->f->store, w->workers, &ports, span_of("issuers"));
}

static void close_desk(struct world *w)
{
    work_pool_free(w->workers);
    order_desk_free(w->desk);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    pthread_mutex_init(&w->asked.lock, NULL);
    w->f = store_fixture_new();
    open_desk(w);
    w->account = store_fixture_account(w->f, 1, "{}")->id;
    assert_int_equal(store_fixture_settle(w->f), ERR_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    close_desk(w);
    store_fixture_free(w->f);
    free(w);
    return 0;
}

/* --- helpers ------------------------------------------------------------------------ */

static size_t asked(struct world *w, const size_t *count)
{
    pthread_mutex_lock(&w->asked.lock);
    size_t number = *count;
    pthread_mutex_unlock(&w->asked.lock);
    return number;
}

static bool becomes_asked(struct world *w, const size_t *count, size_t number)
{
    int64_t until = clock_monotonic_us() + PATIENCE_US;

    while (asked(w, count) < number && clock_monotonic_us() < until)
        (void)usleep(500);
    return asked(w, count) == number;
}

static bool lands(struct flight_table *t)
{
    int64_t until = clock_monotonic_us() + PATIENCE_US;

    while (flight_count(t) > 0 && clock_monotonic_us() < until)
        (void)usleep(500);
    return flight_count(t) == 0;
}

static bool validations_land(struct world *w)
{
    return lands(order_desk_validations(w->desk));
}

static bool issuances_land(struct world *w)
{
    return lands(order_desk_issuances(w->desk));
}

static struct store_authz *authz_of(struct world *w, int64_t id)
{
    struct store_authz *row = NULL;

    assert_int_equal(store_authz_by_id(w->f->session, w->f->arena, id, &row, &w->f->why),
                     ERR_OK);
    return row;
}

static struct store_order *order_of(struct world *w, int64_t id)
{
    struct store_order *row = NULL;

    assert_int_equal(store_order_by_id(w->f->session, w->f->arena, id, &row, &w->f->why),
                     ERR_OK);
    return row;
}

static enum err validate(struct world *w, const struct store_authz *authz)
{
    return order_desk_validate(w->desk, w->f->session, authz, CHALLENGE_HTTP_01,
                               thumbprint, &w->f->why);
}

static struct store_issuance issuance_of(const struct store_order *order, uint8_t mark)
{
    struct store_issuance i = {.order_id = order->id,
                               .account_id = order->account_id,
                               .serial_len = 16,
                               .tbs = span_of("to be signed"),
                               .begun = clock_now()};

    memset(i.serial, mark, i.serial_len);
    return i;
}

/* --- validations -------------------------------------------------------------------- */

static void a_check_is_asked_once(void **state)
{
    struct world *w = *state;
    const struct store_authz *authz =
        store_fixture_order(w->f, w->account, "a.test")->authzs;

    assert_int_equal(validate(w, authz), ERR_OK);
    assert_int_equal(validate(w, authz), ERR_OK);
    assert_int_equal(asked(w, &w->asked.checks), 1);
    assert_int_equal(w->asked.check_ids[0], authz->id);
    assert_string_equal(w->asked.identifier, "a.test");
    const char *token = order_state_token(w->f->arena, authz, CHALLENGE_HTTP_01);
    assert_string_equal(w->asked.token, token);
    assert_int_equal(strlen(token), 43);
    assert_memory_equal(w->asked.authorization, token, 43);
    assert_int_equal(w->asked.authorization[43], '.');
    order_desk_verdict(w->desk, authz->id, true, NULL, "[{}]");
    order_desk_verdict(w->desk, authz->id, false, "{}", "[]"); /* comes too late */
    order_desk_verdict(w->desk, 999, true, NULL, "[]");        /* nobody asked */
    assert_true(validations_land(w));
    assert_int_equal(authz_of(w, authz->id)->verdict, STORE_VERDICT_VALID);
    assert_string_equal(authz_of(w, authz->id)->record, "[{}]");
    assert_null(authz_of(w, authz->id)->error);
}

static void a_bad_verdict_is_kept_with_its_reason(void **state)
{
    struct world *w = *state;
    const struct store_authz *authz =
        store_fixture_order(w->f, w->account, "a.test")->authzs;

    assert_int_equal(validate(w, authz), ERR_OK);
    order_desk_verdict(w->desk, authz->id, false, "{\"type\":\"dns\"}", NULL);
    assert_true(validations_land(w));
    assert_int_equal(authz_of(w, authz->id)->verdict, STORE_VERDICT_INVALID);
    assert_string_equal(authz_of(w, authz->id)->error, "{\"type\":\"dns\"}");
}

/* What was decided otherwise meanwhile stands, and nobody waits for ever. */
static void a_verdict_that_comes_second_changes_nothing(void **state)
{
    struct world *w = *state;
    const struct store_authz *authz =
        store_fixture_order(w->f, w->account, "a.test")->authzs;

    assert_int_equal(validate(w, authz), ERR_OK);
    assert_int_equal(store_attempt_finish(w->f->session, authz->id, CHALLENGE_HTTP_01,
                                          STORE_VERDICT_INVALID, "{}", NULL, 5,
                                          &w->f->why),
                     ERR_OK);
    order_desk_verdict(w->desk, authz->id, true, NULL, "[]");
    assert_true(validations_land(w));
    assert_int_equal(authz_of(w, authz->id)->verdict, STORE_VERDICT_INVALID);
}

static void questions_are_asked_again(void **state)
{
    struct world *w = *state;
    struct store_order *orders[3];

    for (size_t i = 0; i < 3; i++) {
        orders[i] = store_fixture_order(w->f, w->account, "a.test");
        assert_int_equal(validate(w, orders[i]->authzs), ERR_OK);
    }
    struct store_issuance issuance = issuance_of(orders[0], 1);
    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_true(becomes_asked(w, &w->asked.signs, 1));
    order_desk_verdict(w->desk, orders[1]->authzs[0].id, true, NULL, "[]");
    order_desk_ask_again(w->desk, true, false);
    assert_int_equal(asked(w, &w->asked.checks), 3 + 2); /* one is answered */
    assert_int_equal(asked(w, &w->asked.signs), 1);
    order_desk_ask_again(w->desk, false, true);
    assert_int_equal(asked(w, &w->asked.checks), 5);
    assert_int_equal(asked(w, &w->asked.signs), 2);
    assert_int_equal(w->asked.sign_ids[1], issuance.id);
    assert_string_equal(w->asked.tbs, "to be signed");
}

static void there_is_a_limit(void **state)
{
    struct world *w = *state;
    struct store_authz authz = {.identifier = {0, "a.test"}};

    for (authz.id = 1; authz.id <= ORDER_DESK_CHECKS_MAX; authz.id++)
        assert_int_equal(validate(w, &authz), ERR_OK);
    w->f->why.retry_after_seconds = 0;
    assert_int_equal(validate(w, &authz), ERR_UNAVAILABLE);
    assert_int_equal(w->f->why.retry_after_seconds, 5);
}

/* --- issuances ---------------------------------------------------------------------- */

static void a_signature_becomes_a_certificate(void **state)
{
    struct world *w = *state;
    const struct store_order *order = store_fixture_order(w->f, w->account, "a.test");
    struct store_issuance issuance = issuance_of(order, 1);
    struct store_issuance second = issuance_of(order, 2);
    struct store_issuance *row = NULL;

    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_int_equal(order_desk_issue(w->desk, w->f->session, &second, &w->f->why),
                     ERR_CONFLICT);
    assert_true(becomes_asked(w, &w->asked.signs, 1));
    assert_int_equal(w->asked.sign_ids[0], issuance.id);
    assert_string_equal(w->asked.tbs, "to be signed");
    order_desk_signed(w->desk, 999, span_of("nobody asked"));
    order_desk_signed(w->desk, issuance.id, span_of("certificate"));
    order_desk_refused(w->desk, issuance.id, "{}"); /* comes too late */
    assert_true(issuances_land(w));
    assert_int_equal(store_certificate_by_id(w->f->session, w->f->arena, issuance.id,
                                             &row, &w->f->why),
                     ERR_OK);
    assert_true(span_is(row->certificate, "certificate"));
    assert_true(span_is(row->issuers, "issuers"));
    assert_int_equal(order_desk_issue(w->desk, w->f->session, &second, &w->f->why),
                     ERR_CONFLICT);
    assert_true(issuances_land(w));
    assert_int_equal(asked(w, &w->asked.signs), 1);
}

static void a_refusal_fails_the_order(void **state)
{
    struct world *w = *state;
    const struct store_order *order = store_fixture_order(w->f, w->account, "a.test");
    struct store_issuance issuance = issuance_of(order, 1);

    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_true(becomes_asked(w, &w->asked.signs, 1));
    order_desk_refused(w->desk, issuance.id, "{\"type\":\"x\"}");
    assert_true(issuances_land(w));
    const struct store_order *now = order_of(w, order->id);
    assert_string_equal(now->error, "{\"type\":\"x\"}");
    assert_null(now->issuance);
    assert_int_equal(order_state_order(now, clock_now()), ORDER_INVALID);
}

/* What is not on disk is never signed. */
static void nothing_is_signed_that_could_not_be_stored(void **state)
{
    struct world *w = *state;
    const struct store_order *order = store_fixture_order(w->f, w->account, "a.test");
    struct store_issuance issuance = issuance_of(order, 1);

    assert_int_equal(store_fixture_settle(w->f), ERR_OK);
    store_fixture_fill_disk(w->f);
    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_int_equal(store_fixture_settle(w->f), ERR_STORE);
    assert_true(issuances_land(w));
    assert_int_equal(asked(w, &w->asked.signs), 0);
    store_fixture_free_disk();
    /* the order is as it was, and can be finalized */
    assert_null(order_of(w, order->id)->issuance);
    issuance = issuance_of(order, 1);
    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_true(becomes_asked(w, &w->asked.signs, 1));
}

/* --- the disk is full for a while --------------------------------------------------- */

/* Answers that could not be recorded are kept, and recorded later: no order may hang
 * until a restart. */
static void answers_are_recorded_later(void **state)
{
    struct world *w = *state;
    const struct store_order *order = store_fixture_order(w->f, w->account, "a.test");
    const struct store_order *other = store_fixture_order(w->f, w->account, "b.test");
    struct store_issuance issuance = issuance_of(order, 1);

    assert_int_equal(validate(w, other->authzs), ERR_OK);
    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_true(becomes_asked(w, &w->asked.signs, 1));
    assert_int_equal(store_fixture_settle(w->f), ERR_OK);
    store_fixture_fill_disk(w->f);
    order_desk_verdict(w->desk, other->authzs[0].id, true, NULL, "[]");
    order_desk_signed(w->desk, issuance.id, span_of("certificate"));
    for (int i = 0; i < 20; i++) { /* in vain */
        order_desk_record_again(w->desk);
        (void)usleep(5000);
    }
    assert_int_equal(authz_of(w, other->authzs[0].id)->verdict, STORE_VERDICT_NONE);
    order_desk_ask_again(w->desk, true, true); /* they are answered */
    assert_int_equal(asked(w, &w->asked.checks), 1);
    assert_int_equal(asked(w, &w->asked.signs), 1);
    store_fixture_free_disk();
    int64_t until = clock_monotonic_us() + PATIENCE_US;
    while ((flight_count(order_desk_validations(w->desk)) > 0 ||
            flight_count(order_desk_issuances(w->desk)) > 0) &&
           clock_monotonic_us() < until) {
        order_desk_record_again(w->desk);
        (void)usleep(5000);
    }
    assert_int_equal(authz_of(w, other->authzs[0].id)->verdict, STORE_VERDICT_VALID);
    assert_true(order_of(w, order->id)->issuance->finished);
    order_desk_record_again(w->desk); /* nothing is left */
}

/* An authorization whose batch was undone never was, and its number is given to another:
 * that one must not inherit the verdict. */
static void a_verdict_is_not_for_the_next_of_that_number(void **state)
{
    struct world *w = *state;

    store_fixture_fill_disk(w->f);
    int64_t id = store_fixture_order(w->f, w->account, "mine.test")->authzs[0].id;
    assert_int_equal(validate(w, authz_of(w, id)), ERR_OK);
    assert_int_equal(store_fixture_settle(w->f), ERR_STORE);
    store_fixture_free_disk();
    const struct store_order *yours = store_fixture_order(w->f, w->account, "yours.test");
    assert_int_equal(yours->authzs[0].id, id);
    assert_int_equal(store_fixture_settle(w->f), ERR_OK);
    order_desk_verdict(w->desk, id, true, NULL, "[]");
    assert_true(validations_land(w));
    assert_int_equal(authz_of(w, id)->verdict, STORE_VERDICT_NONE);
    /* and can be validated itself */
    assert_int_equal(validate(w, authz_of(w, id)), ERR_OK);
    assert_int_equal(asked(w, &w->asked.checks), 2);
    assert_string_equal(w->asked.identifier, "yours.test");
}

/* --- a restart ---------------------------------------------------------------------- */

static void what_was_begun_is_taken_up(void **state)
{
    struct world *w = *state;
    const struct store_order *checked = store_fixture_order(w->f, w->account, "a.test");
    const struct store_order *signing = store_fixture_order(w->f, w->account, "b.test");
    const struct store_order *done = store_fixture_order(w->f, w->account, "c.test");
    struct store_issuance issuance = issuance_of(signing, 1);
    const char *token =
        order_state_token(w->f->arena, checked->authzs, CHALLENGE_HTTP_01);

    assert_int_equal(store_attempt_begin(w->f->session, checked->authzs[0].id,
                                         CHALLENGE_HTTP_01, 5, &w->f->why),
                     ERR_OK);
    assert_int_equal(store_attempt_begin(w->f->session, done->authzs[0].id,
                                         CHALLENGE_HTTP_01, 5, &w->f->why),
                     ERR_OK);
    assert_int_equal(store_attempt_finish(w->f->session, done->authzs[0].id,
                                          CHALLENGE_HTTP_01, STORE_VERDICT_VALID, NULL,
                                          "[]", 5, &w->f->why),
                     ERR_OK);
    assert_int_equal(store_issuance_begin(w->f->session, &issuance, &w->f->why), ERR_OK);
    close_desk(w);
    store_fixture_close(w->f);
    store_fixture_open(w->f);
    open_desk(w);
    store_session_begin(w->f->session);
    assert_int_equal(order_desk_recover(w->desk, w->f->session, &w->f->why), ERR_OK);
    assert_int_equal(asked(w, &w->asked.checks), 1);
    assert_int_equal(w->asked.check_ids[0], checked->authzs[0].id);
    assert_string_equal(w->asked.token, token);
    assert_int_equal(asked(w, &w->asked.signs), 1);
    assert_int_equal(w->asked.sign_ids[0], issuance.id);
    assert_string_equal(w->asked.tbs, "to be signed");
    order_desk_verdict(w->desk, checked->authzs[0].id, true, NULL, "[]");
    order_desk_signed(w->desk, issuance.id, span_of("certificate"));
    assert_true(validations_land(w));
    assert_true(issuances_land(w));
    assert_int_equal(authz_of(w, checked->authzs[0].id)->verdict, STORE_VERDICT_VALID);
    assert_true(order_of(w, signing->id)->issuance->finished);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_check_is_asked_once),
        TEST(a_bad_verdict_is_kept_with_its_reason),
        TEST(a_verdict_that_comes_second_changes_nothing),
        TEST(questions_are_asked_again),
        TEST(there_is_a_limit),
        TEST(a_signature_becomes_a_certificate),
        TEST(a_refusal_fails_the_order),
        TEST(nothing_is_signed_that_could_not_be_stored),
        TEST(answers_are_recorded_later),
        TEST(a_verdict_is_not_for_the_next_of_that_number),
        TEST(what_was_begun_is_taken_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
