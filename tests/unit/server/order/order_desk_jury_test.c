/* Tests of server/order/order_desk_jury: several perspectives, asked at once and counted
 * as the Baseline Requirements (3.2.2.9) do. */
#include "desk_world.h"

#include <string.h>
#include <unistd.h>

#include "core/json/json_read.h"
#include "server/order/evidence.h"

#define LONG_MS  600000
#define SHORT_MS 50

static const struct order_desk_perspective five[] = {
    {"ams", "ripe", 0}, {"fra", "ripe", 0},  {"nyc", "arin", 1},
    {"sfo", "arin", 1}, {"sin", "apnic", 2},
};

static const struct order_desk_panel panel = {
    true, {5, QUORUM_BY_TABLE, 2}, LONG_MS, five, 5};
static const struct order_desk_panel hasty = {
    true, {5, QUORUM_BY_TABLE, 2}, SHORT_MS, five, 5};
static const struct order_desk_panel observing = {
    false, {5, QUORUM_BY_TABLE, 2}, LONG_MS, five, 5};

static const struct store_authz *ask(struct world *w, const struct order_desk_panel *p)
{
    const struct store_authz *authz =
        store_fixture_order(w->f, w->account, "a.test")->authzs;

    order_desk_set_panel(w->desk, p);
    assert_int_equal(desk_world_validate(w, authz), ERR_OK);
    return authz;
}

static void good(struct world *w, const struct store_authz *authz, const char *name)
{
    const struct order_desk_sight sight = {.valid = true, .record = "[{\"seen\":true}]"};

    order_desk_saw(w->desk, authz->id, name, &sight);
}

static void bad(struct world *w, const struct store_authz *authz, const char *name)
{
    const struct order_desk_sight sight = {.code = ERR_UNAUTHORIZED,
                                           .detail = "something \"else\"",
                                           .record = "[{\"seen\":false}]"};

    order_desk_saw(w->desk, authz->id, name, &sight);
}

static bool is_under_way(struct world *w, const struct store_authz *authz)
{
    return order_desk_is_checking(w->desk, authz->id);
}

/* The verdict of that perspective in the evidence. */
static const char *verdict_of(struct world *w, const struct store_authz *authz,
                              const char *name)
{
    const struct json *document = NULL;
    const char *text = desk_world_authz_of(w, authz->id)->record;

    assert_non_null(text);
    assert_int_equal(evidence_read(w->f->arena, text, &document, &w->f->why), ERR_OK);
    for (size_t i = 0; i < evidence_count(document); i++)
        if (strcmp(evidence_name(document, i), name) == 0)
            return json_text(json_member(
                json_element(json_member(document, "perspectives"), i), "verdict"));
    fail_msg("no %s in %s", name, text);
    return NULL;
}

/* V-MPIC-1: all are asked at once; four of five are enough, and the fifth is not waited
 * for. */
static void enough_corroborate(void **state)
{
    struct world *w = *state;
    const struct store_authz *authz = ask(w, &panel);

    assert_int_equal(desk_world_asked(w, &w->asked.checks), 1);
    assert_string_equal(w->asked.looked, "ams fra nyc sfo sin ");
    good(w, authz, "ams");
    good(w, authz, "fra");
    good(w, authz, "nyc");
    good(w, authz, "nyc");  /* says it twice, and is counted once */
    good(w, authz, "mars"); /* nobody asked it */
    order_desk_verdict(w->desk, authz->id, true, NULL, "[]");
    assert_true(is_under_way(w, authz));
    good(w, authz, "sin");
    assert_true(desk_world_validations_land(w));
    bad(w, authz, "sfo"); /* too late */
    assert_int_equal(desk_world_authz_of(w, authz->id)->verdict, STORE_VERDICT_VALID);
    assert_null(desk_world_authz_of(w, authz->id)->error);
    assert_string_equal(verdict_of(w, authz, "local"), "valid");
    assert_string_equal(verdict_of(w, authz, "ams"), "valid");
    assert_string_equal(verdict_of(w, authz, "sfo"), "awaited");
}

