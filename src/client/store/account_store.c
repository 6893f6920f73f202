/* Accounts on disk. */
#include "client/store/account_store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/settings/settings_key.h"
#include "client/store/state.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

#define KEY_FILE         "key.pem"
#define NEXT_FILE        "key.next.pem"
#define RETIRED_MAX      1000
#define ACCOUNT_FILE_MAX (64 * 1024) /* octets */
#define FOLDER_HASH      8           /* octets of the URL's hash in the folder's name */
#define LOCK_WAIT_MS     (60 * 1000) /* for somebody who makes or changes the account */
#define LOOK_MS          200         /* between two looks whether somebody has made it */

/* accounts/HOST-HASH: readable, and one for each directory URL. */
static char *folder_of(struct arena *a, const char *directory, const char *ca)
{
    const char *host = strncmp(ca, "https://", 8) == 0 ? ca + 8 : ca;
    uint8_t hash[HASH_SHA256_SIZE];
    char hex[2 * FOLDER_HASH + 1];

    hash_sha256(span_of(ca), hash);
    text_hex(hex, hash, FOLDER_HASH);
    char *name = arena_printf(a, "%.*s-%s", (int)strcspn(host, "/"), host, hex);
    for (char *p = name; *p != '\0'; p++)
        if (*p == ':' || *p == '[' || *p == ']')
            *p = '_';
    return arena_printf(a, "%s/accounts/%s", directory, name);
}

/* The account's key, and the next one if there is one. ERR_NOT_FOUND if there is none. */
static enum err read_key(struct arena *a, struct account *account, struct err_info *why)
{
    TRY(account_key_read(a, file_path(a, account->folder, KEY_FILE), &account->key,
                         &account->place, why));
    enum err result = account_key_read(a, file_path(a, account->folder, NEXT_FILE),
                                       &account->next, &account->next_place, why);
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}

/* Whole or not at all: who looks for a key does not wait for the lock, which we have. */
static enum err keep_key(struct arena *a, const char *folder, const char *name,
                         const struct key *key, const struct account_place *place,
                         struct err_info *why)
{
    char *path = file_path(a, folder, name);

    TRY(file_make_directory(folder, 0700, why));
    file_sweep(path); /* a key that nobody knows of any more */
    return account_key_write(path, key, place, why);
}

static enum err generate(struct arena *a, const char *key_type, struct key **key,
                         struct err_info *why)
{
    const struct settings_key *type = settings_key_find(key_type);

    TRY(settings_key_check(key_type, why));
    if (!type->for_accounts)
        return err_set(why, ERR_CONFIG,
                       "account_key: accounts cannot have keys of type %s", key_type);
    TRY(key_generate(type->type, type->bits, key, why));
    arena_own(a, *key, key_drop);
    return ERR_OK;
}

/* A new key, kept in the folder before anything else. */
static enum err make_key(struct arena *a, const char *folder, const char *name,
                         const struct account_maker *maker, struct key **key,
                         struct account_place *place, struct err_info *why)
{
    struct account_place at = {0};
    struct key *made = NULL;

    if (maker->make != NULL)
        TRY(maker->make(maker->context, a, &made, &at, why));
    else
        TRY(generate(a, maker->key_type, &made, why));
    TRY(keep_key(a, folder, name, made, &at, why));
    *key = made;
    *place = at;
    return ERR_OK;
}

/* The account's URL, NULL if it was never told. */
static const char *known_url(struct arena *a, const char *folder)
{
    char *path = file_path(a, folder, "account.json");
    struct err_info ignored = {0};
    const struct json *object = NULL;
    const char *url = NULL;
    struct span text;

    /* a damaged file is no loss: the CA knows the account by its key */
    if (file_read(a, path, ACCOUNT_FILE_MAX, &text, &ignored) != ERR_OK ||
        json_read(a, text, &object, &ignored) != ERR_OK ||
        json_need_text(object, "url", &url, &ignored) != ERR_OK)
        return NULL;
    return url;
}

void account_store_devices(struct arena *a, const char *directory, const char *ca,
                           struct account_place places[static 2])
{
    const char *folder = folder_of(a, directory, ca);

    account_key_find(a, file_path(a, folder, KEY_FILE), &places[0]);
    account_key_find(a, file_path(a, folder, NEXT_FILE), &places[1]);
}

enum err account_store_find(struct arena *a, const char *directory, const char *ca,
                            struct account *account, struct err_info *why)
{
    struct account found = {.folder = folder_of(a, directory, ca),
                            .ca = arena_string(a, ca)};

    TRY(read_key(a, &found, why));
    found.url = known_url(a, found.folder);
    *account = found;
    return ERR_OK;
}

enum err account_store_open_with(struct arena *a, const char *directory, const char *ca,
                                 const struct account_maker *maker,
                                 struct account *account, struct err_info *why)
{
    AUTO(state_lock) struct state_lock lock = {0};
    struct account made = {.folder = folder_of(a, directory, ca),
                           .ca = arena_string(a, ca)};
    struct err_info ignored = {0};

