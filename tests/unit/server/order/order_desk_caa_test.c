/* Tests of server/order/order_desk_caa: rounds of questions, and what is made of answers.
 */
#include "desk_world.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/json/json_read.h"
#include "server/order/evidence.h"
#include "server/order/order_desk_caa.h"
#include "server/store/store_caa.h"

#define REFUSED                                                                          \
    "{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"forbidden\",\"status\":"  \
    "403}"
#define SILENT                                                                           \
    "{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"no "                      \
    "answer\",\"status\":400}"

static const char *ours[] = {"ca.test"};
static struct settings_directory directory = {
    .name = "default", .check_caa = true, .caa_identities = {ours, 1}};
static const uint8_t thumbprint[STORE_THUMBPRINT_SIZE];

static enum err ask(struct world *w, const struct store_order *order, int64_t *asked)
{
    const struct order_desk_prover prover = {w->account, thumbprint, "default",
                                             &w->settings};

    return order_desk_caa_ask(w->desk, w->f->session, order, &prover, asked, &w->f->why);
}

static bool lands(struct world *w)
{
    int64_t until = clock_monotonic_us() + PATIENCE_US;

    while (flight_count(order_desk_caa_flights(w->desk)) > 0 &&
           clock_monotonic_us() < until)
        (void)store_fixture_settle(w->f);
    return flight_count(order_desk_caa_flights(w->desk)) == 0;
}

/* What is kept of the order's looks, the newest first; its number. */
static size_t looks_of(struct world *w, const struct store_order *order,
                       struct store_caa_look **rows)
{
    size_t count = 0;

    assert_int_equal(store_caa_looks(w->f->session, w->f->arena, order->id, INT64_MAX,
                                     1000, rows, &count, &w->f->why),
                     ERR_OK);
    for (size_t i = 0; i < count; i++) {
        struct store_caa_look *whole = NULL;
        assert_int_equal(store_caa_look_by_id(w->f->session, w->f->arena, (*rows)[i].id,
                                              &whole, &w->f->why),
                         ERR_OK);
        (*rows)[i].record = whole->record;
    }
    return count;
}

static const struct json *document_of(struct world *w, const struct store_caa_look *look)
{
    const struct json *document = NULL;

    assert_int_equal(evidence_read(w->f->arena, look->record, &document, &w->f->why),
                     ERR_OK);
    assert_string_equal(json_text(json_member(document, "caa")), look->name);
    assert_string_equal(json_text(json_member(document, "requirement")), "3.2.2.8");
    return document;
}

static const char *verdict_of(const struct json *document, size_t i)
{
    return json_text(
        json_member(json_element(json_member(document, "perspectives"), i), "verdict"));
}

/* V-CAA-22. */
static void what_is_known(void **state)
{
    struct store_authz authzs[2] = {{.identifier = {0, "a.test"}, .caa_checked = 100},
                                    {.identifier = {0, "b.test"}, .caa_checked = 110}};
    const struct store_identifier names[2] = {{0, "a.test"}, {0, "b.test"}};
    const struct store_identifier wild[2] = {{0, "*.a.test"}, {0, "b.test"}};
    const struct store_identifier address = {1, "127.0.0.1"};
    struct store_order order = {
        .identifiers = names, .identifier_count = 2, .authzs = authzs, .authz_count = 2};

    (void)state;
    assert_true(order_desk_caa_is_known(&directory, &order, 100, 120));
    assert_false(order_desk_caa_is_known(&directory, &order, 101, 120));
    assert_false(
        order_desk_caa_is_known(&directory, &order, 100, 105)); /* of the future */
    order.caa_checked = 115;
    assert_true(order_desk_caa_is_known(&directory, &order, 115, 120));
    assert_false(order_desk_caa_is_known(&directory, &order, 116, 120));
    order.caa_checked = 0;
    order.identifiers = wild; /* the proof is of another name */
    assert_false(order_desk_caa_is_known(&directory, &order, 100, 120));
    authzs[0].wildcard = true;
    assert_true(order_desk_caa_is_known(&directory, &order, 100, 120));
    authzs[0].subdomains = true; /* of which nothing was looked up */
    assert_false(order_desk_caa_is_known(&directory, &order, 100, 120));
    order.identifiers = &address;
    order.identifier_count = 1;
    assert_true(order_desk_caa_is_known(&directory, &order, 100, 120));
    order.identifiers = names;
    const struct settings_directory without = {.name = "default", .check_caa = true};
    const struct settings_directory shown = {.name = "default",
                                             .caa_identities = {ours, 1}};
    assert_true(order_desk_caa_is_known(&without, &order, 200, 120));
    assert_true(order_desk_caa_is_known(&shown, &order, 200, 120));
}

