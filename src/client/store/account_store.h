/* Accounts on disk: a folder for each CA, with the account's key, or where that is, and
 * its URL. */
#pragma once

#include <stdbool.h>

#include "client/store/account_key.h"
#include "client/store/state.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/key.h"

struct account {
    const char *folder;
    const char *ca;   /* directory URL */
    struct key *key;  /* of the arena */
    struct key *next; /* of the arena; NULL: no change of the key is under way */
    const char *url;  /* NULL: the CA has not told it yet */
    struct account_place place; /* of the key; of one in a device, `key` is public only */
    struct account_place next_place;
};

/* Where a new key comes from. */
struct account_maker {
    const char *key_type; /* what settings call its type, if it is made here */
    /* It is made elsewhere. The key belongs to the arena. NULL: here */
    enum err (*make)(void *context, struct arena *a, struct key **key,
                     struct account_place *place, struct err_info *why);
    void *context;
};

/* In which devices an account's key, and its next one, are, and where the PINs are (as
 * account_key_find). No key is read. */
void account_store_devices(struct arena *a, const char *directory, const char *ca,
                           struct account_place places[static 2]);

/* The account for a CA; a key is made, and kept on disk, if there is none, by one of
 * those who want it at the same time: of P-256, or with account_store_open_with as its
 * maker says, whose failures are then passed on. ERR_IO, ERR_CRYPTO, ERR_CONFIG,
 * ERR_LOCKED, ERR_INTERRUPTED. */
MUST_CHECK enum err account_store_open_with(struct arena *a, const char *directory,
                                            const char *ca,
                                            const struct account_maker *maker,
                                            struct account *account,
                                            struct err_info *why);
MUST_CHECK enum err account_store_open(struct arena *a, const char *directory,
                                       const char *ca, struct account *account,
                                       struct err_info *why);

/* The account for a CA if there is one: nothing is made. ERR_NOT_FOUND, ERR_IO,
 * ERR_CRYPTO. */
MUST_CHECK enum err account_store_find(struct arena *a, const char *directory,
                                       const char *ca, struct account *account,
                                       struct err_info *why);

/* Keep the key of an account that was made elsewhere, or where that is; `url` may be
 * NULL, if the CA is to be asked for it. `*is_new` is false if it is here already.
 * ERR_EXISTS: there is another account for that CA, which stays. ERR_IO, ERR_CRYPTO. */
MUST_CHECK enum err account_store_adopt(struct arena *a, const char *directory,
                                        const char *ca, const struct key *key,
                                        const struct account_place *place,
                                        const char *url, const char *email, bool *is_new,
                                        struct err_info *why);

/* The account is in use until the lock is released: shared, its key stays as it is;
 * exclusively, as it is taken for a key whose change is not settled in any case, the
 * caller may change it. Reads it again, as somebody may have changed it just before.
 * ERR_LOCKED, ERR_INTERRUPTED, and as account_store_find. */
MUST_CHECK enum err account_store_use(struct arena *a, const char *directory,
                                      struct account *account, enum state_lock_kind kind,
                                      struct state_lock *lock, struct err_info *why);

/* Keep the URL the CA told. ERR_IO. */
MUST_CHECK enum err account_store_keep_url(const struct account *account, const char *url,
                                           const char *email, struct err_info *why);

/* Make the key that the account is to have next, unless there is one: it is on disk when
 * this comes back (key.next.pem). ERR_IO, ERR_CRYPTO, ERR_CONFIG, or as the maker fails.
 */
MUST_CHECK enum err account_store_make_next(struct arena *a, struct account *account,
                                            const struct account_maker *maker,
                                            struct err_info *why);

/* The CA has told which key is in force: the next one, which takes the place of the other
 * by one rename; or the one before, and the next one is forgotten. ERR_IO. */
MUST_CHECK enum err account_store_settle(struct arena *a, struct account *account,
                                         bool next, struct err_info *why);

/* The account is no more: its folder is put aside, under another name, and the next one
 * for the CA begins anew. ERR_IO. */
MUST_CHECK enum err account_store_retire(struct arena *a, const struct account *account,
                                         struct err_info *why);
