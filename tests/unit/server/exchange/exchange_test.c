/* Tests of server/exchange/{exchange,flight,work}: steps, parking, flights, and replies
 * that wait for the disk. */
#include "server/store_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "server/exchange/exchange.h"
#include "server/exchange/flight.h"

#define PATIENCE_US 20000000 /* for what must happen */
#define SECOND_US   1000000

struct world {
    struct store_fixture *f;
    struct services services;
    struct settings settings;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    w->f = store_fixture_new();
    w->settings.base = "https://ca.example.test:8443";
    w->services.settings = &w->settings;
    w->services.store = w->f->store;
    assert_int_equal(work_pool_new(w->f->store, 2, &w->services.workers, &w->f->why),
                     ERR_OK);
    assert_int_equal(exchange_clock_start(&w->f->why), ERR_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    exchange_clock_stop();
    work_pool_free(w->services.workers);
    store_fixture_free(w->f);
    free(w);
    return 0;
}

/* A request with what came of it. */
struct request {
    struct exchange x; /* first */
    atomic_int runs;
    atomic_int finished;
    struct flight_table *flights;
    atomic_int inside; /* the step has begun, and waits for `go` */
    atomic_int go;
    int64_t until_us;
    int64_t finished_us;
};

static void on_finished(struct exchange *x)
{
    struct request *r = (struct request *)(void *)x;

    r->finished_us = clock_monotonic_us();
    atomic_fetch_add(&r->finished, 1);
}

static struct request *request_new(struct world *w, exchange_step *step)
{
    struct request *r = calloc(1, sizeof *r);

    r->x.services = &w->services;
    r->x.arena = arena_new();
    r->x.step = step;
    r->x.finished = on_finished;
    return r;
}

static void request_free(struct request *r)
{
    buf_free(&r->x.reply.body);
    arena_free(r->x.arena);
    free(r);
}

static bool becomes(atomic_int *number, int value)
{
    int64_t until = clock_monotonic_us() + PATIENCE_US;

    while (atomic_load(number) != value) {
        if (clock_monotonic_us() > until)
            return false;
        (void)usleep(500);
    }
    return true;
}

static char *body(struct request *r)
{
    return arena_string_of(r->x.arena, buf_span(&r->x.reply.body));
}

static const char *header(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->x.reply.header_count; i++)
        if (strcmp(r->x.reply.headers[i].name, name) == 0)
            return r->x.reply.headers[i].value;
    return NULL;
}

/* --- one step ----------------------------------------------------------------------- */

static enum err say_hello(struct exchange *x, struct err_info *why)
{
    (void)why;
    exchange_header_add(x, "Location", exchange_url(x, "order", 7));
    exchange_header_add(x, "X-Directory", exchange_url(x, "directory", 0));
    buf_add_text(&x->reply.body, "hello");
    exchange_reply_set(x, 201, "text/plain");
    return ERR_OK;
}

static void a_step_makes_the_reply(void **state)
{
    struct request *r = request_new(*state, say_hello);

    exchange_start(&r->x);
    assert_true(becomes(&r->finished, 1));
    assert_int_equal(r->x.reply.status, 201);
    assert_string_equal(body(r), "hello");
    assert_string_equal(header(r, "Location"),
                        "https://ca.example.test:8443/acme/order/7");
    assert_string_equal(header(r, "X-Directory"),
                        "https://ca.example.test:8443/acme/directory");
    request_free(r);
}

static enum err refuse(struct exchange *x, struct err_info *why)
{
    buf_add_text(&x->reply.body, "half an answer");
    (void)err_set(why, ERR_UNAVAILABLE, "too much to do");
    why->retry_after_seconds = 17;
    return ERR_UNAVAILABLE;
}

static void a_failed_step_becomes_a_problem(void **state)
{
    struct request *r = request_new(*state, refuse);

    exchange_start(&r->x);
    assert_true(becomes(&r->finished, 1));
    assert_int_equal(r->x.reply.status, 503);
    assert_string_equal(r->x.reply.content_type, "application/problem+json");
    assert_string_equal(header(r, "Retry-After"), "17");
    assert_non_null(strstr(body(r), "too much to do"));
    assert_null(strstr(body(r), "half an answer"));
    request_free(r);
}

/* --- the disk ----------------------------------------------------------------------- */

static enum err change_and_promise(struct exchange *x, struct err_info *why)
{
    TRY(store_setting_add(x->session, x->path, span_of("x"), why));
    return say_hello(x, why);
}

static void a_reply_that_could_not_be_stored(void **state)
{
    struct world *w = *state;
    struct request *good = request_new(w, change_and_promise);
    struct request *bad = request_new(w, change_and_promise);

    good->x.path = "good";
    bad->x.path = "bad";
    exchange_start(&good->x);
    assert_true(becomes(&good->finished, 1));
    assert_int_equal(good->x.reply.status, 201);
    store_fixture_fill_disk(w->f);
    exchange_start(&bad->x);
    assert_true(becomes(&bad->finished, 1));
    assert_int_equal(bad->x.reply.status, 503);
    assert_string_equal(bad->x.reply.content_type, "application/problem+json");
    assert_non_null(strstr(body(bad), "urn:ietf:params:acme:error:serverInternal"));
    assert_null(strstr(body(bad), "hello"));
    assert_null(header(bad, "Location")); /* of what is not there */
    assert_string_equal(header(bad, "Retry-After"), "5");
    request_free(good);
    request_free(bad);
}

