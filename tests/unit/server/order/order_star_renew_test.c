/* Tests of server/order/order_star: renewing what is due, with a signer that is quick,
 * away, or refuses, and orders whose time is over. */
#include "desk_world.h"

#include <string.h>

#include "core/crypto/key.h"
#include "server/limit/limit_rules.h"
#include "server/order/order_star.h"
#include "server/order/order_state.h"

#define NOW      INT64_C(1790000000)
#define LIFETIME 160

static struct issuer signer = {
    .name = "",
    .template = {.name = {(const uint8_t *)"\x30\x00", 2},
                 .key_id = {(const uint8_t *)"01234567890123456789", 20},
                 .signature_kind = KEY_SIGNATURE_ECDSA_SHA256,
                 .not_before = 1,
                 .not_after = NOW + 100000}};
static const struct issuer_set issuers = {&signer, 1, NULL};
static const char *const usages[] = {"1.3.6.1.5.5.7.3.1"};
static const struct span server_auth[] = {
    {(const uint8_t *)"\x2b\x06\x01\x05\x05\x07\x03\x01", 8}};
static struct settings_profile profile = {.name = "web",
                                          .lifetime_seconds = 10 * LIFETIME,
                                          .for_server = true,
                                          .usage_oids = {usages, server_auth, 1},
                                          .identifier_types = ~0U};
static const struct settings_profile *const offered[] = {&profile};
static struct settings_directory directory = {.name = SETTINGS_DIRECTORY_DEFAULT,
                                              .issuer = "",
                                              .offered = offered,
                                              .offered_count = 1,
                                              .identifier_types = ~0U,
                                              .challenge_types = ~0U};
static void *directories[] = {&directory};
static const struct settings settings = {
    .directories = {.members = directories, .count = 1, .room = 1}};
static const struct order_leaf_rules rules = {&settings, &profile, &signer.template,
                                              SETTINGS_DIRECTORY_DEFAULT, NULL};
static const struct order_star_means means = {&settings, &issuers, NULL};

/* What the signer would answer. */
static void sign(struct world *w, int64_t id)
{
    struct store_issuance *open = NULL;
    size_t count = 0;

    assert_int_equal(store_issuances_unfinished(w->f->session, w->f->arena, 99, &open,
                                                &count, &w->f->why),
                     ERR_OK);
    for (size_t i = 0; i < count; i++)
        if (open[i].id == id)
            order_desk_signed(w->desk, id,
                              template_assemble(w->f->arena, open[i].tbs,
                                                KEY_SIGNATURE_ECDSA_SHA256,
                                                span_of("signature")));
    assert_true(desk_world_issuances_land(w));
}

/* An order with its first certificate, made at NOW. */
static struct store_order *running(struct world *w)
{
    struct store_order order = {.account_id = w->account,
                                .created = NOW,
                                .expires = NOW + 1000,
                                .profile = "web",
                                .identifier_count = 1};
    struct store_identifier name = {.value = "star.test"};
    struct store_authz authz = {.identifier = name, .expires = NOW + 1000};
    struct store_star star = {.end = NOW + 1000, .lifetime = LIFETIME};
    struct store_star_step step = {0};
    struct store_issuance issuance = {.star = &step};
    struct key *key = NULL;

    order.identifiers = &name;
    order.authzs = &authz;
    order.star = &star;
    assert_int_equal(store_order_add(w->f->session, &order, &w->f->why), ERR_OK);
    assert_int_equal(store_attempt_finish(w->f->session, authz.id, 0, STORE_VERDICT_VALID,
                                          NULL, NULL, NOW, &w->f->why),
                     ERR_OK);
    assert_int_equal(key_generate(KEY_P256, 0, &key, &w->f->why), ERR_OK);
    struct order_leaf_times times =
        order_star_begin(&star, order.id, &signer.template, key_spki(key), NOW, &step);
    assert_int_equal(order_leaf_write(w->f->arena, &rules, &order, key, times, NOW,
                                      &issuance, &w->f->why),
                     ERR_OK);
    size_t before = desk_world_asked(w, &w->asked.signs);
    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, before + 1));
    sign(w, issuance.id);
    key_free(key);
    return desk_world_order_of(w, order.id);
}

static size_t renew(struct world *w, int64_t now)
{
    size_t count = 0;

    assert_int_equal(
        order_star_renew(w->desk, w->f->session, &means, now, &count, &w->f->why),
        ERR_OK);
    return count;
}