static void good(void **state)
{
    struct world *w = *state;
    const struct store_order *order = desk_world_order_of(
        w, store_fixture_proved_order(w->f, w->account, "a.test")->id);
    struct store_caa_look *rows = NULL;
    int64_t asked = 0;
    int64_t again = 0;

    assert_int_equal(looks_of(w, order, &rows), 0);

    assert_int_equal(ask(w, order, &asked), ERR_OK);
    assert_int_equal(ask(w, order, &again), ERR_OK); /* is under way */
    assert_int_equal(again, asked);
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 1);
    assert_string_equal(w->asked.identifier, "a.test");
    assert_string_equal(w->asked.authorization, "");
    assert_true(w->asked.check_ids[0] >= INT64_C(1) << 62);
    order_desk_ask_again(w->desk, true, false); /* the validator was started again */
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 2);
    assert_int_equal(w->asked.check_ids[1], w->asked.check_ids[0]);
    order_desk_verdict(w->desk, w->asked.check_ids[0] ^ 1, true, NULL,
                       "[]"); /* of no question */
    assert_int_equal(flight_count(order_desk_caa_flights(w->desk)), 1);
    order_desk_verdict(w->desk, w->asked.check_ids[0], true, NULL, "[{\"seen\":7}]");
    assert_true(lands(w));
    assert_int_equal(desk_world_order_of(w, order->id)->caa_checked, asked);
    assert_int_equal(looks_of(w, order, &rows), 1);
    assert_int_equal(rows[0].outcome, STORE_CAA_ALLOWED);
    assert_int_equal(rows[0].asked, asked);
    const struct json *document = document_of(w, &rows[0]);
    assert_string_equal(json_text(json_member(document, "method")), "http-01");
    assert_string_equal(verdict_of(document, 0), "valid");
    const struct json *step = json_element(evidence_steps(document, 0), 0);
    assert_int_equal(json_whole(json_member(step, "seen")), 7);
    const struct json *local = json_element(json_member(document, "perspectives"), 0);
    assert_non_null(json_text(json_member(local, "begun")));
    assert_non_null(json_text(json_member(local, "ended")));
    assert_int_equal(ask(w, order, &again), ERR_OK); /* another round, another number */
    assert_int_not_equal(w->asked.check_ids[2], w->asked.check_ids[0]);
    order_desk_verdict(w->desk, w->asked.check_ids[0], false, REFUSED,
                       "[]"); /* too late */
    order_desk_verdict(w->desk, w->asked.check_ids[2], true, NULL, "[]");
    assert_true(lands(w));
    assert_null(desk_world_order_of(w, order->id)->error);
}

