/* Revocation lists in the store: what stands in them, and which were made. */
#include <string.h>

#include "contract.h"
#include "server/store/store_crl.h"
#include "server/store/store_sweep.h"

#define KEY_COMPROMISE 1
#define SUPERSEDED     4
#define MOST           16

static const struct span ca = {(const uint8_t *)"CA-1", 4};
static const struct span other = {(const uint8_t *)"CA-2", 4};

/* A certificate of that issuer (NULL: made before that was kept), whose serial is `mark`
 * all over. */
static struct store_issuance issued(struct contract *f, const struct span *issuer,
                                    int64_t shard, uint8_t mark)
{
    bool existed = false;
    struct store_account *owner = contract_add_account(f, mark, &existed);
    struct store_issuance i =
        contract_issuance_for(contract_add_proved_order(f, owner->id, 1), mark);

    i.issuer_len = 0;
    i.shard = shard;
    memset(i.key_hash, mark, STORE_HASH_SIZE);
    if (issuer != NULL) {
        memcpy(i.issuer, issuer->data, issuer->len);
        i.issuer_len = issuer->len;
    }
    assert_int_equal(store_issuance_begin(f->session, &i, &f->why), ERR_OK);
    assert_int_equal(store_issuance_finish(f->session, i.id, span_of("certificate"),
                                           span_of("chain"), &f->why),
                     ERR_OK);
    contract_settle(f);
    return i;
}

static void revoke(struct contract *f, const struct store_issuance *i, int reason)
{
    const struct store_revocation revocation = {CONTRACT_NOW + i->serial[0], reason};

    assert_int_equal(store_revoke(f->session, i, &revocation, false, NULL, &f->why),
                     ERR_OK);
    contract_settle(f);
}

/* The serials' first octets of a list, as text, walked through in steps of two. */
static const char *serials(struct contract *f, struct span issuer, int64_t shard)
{
    struct store_crl_place place = store_crl_start(shard);
    struct store_crl_entry entries[2];
    char *text = arena_get(f->arena, 2 * MOST + 1);
    size_t used = 0;
    size_t count = 1;

    while (count > 0) {
        assert_int_equal(store_crl_entries(f->session, issuer, shard, &place, entries, 2,
                                           &count, &f->why),
                         ERR_OK);
        for (size_t i = 0; i < count; i++)
            text[used++] = (char)('0' + entries[i].serial[0]);
    }
    return text;
}

/* What is found where there is none; a null pointer would be followed by tests that fail,
 * which compilers that optimize see. */
static struct store_crl no_list = {.shard = -1, .changed = -1};

static struct store_crl *list_of(struct contract *f, struct span issuer, int64_t shard)
{
    struct store_crl *rows = NULL;
    size_t count = 0;

    assert_int_equal(
        store_crl_list(f->session, f->arena, issuer, MOST, &rows, &count, &f->why),
        ERR_OK);
    for (size_t i = 0; i < count; i++)
        if (rows[i].shard == shard)
            return &rows[i];
    return &no_list;
}

/* X-CRL-9: each entry is in the whole list, and in its part if it has one. */
static void entries_are_found_by_issuer_and_part(void **state)
{
    struct contract *f = *state;
    const int64_t shards[] = {0, 1, 2, 1, 0};
    uint64_t before = store_crl_revoked(f->store);

    for (uint8_t i = 0; i < 5; i++) {
        struct store_issuance one = issued(f, &ca, shards[i], (uint8_t)(i + 1));
        revoke(f, &one, STORE_REASON_NONE);
    }
    struct store_issuance foreign = issued(f, &other, 0, 6);
    revoke(f, &foreign, STORE_REASON_NONE);
    (void)issued(f, &ca, 0, 7); /* not revoked */
    assert_string_equal(serials(f, ca, 0), "15243");
    assert_string_equal(serials(f, ca, 1), "24");
    assert_string_equal(serials(f, ca, 2), "3");
    assert_string_equal(serials(f, ca, 3), "");
    assert_string_equal(serials(f, other, 0), "6");
    assert_int_equal(list_of(f, ca, 0)->changed, 5);
    assert_int_equal(list_of(f, ca, 1)->changed, 2);
    assert_int_equal(list_of(f, other, 0)->changed, 1);
    assert_ptr_equal(list_of(f, other, 1), &no_list);
    assert_true(store_crl_revoked(f->store) - before == 6);
    contract_restart(f);
    assert_string_equal(serials(f, ca, 0), "15243");
}

