/* Tests of server/order/attest_desk: what is asked, again, how often; what is stored, and
 * that nothing is before there is a verdict. S-DA-6, S-DA-9, S-DA-16. */
#include "server/store_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/json/json_read.h"
#include "server/order/attest_desk.h"
#include "server/store/store_attestation.h"

#define PATIENCE_US 20000000 /* for what must happen */
#define LONG_MS     100000
#define ASKED_MAX   (ATTEST_DESK_MOST + 8)

struct world {
    struct store_fixture *f;
    struct work_pool *workers;
    struct attest_desk *desk;
    int64_t account;

    pthread_mutex_t lock; /* of what the validator was asked */
    bool away;
    size_t asked;
    uint64_t numbers[ASKED_MAX];
    char last[256];
};

static bool on_ask(void *context, uint64_t number, const struct attest_desk_question *q)
{
    struct world *w = context;

    pthread_mutex_lock(&w->lock);
    bool away = w->away;
    if (!away) {
        w->numbers[w->asked++ % ASKED_MAX] = number;
        (void)snprintf(w->last, sizeof w->last, "%s %s %s %s %.*s %zu",
                       q->identifier.value, q->profile, q->token, q->key_authorization,
                       (int)q->object.len, (const char *)q->object.data, q->known_count);
    }
    pthread_mutex_unlock(&w->lock);
    return !away;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    const struct attest_desk_ports ports = {w, on_ask};

    pthread_mutex_init(&w->lock, NULL);
    w->f = store_fixture_new();
    assert_int_equal(work_pool_new(w->f->store, 2, &w->workers, &w->f->why), ERR_OK);
    w->desk = attest_desk_new(w->f->store, w->workers, &ports, NULL);
    w->account = store_fixture_account(w->f, 1, "{}")->id;
    assert_int_equal(store_fixture_settle(w->f), ERR_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    work_pool_free(w->workers);
    attest_desk_free(w->desk);
    store_fixture_free(w->f);
    free(w);
    return 0;
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static int64_t new_authz(struct world *w)
{
    int64_t id = store_fixture_order(w->f, w->account, "a.test")->authzs->id;

    assert_int_equal(store_fixture_settle(w->f), ERR_OK);
    return id;
}

static enum err begin(struct world *w, int64_t authz_id, int64_t timeout_ms)
{
    static const struct attest_known known[] = {
        {.kind = ATTEST_KNOWN_KEY, .sha256 = {7}}};
    char object[] = "object"; /* gone when it is asked again: all is copied */
    const struct attest_desk_question question = {
        .authz_id = authz_id,
        .account_id = w->account,
        .identifier = {IDENTIFIER_PERMANENT_IDENTIFIER, "serial \"1\""},
        .profile = "device",
        .token = "token",
        .key_authorization = "token.thumb",
        .known = known,
        .known_count = 1,
        .object = span_of(object)};

    return attest_desk_begin(w->desk, w->f->session, &question, timeout_ms, &w->f->why);
}

static void answer(struct world *w, uint64_t number, enum err code, uint8_t key)
{
    const struct attest_desk_answer a = {.code = code,
                                         .detail = "it is \"of\" another device",
                                         .differs = code != ERR_OK,
                                         .format = ATTEST_STEP,
                                         .key_hash = {key},
                                         .facts = code == ERR_OK ? "{\"a\":1}" : NULL};

    attest_desk_answered(w->desk, number, &a);
}

static bool lands(struct world *w)
{
    struct flight_table *t = attest_desk_flights(w->desk);
    int64_t until = clock_monotonic_us() + PATIENCE_US;

    while (flight_count(t) > 0 && clock_monotonic_us() < until)
        (void)usleep(500);
    return flight_count(t) == 0;
}

static struct store_authz *authz_of(struct world *w, int64_t id)
{
    struct store_authz *row = NULL;

    assert_int_equal(store_authz_by_id(w->f->session, w->f->arena, id, &row, &w->f->why),
                     ERR_OK);
    return row;
}

static void a_true_one(void **state)
{
    struct world *w = *state;
    const int64_t id = new_authz(w);
    struct store_attestation kept = {0};

    assert_int_equal(begin(w, id, LONG_MS), ERR_OK);
    assert_int_equal(begin(w, id, LONG_MS), ERR_OK); /* it is under way */
    assert_int_equal(w->asked, 1);
    assert_string_equal(w->last, "serial \"1\" device token token.thumb object 1");
    assert_int_equal(authz_of(w, id)->attempt_begun, 0);
    answer(w, 999, ERR_OK, 7); /* nobody asked */
    answer(w, w->numbers[0], ERR_OK, 7);
    answer(w, w->numbers[0], ERR_BAD_ATTESTATION_STATEMENT, 7); /* comes too late */
    assert_true(lands(w));
    const struct store_authz *authz = authz_of(w, id);
    assert_int_equal(authz->verdict, STORE_VERDICT_VALID);
    assert_int_equal(authz->attempt_type, CHALLENGE_DEVICE_ATTEST_01);
    assert_non_null(strstr(authz->record, "\"steps\":[{\"attestation\":{\"a\":1}}]"));
    assert_int_equal(store_attestation_of(w->f->session, id, &kept, &w->f->why), ERR_OK);
    assert_int_equal(kept.key_hash[0], 7);
    assert_int_equal(kept.format, ATTEST_STEP);
}

static void untrue_ones(void **state)
{
    struct world *w = *state;
    const struct {
        enum err code;
        uint8_t key;
        const char *words;
    } rows[] = {{ERR_BAD_ATTESTATION_STATEMENT, 7, "\"subproblems\":[{"},
                {ERR_OK, 8, "badAttestationStatement"}}; /* the inventory knows 7 */

    for (size_t i = 0; i < 2; i++) {
        const int64_t id = new_authz(w);
        struct store_attestation kept = {0};
        const struct json *problem = NULL;
        assert_int_equal(begin(w, id, LONG_MS), ERR_OK);
        answer(w, w->numbers[i], rows[i].code, rows[i].key);
        assert_true(lands(w));
        const struct store_authz *authz = authz_of(w, id);
        assert_int_equal(authz->verdict, STORE_VERDICT_INVALID);
        assert_non_null(strstr(authz->error, rows[i].words));
        assert_int_equal(
            json_read(w->f->arena, span_of(authz->error), &problem, &w->f->why), ERR_OK);
        assert_int_equal(store_attestation_of(w->f->session, id, &kept, &w->f->why),
                         ERR_NOT_FOUND);
        assert_int_equal(store_fixture_settle(w->f), ERR_OK);
    }
}

/* What the validator could not judge is no verdict. */
static void no_verdict(void **state)
{
    struct world *w = *state;
    const int64_t id = new_authz(w);

    assert_int_equal(begin(w, id, LONG_MS), ERR_OK);
    answer(w, w->numbers[0], ERR_CONFIG, 7);
    assert_true(lands(w));
    assert_int_equal(authz_of(w, id)->verdict, STORE_VERDICT_NONE);
    assert_int_equal(authz_of(w, id)->attempt_begun, 0);
    assert_int_equal(begin(w, id, LONG_MS), ERR_OK);
    assert_int_equal(w->asked, 2);
    assert_int_not_equal(w->numbers[0], w->numbers[1]);
    answer(w, w->numbers[0], ERR_OK, 7); /* of the first: it is over */
    assert_int_equal(flight_count(attest_desk_flights(w->desk)), 1);
    answer(w, w->numbers[1], ERR_OK, 7);
    assert_true(lands(w));
    assert_int_equal(authz_of(w, id)->verdict, STORE_VERDICT_VALID);
}

static void validators_come_and_go(void **state)
{
    struct world *w = *state;
    const int64_t id = new_authz(w);

    assert_int_equal(begin(w, id, LONG_MS), ERR_OK);
    for (size_t i = 1; i < ATTEST_DESK_TRIES; i++) {
        attest_desk_ask_again(w->desk);
        assert_int_equal(w->asked, i + 1);
        assert_int_equal(w->numbers[i], w->numbers[0]);
        assert_string_equal(w->last, "serial \"1\" device token token.thumb object 1");
    }
    attest_desk_look(w->desk); /* time alone changes nothing yet */
    assert_int_equal(flight_count(attest_desk_flights(w->desk)), 1);
    attest_desk_ask_again(w->desk); /* that may be why they end */
    assert_int_equal(w->asked, ATTEST_DESK_TRIES);
    assert_true(lands(w));
    assert_int_equal(authz_of(w, id)->verdict, STORE_VERDICT_NONE);
}

static void one_that_cannot_be_asked(void **state)
{
    struct world *w = *state;
    const int64_t first = new_authz(w);
    const int64_t second = new_authz(w);

    w->away = true;
    assert_int_equal(begin(w, first, LONG_MS), ERR_OK);
    assert_int_equal(begin(w, second, 1), ERR_OK);
    for (size_t i = 0; i < 2 * ATTEST_DESK_TRIES; i++)
        attest_desk_ask_again(w->desk); /* none of them had it */
    (void)usleep(2000);
    w->away = false;
    attest_desk_look(w->desk);
    assert_int_equal(w->asked, 1); /* the time of the second is over */
    assert_int_equal(flight_count(attest_desk_flights(w->desk)), 1);
    answer(w, w->numbers[0], ERR_OK, 7);
    assert_true(lands(w));
    assert_int_equal(authz_of(w, first)->verdict, STORE_VERDICT_VALID);
    assert_int_equal(authz_of(w, second)->verdict, STORE_VERDICT_NONE);
}

static void they_are_bounded(void **state)
{
    struct world *w = *state;

    for (int64_t i = 0; i < ATTEST_DESK_MOST; i++)
        assert_int_equal(begin(w, 1000 + i, LONG_MS), ERR_OK);
    assert_int_equal(begin(w, 1, LONG_MS), ERR_UNAVAILABLE);
    assert_true(w->f->why.retry_after_seconds > 0);
    answer(w, w->numbers[0], ERR_UNAVAILABLE, 7);
    assert_int_equal(begin(w, 1, LONG_MS), ERR_OK);
}

/* A disk that is full: nothing is stored, and the challenge can be answered again. */
static void a_verdict_that_cannot_be_stored(void **state)
{
    struct world *w = *state;
    const int64_t id = new_authz(w);

    assert_int_equal(begin(w, id, LONG_MS), ERR_OK);
    store_fixture_fill_disk(w->f);
    answer(w, w->numbers[0], ERR_OK, 7);
    assert_true(lands(w));
    store_fixture_free_disk();
    store_session_begin(w->f->session);
    assert_int_equal(authz_of(w, id)->verdict, STORE_VERDICT_NONE);
    assert_int_equal(begin(w, id, LONG_MS), ERR_OK);
    answer(w, w->numbers[1], ERR_OK, 7);
    assert_true(lands(w));
    assert_int_equal(authz_of(w, id)->verdict, STORE_VERDICT_VALID);
}

/* A deactivation that comes first stands. */
static void decided_otherwise(void **state)
{
    struct world *w = *state;
    const int64_t id = new_authz(w);

    assert_int_equal(begin(w, id, LONG_MS), ERR_OK);
    assert_int_equal(store_authz_deactivate(w->f->session, id, 1, &w->f->why), ERR_OK);
    assert_int_equal(store_fixture_settle(w->f), ERR_OK);
    answer(w, w->numbers[0], ERR_OK, 7);
    assert_true(lands(w));
    assert_int_equal(authz_of(w, id)->verdict, STORE_VERDICT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_true_one),
        TEST(untrue_ones),
        TEST(no_verdict),
        TEST(validators_come_and_go),
        TEST(one_that_cannot_be_asked),
        TEST(they_are_bounded),
        TEST(a_verdict_that_cannot_be_stored),
        TEST(decided_otherwise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