static enum err only_look(struct exchange *x, struct err_info *why)
{
    struct span value = {0};

    if (store_setting_get(x->session, x->arena, "nothing", &value, why) != ERR_NOT_FOUND)
        return ERR_INTERNAL;
    return say_hello(x, why);
}

static enum err change_and_park(struct exchange *x, struct err_info *why)
{
    TRY(store_setting_add(x->session, x->path, span_of("x"), why));
    exchange_park(x, only_look, clock_monotonic_us() + SECOND_US / 5);
    return ERR_OK;
}

/* The first step's change counts, though the last step only read. */
static void what_an_earlier_step_changed_counts(void **state)
{
    struct world *w = *state;
    struct request *r = request_new(w, change_and_park);

    r->x.path = "name";
    store_fixture_fill_disk(w->f);
    exchange_start(&r->x);
    (void)usleep(SECOND_US / 10);
    store_fixture_free_disk();
    assert_true(becomes(&r->finished, 1));
    assert_int_equal(r->x.reply.status, 503);
    request_free(r);
}

/* --- parking ------------------------------------------------------------------------ */

static enum err after_parking(struct exchange *x, struct err_info *why)
{
    struct request *r = (struct request *)(void *)x;

    if (r->flights != NULL)
        flight_leave(r->flights, 5, x);
    atomic_fetch_add(&r->runs, 1);
    return say_hello(x, why);
}

static enum err park(struct exchange *x, struct err_info *why)
{
    struct request *r = (struct request *)(void *)x;

    (void)why;
    if (r->flights != NULL && !flight_join(r->flights, 5, x))
        return say_hello(x, why);
    atomic_store(&r->inside, 1);
    while (atomic_load(&r->go) == 0)
        (void)usleep(500);
    exchange_park(x, after_parking, r->until_us);
    return ERR_OK;
}

/* The earlier deadline first, whatever the order of coming. */
static void a_hold_ends(void **state)
{
    static const int64_t holds[] = {SECOND_US / 2, SECOND_US / 8, SECOND_US / 4, 0};
    int64_t all_parked = clock_monotonic_us() + SECOND_US;
    struct request *requests[4];

    for (size_t i = 0; i < 4; i++) {
        requests[i] = request_new(*state, park);
        requests[i]->until_us = all_parked + holds[i];
        atomic_store(&requests[i]->go, 1);
        exchange_start(&requests[i]->x);
        assert_true(becomes(&requests[i]->inside, 1));
    }
    for (size_t i = 0; i < 4; i++) {
        assert_true(becomes(&requests[i]->finished, 1));
        assert_int_equal(atomic_load(&requests[i]->runs), 1);
        assert_int_equal(requests[i]->x.reply.status, 201);
    }
    assert_true(requests[3]->finished_us < requests[1]->finished_us);
    assert_true(requests[1]->finished_us < requests[2]->finished_us);
    assert_true(requests[2]->finished_us < requests[0]->finished_us);
    for (size_t i = 0; i < 4; i++)
        request_free(requests[i]);
}

static void a_resume_ends_it_early(void **state)
{
    struct request *r = request_new(*state, park);

    r->until_us = INT64_MAX / 2;
    atomic_store(&r->go, 1);
    exchange_start(&r->x);
    assert_true(becomes(&r->inside, 1));
    (void)usleep(20000);
    exchange_resume(&r->x);
    assert_true(becomes(&r->finished, 1));
    assert_int_equal(atomic_load(&r->runs), 1);
    request_free(r);
}

/* What happens while the step still runs is not lost, and counts once. */
static void a_resume_while_it_runs(void **state)
{
    struct request *r = request_new(*state, park);

    r->until_us = INT64_MAX / 2;
    exchange_start(&r->x);
    assert_true(becomes(&r->inside, 1));
    exchange_resume(&r->x);
    exchange_resume(&r->x);
    atomic_store(&r->go, 1);
    assert_true(becomes(&r->finished, 1));
    assert_int_equal(atomic_load(&r->runs), 1);
    request_free(r);
}

static enum err add_too_many(struct exchange *x, struct err_info *why)
{
    (void)why;
    for (int i = 0; i <= EXCHANGE_HEADERS_MAX; i++)
        exchange_header_add(x, "X", "y");
    return ERR_OK;
}

