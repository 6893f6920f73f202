/* The store's contract: what every backend must do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/store/store.h"

#define NOW 1790000000

struct fixture {
    char directory[64];
    char path[96];
    struct store *store;
    struct store_session *session;
    struct arena *arena;
    struct err_info why;
};

static void open_store(struct fixture *f)
{
    assert_int_equal(store_open(f->path, &f->store, &f->why), ERR_OK);
    assert_int_equal(store_session_open(f->store, &f->session, &f->why), ERR_OK);
}

static void close_store(struct fixture *f)
{
    store_session_close(f->session);
    store_close(f->store);
    f->session = NULL;
    f->store = NULL;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    (void)snprintf(f->directory, sizeof f->directory, "/tmp/cairn-store-XXXXXX");
    if (mkdtemp(f->directory) == NULL)
        return -1;
    (void)snprintf(f->path, sizeof f->path, "%s/cairn.db", f->directory);
    f->arena = arena_new();
    open_store(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    struct fixture *f = *state;
    char path[128];

    close_store(f);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", f->path, endings[i]);
        (void)unlink(path);
    }
    (void)rmdir(f->directory);
    arena_free(f->arena);
    free(f);
    return 0;
}

/* Everything changed so far is on disk. */
static void settle(struct fixture *f)
{
    assert_int_equal(store_wait(f->store, store_session_ticket(f->session), &f->why),
                     ERR_OK);
}

static struct store_account *add_account(struct fixture *f, uint8_t mark, bool *existed)
{
    struct store_account fresh = {.jwk = "{\"kty\":\"EC\"}",
                                  .contacts = "[]",
                                  .terms_agreed = false,
                                  .created = NOW};
    struct store_account *row = NULL;

    memset(fresh.thumbprint, mark, sizeof fresh.thumbprint);
    assert_int_equal(
        store_account_add(f->session, f->arena, &fresh, existed, &row, &f->why), ERR_OK);
    settle(f);
    return row;
}

static struct store_order *add_order(struct fixture *f, int64_t account_id, size_t names)
{
    struct store_order *order = arena_get(f->arena, sizeof *order);
    struct store_identifier *identifiers =
        arena_array(f->arena, names, sizeof *identifiers);

    order->account_id = account_id;
    order->created = NOW;
    order->expires = NOW + 1000;
    order->profile = "";
    order->authzs = arena_array(f->arena, names, sizeof *order->authzs);
    for (size_t i = 0; i < names; i++) {
        identifiers[i].value = arena_printf(f->arena, "name%zu.example.test", i);
        order->authzs[i].identifier = identifiers[i];
        order->authzs[i].expires = NOW + 1000;
        memset(order->authzs[i].seed, (int)i + 1, STORE_SEED_SIZE);
    }
    order->identifiers = identifiers;
    order->identifier_count = names;
    assert_int_equal(store_order_add(f->session, order, &f->why), ERR_OK);
    settle(f);
    return order;
}

static struct store_issuance issuance_for(const struct store_order *order, uint8_t mark)
{
    struct store_issuance i = {.order_id = order->id,
                               .account_id = order->account_id,
                               .serial_len = 16,
                               .tbs = span_of("tbs"),
                               .begun = NOW,
                               .not_after = NOW + 90};
    memset(i.serial, mark, i.serial_len);
    return i;
}

static void account_is_kept_and_found(void **state)
{
    struct fixture *f = *state;
    struct store_account *found = NULL;
    bool existed = true;
    struct store_account *made = add_account(f, 1, &existed);

    assert_false(existed);
    assert_int_equal(store_account_by_id(f->session, f->arena, made->id, &found, &f->why),
                     ERR_OK);
    assert_string_equal(found->jwk, "{\"kty\":\"EC\"}");
    assert_int_equal(found->status, STORE_ACCOUNT_VALID);
    assert_int_equal(store_account_by_thumbprint(f->session, f->arena, made->thumbprint,
                                                 &found, &f->why),
                     ERR_OK);
    assert_int_equal(found->id, made->id);
    assert_int_equal(add_account(f, 1, &existed)->id, made->id);
    assert_true(existed);
    assert_int_equal(store_account_by_id(f->session, f->arena, 999, &found, &f->why),
                     ERR_NOT_FOUND);
}

static void account_changes(void **state)
{
    struct fixture *f = *state;
    struct store_account *row = NULL;
    bool existed;
    int64_t id = add_account(f, 1, &existed)->id;

    assert_int_equal(store_account_update(f->session, id, "[\"mailto:a@b.test\"]", true,
                                          STORE_ACCOUNT_VALID, &f->why),
                     ERR_OK);
    settle(f);
    assert_int_equal(store_account_by_id(f->session, f->arena, id, &row, &f->why),
                     ERR_OK);
    assert_string_equal(row->contacts, "[\"mailto:a@b.test\"]");
    assert_true(row->terms_agreed);
    assert_int_equal(store_account_update(f->session, id, NULL, false,
                                          STORE_ACCOUNT_DEACTIVATED, &f->why),
                     ERR_OK);
    settle(f);
    assert_int_equal(store_account_by_id(f->session, f->arena, id, &row, &f->why),
                     ERR_OK);
    assert_string_equal(row->contacts, "[\"mailto:a@b.test\"]");
    assert_true(row->terms_agreed);
    assert_int_equal(row->status, STORE_ACCOUNT_DEACTIVATED);
    assert_int_equal(
        store_account_update(f->session, id, "[]", false, STORE_ACCOUNT_VALID, &f->why),
        ERR_CONFLICT);
    assert_int_equal(
        store_account_update(f->session, 77, "[]", false, STORE_ACCOUNT_VALID, &f->why),
        ERR_NOT_FOUND);
}

