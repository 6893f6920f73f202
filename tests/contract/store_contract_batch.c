/* The store's contract: tickets, waiters, threads, and a process that is killed. */
#include "contract.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/random.h"

#define THREADS 4
#define ROUNDS  25

struct called {
    atomic_int times;
    _Atomic enum err result;
};

static void note(void *argument, enum err result)
{
    struct called *called = argument;

    atomic_store(&called->result, result);
    atomic_fetch_add(&called->times, 1);
}

static void tickets_say_what_to_wait_for(void **state)
{
    struct contract *f = *state;
    struct span value = {0};

    store_session_begin(f->session);
    assert_int_equal(store_session_ticket(f->session), 0);
    assert_int_equal(store_wait(f->store, 0, &f->why), ERR_OK);
    assert_int_equal(store_setting_add(f->session, "a", span_of("1"), &f->why), ERR_OK);
    store_ticket_number first = store_session_ticket(f->session);
    assert_true(first > 0);
    assert_int_equal(store_wait(f->store, first, &f->why), ERR_OK);
    store_session_begin(f->session);
    assert_int_equal(store_session_ticket(f->session), 0);
    assert_int_equal(store_setting_add(f->session, "b", span_of("2"), &f->why), ERR_OK);
    assert_true(store_session_ticket(f->session) > first);
    contract_settle(f);
    assert_int_equal(store_wait(f->store, first, &f->why), ERR_OK); /* asked again */
    store_ticket_number second = store_session_ticket(f->session);
    store_session_begin(f->session);
    store_session_depend(f->session, first);
    assert_int_equal(store_session_ticket(f->session), first);
    store_session_depend(f->session, second);
    store_session_depend(f->session, first);
    assert_int_equal(store_session_ticket(f->session), second);
    assert_int_equal(store_session_undone(f->session), 0);
    assert_int_equal(store_setting_get(f->session, f->arena, "a", &value, &f->why),
                     ERR_OK);
}

/* Whoever saw or ran into a change that is not on disk yet waits for it too. */
static void readers_and_the_refused_wait_as_well(void **state)
{
    struct contract *f = *state;
    struct store_session *other = NULL;
    struct span value = {0};

    assert_int_equal(store_session_open(f->store, &other, &f->why), ERR_OK);
    for (int i = 0; i < ROUNDS; i++) {
        const char *name = arena_printf(f->arena, "name%d", i);
        store_session_begin(f->session);
        assert_int_equal(store_setting_add(f->session, name, span_of("x"), &f->why),
                         ERR_OK);
        store_session_begin(other);
        assert_int_equal(store_setting_get(other, f->arena, name, &value, &f->why),
                         ERR_OK);
        assert_true(store_session_ticket(other) >= store_session_ticket(f->session));
        store_session_begin(other);
        assert_int_equal(store_setting_add(other, name, span_of("y"), &f->why),
                         ERR_CONFLICT);
        assert_true(store_session_ticket(other) >= store_session_ticket(f->session));
    }
    store_session_close(other);
}

static void waiters_are_called_once(void **state)
{
    struct contract *f = *state;
    struct called called[200];

    memset(called, 0, sizeof called);
    for (size_t i = 0; i < 200; i++) {
        if (i % 2 == 0)
            assert_int_equal(store_setting_add(f->session,
                                               arena_printf(f->arena, "n%zu", i),
                                               span_of("x"), &f->why),
                             ERR_OK);
        store_when_durable(f->store, store_session_ticket(f->session), note, &called[i]);
    }
    contract_settle(f);
    struct called at_once = {0};
    store_when_durable(f->store, 0, note, &at_once);
    assert_int_equal(atomic_load(&at_once.times), 1);
    struct called decided = {0};
    store_when_durable(f->store, store_session_ticket(f->session), note, &decided);
    assert_int_equal(atomic_load(&decided.times), 1);
    contract_restart(f); /* closing calls whoever is left */
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(atomic_load(&called[i].times), 1);
        assert_int_equal(atomic_load(&called[i].result), ERR_OK);
    }
}

/* What nobody waited for is there too after an orderly close. */
static void close_keeps_what_is_there(void **state)
{
    struct contract *f = *state;
    struct called called = {0};
    struct span value = {0};

    assert_int_equal(store_setting_add(f->session, "last", span_of("x"), &f->why),
                     ERR_OK);
    store_when_durable(f->store, store_session_ticket(f->session), note, &called);
    contract_restart(f);
    assert_int_equal(atomic_load(&called.times), 1);
    assert_int_equal(atomic_load(&called.result), ERR_OK);
    assert_int_equal(store_setting_get(f->session, f->arena, "last", &value, &f->why),
                     ERR_OK);
    store_close(NULL);
}

/* --- many at once ------------------------------------------------------------------- */

struct busy {
    struct contract *f;
    uint8_t mark;
    int failures;
    int64_t orders[ROUNDS];
    int64_t issuances[ROUNDS];
};