static void refused(void **state)
{
    struct world *w = *state;
    const struct store_order *order =
        store_fixture_proved_order(w->f, w->account, "a.test");
    struct store_caa_look *rows = NULL;
    int64_t asked = 0;

    assert_int_equal(ask(w, order, &asked), ERR_OK);
    order_desk_verdict(w->desk, w->asked.check_ids[0], false, REFUSED, "[]");
    assert_true(lands(w));
    assert_int_equal(looks_of(w, order, &rows), 1);
    assert_int_equal(rows[0].outcome, STORE_CAA_FORBIDDEN);
    const struct json *local =
        json_element(json_member(document_of(w, &rows[0]), "perspectives"), 0);
    assert_string_equal(json_text(json_member(json_member(local, "problem"), "detail")),
                        "forbidden");
    const char *error = desk_world_order_of(w, order->id)->error;
    assert_non_null(strstr(error, "error:caa\",\"detail\":\"forbidden\",\"status\":403"));
    assert_non_null(
        strstr(error, "\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:caa\""));
    assert_non_null(
        strstr(error, "\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"}"));
    assert_int_equal(desk_world_order_of(w, order->id)->caa_checked, 0);
}

/* V-CAA-12: nothing is known, and nothing has ended. */
static void trouble(void **state)
{
    struct world *w = *state;
    const struct store_order *order =
        store_fixture_proved_order(w->f, w->account, "a.test");
    const struct store_order *other =
        store_fixture_proved_order(w->f, w->account, "b.test");
    struct err_info why = {0};
    struct store_caa_look *rows = NULL;
    int64_t asked = 0;

    assert_int_equal(ask(w, order, &asked), ERR_OK);
    order_desk_verdict(w->desk, w->asked.check_ids[0], false, SILENT, "[]");
    assert_true(lands(w));
    assert_int_equal(looks_of(w, order, &rows), 1);
    assert_int_equal(rows[0].outcome, STORE_CAA_UNKNOWN);
    assert_null(desk_world_order_of(w, order->id)->error);
    assert_int_equal(desk_world_order_of(w, order->id)->caa_checked, 0);
    assert_int_equal(order_desk_caa_trouble(w->desk, w->f->arena, order->id, &why),
                     ERR_UNAVAILABLE);
    assert_string_equal(why.detail, "no answer");
    assert_non_null(
        strstr(why.subproblems, "error:dns\",\"detail\":\"no answer\",\"identifier\":"));
    assert_true(why.retry_after_seconds > 0);
    why = (struct err_info){0};
    assert_int_equal(order_desk_caa_trouble(w->desk, w->f->arena, other->id, &why),
                     ERR_UNAVAILABLE);
    assert_null(why.subproblems);
}

static void many_troubles(void **state)
{
    struct world *w = *state;
    const struct store_order *order =
        store_fixture_proved_order(w->f, w->account, "a.test");
    struct err_info why = {0};
    struct store_caa_look *rows = NULL;
    int64_t asked = 0;

    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(ask(w, order, &asked), ERR_OK);
        order_desk_verdict(w->desk, w->asked.check_ids[i % ASKED_MAX], false,
                           i < 99 ? SILENT : "{", "[]");
        assert_true(lands(w));
    }
    assert_int_equal(looks_of(w, order, &rows), STORE_CAA_ROUNDS_MAX);
    assert_int_equal(rows[0].round, 100);
    assert_int_equal(order_desk_caa_trouble(w->desk, w->f->arena, order->id, &why),
                     ERR_UNAVAILABLE);
    assert_string_equal(why.detail, "no reason was given");
    assert_int_equal(ask(w, order, &asked), ERR_OK); /* and is freed under way */
}

static void the_store_fails_meanwhile(void **state)
{
    struct world *w = *state;
    const struct store_order *order =
        store_fixture_proved_order(w->f, w->account, "a.test");
    int64_t asked = 0;

    assert_int_equal(store_fixture_settle(w->f), ERR_OK);
    assert_int_equal(ask(w, order, &asked), ERR_OK);
    store_fixture_fill_disk(w->f);
    order_desk_verdict(w->desk, w->asked.check_ids[0], true, NULL, "[]");
    struct store_caa_look *rows = NULL;
    int64_t until = clock_monotonic_us() + 300000;
    while (clock_monotonic_us() < until)
        order_desk_record_again(w->desk);
    assert_int_equal(flight_count(order_desk_caa_flights(w->desk)), 1);
    store_fixture_free_disk();
    until = clock_monotonic_us() + PATIENCE_US;
    while (flight_count(order_desk_caa_flights(w->desk)) > 0 &&
           clock_monotonic_us() < until)
        order_desk_record_again(w->desk);
    assert_int_equal(desk_world_order_of(w, order->id)->caa_checked, asked);
    assert_int_equal(looks_of(w, order, &rows), 1); /* once, however often it was tried */
}