static void entry_says_when_and_why(void **state)
{
    struct contract *f = *state;
    struct store_issuance one = issued(f, &ca, 0, 1);
    struct store_crl_place place = store_crl_start(0);
    struct store_crl_entry entry = {0};
    size_t count = 0;

    revoke(f, &one, SUPERSEDED);
    const struct store_revocation worse = {CONTRACT_NOW + 100, KEY_COMPROMISE};
    assert_int_equal(store_revoke(f->session, &one, &worse, false, NULL, &f->why),
                     ERR_OK);
    assert_int_equal(
        store_crl_entries(f->session, ca, 0, &place, &entry, 1, &count, &f->why), ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(entry.issuance_id, one.id);
    assert_int_equal(entry.serial_len, one.serial_len);
    assert_memory_equal(entry.serial, one.serial, one.serial_len);
    assert_int_equal(entry.not_after, one.not_after);
    assert_int_equal(entry.revocation.at, CONTRACT_NOW + 1); /* the first time stays */
    assert_int_equal(entry.revocation.reason, KEY_COMPROMISE);
    assert_int_equal(list_of(f, ca, 0)->changed, 2);
    contract_settle(f);
}

/* What was revoked before the store knew issuers. */
static void older_revocations_are_entered(void **state)
{
    struct contract *f = *state;
    struct store_issuance *rows = NULL;
    size_t count = 0;

    for (uint8_t i = 1; i <= 3; i++) {
        struct store_issuance one = issued(f, NULL, 0, i);
        revoke(f, &one, STORE_REASON_NONE);
    }
    assert_string_equal(serials(f, ca, 0), "");
    assert_int_equal(store_crl_unlisted(f->session, f->arena, 2, &rows, &count, &f->why),
                     ERR_OK);
    assert_int_equal(count, 2);
    assert_true(span_is(rows[0].certificate, "certificate"));
    assert_int_equal(store_crl_enter(f->session, &rows[0], ca, &f->why), ERR_OK);
    assert_int_equal(store_crl_enter(f->session, &rows[1], span_of(""), &f->why), ERR_OK);
    contract_restart(f);
    assert_string_equal(serials(f, ca, 0), "1");
    assert_int_equal(store_crl_unlisted(f->session, f->arena, 2, &rows, &count, &f->why),
                     ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].serial[0], 3);
}

/* X-CRL-2: numbers only grow. */
static void lists_are_recorded(void **state)
{
    struct contract *f = *state;
    struct store_crl made = {.shard = 2,
                             .covers = 1,
                             .number = 700,
                             .this_update = CONTRACT_NOW,
                             .next_update = CONTRACT_NOW + 9,
                             .entries = 3};

    memset(made.hash, 5, sizeof made.hash);
    struct store_issuance one = issued(f, &ca, 2, 1);
    revoke(f, &one, STORE_REASON_NONE);
    assert_int_equal(list_of(f, ca, 2)->number, 0);
    assert_int_equal(store_crl_record(f->session, ca, &made, &f->why), ERR_OK);
    contract_restart(f);
    struct store_crl *row = list_of(f, ca, 2);
    assert_int_equal(row->changed, 1);
    assert_int_equal(row->covers, 1);
    assert_int_equal(row->number, 700);
    assert_int_equal(row->this_update, CONTRACT_NOW);
    assert_int_equal(row->next_update, CONTRACT_NOW + 9);
    assert_int_equal(row->entries, 3);
    assert_memory_equal(row->hash, made.hash, sizeof made.hash);
    assert_int_equal(store_crl_record(f->session, ca, &made, &f->why), ERR_CONFLICT);
    made.number = 699;
    assert_int_equal(store_crl_record(f->session, ca, &made, &f->why), ERR_CONFLICT);
    made.number = 701;
    assert_int_equal(store_crl_record(f->session, ca, &made, &f->why), ERR_OK);
    made.shard = 0;
    made.number = 1;
    assert_int_equal(store_crl_record(f->session, other, &made, &f->why), ERR_OK);
    contract_settle(f);
}