static void too_many_headers_end_the_process(void **state)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        struct request *r = request_new(*state, NULL);
        (void)signal(SIGABRT, SIG_DFL);
        (void)add_too_many(&r->x, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* --- flights ------------------------------------------------------------------------ */

static void flights_are_one_for_each_key(void **state)
{
    struct flight_table *t = flight_table_new();
    struct exchange x = {0};

    (void)state;
    assert_int_equal(flight_count(t), 0);
    assert_true(flight_begin(t, 5));
    assert_false(flight_begin(t, 5));
    assert_true(flight_begin(t, 5 + 4096)); /* the same bucket */
    assert_true(flight_begin(t, -5));
    assert_int_equal(flight_count(t), 3);
    assert_false(flight_join(t, 6, &x));
    flight_leave(t, 6, &x);
    flight_land(t, 5);
    assert_int_equal(flight_count(t), 2);
    assert_false(flight_join(t, 5, &x));
    flight_land(t, 5); /* twice is harmless */
    assert_true(flight_begin(t, 5));
    flight_table_free(t); /* with flights */
    flight_table_free(NULL);
}

static void a_landing_resumes_all_who_wait(void **state)
{
    struct world *w = *state;
    struct flight_table *t = flight_table_new();
    struct request *requests[20];

    assert_true(flight_begin(t, 5));
    for (size_t i = 0; i < 20; i++) {
        requests[i] = request_new(w, park);
        requests[i]->flights = t;
        requests[i]->until_us = i % 5 == 0 ? 1 : INT64_MAX / 2;
        atomic_store(&requests[i]->go, 1);
        exchange_start(&requests[i]->x);
        assert_true(becomes(&requests[i]->inside, 1));
    }
    for (size_t i = 0; i < 20; i += 5) /* some do not wait for it */
        assert_true(becomes(&requests[i]->finished, 1));
    flight_land(t, 5);
    for (size_t i = 0; i < 20; i++) {
        assert_true(becomes(&requests[i]->finished, 1));
        assert_int_equal(atomic_load(&requests[i]->runs), 1);
        request_free(requests[i]);
    }
    assert_int_equal(flight_count(t), 0);
    flight_table_free(t);
}

/* --- workers ------------------------------------------------------------------------ */

struct job {
    struct work_job job;
    struct job_log *log;
    int number;
};

struct job_log {
    pthread_mutex_t lock;
    int done[400];
    size_t count;
    struct store_session *sessions[400];
};

static void do_job(struct work_job *job, struct store_session *session)
{
    struct job *j = (struct job *)(void *)job;

    pthread_mutex_lock(&j->log->lock);
    j->log->sessions[j->log->count] = session;
    j->log->done[j->log->count++] = j->number;
    pthread_mutex_unlock(&j->log->lock);
}

static void jobs_are_done_in_order(void **state)
{
    struct world *w = *state;
    struct job_log log = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct job jobs[400];
    struct work_pool *pool = NULL;

    assert_int_equal(work_pool_open(w->f->store, 1, &pool, &w->f->why), ERR_OK);
    for (int i = 0; i < 400; i++) {
        jobs[i] = (struct job){.job = {.run = do_job}, .log = &log, .number = i};
        work_pool_add(pool, &jobs[i].job);
        if (i == 200) {
            assert_int_equal(log.count, 0); /* nothing runs before the start */
            assert_int_equal(work_pool_start(pool, &w->f->why), ERR_OK);
        }
    }
    work_pool_free(pool); /* lets the queue run empty */
    assert_int_equal(log.count, 400);
    for (int i = 0; i < 400; i++)
        assert_int_equal(log.done[i], i);
    work_pool_free(NULL);
}

static void each_worker_has_a_session(void **state)
{
    struct world *w = *state;
    struct job_log log = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct job jobs[400];
    struct work_pool *pool = NULL;
    struct store_session *seen[4] = {0};
    bool done[400] = {0};

    assert_int_equal(work_pool_new(w->f->store, 4, &pool, &w->f->why), ERR_OK);
    for (int i = 0; i < 400; i++) {
        jobs[i] = (struct job){.job = {.run = do_job}, .log = &log, .number = i};
        work_pool_add(pool, &jobs[i].job);
    }
    work_pool_free(pool);
    assert_int_equal(log.count, 400);
    for (size_t i = 0; i < 400; i++) {
        size_t at = 0;
        assert_false(done[log.done[i]]);
        done[log.done[i]] = true;
        while (at < 4 && seen[at] != NULL && seen[at] != log.sessions[i])
            at++;
        assert_true(at < 4);
        seen[at] = log.sessions[i];
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_step_makes_the_reply),
        TEST(a_failed_step_becomes_a_problem),
        TEST(a_reply_that_could_not_be_stored),
        TEST(what_an_earlier_step_changed_counts),
        TEST(a_hold_ends),
        TEST(a_resume_ends_it_early),
        TEST(a_resume_while_it_runs),
        TEST(too_many_headers_end_the_process),
        TEST(flights_are_one_for_each_key),
        TEST(a_landing_resumes_all_who_wait),
        TEST(jobs_are_done_in_order),
        TEST(each_worker_has_a_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
