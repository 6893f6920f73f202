/* cairn-ca device ...: the inventory of devices. */
#include "server/admin/admin_device.h"

#include <string.h>

#include "core/acme/identifier_device.h"
#include "core/attest/attest.h"
#include "core/base/text.h"
#include "server/admin/admin_criteria.h"

#define LIST_MAX         1000         /* devices on one page */
#define PAGE_OCTETS      (600 * 1024) /* or so much of it; a device may be some 20 KB */
#define CERTIFICATES_MAX 100          /* shown of one device */
#define AT_ONCE          100          /* looked at together */
#define KEY_COMPROMISE   1            /* RFC 5280 5.3.1 */

static const struct {
    const char *argument;
    enum attest_known_kind kind;
} kinds[] = {{"ek", ATTEST_KNOWN_EK}, {"ak", ATTEST_KNOWN_AK}, {"key", ATTEST_KNOWN_KEY}};

#define KINDS (sizeof kinds / sizeof kinds[0])

/* ---- what the commands share ---- */

enum err admin_device_identifier(const struct admin_call *call, const char *name,
                                 struct store_identifier *identifier,
                                 struct err_info *why)
{
    struct identifier read;

    if (identifier_device_read(call->arena, admin_text(call, name), &read, why) !=
        ERR_OK) {
        why->code = ERR_USAGE;
        return ERR_USAGE;
    }
    *identifier = (struct store_identifier){(int)read.type, read.value};
    return ERR_OK;
}

const char *admin_device_name(struct arena *a, const struct store_identifier *identifier)
{
    return arena_printf(a, "%s:%s",
                        terms_identifier_type((enum identifier_type)identifier->type),
                        identifier->value);
}

enum err admin_device_find(const struct admin_call *call,
                           const struct store_identifier *identifier,
                           struct store_device **row, struct err_info *why)
{
    enum err result = store_device_find(call->session, call->arena, identifier, row, why);

    return result == ERR_NOT_FOUND
               ? err_set(why, ERR_NOT_FOUND, "\"%s\" is not in the inventory",
                         admin_device_name(call->arena, identifier))
               : result;
}

static void write_time(struct json_writer *w, const char *name, int64_t seconds)
{
    if (seconds != 0)
        json_write_time(w, name, seconds);
    else
        json_write_text(w, name, NULL);
}

void admin_device_write(const struct admin_call *call, const struct store_device *device)
{
    struct json_writer *w = call->result;
    char text[2 * STORE_HASH_SIZE + 1];

    json_write_text(w, "identifier", admin_device_name(call->arena, &device->identifier));
    json_write_text(w, "label", device->label);
    json_write_text(w, "eab", device->kid);
    json_write_time(w, "created", device->created);
    write_time(w, "attested", device->attested);
    write_time(w, "blocked", device->blocked);
    json_write_text(w, "reason", device->blocked != 0 ? device->reason : NULL);
    for (size_t k = 0; k < KINDS; k++) {
        json_write_begin_array(w, kinds[k].argument);
        for (size_t i = 0; i < device->key_count; i++) {
            if (device->keys[i].kind != (int)kinds[k].kind)
                continue;
            text_hex(text, device->keys[i].sha256, STORE_HASH_SIZE);
            json_write_text(w, NULL, text);
        }
        json_write_end_array(w);
    }
}

static bool would_be_revoked(const struct admin_call *call, const struct store_found *row,
                             int crl_reason)
{
    return row->issuance.not_after >= call->now &&
           (row->revocation.at == 0 ||
            (crl_reason == KEY_COMPROMISE && row->revocation.reason != KEY_COMPROMISE));
}

enum err admin_device_write_certificates(const struct admin_call *call,
                                         const struct store_identifier *identifier,
                                         int crl_reason, int64_t *open,
                                         struct err_info *why)
{
    size_t count = AT_ONCE;
    size_t shown = 0;
    int64_t after = 0;

    *open = 0;
    json_write_begin_array(call->result, "certificates");
    while (count == AT_ONCE) {
        AUTO(arena) struct arena *a = arena_new();
        struct store_found *rows = NULL;
        TRY(store_device_issuances(call->session, a, identifier, after, AT_ONCE, &rows,
                                   &count, why));
        for (size_t i = 0; i < count; i++) {
            after = rows[i].issuance.id;
            *open += would_be_revoked(call, &rows[i], crl_reason) ? 1 : 0;
            if (rows[i].issuance.not_after < call->now || shown == CERTIFICATES_MAX)
                continue;
            shown++;
            json_write_begin_object(call->result, NULL);
            TRY(admin_criteria_write(call, &rows[i], why));
            json_write_end_object(call->result);
        }
    }
    json_write_end_array(call->result);
    return ERR_OK;
}