/* V-MPIC-6: two that differ refuse; who they are and what they saw is told and kept. */
static void two_differ(void **state)
{
    struct world *w = *state;
    const struct store_authz *authz = ask(w, &panel);
    const struct json *problem = NULL;

    bad(w, authz, "fra");
    bad(w, authz, "sin");
    assert_true(is_under_way(w, authz)); /* what this CA itself sees comes first */
    order_desk_verdict(w->desk, authz->id, true, NULL, "[]");
    assert_true(desk_world_validations_land(w));
    const struct store_authz *now = desk_world_authz_of(w, authz->id);
    assert_int_equal(now->verdict, STORE_VERDICT_INVALID);
    assert_int_equal(json_read(w->f->arena, span_of(now->error), &problem, &w->f->why),
                     ERR_OK);
    assert_string_equal(json_text(json_member(problem, "type")),
                        "urn:ietf:params:acme:error:unauthorized");
    const char *detail = json_text(json_member(problem, "detail"));
    assert_non_null(strstr(detail, "secondary validation"));
    assert_non_null(strstr(detail, "perspective fra (ripe) saw: something \"else\""));
    const struct json *list = json_member(problem, "subproblems");
    assert_int_equal(json_count(list), 2);
    for (size_t i = 0; i < 2; i++) {
        const struct json *one = json_element(list, i);
        const struct json *name = json_member(one, "identifier");
        assert_string_equal(json_text(json_member(name, "type")), "dns");
        assert_string_equal(json_text(json_member(name, "value")), "a.test");
        assert_non_null(strstr(json_text(json_member(one, "detail")),
                               i == 0 ? "fra (ripe)" : "sin (apnic)"));
    }
    assert_string_equal(verdict_of(w, authz, "fra"), "invalid");
    assert_string_equal(verdict_of(w, authz, "local"), "valid");
}

/* What this CA sees is told as if there were no others, at once. */
static void the_local_one_refuses(void **state)
{
    struct world *w = *state;
    const struct store_authz *authz = ask(w, &panel);

    for (size_t i = 0; i < 5; i++)
        good(w, authz, five[i].name);
    order_desk_verdict(w->desk, authz->id, false, "{\"type\":\"dns\"}", "[]");
    assert_true(desk_world_validations_land(w));
    assert_int_equal(desk_world_authz_of(w, authz->id)->verdict, STORE_VERDICT_INVALID);
    assert_string_equal(desk_world_authz_of(w, authz->id)->error, "{\"type\":\"dns\"}");
    assert_string_equal(verdict_of(w, authz, "local"), "invalid");
    assert_string_equal(verdict_of(w, authz, "ams"), "valid");
}

/* Who cannot be asked is asked again, and is not held against the subscriber. */
static void who_is_away_is_asked_again(void **state)
{
    struct world *w = *state;
    const struct order_desk_sight broken = {
        .code = ERR_INTERNAL, .detail = "no resolver", .record = "[]"};

    w->asked.deaf = "ams fra";
    const struct store_authz *authz = ask(w, &panel);
    assert_string_equal(w->asked.looked, "nyc sfo sin ");
    order_desk_verdict(w->desk, authz->id, true, NULL, "[]");
    good(w, authz, "nyc");
    good(w, authz, "sfo");
    good(w, authz, "sin");
    order_desk_ask_postponed(w->desk);
    assert_true(is_under_way(w, authz));
    w->asked.deaf = NULL;
    w->asked.looked[0] = '\0';
    memset(w->asked.looked, 0, sizeof w->asked.looked);
    order_desk_ask_postponed(w->desk);
    assert_string_equal(w->asked.looked, "ams fra ");
    memset(w->asked.looked, 0, sizeof w->asked.looked);
    order_desk_ask_postponed(w->desk); /* they were asked */
    assert_string_equal(w->asked.looked, "");
    assert_true(order_desk_away(w->desk, authz->id, "ams", "connection refused"));
    assert_false(order_desk_away(w->desk, authz->id, "ams", "connection refused"));
    assert_true(order_desk_away(w->desk, authz->id, "ams", "no route to host"));
    assert_false(order_desk_away(w->desk, authz->id, "nobody", "no route to host"));
    order_desk_saw(w->desk, authz->id, "fra", &broken);
    order_desk_ask_postponed(w->desk);
    assert_string_equal(w->asked.looked, "ams fra ");
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 1);
    good(w, authz, "fra");
    assert_true(desk_world_validations_land(w));
    assert_int_equal(desk_world_authz_of(w, authz->id)->verdict, STORE_VERDICT_VALID);
}

/* A new way to them, or to the validator: only what is not answered is asked again. */
static void the_way_is_new(void **state)
{
    struct world *w = *state;
    const struct store_authz *authz = ask(w, &panel);

    good(w, authz, "ams");
    memset(w->asked.looked, 0, sizeof w->asked.looked);
    order_desk_look_again(w->desk);
    assert_string_equal(w->asked.looked, "fra nyc sfo sin ");
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 1);
    order_desk_ask_again(w->desk, true, false);
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 2);
    assert_int_equal(desk_world_asked(w, &w->asked.looks), 9);
    order_desk_verdict(w->desk, authz->id, true, NULL, "[]");
    order_desk_ask_again(w->desk, true, false);
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 2);
    order_desk_verdict(w->desk, authz->id, false, "{}", "[]"); /* of the second asking */
    good(w, authz, "fra");
    good(w, authz, "nyc");
    good(w, authz, "sfo");
    assert_true(desk_world_validations_land(w));
    assert_int_equal(desk_world_authz_of(w, authz->id)->verdict, STORE_VERDICT_VALID);
}

