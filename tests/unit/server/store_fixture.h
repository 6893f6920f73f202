/* A store in a temporary folder, and a disk that is full: the process's limit on the size
 * of files is reached. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/store.h"
#include "server/store/store_revocation.h"

struct store_fixture {
    char directory[64];
    char path[96];
    struct store *store;
    struct store_session *session;
    struct arena *arena;
    struct err_info why;
};

/* A new, empty store that is open; closed and removed. */
struct store_fixture *store_fixture_new(void);
void store_fixture_free(struct store_fixture *f);

/* As a restart does. */
void store_fixture_open(struct store_fixture *f);
void store_fixture_close(struct store_fixture *f);

/* From now on no batch can be written; now it can again. */
void store_fixture_fill_disk(const struct store_fixture *f);
void store_fixture_free_disk(void);

/* Wait for what the session did; what follows is another piece of work. */
enum err store_fixture_settle(struct store_fixture *f);

/* An account whose thumbprint is `mark` all over, and a one-name order of it. Not waited
 * for. */
struct store_account *store_fixture_account(struct store_fixture *f, uint8_t mark,
                                            const char *jwk);
struct store_order *store_fixture_order(struct store_fixture *f, int64_t account_id,
                                        const char *name);

/* The same with its authorization valid, so that it may be issued. */
struct store_order *store_fixture_proved_order(struct store_fixture *f,
                                               int64_t account_id, const char *name);