/* A list of `ca` that was made at that time. */
static void made_at(struct contract *f, int64_t shard, int64_t number, int64_t at)
{
    const struct store_crl made = {
        .shard = shard, .number = number, .this_update = at, .next_update = at + 1};

    assert_int_equal(store_crl_record(f->session, ca, &made, &f->why), ERR_OK);
    contract_settle(f);
}

/* A round of housekeeping in steps of two; how many entries went. */
static size_t swept(struct contract *f, int64_t clock)
{
    const struct store_sweep_limits limits = {
        .order_retention = INT32_MAX, .authz_retention = INT32_MAX, .rows = 2};
    struct store_sweep sweep = {.clock = clock};
    struct store_sweep_result one = {0};
    size_t sum = 0;

    for (int steps = 0; !one.round_over; steps++) {
        assert_true(steps < 100);
        store_session_begin(f->session);
        assert_int_equal(store_sweep_step(f->session, &sweep, &limits, &one, &f->why),
                         ERR_OK);
        contract_settle(f);
        assert_true(one.listed <= limits.rows);
        sum += one.listed;
    }
    assert_int_equal(sweep.listed.issuance_id, 0); /* the next round begins anew */
    return sum;
}

/* X-CRL-10: what has expired goes when it is on none of its lists any more. */
static void expired_entries_go(void **state)
{
    struct contract *f = *state;
    const struct span serial = span_of("\6\6\6\6\6\6\6\6\6\6\6\6\6\6\6\6");
    struct store_revocation kept = {0};
    struct store_issuance *row = NULL;
    struct store_issuance last = {0};

    for (uint8_t i = 1; i <= 7; i++) {
        last = issued(f, i == 7 ? &other : &ca, i % 2, i);
        revoke(f, &last, STORE_REASON_NONE);
    }
    const int64_t gone = last.not_after + STORE_SWEEP_LISTED + 1;
    assert_int_equal(swept(f, gone), 0); /* no list was ever made */
    made_at(f, 0, 1, gone - 1);
    assert_int_equal(swept(f, gone), 0); /* none since */
    made_at(f, 0, 2, gone);
    assert_int_equal(swept(f, gone - 1), 0); /* the clock that made it was wrong */
    assert_string_equal(serials(f, ca, 0), "246135");
    assert_int_equal(swept(f, gone), 3); /* their only list is the whole one */
    assert_string_equal(serials(f, ca, 0), "135");
    made_at(f, 1, 1, gone);
    assert_int_equal(swept(f, gone), 3);
    assert_string_equal(serials(f, ca, 0), "");
    assert_string_equal(serials(f, ca, 1), "");
    assert_string_equal(serials(f, other, 0), "7"); /* another issuer's */
    contract_restart(f);
    assert_string_equal(serials(f, ca, 0), "");
    assert_int_equal(
        store_certificate_by_serial(f->session, f->arena, serial, &row, &kept, &f->why),
        ERR_OK);
    assert_int_equal(kept.at, CONTRACT_NOW + 6);
}

int contract_crl(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(entries_are_found_by_issuer_and_part),
        CONTRACT_TEST(entry_says_when_and_why),
        CONTRACT_TEST(older_revocations_are_entered),
        CONTRACT_TEST(lists_are_recorded),
        CONTRACT_TEST(expired_entries_go),
    };
    return cmocka_run_group_tests_name("revocation lists", tests, NULL, NULL);
}
