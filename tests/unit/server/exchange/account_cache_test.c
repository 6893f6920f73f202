/* Tests of server/exchange/account_cache: what is kept, what is forgotten, and accounts
 * whose batch was undone. */
#include "server/store_fixture.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "core/crypto/key_private.h"
#include "core/jose/jwk.h"
#include "server/exchange/account_cache.h"

/* RFC 7517 A.1 and RFC 7515 A.3 */
#define JWK                                                                              \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"                                           \
    "\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7"                                        \
    "D4\",\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}"

/* RFC 7517 A.1 */
#define JWK_RSA                                                                          \
    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":"                                             \
    "\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1" \
    "L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4Qy" \
    "Q5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbI"  \
    "SD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"  \
    "kEgU8awapJzKnqDKgw\"}"

static int set_up(void **state)
{
    *state = store_fixture_new();
    return 0;
}

static int tear_down(void **state)
{
    store_fixture_free(*state);
    return 0;
}

static const struct account *get(struct store_fixture *f, struct account_cache *cache,
                                 int64_t id)
{
    const struct account *account = NULL;

    assert_int_equal(
        account_cache_get(cache, f->session, f->arena, id, &account, &f->why), ERR_OK);
    return account;
}

static void kept_until_forgotten(void **state)
{
    struct store_fixture *f = *state;
    struct account_cache *cache = account_cache_new(ACCOUNT_CACHE_TABLES);
    int64_t id = store_fixture_account(f, 1, JWK)->id;
    const struct account *first = get(f, cache, id);

    assert_int_equal(first->id, id);
    assert_int_equal(first->thumbprint[31], 1);
    assert_int_equal(first->status, STORE_ACCOUNT_VALID);
    assert_true(first->terms_agreed);
    assert_int_equal(key_type(first->key), KEY_P256);
    assert_ptr_equal(get(f, cache, id), first);
    assert_string_equal(first->terms, "");
    const struct store_account_change change = {.contacts = "[\"x\"]",
                                                .terms = "https://a.test/",
                                                .terms_at = 1,
                                                .status = STORE_ACCOUNT_DEACTIVATED};
    assert_int_equal(store_account_update(f->session, id, &change, &f->why), ERR_OK);
    assert_ptr_equal(get(f, cache, id), first); /* nobody said that it changed */
    account_cache_forget(cache, id + 1);
    account_cache_forget(cache, id + ACCOUNT_CACHE_SIZE);
    assert_ptr_equal(get(f, cache, id), first);
    account_cache_forget(cache, id);
    const struct account *second = get(f, cache, id);
    assert_ptr_not_equal(second, first);
    assert_int_equal(second->status, STORE_ACCOUNT_DEACTIVATED);
    assert_string_equal(second->contacts, "[\"x\"]");
    assert_string_equal(second->terms, "https://a.test/");
    /* who holds the first one keeps it whole, even beyond the cache */
    account_cache_free(cache);
    assert_int_equal(first->status, STORE_ACCOUNT_VALID);
    assert_string_equal(first->contacts, "[]");
    assert_int_equal(key_type(first->key), KEY_P256);
    account_cache_free(NULL);
}

static void not_there(void **state)
{
    struct store_fixture *f = *state;
    struct account_cache *cache = account_cache_new(ACCOUNT_CACHE_TABLES);
    const struct account *account = NULL;

    assert_int_equal(account_cache_get(cache, f->session, f->arena, 5, &account, &f->why),
                     ERR_ACCOUNT_DOES_NOT_EXIST);
    int64_t id = store_fixture_account(f, 1, "{\"kty\":\"oct\"}")->id;
    assert_int_not_equal(
        account_cache_get(cache, f->session, f->arena, id, &account, &f->why), ERR_OK);
    assert_null(account);
    account_cache_free(cache);
}

/* Two accounts for one place of the table take turns. */
static void one_place_for_two(void **state)
{
    struct store_fixture *f = *state;
    struct account_cache *cache = account_cache_new(ACCOUNT_CACHE_TABLES);
    struct store_account fresh = {.directory = "default", .jwk = JWK, .contacts = "[]"};
    struct store_account *row = NULL;
    bool existed;

    for (int i = 0; i <= ACCOUNT_CACHE_SIZE; i++) {
        memcpy(fresh.thumbprint, &i, sizeof i);
        assert_int_equal(
            store_account_add(f->session, f->arena, &fresh, &existed, &row, &f->why),
            ERR_OK);
    }
    int64_t last = row->id;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(f, cache, last)->id, last);
        assert_int_equal(get(f, cache, last - ACCOUNT_CACHE_SIZE)->id,
                         last - ACCOUNT_CACHE_SIZE);
    }
    account_cache_free(cache);
}

/* An account whose batch could not be written never was: the number is given to the next
 * one, who must not meet the key of the first. */