/* One whole life of an order; false if a step failed. */
static bool issue(struct store *store, struct store_session *s, int64_t account_id,
                  int64_t *order_id, int64_t *issuance_id)
{
    struct store_identifier name = {0, "busy.example.test"};
    struct store_authz authz = {.identifier = name, .expires = CONTRACT_NOW + 9};
    struct store_order order = {.account_id = account_id,
                                .expires = CONTRACT_NOW + 9,
                                .profile = "",
                                .identifiers = &name,
                                .identifier_count = 1,
                                .authzs = &authz};
    struct store_issuance issuance = {
        .account_id = account_id, .serial_len = 16, .tbs = span_of("tbs")};
    struct err_info why = {0};

    random_fill(issuance.serial, 16);
    random_fill(issuance.key_thumbprint, sizeof issuance.key_thumbprint);
    bool good = store_order_add(s, &order, &why) == ERR_OK;
    good = good && store_attempt_begin(s, authz.id, 0, CONTRACT_NOW, &why) == ERR_OK;
    good = good && store_attempt_finish(s, authz.id, 0, STORE_VERDICT_VALID, NULL, "[]",
                                        CONTRACT_NOW, &why) == ERR_OK;
    issuance.order_id = order.id;
    good = good && store_issuance_begin(s, &issuance, &why) == ERR_OK;
    good = good && store_wait(store, store_session_ticket(s), &why) == ERR_OK;
    good = good && store_issuance_finish(s, issuance.id, span_of("certificate"),
                                         span_of("chain"), &why) == ERR_OK;
    good = good && store_wait(store, store_session_ticket(s), &why) == ERR_OK;
    *order_id = order.id;
    *issuance_id = issuance.id;
    return good;
}

static void *be_busy(void *argument)
{
    struct busy *b = argument;
    struct store_account fresh = {
        .directory = "default", .jwk = "{}", .contacts = "[]", .created = CONTRACT_NOW};
    struct store_account *row = NULL;
    struct store_session *s = NULL;
    struct arena *a = arena_new();
    struct err_info why = {0};
    bool existed;

    memset(fresh.thumbprint, b->mark, sizeof fresh.thumbprint);
    b->failures = ROUNDS;
    if (store_session_open(b->f->store, &s, &why) == ERR_OK &&
        store_account_add(s, a, &fresh, &existed, &row, &why) == ERR_OK) {
        for (int i = 0; i < ROUNDS; i++)
            b->failures -=
                issue(b->f->store, s, row->id, &b->orders[i], &b->issuances[i]);
    }
    store_session_close(s);
    arena_free(a);
    return NULL;
}

static void expect_issued(struct contract *f, int64_t order_id, int64_t issuance_id)
{
    struct store_order *order = NULL;
    struct store_issuance *issuance = NULL;

    assert_int_equal(store_order_by_id(f->session, f->arena, order_id, &order, &f->why),
                     ERR_OK);
    assert_int_equal(order->authzs[0].verdict, STORE_VERDICT_VALID);
    assert_int_equal(order->issuance->id, issuance_id);
    assert_true(order->issuance->finished);
    assert_int_equal(
        store_certificate_by_id(f->session, f->arena, issuance_id, &issuance, &f->why),
        ERR_OK);
    assert_true(span_is(issuance->certificate, "certificate"));
    assert_true(span_is(issuance->issuers, "chain"));
}

static void threads_do_not_disturb_each_other(void **state)
{
    struct busy busy[THREADS];
    pthread_t threads[THREADS];
    struct contract *f = *state;

    for (size_t i = 0; i < THREADS; i++) {
        busy[i].f = f;
        busy[i].mark = (uint8_t)(i + 1);
        assert_int_equal(pthread_create(&threads[i], NULL, be_busy, &busy[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    contract_restart(f);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(busy[i].failures, 0);
        for (size_t j = 0; j < ROUNDS; j++)
            expect_issued(f, busy[i].orders[j], busy[i].issuances[j]);
    }
    assert_int_equal(store_check(f->session, &f->why), ERR_OK);
}

/* --- the worst day ------------------------------------------------------------------ */

/* In the child: issue for ever, telling of what is on disk. */
static _Noreturn void issue_until_killed(const char *where, int tell)
{
    struct store_account fresh = {
        .directory = "default", .jwk = "{}", .contacts = "[]", .created = CONTRACT_NOW};
    struct store_account *row = NULL;
    struct store *store = NULL;
    struct store_session *s = NULL;
    struct arena *a = arena_new();
    struct err_info why = {0};
    int64_t ids[2];
    bool existed;

    if (store_open(where, &store, &why) != ERR_OK ||
        store_session_open(store, &s, &why) != ERR_OK ||
        store_account_add(s, a, &fresh, &existed, &row, &why) != ERR_OK)
        _exit(1);
    while (issue(store, s, row->id, &ids[0], &ids[1]))
        if (write(tell, ids, sizeof ids) != sizeof ids)
            break;
    _exit(1);
}

/* Killed in the middle of work, again and again: what was said to be there is there, the
 * rest is whole or absent, and the lock went with the process. */
static void killed_in_the_middle(void **state)
{
    struct contract f = {0};
    int64_t ids[2000][2];
    size_t count = 0;

    (void)state;
    assert_true(contract_backend.make(f.where, sizeof f.where));
    f.arena = arena_new();
    for (unsigned int round = 1; round <= 4; round++) {
        int told[2];
        int status = 0;
        assert_int_equal(pipe(told), 0);
        pid_t pid = fork();
        if (pid == 0)
            issue_until_killed(f.where, told[1]);
        (void)close(told[1]);
        for (unsigned int i = 0; i < 7 * round; i++)
            assert_int_equal(read(told[0], ids[count++], sizeof ids[0]), sizeof ids[0]);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        while (count < 2000 && read(told[0], ids[count], sizeof ids[0]) == sizeof ids[0])
            count++;
        (void)close(told[0]);
        contract_open_store(&f);
        for (size_t i = 0; i < count; i++)
            expect_issued(&f, ids[i][0], ids[i][1]);
        assert_int_equal(store_check(f.session, &f.why), ERR_OK);
        contract_close_store(&f);
    }
    contract_backend.remove(f.where);
    arena_free(f.arena);
}

int contract_batches(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(tickets_say_what_to_wait_for),
        CONTRACT_TEST(readers_and_the_refused_wait_as_well),
        CONTRACT_TEST(waiters_are_called_once),
        CONTRACT_TEST(close_keeps_what_is_there),
        CONTRACT_TEST(threads_do_not_disturb_each_other),
        cmocka_unit_test(killed_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