const char *admin_device_obstacle(struct arena *a,
                                  const struct store_device_refusal *refusal,
                                  const struct store_device *device)
{
    char hash[2 * STORE_HASH_SIZE + 1];
    const char *name = admin_device_name(a, &refusal->identifier);

    if (refusal->obstacle == STORE_DEVICE_IS_THERE)
        return arena_printf(a,
                            "%s is in the inventory already (--replace gives it other "
                            "keys)",
                            name);
    const struct store_device_key *key = &device->keys[refusal->key];
    text_hex(hash, key->sha256, STORE_HASH_SIZE);
    return arena_printf(a, "the %s %s is that of %s", kinds[key->kind - 1].argument, hash,
                        name);
}

enum err admin_device_bind(const struct admin_call *call, struct store_device *device,
                           struct err_info *why)
{
    struct store_external_key *key = NULL;

    if (device->kid == NULL)
        return ERR_OK;
    enum err result =
        store_external_by_kid(call->session, call->arena, device->kid, &key, why);
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "there is no external account key \"%s\"",
                       device->kid);
    TRY(result);
    device->external_key = key->id;
    return ERR_OK;
}

/* ---- add ---- */

static enum err read_keys(const struct admin_call *call, struct store_device *device,
                          struct err_info *why)
{
    struct store_device_key *keys =
        arena_array(call->arena, STORE_DEVICE_KEYS_MAX, sizeof *keys);
    size_t len = 0;

    for (size_t k = 0; k < KINDS; k++) {
        for (size_t i = 0; i < admin_count(call, kinds[k].argument); i++) {
            if (device->key_count == STORE_DEVICE_KEYS_MAX)
                return err_set(why, ERR_USAGE, "a device has at most %d keys",
                               STORE_DEVICE_KEYS_MAX);
            struct store_device_key *key = &keys[device->key_count++];
            key->kind = (int)kinds[k].kind;
            (void)text_unhex(span_of(admin_item(call, kinds[k].argument, i)), key->sha256,
                             STORE_HASH_SIZE, &len);
        }
    }
    device->keys = keys;
    return ERR_OK;
}

enum err admin_device_add(struct admin_call *call, struct err_info *why)
{
    const char *label = admin_text(call, "label");
    const struct store_device_putting putting = {.replace = admin_flag(call, "replace"),
                                                 .now = call->now,
                                                 .reason = ADMIN_DEVICE_WITHDRAWN};
    struct store_device device = {.label = label != NULL ? label : "",
                                  .kid = admin_text(call, "eab"),
                                  .reason = ""};
    struct store_device_put_result put;
    struct store_device *row = NULL;

    TRY(admin_device_identifier(call, "identifier", &device.identifier, why));
    TRY(read_keys(call, &device, why));
    TRY(admin_device_bind(call, &device, why));
    admin_hold(call);
    enum err result =
        store_device_put(call->session, call->arena, &device, 1, &putting, &put, why);
    if (result == ERR_CONFLICT && put.refusal_count > 0)
        return err_set(why, ERR_CONFLICT, "%s",
                       admin_device_obstacle(call->arena, put.refusals, &device));
    TRY(result);
    TRY(admin_device_find(call, &device.identifier, &row, why));
    admin_device_write(call, row);
    return ERR_OK;
}

/* ---- the others ---- */

enum err admin_device_list(struct admin_call *call, struct err_info *why)
{
    struct store_identifier identifier;
    struct store_device *rows = NULL;
    struct store_device *last = NULL;
    size_t count = 0;
    size_t shown = 0;

    if (admin_text(call, "after") != NULL) {
        TRY(admin_device_identifier(call, "after", &identifier, why));
        TRY(admin_device_find(call, &identifier, &last, why));
    }
    TRY(store_device_list(call->session, call->arena, last != NULL ? last->id : 0,
                          admin_flag(call, "blocked"), LIST_MAX, &rows, &count, why));
    json_write_begin_array(call->result, "devices");
    while (shown < count && call->result->buf->len < PAGE_OCTETS) {
        json_write_begin_object(call->result, NULL);
        admin_device_write(call, &rows[shown++]);
        json_write_end_object(call->result);
    }
    json_write_end_array(call->result);
    if (shown == LIST_MAX || shown < count)
        json_write_text(call->result, "next_after",
                        admin_device_name(call->arena, &rows[shown - 1].identifier));
    return ERR_OK;
}

enum err admin_device_show(struct admin_call *call, struct err_info *why)
{
    struct store_identifier identifier;
    struct store_device *row = NULL;
    int64_t ignored = 0;

    TRY(admin_device_identifier(call, "identifier", &identifier, why));
    TRY(admin_device_find(call, &identifier, &row, why));
    admin_device_write(call, row);
    return admin_device_write_certificates(call, &identifier, ADMIN_DEVICE_WITHDRAWN,
                                           &ignored, why);
}

enum err admin_device_remove(struct admin_call *call, struct err_info *why)
{
    struct store_identifier identifier;
    struct store_device *was = NULL;

    TRY(admin_device_identifier(call, "identifier", &identifier, why));
    admin_hold(call);
    enum err result =
        store_device_remove(call->session, call->arena, &identifier, &was, why);
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "\"%s\" is not in the inventory",
                       admin_device_name(call->arena, &identifier));
    TRY(result);
    admin_device_write(call, was);
    return ERR_OK;
}