static int64_t asked_last(struct world *w)
{
    return w->asked.sign_ids[(w->asked.signs - 1) % ASKED_MAX];
}

static void what_is_due_is_renewed(void **state)
{
    struct world *w = *state;
    struct store_order *order = running(w);
    int64_t due = order->star->due;

    assert_int_equal(order_state_order(order, NOW), ORDER_VALID);
    assert_int_equal(renew(w, due - 1), 0);
    assert_int_equal(renew(w, due), 1);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 2));
    assert_int_equal(renew(w, due), 0);
    sign(w, asked_last(w));
    struct store_order *after = desk_world_order_of(w, order->id);
    assert_int_equal(after->issuance->not_after, NOW + 2 * LIFETIME);
    assert_memory_equal(after->issuance->key_hash, order->issuance->key_hash,
                        STORE_HASH_SIZE);
    assert_memory_equal(after->issuance->csr_hash, order->issuance->csr_hash,
                        STORE_HASH_SIZE);
    /* after a long time away: the one for now, not all that were missed */
    assert_int_equal(renew(w, NOW + 5 * LIFETIME), 1);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 3));
    sign(w, asked_last(w));
    after = desk_world_order_of(w, order->id);
    assert_int_equal(after->issuance->not_after, NOW + 6 * LIFETIME);
    /* and the last one, up to the end */
    assert_int_equal(renew(w, after->star->due), 1);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 4));
    sign(w, asked_last(w));
    after = desk_world_order_of(w, order->id);
    assert_int_equal(after->issuance->not_after, NOW + 1000);
    assert_int_equal(after->star->due, 0);
    assert_int_equal(renew(w, NOW + 5000), 0);
}

/* The signer refuses one: the order stays valid, and it is tried again. */
static void a_refusal_is_tried_again(void **state)
{
    struct world *w = *state;
    struct store_order *order = running(w);
    int64_t due = order->star->due;

    assert_int_equal(renew(w, due), 1);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 2));
    order_desk_refused(w->desk, asked_last(w), "{\"type\":\"x\"}");
    assert_true(desk_world_issuances_land(w));
    struct store_order *after = desk_world_order_of(w, order->id);
    assert_int_equal(order_state_order(after, due), ORDER_VALID);
    assert_null(after->error);
    assert_int_equal(after->star->due, due + LIFETIME / 16);
    assert_int_equal(renew(w, after->star->due), 1);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 3));
    sign(w, asked_last(w));
    assert_int_equal(desk_world_order_of(w, order->id)->issuance->not_after,
                     NOW + 2 * LIFETIME);
}

/* The signer is away: what was begun waits, and nothing more is begun. */
static void a_signer_that_is_away(void **state)
{
    struct world *w = *state;
    struct store_order *order = running(w);
    int64_t due = order->star->due;

    w->asked.away = true;
    assert_int_equal(renew(w, due), 1);
    for (int64_t now = due + 1; now < due + 3 * LIFETIME; now += 7)
        (void)renew(w, now);
    assert_int_equal(order_state_order(desk_world_order_of(w, order->id), due),
                     ORDER_VALID);
    struct store_issuance *open = NULL;
    size_t count = 0;
    assert_int_equal(store_issuances_unfinished(w->f->session, w->f->arena, 99, &open,
                                                &count, &w->f->why),
                     ERR_OK);
    assert_int_equal(count, 1);
    w->asked.away = false;
    order_desk_ask_again(w->desk, false, true);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 2));
    sign(w, asked_last(w));
    assert_int_equal(renew(w, due + 4 * LIFETIME), 1);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 3));
}

/* An issuer that has expired is no reason to stop the others. */
static void an_issuer_that_is_over(void **state)
{
    struct world *w = *state;
    struct store_order *order = running(w);
    const struct template_issuer good = signer.template;

    signer.template.not_after = NOW;
    assert_int_equal(renew(w, order->star->due), 1);
    signer.template = good;
    struct store_order *after = desk_world_order_of(w, order->id);
    assert_int_equal(after->star->due, order->star->due + LIFETIME / 16);
    assert_int_equal(order_state_order(after, NOW), ORDER_VALID);
    assert_int_equal(renew(w, after->star->due), 1);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 2));
}

