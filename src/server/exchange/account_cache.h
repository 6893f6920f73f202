/* Accounts in memory with their keys ready to verify: importing a key costs half a
 * verification. Entries are dropped when the account changes. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "server/exchange/external_policy.h"
#include "server/store/store.h"

#define ACCOUNT_CACHE_SIZE   4096 /* accounts; a power of two */
#define ACCOUNT_CACHE_OFTEN  500  /* requests that cost what key_expect_many costs */
#define ACCOUNT_CACHE_TABLES 64   /* keys with tables at the same time: 10 MiB */

/* An account as the gate lets it in. Immutable; owned by whoever holds a reference. */
struct account {
    int64_t id;
    const char *directory; /* the name of the ACME directory it was made in */
    uint8_t thumbprint[STORE_THUMBPRINT_SIZE];
    enum store_account_status status;
    bool terms_agreed;
    const char *terms; /* URL of the terms it agreed to last; "" if that is not known */
    struct key *key;   /* only to verify with */
    const char *contacts; /* JSON array text */
    int64_t created;
    const struct external_policy *external; /* NULL: not bound with an external key */
};

struct account_cache;

/* An empty cache in which so many keys may have tables, at most ACCOUNT_CACHE_TABLES;
 * free when no exchange is left. */
struct account_cache *account_cache_new(unsigned int tables);
void account_cache_free(struct account_cache *cache);

/* The account of that id, from memory or the store; referenced until the arena ends.
 * ERR_ACCOUNT_DOES_NOT_EXIST. */
MUST_CHECK enum err account_cache_get(struct account_cache *cache,
                                      struct store_session *session, struct arena *a,
                                      int64_t id, const struct account **account,
                                      struct err_info *why);

/* A request of an account of the cache was verified. An account with ACCOUNT_CACHE_OFTEN
 * of them gets a table for its key, made by a thread of the cache, unless as many have
 * one as may, and all of those had 64 requests in the last ten minutes. */
void account_cache_verified(struct account_cache *cache, const struct account *account);

/* Forget an account: to be called after every change of it. */
void account_cache_forget(struct account_cache *cache, int64_t id);

/* Forget all: many were changed at once. */
void account_cache_forget_all(struct account_cache *cache);