/* Several perspectives: who saw what is kept, and what their quorum made of it. */
static void three_others(void **state)
{
    static const struct order_desk_perspective three[] = {
        {"ams", "ripe", 0}, {"nyc", "arin", 1}, {"sin", "apnic", 2}};
    static const struct order_desk_panel panel = {
        true, {3, QUORUM_BY_TABLE, 2}, 600000, three, 3};
    const struct order_desk_sight good = {.valid = true, .record = "[{\"seen\":1}]"};
    const struct order_desk_sight bad = {
        .code = ERR_CAA, .detail = "not you", .record = "[{\"seen\":2}]"};
    struct world *w = *state;
    struct store_caa_look *rows = NULL;
    int64_t asked = 0;

    order_desk_set_panel(w->desk, &panel);
    for (int others = 1; others <= 2; others++) {
        const struct store_order *order =
            store_fixture_proved_order(w->f, w->account, "a.test");
        assert_int_equal(ask(w, order, &asked), ERR_OK);
        int64_t id = w->asked.check_ids[others - 1];
        order_desk_saw(w->desk, id, "sin", &bad);
        order_desk_saw(w->desk, id, "ams", others == 2 ? &bad : &good);
        order_desk_saw(w->desk, id, "nyc", &good);
        order_desk_verdict(w->desk, id, true, NULL, "[]");
        assert_true(lands(w));
        assert_int_equal(looks_of(w, order, &rows), 1);
        const struct json *document = document_of(w, &rows[0]);
        const struct json *quorum = json_member(document, "quorum");
        assert_string_equal(json_text(json_member(quorum, "outcome")),
                            others == 2 ? "refused" : "valid");
        assert_string_equal(verdict_of(document, 0), "valid");
        assert_string_equal(verdict_of(document, 1), others == 2 ? "invalid" : "valid");
        assert_string_equal(verdict_of(document, 3), "invalid");
        const struct json *step = json_element(evidence_steps(document, 3), 0);
        assert_int_equal(json_whole(json_member(step, "seen")), 2);
        assert_int_equal(rows[0].outcome,
                         others == 2 ? STORE_CAA_FORBIDDEN : STORE_CAA_ALLOWED);
        const char *detail =
            json_text(json_member(json_member(document, "problem"), "detail"));
        assert_true(others == 2 ? strstr(detail, "2 of 3") != NULL : detail == NULL);
        assert_int_equal(desk_world_order_of(w, order->id)->error != NULL, others == 2);
    }
}

/* The records of a round are bounded together: what comes then is kept without steps. */
static void a_large_round(void **state)
{
    struct world *w = *state;
    size_t names = 700; /* of 15 KiB each */
    struct store_order *order = arena_get(w->f->arena, sizeof *order);
    struct store_identifier *list = arena_array(w->f->arena, names, sizeof *list);
    struct store_caa_look *rows = NULL;
    size_t cut = 0;
    size_t sum = 0;
    int64_t asked = 0;

    order_desk_set_panel(w->desk, NULL);
    *order = *store_fixture_proved_order(w->f, w->account, "a.test");
    for (size_t i = 0; i < names; i++)
        list[i].value = arena_printf(w->f->arena, "n%zu.test", i);
    order->identifiers = list;
    order->identifier_count = names;
    int64_t *ids = arena_array(w->f->arena, names, sizeof *ids);
    w->asked.all_ids = ids;
    assert_int_equal(ask(w, order, &asked), ERR_OK);
    const char *steps = arena_printf(w->f->arena, "[{\"seen\":\"%0*d\"}]", 15 * 1024, 0);
    for (size_t i = 0; i < names; i++)
        order_desk_verdict(w->desk, ids[i], true, NULL, steps);
    assert_true(lands(w));
    assert_int_equal(looks_of(w, order, &rows), names);
    for (size_t i = 0; i < names; i++) {
        const struct json *document = document_of(w, &rows[i]);
        const struct json *local = json_element(json_member(document, "perspectives"), 0);
        cut += json_is_true(json_member(local, "cut"));
        sum += strlen(rows[i].record);
    }
    assert_in_range(cut, 100, 250);
    assert_true(sum < 9 * 1024 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_known), TEST(good),          TEST(refused),
        TEST(trouble),       TEST(many_troubles), TEST(the_store_fails_meanwhile),
        TEST(three_others),  TEST(a_large_round)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