/* Nor is a profile that was taken away: the operator may put it back. */
static void a_profile_that_is_gone(void **state)
{
    struct world *w = *state;
    struct store_order *order = running(w);

    profile.name = "other";
    assert_int_equal(renew(w, order->star->due), 1);
    profile.name = "web";
    struct store_order *after = desk_world_order_of(w, order->id);
    assert_int_equal(after->star->due, order->star->due + LIFETIME / 16);
    assert_int_equal(order_state_order(after, NOW), ORDER_VALID);
    assert_int_equal(renew(w, after->star->due), 1);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 2));
}

/* A deactivated account: canceled, with the reason; never looked at again. */
static void an_account_that_is_gone(void **state)
{
    struct world *w = *state;
    struct store_order *order = running(w);

    const struct store_account_change gone = {.status = STORE_ACCOUNT_DEACTIVATED};
    assert_int_equal(store_account_update(w->f->session, w->account, &gone, &w->f->why),
                     ERR_OK);
    assert_int_equal(renew(w, order->star->due), 1);
    struct store_order *after = desk_world_order_of(w, order->id);
    assert_int_equal(order_state_order(after, NOW), ORDER_CANCELED);
    assert_non_null(strstr(after->error, "account"));
    assert_int_equal(renew(w, NOW + 900), 0);
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 1);
}

/* Away until the order was over: it is valid and done, and never looked at again. */
static void too_late_for_the_last(void **state)
{
    struct world *w = *state;
    struct store_order *order = running(w);

    assert_int_equal(renew(w, order->star->end), 1);
    struct store_order *after = desk_world_order_of(w, order->id);
    assert_int_equal(after->star->due, 0);
    assert_int_equal(order_state_order(after, order->star->end), ORDER_VALID);
    assert_int_equal(renew(w, order->star->end + LIFETIME), 0);
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 1);
}

/* Nobody spent anything on a renewal: one that is refused gives nothing back. */
static void rates_do_not_hear_of_it(void **state)
{
    struct world *w = *state;
    struct limit *limits = limit_new();
    struct rate rates[RATE_KINDS] = {0};
    const struct limit_use use = {.kind = RATE_CERTIFICATES_PER_DOMAIN,
                                  .key = "star.test"};
    struct limit_bucket_state bucket;

    assert_int_equal(rate_read(span_of("9/366d"), &rates[use.kind], &w->f->why), ERR_OK);
    limit_configure(limits, rates);
    assert_int_equal(
        limit_spend(limits, w->f->arena, &use, 1, limit_now_us(), &w->f->why), ERR_OK);
    order_desk_limit(w->desk, limits);
    struct store_order *order = running(w);
    assert_int_equal(renew(w, order->star->due), 1);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 2));
    order_desk_refused(w->desk, asked_last(w), "{}");
    assert_true(desk_world_issuances_land(w));
    limit_look(limits, use.kind, use.key, NULL, limit_now_us(), &bucket);
    assert_int_equal(bucket.left, 8);
    order_desk_limit(w->desk, NULL);
    limit_free(limits);
}

/* A clock that was ahead and is right again: what it made due is not waited for. */
static void a_clock_set_back(void **state)
{
    struct world *w = *state;
    struct store_order *order = running(w);
    const int64_t ahead = NOW + 900;

    assert_int_equal(store_star_postpone(w->f->session, order->id, order->star->due,
                                         ahead, &w->f->why),
                     ERR_OK);
    assert_int_equal(store_star_clock_back(w->f->session, NOW - 200, &w->f->why), ERR_OK);
    assert_int_equal(renew(w, NOW - 200), 1); /* before its first: the plan holds again */
    assert_int_equal(desk_world_order_of(w, order->id)->star->due, order->star->due);
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 1);
    assert_int_equal(store_star_postpone(w->f->session, order->id, order->star->due,
                                         ahead, &w->f->why),
                     ERR_OK);
    assert_int_equal(store_star_clock_back(w->f->session, NOW + 5, &w->f->why), ERR_OK);
    assert_int_equal(renew(w, NOW + 5), 1); /* the newest may be one of the future */
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 2));
    sign(w, asked_last(w));
    struct store_order *after = desk_world_order_of(w, order->id);
    assert_int_equal(after->issuance->not_after, NOW + LIFETIME);
    assert_int_equal(after->star->due, order->star->due);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_due_is_renewed),  TEST(a_refusal_is_tried_again),
        TEST(a_signer_that_is_away),   TEST(an_issuer_that_is_over),
        TEST(an_account_that_is_gone), TEST(a_profile_that_is_gone),
        TEST(a_clock_set_back),        TEST(too_late_for_the_last),
        TEST(rates_do_not_hear_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