static void an_undone_account_is_not_kept(void **state)
{
    struct store_fixture *f = *state;
    struct account_cache *cache = account_cache_new(ACCOUNT_CACHE_TABLES);
    const struct account *account = NULL;
    int64_t id = 0;
    bool seen = false;

    (void)store_fixture_account(f, 1, JWK);
    assert_int_equal(store_fixture_settle(f), ERR_OK);
    store_fixture_fill_disk(f);
    for (int i = 0; i < 20000 && !seen; i++) { /* the batch may be over too early */
        id = store_fixture_account(f, 2, JWK)->id;
        seen = account_cache_get(cache, f->session, f->arena, id, &account, &f->why) ==
               ERR_OK;
        (void)store_fixture_settle(f);
    }
    assert_true(seen);
    assert_int_equal(account->thumbprint[0], 2);
    store_fixture_free_disk();
    assert_int_equal(store_fixture_account(f, 3, JWK)->id, id);
    assert_int_equal(store_fixture_settle(f), ERR_OK);
    assert_int_equal(get(f, cache, id)->thumbprint[0], 3);
    account_cache_free(cache);
}

/* What is answered from memory waits for the disk just the same. */
static void an_answer_from_memory_waits_for_the_disk(void **state)
{
    struct store_fixture *f = *state;
    struct account_cache *cache = account_cache_new(ACCOUNT_CACHE_TABLES);

    store_session_begin(f->session);
    int64_t id = store_fixture_account(f, 1, JWK)->id;
    store_ticket_number made = store_session_ticket(f->session);
    (void)get(f, cache, id);
    store_session_begin(f->session);
    (void)get(f, cache, id);
    assert_true(store_session_ticket(f->session) >= made);
    account_cache_free(cache);
}

struct user {
    struct store_fixture *f;
    struct account_cache *cache;
    int64_t first;
    int wrong;
};

static void *use(void *argument)
{
    struct user *u = argument;
    struct store_session *s = NULL;
    struct err_info why = {0};

    u->wrong = 1;
    if (store_session_open(u->f->store, &s, &why) != ERR_OK)
        return NULL;
    u->wrong = 0;
    for (int i = 0; i < 500; i++) {
        AUTO(arena) struct arena *a = arena_new();
        const struct account *account = NULL;
        int64_t id = u->first + i % 3;
        if (account_cache_get(u->cache, s, a, id, &account, &why) != ERR_OK ||
            account->id != id || account->thumbprint[0] != i % 3)
            u->wrong++;
        if (i % 7 == 0)
            account_cache_forget(u->cache, id);
    }
    store_session_close(s);
    return NULL;
}