static void order_comes_back_whole(void **state)
{
    struct fixture *f = *state;
    struct store_order *row = NULL;
    bool existed;
    struct store_order *order =
        add_order(f, add_account(f, 1, &existed)->id, STORE_ORDER_MAX_IDENTIFIERS);

    close_store(f);
    open_store(f);
    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &row, &f->why),
                     ERR_OK);
    assert_int_equal(row->identifier_count, STORE_ORDER_MAX_IDENTIFIERS);
    assert_int_equal(row->authz_count, STORE_ORDER_MAX_IDENTIFIERS);
    for (size_t i = 0; i < row->authz_count; i++) {
        assert_string_equal(row->identifiers[i].value, order->identifiers[i].value);
        assert_string_equal(row->authzs[i].identifier.value, order->identifiers[i].value);
        assert_int_equal(row->authzs[i].id, order->authzs[i].id);
        assert_int_equal(row->authzs[i].attempt_type, -1);
        assert_memory_equal(row->authzs[i].seed, order->authzs[i].seed, STORE_SEED_SIZE);
    }
    assert_null(row->issuance);
    assert_null(row->error);
}

static void order_needs_a_valid_account(void **state)
{
    struct fixture *f = *state;
    struct store_identifier name = {0, "a.example.test"};
    struct store_authz authz = {.identifier = name};
    struct store_order order = {.account_id = 5,
                                .profile = "",
                                .identifiers = &name,
                                .identifier_count = 1,
                                .authzs = &authz};

    assert_int_equal(store_order_add(f->session, &order, &f->why), ERR_NOT_FOUND);
}

static void attempt_has_one_verdict(void **state)
{
    struct fixture *f = *state;
    struct store_authz *rows = NULL;
    size_t count = 0;
    bool existed;
    int64_t id = add_order(f, add_account(f, 1, &existed)->id, 1)->authzs[0].id;

    assert_int_equal(store_attempt_begin(f->session, id, 0, NOW, &f->why), ERR_OK);
    assert_int_equal(store_attempt_begin(f->session, id, 0, NOW, &f->why), ERR_CONFLICT);
    settle(f);
    assert_int_equal(
        store_attempts_unfinished(f->session, f->arena, 10, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].id, id);
    assert_int_equal(store_attempt_finish(f->session, id, 1, STORE_VERDICT_VALID, NULL,
                                          NULL, NOW, &f->why),
                     ERR_CONFLICT);
    assert_int_equal(store_attempt_finish(f->session, id, 0, STORE_VERDICT_INVALID, "{}",
                                          "[]", NOW + 1, &f->why),
                     ERR_OK);
    assert_int_equal(store_attempt_finish(f->session, id, 0, STORE_VERDICT_VALID, NULL,
                                          NULL, NOW, &f->why),
                     ERR_CONFLICT);
    settle(f);
    assert_int_equal(store_authz_by_id(f->session, f->arena, id, &rows, &f->why), ERR_OK);
    assert_int_equal(rows->verdict, STORE_VERDICT_INVALID);
    assert_string_equal(rows->error, "{}");
    assert_string_equal(rows->record, "[]");
    assert_int_equal(
        store_attempts_unfinished(f->session, f->arena, 10, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(store_attempt_begin(f->session, 12345, 0, NOW, &f->why),
                     ERR_NOT_FOUND);
}

static void issuance_is_single(void **state)
{
    struct fixture *f = *state;
    struct store_issuance *rows = NULL;
    struct store_order *row = NULL;
    size_t count = 0;
    bool existed;
    int64_t account = add_account(f, 1, &existed)->id;
    struct store_order *order = add_order(f, account, 1);
    struct store_issuance first = issuance_for(order, 1);
    struct store_issuance again = issuance_for(order, 2);
    struct store_issuance same_serial = issuance_for(add_order(f, account, 1), 1);

    assert_int_equal(store_issuance_begin(f->session, &first, &f->why), ERR_OK);
    assert_int_equal(store_issuance_begin(f->session, &again, &f->why), ERR_CONFLICT);
    assert_int_equal(store_issuance_begin(f->session, &same_serial, &f->why),
                     ERR_CONFLICT);
    settle(f);
    assert_int_equal(
        store_issuances_unfinished(f->session, f->arena, 10, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 1);
    assert_true(span_is(rows[0].tbs, "tbs"));
    assert_int_equal(store_issuance_finish(f->session, first.id, span_of("cert"),
                                           span_of("chain"), &f->why),
                     ERR_OK);
    assert_int_equal(store_issuance_finish(f->session, first.id, span_of("x"),
                                           span_of("chain"), &f->why),
                     ERR_CONFLICT);
    assert_int_equal(store_issuance_abandon(f->session, first.id, &f->why), ERR_CONFLICT);
    assert_int_equal(store_order_fail(f->session, order->id, "{}", &f->why),
                     ERR_CONFLICT);
    settle(f);
    assert_int_equal(
        store_certificate_by_id(f->session, f->arena, first.id, &rows, &f->why), ERR_OK);
    assert_true(span_is(rows->certificate, "cert"));
    assert_true(span_is(rows->issuers, "chain"));
    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &row, &f->why),
                     ERR_OK);
    assert_true(row->issuance->finished);
}

static void abandoned_issuance_makes_room(void **state)
{
    struct fixture *f = *state;
    struct store_order *row = NULL;
    struct store_issuance *certificate = NULL;
    bool existed;
    struct store_order *order = add_order(f, add_account(f, 1, &existed)->id, 1);
    struct store_issuance first = issuance_for(order, 1);
    struct store_issuance second = issuance_for(order, 2);

    assert_int_equal(store_issuance_begin(f->session, &first, &f->why), ERR_OK);
    assert_int_equal(store_issuance_abandon(f->session, first.id, &f->why), ERR_OK);
    assert_int_equal(store_issuance_begin(f->session, &second, &f->why), ERR_OK);
    settle(f);
    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &row, &f->why),
                     ERR_OK);
    assert_int_equal(row->issuance->id, second.id);
    assert_int_equal(
        store_certificate_by_id(f->session, f->arena, second.id, &certificate, &f->why),
        ERR_NOT_FOUND);
    assert_int_equal(store_order_fail(f->session, order->id, "{\"type\":\"x\"}", &f->why),
                     ERR_OK);
    assert_int_equal(store_order_fail(f->session, order->id, "{}", &f->why),
                     ERR_CONFLICT);
    settle(f);
    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &row, &f->why),
                     ERR_OK);
    assert_string_equal(row->error, "{\"type\":\"x\"}");
}