/* One is away and one is slow: their time ends, and nobody says that the subscriber did
 * something wrong. */
static void time_ends(void **state)
{
    struct world *w = *state;

    w->asked.deaf = "ams";
    const struct store_authz *authz = ask(w, &hasty);
    order_desk_verdict(w->desk, authz->id, true, NULL, "[]");
    good(w, authz, "fra");
    good(w, authz, "nyc");
    good(w, authz, "sfo");
    (void)order_desk_away(w->desk, authz->id, "ams", "connection refused");
    assert_true(is_under_way(w, authz));
    (void)usleep(2 * SHORT_MS * 1000);
    order_desk_ask_postponed(w->desk);
    assert_true(desk_world_validations_land(w));
    const struct store_authz *now = desk_world_authz_of(w, authz->id);
    assert_int_equal(now->verdict, STORE_VERDICT_INVALID);
    assert_non_null(strstr(now->error, "serverInternal"));
    assert_non_null(strstr(now->error, "ams (ripe): connection refused"));
    assert_non_null(strstr(now->error, "sin (apnic): no answer in time"));
    assert_string_equal(verdict_of(w, authz, "ams"), "unreached");
    assert_string_equal(verdict_of(w, authz, "sin"), "late");
}

/* The validator is away longer than the others have: it is waited for. */
static void the_validator_is_waited_for(void **state)
{
    struct world *w = *state;
    const struct store_authz *authz = ask(w, &hasty);

    for (size_t i = 0; i < 4; i++)
        good(w, authz, five[i].name);
    (void)usleep(2 * SHORT_MS * 1000);
    order_desk_ask_postponed(w->desk);
    assert_true(is_under_way(w, authz));
    order_desk_verdict(w->desk, authz->id, true, NULL, "[]");
    assert_true(desk_world_validations_land(w));
    assert_int_equal(desk_world_authz_of(w, authz->id)->verdict, STORE_VERDICT_VALID);
    assert_string_equal(verdict_of(w, authz, "sin"), "late");
}

/* They decide nothing, and what they say is kept; who cannot be asked delays nothing. */
static void observed_only(void **state)
{
    struct world *w = *state;

    w->asked.deaf = "ams";
    const struct store_authz *authz = ask(w, &observing);
    order_desk_verdict(w->desk, authz->id, true, NULL, "[]");
    for (size_t i = 1; i < 5; i++) {
        assert_true(is_under_way(w, authz));
        bad(w, authz, five[i].name);
    }
    assert_true(desk_world_validations_land(w));
    assert_int_equal(desk_world_authz_of(w, authz->id)->verdict, STORE_VERDICT_VALID);
    assert_null(desk_world_authz_of(w, authz->id)->error);
    assert_string_equal(verdict_of(w, authz, "fra"), "invalid");
    assert_non_null(strstr(desk_world_authz_of(w, authz->id)->record,
                           "\"outcome\":\"refused\",\"enforced\":false"));
}

/* A panel that is taken away concerns new checks only. */
static void another_panel(void **state)
{
    struct world *w = *state;
    const struct store_authz *first = ask(w, &panel);
    const struct store_authz *second = ask(w, NULL);

    order_desk_verdict(w->desk, second->id, true, NULL, "[]");
    order_desk_verdict(w->desk, first->id, true, NULL, "[]");
    good(w, second, "ams");
    for (size_t i = 0; i < 3; i++)
        good(w, first, five[i].name);
    assert_true(is_under_way(w, first));
    good(w, first, "sin");
    assert_true(desk_world_validations_land(w));
    assert_int_equal(desk_world_authz_of(w, first->id)->verdict, STORE_VERDICT_VALID);
    assert_int_equal(desk_world_authz_of(w, second->id)->verdict, STORE_VERDICT_VALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(enough_corroborate),
        TEST(two_differ),
        TEST(the_local_one_refuses),
        TEST(who_is_away_is_asked_again),
        TEST(the_way_is_new),
        TEST(time_ends),
        TEST(the_validator_is_waited_for),
        TEST(observed_only),
        TEST(another_panel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
