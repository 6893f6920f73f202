/* The store's contract: every fact comes back as it was given, also after a restart;
 * limits and order of lists; what is refused. */
#include "contract.h"

#include <string.h>

#include "core/base/memory.h"

#define MISSING 987654

static int64_t account(struct contract *f, uint8_t mark)
{
    bool existed;

    return contract_add_account(f, mark, &existed)->id;
}

static struct store_order *order_by_id(struct contract *f, int64_t id)
{
    struct store_order *row = NULL;

    assert_int_equal(store_order_by_id(f->session, f->arena, id, &row, &f->why), ERR_OK);
    return row;
}

static struct store_authz *authz_by_id(struct contract *f, int64_t id)
{
    struct store_authz *row = NULL;

    assert_int_equal(store_authz_by_id(f->session, f->arena, id, &row, &f->why), ERR_OK);
    return row;
}

/* --- settings and accounts ---------------------------------------------------------- */

static void settings_are_octets(void **state)
{
    static const uint8_t octets[] = {0, 1, 0, 255, 0};
    struct contract *f = *state;
    struct span value = {0};

    assert_int_equal(
        store_setting_add(f->session, "octets", span_make(octets, 5), &f->why), ERR_OK);
    assert_int_equal(store_setting_add(f->session, "empty", span_make(NULL, 0), &f->why),
                     ERR_OK);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(store_setting_get(f->session, f->arena, "octets", &value, &f->why),
                     ERR_OK);
    assert_true(span_equal(value, span_make(octets, 5)));
    assert_int_equal(store_setting_get(f->session, f->arena, "empty", &value, &f->why),
                     ERR_OK);
    assert_int_equal(value.len, 0);
    assert_int_equal(store_setting_get(f->session, f->arena, "Octets", &value, &f->why),
                     ERR_NOT_FOUND);
}