struct racer {
    struct fixture *f;
    int64_t id;
};

static void *race(void *argument)
{
    struct racer *r = argument;
    struct store_session *session = NULL;
    struct arena *a = arena_new();
    struct store_account fresh = {.jwk = "{}", .contacts = "[]", .created = NOW};
    struct store_account *row = NULL;
    struct err_info why = {0};
    bool existed;

    if (store_session_open(r->f->store, &session, &why) == ERR_OK &&
        store_account_add(session, a, &fresh, &existed, &row, &why) == ERR_OK &&
        store_wait(r->f->store, store_session_ticket(session), &why) == ERR_OK)
        r->id = row->id;
    store_session_close(session);
    arena_free(a);
    return NULL;
}

static void racing_accounts_become_one(void **state)
{
    struct racer racers[8];
    pthread_t threads[8];

    for (size_t i = 0; i < 8; i++) {
        racers[i].f = *state;
        racers[i].id = -1;
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(racers[i].id, racers[0].id);
    assert_true(racers[0].id > 0);
}

static void settings_are_added_once(void **state)
{
    struct fixture *f = *state;
    struct span value = {0};

    assert_int_equal(store_setting_get(f->session, f->arena, "key", &value, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_setting_add(f->session, "key", span_of("one"), &f->why),
                     ERR_OK);
    assert_int_equal(store_setting_add(f->session, "key", span_of("two"), &f->why),
                     ERR_CONFLICT);
    settle(f);
    assert_int_equal(store_setting_get(f->session, f->arena, "key", &value, &f->why),
                     ERR_OK);
    assert_true(span_is(value, "one"));
    assert_int_equal(store_check(f->session, &f->why), ERR_OK);
}

static void one_store_one_process(void **state)
{
    struct fixture *f = *state;
    struct store *second = NULL;
    struct stat status;

    assert_int_equal(store_open(f->path, &second, &f->why), ERR_STORE);
    assert_non_null(strstr(f->why.detail, "in use"));
    assert_int_equal(stat(f->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void foreign_files_are_refused(void **state)
{
    struct fixture *f = *state;
    struct store *other = NULL;
    char path[128];

    (void)snprintf(path, sizeof path, "%s/other", f->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 200; i++)
        fputs("this is not a database of any kind\n", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(store_open(path, &other, &f->why), ERR_STORE);
    assert_non_null(strstr(f->why.detail, "not a database"));
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/other.lock", f->directory);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(account_is_kept_and_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(account_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(order_comes_back_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(order_needs_a_valid_account, set_up, tear_down),
        cmocka_unit_test_setup_teardown(attempt_has_one_verdict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(issuance_is_single, set_up, tear_down),
        cmocka_unit_test_setup_teardown(abandoned_issuance_makes_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(racing_accounts_become_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(settings_are_added_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_store_one_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_files_are_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
