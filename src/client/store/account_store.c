/* Accounts on disk. */
#include "client/store/account_store.h"

#include <string.h>

#include "client/store/state.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

#define ACCOUNT_FILE_MAX (64 * 1024) /* octets */
#define FOLDER_HASH      8           /* octets of the URL's hash in the folder's name */
#define LOCK_WAIT_MS     (60 * 1000) /* for somebody who makes or changes the account */

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

/* The account's key in the folder. ERR_NOT_FOUND if there is none. */
static enum err read_key(struct arena *a, struct account *account, struct err_info *why)
{
    char *path = file_path(a, account->folder, "key.pem");
    struct span text;

    TRY(file_read(a, path, KEY_PEM_MAX, &text, why));
    enum err result = key_from_pem(text, NULL, &account->key, why);
    memory_wipe((void *)(uintptr_t)text.data, text.len);
    return result == ERR_OK ? ERR_OK : err_prefix(why, "%s", path);
}

static enum err keep_key(struct arena *a, const char *folder, const struct key *key,
                         struct err_info *why)
{
    AUTO(secret) struct secret pem = {0};

    TRY(key_to_pem(key, NULL, &pem, why));
    TRY(file_make_directory(folder, 0700, why));
    return file_create(file_path(a, folder, "key.pem"), span_make(pem.data, pem.len),
                       0600, why);
}

/* The account's key: from the folder, or a new one that is kept there first. */
static enum err need_key(struct arena *a, struct account *account, struct err_info *why)
{
    enum err result = read_key(a, account, why);

    if (result != ERR_NOT_FOUND)
        return result;
    TRY(key_generate(KEY_P256, 0, &account->key, why));
    result = keep_key(a, account->folder, account->key, why);
    if (result != ERR_OK)
        key_free(account->key);
    return result;
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

enum err account_store_find(struct arena *a, const char *directory, const char *ca,
                            struct account *account, struct err_info *why)
{
    struct account found = {.folder = folder_of(a, directory, ca),
                            .ca = arena_string(a, ca)};

    TRY(read_key(a, &found, why));
    arena_own(a, found.key, key_drop);
    found.url = known_url(a, found.folder);
    *account = found;
    return ERR_OK;
}

enum err account_store_open(struct arena *a, const char *directory, const char *ca,
                            struct account *account, struct err_info *why)
{
    AUTO(state_lock) struct state_lock lock = {0};
    struct account made = {.folder = folder_of(a, directory, ca),
                           .ca = arena_string(a, ca)};

    enum err result = account_store_find(a, directory, ca, account, why);
    if (result != ERR_NOT_FOUND)
        return result;
    /* two runs at once have one account, not one each */
    TRY(state_lock_account(a, made.folder, STATE_LOCK_EXCLUSIVE, LOCK_WAIT_MS, &lock,
                           why));
    TRY(need_key(a, &made, why));
    arena_own(a, made.key, key_drop);
    made.url = known_url(a, made.folder);
    *account = made;
    return ERR_OK;
}

enum err account_store_use(struct arena *a, const char *directory,
                           struct account *account, struct state_lock *lock,
                           struct err_info *why)
{
    TRY(state_lock_account(a, account->folder, STATE_LOCK_SHARED, LOCK_WAIT_MS, lock,
                           why));
    return account_store_find(a, directory, account->ca, account, why);
}

enum err account_store_adopt(struct arena *a, const char *directory, const char *ca,
                             const struct key *key, const char *url, const char *email,
                             bool *is_new, struct err_info *why)
{
    struct account account;

    enum err result = account_store_find(a, directory, ca, &account, why);
    if (result != ERR_OK && result != ERR_NOT_FOUND)
        return result;
    *is_new = result == ERR_NOT_FOUND;
    if (*is_new) {
        account = (struct account){.folder = folder_of(a, directory, ca), .ca = ca};
        TRY(keep_key(a, account.folder, key, why));
    } else if (!key_equal(account.key, key))
        return err_set(why, ERR_EXISTS, "there is another account for %s in %s", ca,
                       account.folder);
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
