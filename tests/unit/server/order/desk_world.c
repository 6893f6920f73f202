/* The desk and its world: see the header. */
#include "desk_world.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"

#include "server/issue/issuer.h"

static const struct issuer issuer = {.name = "",
                                     .chain_der = {(const uint8_t *)"issuers", 7}};
static const struct issuer_set issuers = {&issuer, 1, NULL};

static const uint8_t thumbprint[STORE_THUMBPRINT_SIZE] = {1, 2, 3};

static bool on_check(void *context, const struct order_desk_check *check)
{
    struct asked *a = context;

    pthread_mutex_lock(&a->lock);
    bool away = a->away;
    if (away) {
        pthread_mutex_unlock(&a->lock);
        return false;
    }
    if (a->all_ids != NULL)
        a->all_ids[a->checks] = check->authz_id;
    a->check_ids[a->checks++ % ASKED_MAX] = check->authz_id;
    (void)strncpy(a->token, check->token, sizeof a->token - 1);
    (void)strncpy(a->identifier, check->identifier, sizeof a->identifier - 1);
    (void)strncpy(a->authorization, check->key_authorization,
                  sizeof a->authorization - 1);
    pthread_mutex_unlock(&a->lock);
    return true;
}

static bool on_look(void *context, const char *perspective,
                    const struct order_desk_check *check)
{
    struct asked *a = context;

    (void)check;
    pthread_mutex_lock(&a->lock);
    bool away = a->away || (a->deaf != NULL && strstr(a->deaf, perspective) != NULL);
    if (!away) {
        a->looks++;
        size_t len = strlen(a->looked);
        (void)strncpy(a->looked + len, perspective, sizeof a->looked - 2 - len);
        a->looked[strlen(a->looked)] = ' ';
    }
    pthread_mutex_unlock(&a->lock);
    return !away;
}

static bool on_sign(void *context, const struct order_desk_sign *sign)
{
    struct asked *a = context;

    pthread_mutex_lock(&a->lock);
    bool away = a->away;
    if (away) {
        pthread_mutex_unlock(&a->lock);
        return false;
    }
    a->sign_ids[a->signs++ % ASKED_MAX] = sign->issuance_id;
    memset(a->tbs, 0, sizeof a->tbs);
    memcpy(a->tbs, sign->tbs.data, sign->tbs.len < 63 ? sign->tbs.len : 63);
    pthread_mutex_unlock(&a->lock);
    return true;
}

void desk_world_open_desk(struct world *w)
{
    const struct order_desk_ports ports = {
        .context = &w->asked, .check = on_check, .look = on_look, .sign = on_sign};

    assert_int_equal(work_pool_new(w->f->store, 2, &w->workers, &w->f->why), ERR_OK);
    w->desk = order_desk_new(w->f->store, w->workers, &ports, &issuers);
}

void desk_world_close_desk(struct world *w)
{
    work_pool_free(w->workers);
    order_desk_free(w->desk);
}

int desk_world_set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    w->settings.base = "https://ca.test";

    pthread_mutex_init(&w->asked.lock, NULL);
    w->f = store_fixture_new();
    desk_world_open_desk(w);
    w->account = store_fixture_account(w->f, 1, "{}")->id;
    assert_int_equal(store_fixture_settle(w->f), ERR_OK);
    *state = w;
    return 0;
}

int desk_world_tear_down(void **state)
{
    struct world *w = *state;

    desk_world_close_desk(w);
    store_fixture_free(w->f);
    free(w);
    return 0;
}

size_t desk_world_asked(struct world *w, const size_t *count)
{
    pthread_mutex_lock(&w->asked.lock);
    size_t number = *count;
    pthread_mutex_unlock(&w->asked.lock);
    return number;
}

bool desk_world_becomes_asked(struct world *w, const size_t *count, size_t number)
{
    int64_t until = clock_monotonic_us() + PATIENCE_US;

    while (desk_world_asked(w, count) < number && clock_monotonic_us() < until)
        (void)usleep(500);
    return desk_world_asked(w, count) == number;
}

static bool lands(struct flight_table *t)
{
    int64_t until = clock_monotonic_us() + PATIENCE_US;

    while (flight_count(t) > 0 && clock_monotonic_us() < until)
        (void)usleep(500);
    return flight_count(t) == 0;
}

bool desk_world_validations_land(struct world *w)
{
    return lands(order_desk_validations(w->desk));
}

bool desk_world_issuances_land(struct world *w)
{
    return lands(order_desk_issuances(w->desk));
}

struct store_authz *desk_world_authz_of(struct world *w, int64_t id)
{
    struct store_authz *row = NULL;

    assert_int_equal(store_authz_by_id(w->f->session, w->f->arena, id, &row, &w->f->why),
                     ERR_OK);
    return row;
}

struct store_order *desk_world_order_of(struct world *w, int64_t id)
{
    struct store_order *row = NULL;

    assert_int_equal(store_order_by_id(w->f->session, w->f->arena, id, &row, &w->f->why),
                     ERR_OK);
    return row;
}

enum err desk_world_validate(struct world *w, const struct store_authz *authz)
{
    return desk_world_validate_by(w, authz, CHALLENGE_HTTP_01);
}

enum err desk_world_validate_by(struct world *w, const struct store_authz *authz,
                                enum challenge_type type)
{
    const struct order_desk_prover prover = {authz->account_id, thumbprint, "default",
                                             &w->settings};

    return order_desk_validate(w->desk, w->f->session, authz, type, &prover, &w->f->why);
}

struct store_issuance desk_world_issuance_of(const struct store_order *order,
                                             uint8_t mark)
{
    struct store_issuance i = {.order_id = order->id,
                               .account_id = order->account_id,
                               .serial_len = 16,
                               .tbs = span_of(TBS),
                               .begun = clock_now()};

    memset(i.serial, mark, i.serial_len);
    return i;
}