static void account_texts_are_kept(void **state)
{
    static const char contacts[] =
        "[\"mailto:o'neil@example.test\",\"mailto:\\u00e9;--\"]";
    struct contract *f = *state;
    struct store_account fresh = {.directory = "default",
                                  .jwk = "{\"kty\":\"\xc3\xa9\"}",
                                  .contacts = contacts,
                                  .terms_agreed = true,
                                  .terms = "https://example.test/terms?a='b'",
                                  .terms_at = 4102444801,
                                  .created = 4102444800};
    struct store_account *row = NULL;
    bool existed = true;

    fresh.thumbprint[31] = 7;
    assert_int_equal(store_account_by_thumbprint(f->session, f->arena, "default",
                                                 fresh.thumbprint, &row, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(
        store_account_add(f->session, f->arena, &fresh, &existed, &row, &f->why), ERR_OK);
    assert_true(row->id > 0);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(store_account_by_thumbprint(f->session, f->arena, "default",
                                                 fresh.thumbprint, &row, &f->why),
                     ERR_OK);
    assert_string_equal(row->jwk, fresh.jwk);
    assert_string_equal(row->contacts, contacts);
    assert_true(row->terms_agreed);
    assert_string_equal(row->terms, fresh.terms);
    assert_int_equal(row->terms_at, 4102444801);
    assert_int_equal(row->created, 4102444800);
    assert_memory_equal(row->thumbprint, fresh.thumbprint, STORE_THUMBPRINT_SIZE);
}

/* A second registration changes nothing, and a deactivated key stays known. */
static void account_that_exists_stays_as_it_is(void **state)
{
    struct contract *f = *state;
    int64_t id = account(f, 1);
    struct store_account again = {
        .directory = "default", .jwk = "{}", .contacts = "[\"x\"]", .created = 5};
    struct store_account *row = NULL;
    bool existed = false;

    memset(again.thumbprint, 1, sizeof again.thumbprint);
    contract_deactivate_account(f, id);
    assert_int_equal(
        store_account_add(f->session, f->arena, &again, &existed, &row, &f->why), ERR_OK);
    assert_true(existed);
    assert_int_equal(row->id, id);
    assert_string_equal(row->jwk, "{\"kty\":\"EC\"}");
    assert_string_equal(row->contacts, "[]");
    assert_int_equal(row->created, CONTRACT_NOW);
    assert_int_equal(row->status, STORE_ACCOUNT_DEACTIVATED);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(store_account_by_id(f->session, f->arena, id, &row, &f->why),
                     ERR_OK);
    assert_int_equal(row->status, STORE_ACCOUNT_DEACTIVATED);
    assert_false(row->terms_agreed);
    assert_string_equal(row->terms, "");
}

/* --- orders ------------------------------------------------------------------------- */

static void order_keeps_every_field(void **state)
{
    struct contract *f = *state;
    const struct store_identifier names[] = {{1, "*.wild.example.test"}, {0, "b.test"}};
    struct store_authz authzs[] = {
        {.identifier = {1, "wild.example.test"},
         .wildcard = true,
         .created = 11,
         .expires = 22},
        {.identifier = {0, "b.test"}, .created = 33, .expires = 44}};
    struct store_order order = {.account_id = account(f, 1),
                                .created = 5,
                                .expires = 6,
                                .not_before = 7,
                                .not_after = 8,
                                .profile = "short",
                                .identifiers = names,
                                .identifier_count = 2,
                                .authzs = authzs};

    authzs[1].seed[0] = 9;
    assert_int_equal(store_order_add(f->session, &order, &f->why), ERR_OK);
    contract_settle(f);
    contract_restart(f);
    const struct store_order *row = order_by_id(f, order.id);
    assert_int_equal(row->account_id, order.account_id);
    assert_true(row->created == 5 && row->expires == 6 && row->not_before == 7 &&
                row->not_after == 8);
    assert_string_equal(row->profile, "short");
    assert_int_equal(row->identifier_count, 2);
    assert_int_equal(row->authz_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct store_authz *alone = authz_by_id(f, authzs[i].id);
        assert_int_equal(row->identifiers[i].type, names[i].type);
        assert_string_equal(row->identifiers[i].value, names[i].value);
        assert_int_equal(row->authzs[i].id, authzs[i].id);
        assert_int_equal(alone->order_id, order.id);
        assert_int_equal(alone->account_id, order.account_id);
        assert_int_equal(alone->identifier.type, authzs[i].identifier.type);
        assert_string_equal(alone->identifier.value, authzs[i].identifier.value);
        assert_int_equal(alone->wildcard, authzs[i].wildcard);
        assert_memory_equal(alone->seed, authzs[i].seed, STORE_SEED_SIZE);
        assert_true(alone->created == authzs[i].created &&
                    alone->expires == authzs[i].expires && alone->deactivated == 0);
        assert_true(alone->attempt_type == -1 && alone->attempt_begun == 0 &&
                    alone->attempt_finished == 0);
        assert_int_equal(alone->verdict, STORE_VERDICT_NONE);
        assert_true(alone->error == NULL && alone->record == NULL);
    }
    assert_true(authzs[0].id > 0 && authzs[1].id > authzs[0].id);
}

static void order_has_limits(void **state)
{
    struct contract *f = *state;
    size_t most = STORE_ORDER_MAX_IDENTIFIERS + 1;
    struct store_identifier *names = arena_array(f->arena, most, sizeof *names);
    struct store_authz *authzs = arena_array(f->arena, most, sizeof *authzs);
    struct store_order order = {.account_id = account(f, 1),
                                .profile = "",
                                .identifiers = names,
                                .authzs = authzs};

    for (size_t i = 0; i < most; i++)
        names[i].value = authzs[i].identifier.value = "a.test";
    assert_int_equal(store_order_add(f->session, &order, &f->why), ERR_MALFORMED);
    order.identifier_count = most;
    assert_int_equal(store_order_add(f->session, &order, &f->why), ERR_MALFORMED);
    struct store_order *row = NULL;
    assert_int_equal(store_order_by_id(f->session, f->arena, MISSING, &row, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_order_fail(f->session, MISSING, "{}", &f->why), ERR_NOT_FOUND);
    contract_deactivate_account(f, order.account_id);
    order.identifier_count = 1;
    assert_int_equal(store_order_add(f->session, &order, &f->why), ERR_UNAUTHORIZED);
}

/* --- attempts ----------------------------------------------------------------------- */

static void attempt_that_was_not_begun_can_finish(void **state)
{
    struct contract *f = *state;
    int64_t id = contract_add_order(f, account(f, 1), 1)->authzs[0].id;

    assert_int_equal(store_attempt_finish(f->session, id, 2, STORE_VERDICT_VALID, NULL,
                                          "[{}]", CONTRACT_NOW, &f->why),
                     ERR_OK);
    assert_int_equal(store_attempt_begin(f->session, id, 2, CONTRACT_NOW, &f->why),
                     ERR_CONFLICT);
    contract_settle(f);
    contract_restart(f);
    const struct store_authz *row = authz_by_id(f, id);
    assert_int_equal(row->attempt_type, 2);
    assert_true(row->attempt_begun == CONTRACT_NOW &&
                row->attempt_finished == CONTRACT_NOW);
    assert_int_equal(row->verdict, STORE_VERDICT_VALID);
    assert_null(row->error);
    assert_string_equal(row->record, "[{}]");
    assert_int_equal(store_attempt_finish(f->session, MISSING, 2, STORE_VERDICT_VALID,
                                          NULL, NULL, CONTRACT_NOW, &f->why),
                     ERR_NOT_FOUND);
    struct store_authz *none = NULL;
    assert_int_equal(store_authz_by_id(f->session, f->arena, MISSING, &none, &f->why),
                     ERR_NOT_FOUND);
}

/* What ends by itself lives no longer than that, though a proof would make it last. */
static void an_authorization_is_shortened(void **state)
{
    static const struct {
        int64_t lifetime;
        int64_t until;
        int64_t expires; /* then */
    } rows[] = {{0, 100, 100},   {0, 5000, 1000},    {700, 100, 100},
                {700, 800, 800}, {700, 5000, 1000},  {9000, 5000, 5000},
                {9000, 1, 1},    {9000, 20000, 9000}};
    struct contract *f = *state;
    struct store_order order = *contract_add_order(f, account(f, 1), 1);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        order.authzs[0].lifetime = rows[i].lifetime;
        assert_int_equal(store_order_add(f->session, &order, &f->why), ERR_OK);
        int64_t id = order.authzs[0].id;
        assert_int_equal(store_authz_shorten(f->session, id, CONTRACT_NOW + rows[i].until,
                                             CONTRACT_NOW, &f->why),
                         ERR_OK);
        assert_int_equal(store_attempt_finish(f->session, id, 4, STORE_VERDICT_VALID,
                                              NULL, "[]", CONTRACT_NOW, &f->why),
                         ERR_OK);
        assert_int_equal(authz_by_id(f, id)->expires, CONTRACT_NOW + rows[i].expires);
    }
    assert_int_equal(
        store_authz_shorten(f->session, MISSING, CONTRACT_NOW, CONTRACT_NOW, &f->why),
        ERR_NOT_FOUND);
}

static void unfinished_attempts_are_listed(void **state)
{
    struct contract *f = *state;
    const struct store_order *order = contract_add_order(f, account(f, 1), 5);
    struct store_authz *rows = NULL;
    size_t count = 9;

    assert_int_equal(
        store_attempts_unfinished(f->session, f->arena, 10, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(store_attempt_begin(f->session, order->authzs[i].id, 1,
                                             CONTRACT_NOW + (int64_t)i, &f->why),
                         ERR_OK);
    assert_int_equal(store_attempt_finish(f->session, order->authzs[1].id, 1,
                                          STORE_VERDICT_INVALID, "{}", NULL, CONTRACT_NOW,
                                          &f->why),
                     ERR_OK);
    contract_settle(f);
    contract_restart(f);
    for (size_t max = 0; max <= 4; max++) {
        static const size_t expected[] = {0, 2, 3};
        assert_int_equal(
            store_attempts_unfinished(f->session, f->arena, max, &rows, &count, &f->why),
            ERR_OK);
        assert_int_equal(count, max < 3 ? max : 3);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(rows[i].id, order->authzs[expected[i]].id);
            assert_string_equal(rows[i].identifier.value,
                                order->authzs[expected[i]].identifier.value);
            assert_int_equal(rows[i].attempt_begun, CONTRACT_NOW + (int64_t)expected[i]);
            assert_int_equal(rows[i].attempt_type, 1);
        }
    }
}

/* --- issuances and certificates ----------------------------------------------------- */

/* What cannot count any more is not asked for. */
static void a_deactivated_attempt_is_not_taken_up(void **state)
{
    struct contract *f = *state;
    const struct store_order *order = contract_add_order(f, account(f, 1), 2);
    struct store_authz *rows = NULL;
    size_t count = 9;

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(store_attempt_begin(f->session, order->authzs[i].id, 0,
                                             CONTRACT_NOW, &f->why),
                         ERR_OK);
    assert_int_equal(
        store_authz_deactivate(f->session, order->authzs[0].id, CONTRACT_NOW, &f->why),
        ERR_OK);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(
        store_attempts_unfinished(f->session, f->arena, 10, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].id, order->authzs[1].id);
}

static void unfinished_issuances_are_listed(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_issuance made[4];
    struct store_issuance *rows = NULL;
    size_t count = 0;

    for (uint8_t i = 0; i < 4; i++) {
        made[i] = contract_issuance_for(contract_add_proved_order(f, owner, 1), i + 1);
        made[i].serial_len = i == 0 ? STORE_SERIAL_MAX : 16;
        made[i].tbs = span_of(arena_printf(f->arena, "to be signed %d", i));
        memset(made[i].key_hash, i + 10, STORE_HASH_SIZE);
        memset(made[i].csr_hash, i + 20, STORE_HASH_SIZE);
        made[i].begun += i;
        assert_int_equal(store_issuance_begin(f->session, &made[i], &f->why), ERR_OK);
    }
    assert_int_equal(store_issuance_abandon(f->session, made[1].id, &f->why), ERR_OK);
    contract_settle(f);
    contract_restart(f);
    for (size_t max = 0; max <= 4; max++) {
        static const size_t expected[] = {0, 2, 3};
        assert_int_equal(
            store_issuances_unfinished(f->session, f->arena, max, &rows, &count, &f->why),
            ERR_OK);
        assert_int_equal(count, max < 3 ? max : 3);
        for (size_t i = 0; i < count; i++) {
            const struct store_issuance *one = &made[expected[i]];
            assert_int_equal(rows[i].id, one->id);
            assert_int_equal(rows[i].order_id, one->order_id);
            assert_int_equal(rows[i].account_id, owner);
            assert_true(span_equal(span_make(rows[i].serial, rows[i].serial_len),
                                   span_make(one->serial, one->serial_len)));
            assert_true(span_equal(rows[i].tbs, one->tbs));
            assert_memory_equal(rows[i].key_hash, one->key_hash, STORE_HASH_SIZE);
            assert_memory_equal(rows[i].csr_hash, one->csr_hash, STORE_HASH_SIZE);
            assert_true(rows[i].begun == one->begun &&
                        rows[i].not_after == one->not_after);
            assert_false(rows[i].finished || rows[i].abandoned);
        }
    }
}

static void issuance_is_refused(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    const struct store_order *failed = contract_add_proved_order(f, owner, 1);
    const struct store_order *good = contract_add_proved_order(f, owner, 1);
    struct store_issuance nowhere = {.order_id = MISSING, .serial_len = 16};
    struct store_issuance late = contract_issuance_for(failed, 1);
    struct store_issuance first = contract_issuance_for(good, 2);
    struct store_issuance same_serial = contract_issuance_for(good, 2);
    struct store_issuance *row = NULL;

    assert_int_equal(store_order_fail(f->session, failed->id, "{}", &f->why), ERR_OK);
    assert_int_equal(store_issuance_begin(f->session, &nowhere, &f->why), ERR_NOT_FOUND);
    assert_int_equal(store_issuance_begin(f->session, &late, &f->why), ERR_CONFLICT);
    assert_int_equal(store_issuance_begin(f->session, &first, &f->why), ERR_OK);
    assert_int_equal(store_issuance_abandon(f->session, first.id, &f->why), ERR_OK);
    /* it may have been signed: its serial is never given again */
    assert_int_equal(store_issuance_begin(f->session, &same_serial, &f->why),
                     ERR_CONFLICT);
    assert_int_equal(
        store_issuance_finish(f->session, first.id, span_of("c"), span_of("i"), &f->why),
        ERR_CONFLICT);
    assert_int_equal(store_issuance_abandon(f->session, first.id, &f->why), ERR_CONFLICT);
    assert_int_equal(
        store_issuance_finish(f->session, MISSING, span_of("c"), span_of("i"), &f->why),
        ERR_NOT_FOUND);
    assert_int_equal(store_issuance_abandon(f->session, MISSING, &f->why), ERR_NOT_FOUND);
    assert_int_equal(
        store_certificate_by_id(f->session, f->arena, MISSING, &row, &f->why),
        ERR_NOT_FOUND);
    contract_settle(f);
    contract_restart(f);
    assert_null(order_by_id(f, good->id)->issuance);
    assert_string_equal(order_by_id(f, failed->id)->error, "{}");
    assert_int_equal(store_issuance_begin(f->session, &same_serial, &f->why),
                     ERR_CONFLICT);
}

static void certificates_are_kept_whole(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    size_t large = 200 * 1024;
    uint8_t *octets = arena_get(f->arena, large);
    struct span chains[] = {span_of("chain one"), span_of("chain two"),
                            span_of("chain one"), span_make(NULL, 0)};
    struct store_issuance made[4];

    for (size_t i = 0; i < large; i++)
        octets[i] = (uint8_t)(i * 31 >> 3);
    for (size_t i = 0; i < 4; i++) {
        made[i] = contract_issuance_for(contract_add_proved_order(f, owner, 1),
                                        (uint8_t)(i + 1));
        assert_int_equal(store_issuance_begin(f->session, &made[i], &f->why), ERR_OK);
        assert_int_equal(store_issuance_finish(f->session, made[i].id,
                                               span_make(octets, large - i), chains[i],
                                               &f->why),
                         ERR_OK);
    }
    contract_settle(f);
    contract_restart(f);
    for (size_t i = 0; i < 4; i++) {
        struct store_issuance *row = NULL;
        assert_int_equal(
            store_certificate_by_id(f->session, f->arena, made[i].id, &row, &f->why),
            ERR_OK);
        assert_true(span_equal(row->certificate, span_make(octets, large - i)));
        assert_true(span_equal(row->issuers, chains[i]));
        assert_true(row->finished && !row->abandoned);
        assert_int_equal(row->order_id, made[i].order_id);
        assert_int_equal(row->account_id, owner);
    }
    assert_int_equal(store_check(f->session, &f->why), ERR_OK);
}

int contract_facts(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(settings_are_octets),
        CONTRACT_TEST(account_texts_are_kept),
        CONTRACT_TEST(account_that_exists_stays_as_it_is),
        CONTRACT_TEST(order_keeps_every_field),
        CONTRACT_TEST(order_has_limits),
        CONTRACT_TEST(attempt_that_was_not_begun_can_finish),
        CONTRACT_TEST(an_authorization_is_shortened),
        CONTRACT_TEST(unfinished_attempts_are_listed),
        CONTRACT_TEST(a_deactivated_attempt_is_not_taken_up),
        CONTRACT_TEST(unfinished_issuances_are_listed),
        CONTRACT_TEST(issuance_is_refused),
        CONTRACT_TEST(certificates_are_kept_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