static void shared_by_threads(void **state)
{
    struct store_fixture *f = *state;
    struct user user = {.f = f, .cache = account_cache_new(ACCOUNT_CACHE_TABLES)};
    struct user users[4];
    pthread_t threads[4];

    user.first = store_fixture_account(f, 0, JWK)->id;
    (void)store_fixture_account(f, 1, JWK);
    (void)store_fixture_account(f, 2, JWK);
    for (size_t i = 0; i < 4; i++) {
        users[i] = user;
        assert_int_equal(pthread_create(&threads[i], NULL, use, &users[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(users[i].wrong, 0);
    }
    account_cache_free(user.cache);
}

/* What the external key allows comes with the account; many are forgotten at once. */
static void what_a_key_allows(void **state)
{
    struct store_fixture *f = *state;
    struct account_cache *cache = account_cache_new(ACCOUNT_CACHE_TABLES);
    const struct store_external_key key = {.kid = "k",
                                           .secret = span_of("secret"),
                                           .label = "",
                                           .policy = "{\"names\":[\"a.test\"]}"};
    struct store_external_key *row = NULL;
    struct store_account *made = NULL;
    bool existed = false;
    int64_t deactivated = 0;

    assert_int_equal(store_external_add(f->session, &key, &f->why), ERR_OK);
    assert_int_equal(store_external_by_kid(f->session, f->arena, "k", &row, &f->why),
                     ERR_OK);
    struct store_account bound = {.directory = "default",
                                  .jwk = JWK,
                                  .contacts = "[]",
                                  .created = 1,
                                  .external_key = row->id,
                                  .external_binding = "{}"};
    assert_int_equal(
        store_account_add(f->session, f->arena, &bound, &existed, &made, &f->why),
        ERR_OK);
    int64_t other = store_fixture_account(f, 2, JWK)->id;
    assert_null(get(f, cache, other)->external);
    const struct account *account = get(f, cache, made->id);
    assert_int_equal(account->external->key_id, row->id);
    assert_string_equal(account->external->names.items[0], "a.test");
    assert_int_equal(
        store_external_revoke(f->session, row->id, 2, true, &deactivated, &f->why),
        ERR_OK);
    assert_ptr_equal(get(f, cache, made->id), account);
    account_cache_forget_all(cache);
    assert_int_equal(get(f, cache, made->id)->status, STORE_ACCOUNT_REVOKED);
    assert_int_equal(get(f, cache, other)->status, STORE_ACCOUNT_VALID);
    /* who holds the first one keeps it whole */
    account_cache_free(cache);
    assert_string_equal(account->external->names.items[0], "a.test");
}

/* It is made by another thread. */
static bool has_table(const struct account *account)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    for (int i = 0; i < 5000; i++) {
        if (atomic_load(&account->key->table) != NULL)
            return true;
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

static bool has_none(const struct account *account)
{
    const struct timespec pause = {.tv_nsec = 100000000};

    (void)nanosleep(&pause, NULL);
    return atomic_load(&account->key->table) == NULL;
}

/* Often enough for a table; then on until the pause after the last one is over. */
static void verified_often(struct account_cache *cache, const struct account *account)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    for (int i = 0; i < ACCOUNT_CACHE_OFTEN; i++)
        account_cache_verified(cache, account);
    for (int i = 0; i < 300 && atomic_load(&account->key->table) == NULL; i++) {
        (void)nanosleep(&pause, NULL);
        account_cache_verified(cache, account);
    }
}

static void check_signature(const struct account *account, const struct key *signer)
{
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;
    struct err_info why = {0};

    assert_int_equal(
        key_sign(signer, KEY_SIGNATURE_ES256, span_of("x"), signature, &len, &why),
        ERR_OK);
    assert_int_equal(key_verify(account->key, KEY_SIGNATURE_ES256, span_of("x"),
                                span_make(signature, len), &why),
                     ERR_OK);
    assert_int_equal(key_verify(account->key, KEY_SIGNATURE_ES256, span_of("y"),
                                span_make(signature, len), &why),
                     ERR_UNAUTHORIZED);
}

#define FEW 3 /* tables */

/* Who asks often gets a table, the first ones do, and another one when one of them is
 * gone. */
static void tables_for_the_busy(void **state)
{
    struct store_fixture *f = *state;
    struct account_cache *cache = account_cache_new(FEW);
    const struct account *busy[FEW + 1];
    AUTO(key) struct key *k = NULL;
    AUTO(buf) struct buf jwk = buf_make(4096);

    assert_int_equal(key_generate(KEY_P256, 0, &k, &f->why), ERR_OK);
    jwk_write(&jwk, k);
    const char *text = arena_string_of(f->arena, buf_span(&jwk));
    const struct account *other =
        get(f, cache, store_fixture_account(f, 99, JWK_RSA)->id);
    verified_often(cache, other);
    assert_true(has_none(other));
    for (size_t i = 0; i <= FEW; i++)
        busy[i] = get(f, cache, store_fixture_account(f, (uint8_t)(i + 1), text)->id);
    for (int n = 1; n < ACCOUNT_CACHE_OFTEN; n++)
        account_cache_verified(cache, busy[0]);
    assert_true(has_none(busy[0]));
    account_cache_verified(cache, busy[0]);
    assert_true(has_table(busy[0]));
    for (size_t i = 0; i <= FEW; i++)
        verified_often(cache, busy[i]);
    assert_true(has_table(busy[1]));
    assert_true(has_table(busy[FEW - 1]));
    const struct account *late = busy[FEW];
    assert_true(has_none(late));
    check_signature(late, k);
    check_signature(busy[0], k);
    account_cache_forget(cache, busy[0]->id);
    verified_often(cache, busy[0]); /* out of the cache, and yet held here */
    verified_often(cache, late);
    assert_true(has_table(late));
    check_signature(late, k);
    check_signature(busy[0], k);
    account_cache_free(cache);
    check_signature(late, k);
}

/* The cache ends while a table is being made, and several threads are busy. */
static void ends_while_one_is_made(void **state)
{
    struct store_fixture *f = *state;

    for (int i = 0; i < 5; i++) {
        struct account_cache *cache = account_cache_new(FEW);
        const struct account *account =
            get(f, cache, store_fixture_account(f, (uint8_t)(i + 1), JWK)->id);
        for (int n = 0; n < 2 * ACCOUNT_CACHE_OFTEN; n++)
            account_cache_verified(cache, account);
        account_cache_free(cache);
        assert_true(has_table(account));
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(kept_until_forgotten),
        TEST(not_there),
        TEST(one_place_for_two),
        TEST(an_undone_account_is_not_kept),
        TEST(an_answer_from_memory_waits_for_the_disk),
        TEST(shared_by_threads),
        TEST(what_a_key_allows),
        TEST(tables_for_the_busy),
        TEST(ends_while_one_is_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
