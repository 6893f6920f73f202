/* cairn-ca key ...: keys that are not to be certified, nor an account's. */
#include <string.h>

#include "core/base/text.h"
#include "server/admin/admin.h"
#include "server/store/store_key.h"

#define LIST_MAX 2000 /* keys on one page; less than ADMIN_ANSWER_MAX */
#define COLON    ':'  /* as openssl writes it between octets */

static enum err read_hash(const struct admin_call *call, const char *name, uint8_t *hash,
                          struct err_info *why)
{
    const char *text = admin_text(call, name);
    char *digits = arena_get(call->arena, strlen(text) + 1);
    size_t count = 0;
    size_t len = 0;

    for (const char *p = text; *p != '\0'; p++)
        if (*p != COLON)
            digits[count++] = *p;
    if (!text_unhex(span_make(digits, count), hash, STORE_HASH_SIZE, &len) ||
        len != STORE_HASH_SIZE)
        return err_set(why, ERR_USAGE,
                       "\"%.100s\" is no SHA-256, which has 64 hexadecimal digits", text);
    return ERR_OK;
}

static void write_key(struct json_writer *w, const struct store_blocked_key *key)
{
    char hash[2 * STORE_HASH_SIZE + 1];

    text_hex(hash, key->hash, STORE_HASH_SIZE);
    json_write_text(w, "key_hash", hash);
    json_write_time(w, "since", key->since);
    json_write_text(w, "reason",
                    key->reason[0] != '\0' ? key->reason
                                           : "revoked as compromised (keyCompromise)");
}

enum err admin_key_block(struct admin_call *call, struct err_info *why)
{
    char *reason = arena_string(call->arena, admin_text(call, "reason"));
    struct store_blocked_key key = {.since = call->now, .reason = reason};

    TRY(read_hash(call, "key_hash", key.hash, why));
    text_make_printable(reason);
    admin_hold(call);
    TRY(store_key_add(call->session, &key, why));
    write_key(call->result, &key);
    return ERR_OK;
}

enum err admin_key_unblock(struct admin_call *call, struct err_info *why)
{
    uint8_t hash[STORE_HASH_SIZE];
    struct store_blocked_key was = {0};

    TRY(read_hash(call, "key_hash", hash, why));
    admin_hold(call);
    TRY(store_key_remove(call->session, call->arena, hash, &was, why));
    write_key(call->result, &was);
    return ERR_OK;
}

enum err admin_key_list(struct admin_call *call, struct err_info *why)
{
    uint8_t after[STORE_HASH_SIZE] = {0};
    char next[2 * STORE_HASH_SIZE + 1];
    struct store_blocked_key *keys = NULL;
    size_t count = 0;

    if (admin_text(call, "after") != NULL)
        TRY(read_hash(call, "after", after, why));
    TRY(store_key_list(call->session, call->arena, after, LIST_MAX, &keys, &count, why));
    json_write_begin_array(call->result, "keys");
    for (size_t i = 0; i < count; i++) {
        json_write_begin_object(call->result, NULL);
        write_key(call->result, &keys[i]);
        json_write_end_object(call->result);
    }
    json_write_end_array(call->result);
    if (count == LIST_MAX) {
        text_hex(next, keys[count - 1].hash, STORE_HASH_SIZE);
        json_write_text(call->result, "next_after", next);
    }
    return ERR_OK;
}