    enum err result = account_store_find(a, directory, ca, account, why);
    if (result != ERR_NOT_FOUND)
        return result;
    /* two runs at once have one account, not one each; what another has made meanwhile is
     * in use, for as long as a certificate takes */
    for (int64_t waited = 0; !lock.held; waited += LOOK_MS) {
        result =
            state_lock_account(a, made.folder, STATE_LOCK_EXCLUSIVE, LOOK_MS, &lock, why);
        if (result == ERR_LOCKED &&
            account_store_find(a, directory, ca, account, &ignored) == ERR_OK)
            return ERR_OK;
        if (result != ERR_LOCKED || waited >= LOCK_WAIT_MS)
            TRY(result);
    }
    *why = (struct err_info){0};
    result = read_key(a, &made, why);
    if (result == ERR_NOT_FOUND)
        result = make_key(a, made.folder, KEY_FILE, maker, &made.key, &made.place, why);
    TRY(result);
    made.url = known_url(a, made.folder);
    *account = made;
    return ERR_OK;
}

enum err account_store_open(struct arena *a, const char *directory, const char *ca,
                            struct account *account, struct err_info *why)
{
    const struct account_maker maker = {.key_type = "p256"};

    return account_store_open_with(a, directory, ca, &maker, account, why);
}

enum err account_store_use(struct arena *a, const char *directory,
                           struct account *account, enum state_lock_kind kind,
                           struct state_lock *lock, struct err_info *why)
{
    TRY(state_lock_account(a, account->folder, kind, LOCK_WAIT_MS, lock, why));
    TRY(account_store_find(a, directory, account->ca, account, why));
    if (kind == STATE_LOCK_EXCLUSIVE || account->next == NULL)
        return ERR_OK;
    state_unlock(lock); /* a change of its key is settled by one */
    return account_store_use(a, directory, account, STATE_LOCK_EXCLUSIVE, lock, why);
}

/* Is all that would be kept there already? Nobody who uses the account is waited for. */
static bool is_known(struct arena *a, const char *directory, const char *ca,
                     const struct key *key, const struct account_place *place,
                     const char *url)
{
    struct err_info ignored = {0};
    struct account account;

    return account_store_find(a, directory, ca, &account, &ignored) == ERR_OK &&
           key_equal(account.key, key) && (account.url != NULL || url == NULL) &&
           (account.place.device == NULL || place == NULL);
}

enum err account_store_adopt(struct arena *a, const char *directory, const char *ca,
                             const struct key *key, const struct account_place *place,
                             const char *url, const char *email, bool *is_new,
                             struct err_info *why)
{
    AUTO(state_lock) struct state_lock lock = {0};
    struct account account;

    *is_new = false;
    if (is_known(a, directory, ca, key, place, url))
        return ERR_OK;
    TRY(state_lock_account(a, folder_of(a, directory, ca), STATE_LOCK_EXCLUSIVE,
                           LOCK_WAIT_MS, &lock, why));
    enum err result = account_store_find(a, directory, ca, &account, why);
    if (result != ERR_OK && result != ERR_NOT_FOUND)
        return result;
    *is_new = result == ERR_NOT_FOUND;
    if (*is_new) {
        account = (struct account){.folder = folder_of(a, directory, ca), .ca = ca};
        TRY(keep_key(a, account.folder, KEY_FILE, key, place, why));
    } else if (!key_equal(account.key, key))
        return err_set(why, ERR_EXISTS, "there is another account for %s in %s", ca,
                       account.folder);
    else if (account.place.device != NULL && place != NULL) /* it is elsewhere now */
        TRY(keep_key(a, account.folder, KEY_FILE, key, place, why));
    if (account.url != NULL || url == NULL)
        return ERR_OK;
    return account_store_keep_url(&account, url, email, why);
}

enum err account_store_keep_url(const struct account *account, const char *url,
                                const char *email, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(ACCOUNT_FILE_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "url", url);
    json_write_text(&w, "ca", account->ca);
    json_write_text(&w, "email", email != NULL ? email : "");
    json_write_end_object(&w);
    buf_add_text(&b, "\n");
    if (b.failed)
        return err_set(why, ERR_IO, "the account is too large to be stored");
    return file_replace(file_path(a, account->folder, "account.json"), buf_span(&b), 0600,
                        why);
}

enum err account_store_make_next(struct arena *a, struct account *account,
                                 const struct account_maker *maker, struct err_info *why)
{
    if (account->next != NULL)
        return ERR_OK;
    return make_key(a, account->folder, NEXT_FILE, maker, &account->next,
                    &account->next_place, why);
}

enum err account_store_settle(struct arena *a, struct account *account, bool next,
                              struct err_info *why)
{
    char *current = file_path(a, account->folder, KEY_FILE);
    char *other = file_path(a, account->folder, NEXT_FILE);

    if ((next ? rename(other, current) : unlink(other)) != 0 && (next || errno != ENOENT))
        return err_set_os(why, ERR_IO, errno, "%s cannot be %s", other,
                          next ? "put in force" : "removed");
    TRY(file_sync_directory(account->folder, why));
    if (next) {
        account->key = account->next;
        account->place = account->next_place;
    }
    account->next = NULL;
    account->next_place = (struct account_place){0};
    return ERR_OK;
}

enum err account_store_retire(struct arena *a, const struct account *account,
                              struct err_info *why)
{
    for (int n = 1; n <= RETIRED_MAX; n++) {
        char *aside = arena_printf(a, "%s.deactivated-%d", account->folder, n);
        if (file_exists(aside))
            continue;
        if (rename(account->folder, aside) != 0)
            return err_set_os(why, ERR_IO, errno, "%s cannot be put aside",
                              account->folder);
        return file_sync_directory(
            arena_string_of(
                a, span_slice(span_of(account->folder), 0,
                              (size_t)(strrchr(account->folder, '/') - account->folder))),
            why);
    }
    return err_set(why, ERR_IO, "%s cannot be put aside: too many are", account->folder);
}
