/* A store in a temporary folder; see store_fixture.h. */
#include "server/store_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"

void store_fixture_open(struct store_fixture *f)
{
    assert_int_equal(store_open(f->path, &f->store, &f->why), ERR_OK);
    assert_int_equal(store_session_open(f->store, &f->session, &f->why), ERR_OK);
}

void store_fixture_close(struct store_fixture *f)
{
    store_session_close(f->session);
    store_close(f->store);
}

struct store_fixture *store_fixture_new(void)
{
    struct store_fixture *f = calloc(1, sizeof *f);

    (void)snprintf(f->directory, sizeof f->directory, "/tmp/cairn-unit-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->path, sizeof f->path, "%s/cairn.db", f->directory);
    f->arena = arena_new();
    (void)signal(SIGXFSZ, SIG_IGN);
    store_fixture_open(f);
    return f;
}

void store_fixture_free(struct store_fixture *f)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    char path[128];

    store_fixture_free_disk();
    store_fixture_close(f);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", f->path, endings[i]);
        (void)unlink(path);
    }
    (void)rmdir(f->directory);
    arena_free(f->arena);
    free(f);
}

void store_fixture_fill_disk(const struct store_fixture *f)
{
    struct rlimit limit;
    struct stat wal;
    char path[128];

    (void)snprintf(path, sizeof path, "%s-wal", f->path);
    assert_int_equal(stat(path, &wal), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = (rlim_t)wal.st_size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

void store_fixture_free_disk(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

enum err store_fixture_settle(struct store_fixture *f)
{
    enum err result = store_wait(f->store, store_session_ticket(f->session), &f->why);

    store_session_begin(f->session); /* what follows is another piece of work */
    return result;
}

struct store_account *store_fixture_account(struct store_fixture *f, uint8_t mark,
                                            const char *jwk)
{
    struct store_account fresh = {.directory = "default",
                                  .jwk = jwk,
                                  .contacts = "[]",
                                  .terms_agreed = true,
                                  .created = clock_now()};
    struct store_account *row = NULL;
    bool existed;

    memset(fresh.thumbprint, mark, sizeof fresh.thumbprint);
    assert_int_equal(
        store_account_add(f->session, f->arena, &fresh, &existed, &row, &f->why), ERR_OK);
    return row;
}

struct store_order *store_fixture_order(struct store_fixture *f, int64_t account_id,
                                        const char *name)
{
    struct store_order *order = arena_get(f->arena, sizeof *order);
    struct store_identifier *identifier = arena_get(f->arena, sizeof *identifier);

    order->authzs = arena_get(f->arena, sizeof *order->authzs);
    identifier->value = name;
    order->account_id = account_id;
    order->created = clock_now();
    order->expires = order->created + 3600;
    order->profile = "";
    order->identifiers = identifier;
    order->identifier_count = 1;
    order->authzs[0].identifier = *identifier;
    order->authzs[0].expires = order->expires;
    assert_int_equal(store_order_add(f->session, order, &f->why), ERR_OK);
    return order;
}

struct store_order *store_fixture_proved_order(struct store_fixture *f,
                                               int64_t account_id, const char *name)
{
    struct store_order *order = store_fixture_order(f, account_id, name);

    assert_int_equal(store_attempt_finish(f->session, order->authzs[0].id, 0,
                                          STORE_VERDICT_VALID, NULL, "[]", clock_now(),
                                          &f->why),
                     ERR_OK);
    return order;
}
