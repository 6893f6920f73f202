/* Which certificates a command is about. */
#include "server/admin/admin_criteria.h"

#include <string.h>

#include "core/acme/identifier_device.h"
#include "core/base/text.h"
#include "server/admin/admin_evidence.h"

#define KEY_ID_MAX  64  /* octets of a keyIdentifier */
#define NAMES_SHOWN 100 /* of one certificate in a list */
#define COLON       ':' /* as openssl writes it between octets */

/* ---- reading ---- */

enum err admin_criteria_hex(struct arena *a, const char *what, const char *text,
                            size_t room, struct span *octets, struct err_info *why)
{
    char *digits = arena_get(a, strlen(text) + 1);
    uint8_t *made = arena_get(a, room);
    size_t count = 0;
    size_t len = 0;

    for (const char *p = text; *p != '\0'; p++)
        if (*p != COLON)
            digits[count++] = *p;
    if (!text_unhex(span_make(digits, count), made, room, &len) || len == 0)
        return err_set(why, ERR_USAGE,
                       "%s: \"%.100s\" is not 1 to %zu octets in hexadecimal", what, text,
                       room);
    *octets = span_make(made, len);
    return ERR_OK;
}

/* So with a zero octet before a first bit that is set. */
enum err admin_criteria_serial(struct arena *a, const char *what, const char *text,
                               struct span *serial, struct err_info *why)
{
    TRY(admin_criteria_hex(a, what, text, STORE_SERIAL_MAX + 1, serial, why));
    while (serial->len > 1 && serial->data[0] == 0)
        *serial = span_slice(*serial, 1, serial->len);
    if (serial->len > STORE_SERIAL_MAX)
        return err_set(why, ERR_USAGE, "%s: %.100s is longer than a serial is", what,
                       text);
    return ERR_OK;
}

enum err admin_criteria_serials(const struct admin_call *call, const char *name,
                                const char *what, struct span **serials, size_t *count,
                                struct err_info *why)
{
    size_t found = admin_count(call, name);
    struct span *list = arena_array(call->arena, found + 1, sizeof *list);

    for (size_t i = 0; i < found; i++)
        TRY(admin_criteria_serial(call->arena, what, admin_item(call, name, i), &list[i],
                                  why));
    *serials = list;
    *count = found;
    return ERR_OK;
}

/* A name or address as certificates have it, or a domain with all that is below. */
static enum err read_name(struct arena *a, const char *text, const char **name,
                          struct err_info *why)
{
    struct identifier ignored;
    struct err_info unread = {0};
    char *lower = arena_string(a, text);

    if (identifier_device_of_text(a, text, &ignored)) {
        *name = lower; /* as it is */
        return ERR_OK;
    }
    text_lower(lower);
    const char *base = lower[0] == '.' ? lower + 1 : lower;
    if (identifier_read_dns(a, base, &ignored, &unread) != ERR_OK &&
        (base != lower || identifier_read_ip(a, lower, &ignored, &unread) != ERR_OK))
        return err_set(why, ERR_USAGE,
                       "--name: \"%.100s\" is no name or address, such as "
                       "www.example.test, or .example.test for all below; a device is "
                       "permanent-identifier:VALUE or hardware-module:VALUE",
                       text);
    *name = lower;
    return ERR_OK;
}

enum err admin_criteria_read(const struct admin_call *call, struct store_incident *wanted,
                             struct err_info *why)
{
    const char *name = admin_text(call, "name");
    const char *key = admin_text(call, "key_hash");
    const char *issuer = admin_text(call, "issuer");
    struct store_account *account = NULL;

    wanted->account_id = admin_number(call, "account", 0);
    wanted->begun_from = admin_past(call, "issued_from", 0);
    wanted->begun_before = admin_past(call, "issued_before", 0);
    wanted->profile = admin_text(call, "profile");
    if (wanted->account_id != 0)
        TRY(store_account_by_id(call->session, call->arena, wanted->account_id, &account,
                                why));
    if (name != NULL)
        TRY(read_name(call->arena, name, &wanted->name, why));
    if (key != NULL)
        TRY(admin_criteria_hex(call->arena, "--key-hash", key, STORE_HASH_SIZE,
                               &wanted->key_hash, why));
    if (key != NULL && wanted->key_hash.len != STORE_HASH_SIZE)
        return err_set(why, ERR_USAGE, "--key-hash: a SHA-256 has %d octets",
                       STORE_HASH_SIZE);
    if (issuer != NULL)
        TRY(admin_criteria_hex(call->arena, "--issuer", issuer, KEY_ID_MAX,
                               &wanted->issuer, why));
    if (wanted->begun_before != 0 && wanted->begun_before <= wanted->begun_from)
        return err_set(why, ERR_USAGE, "--issued-before is not after --issued-from");
    return ERR_OK;
}

bool admin_criteria_is_limited(const struct store_incident *wanted)
{
    return wanted->account_id != 0 || wanted->begun_from != 0 ||
           wanted->begun_before != 0 || wanted->name != NULL || wanted->profile != NULL ||
           wanted->key_hash.len > 0 || wanted->issuer.len > 0 || wanted->by_serial;
}

/* ---- reasons ---- */

/* RFC 5280 5.3.1. The others are not for certificates of end entities (cACompromise,
 * aACompromise), or would be undone (certificateHold, removeFromCRL). */
static const struct {
    int reason;
    const char *word;
} reasons[] = {
    {0, "unspecified"}, {1, "keyCompromise"},        {3, "affiliationChanged"},
    {4, "superseded"},  {5, "cessationOfOperation"}, {9, "privilegeWithdrawn"},
};

const char *admin_criteria_reason(int reason)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].reason == reason)
            return reasons[i].word;
    return NULL;
}

bool admin_criteria_reason_read(const char *word, int *reason)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (strcmp(reasons[i].word, word) == 0) {
            *reason = reasons[i].reason;
            return true;
        }
    }
    return false;
}

/* ---- writing ---- */

void admin_criteria_write_hex(const struct admin_call *call, const char *name,
                              struct span octets)
{
    char *text = arena_get(call->arena, 2 * octets.len + 1);

    text_hex(text, octets.data, octets.len);
    json_write_text(call->result, name, octets.len > 0 ? text : NULL);
}

const char *admin_criteria_state(const struct store_found *row, int64_t now)
{
    if (row->revocation.at != 0)
        return "revoked";
    if (row->issuance.not_after < now)
        return "expired";
    return row->issuance.finished    ? "valid"
           : row->issuance.abandoned ? "given up"
           : row->issuance.waiting   ? "waiting for logs"
                                     : "being signed";
}

/* Names are what was to be signed: so those of what never came to an end are known. */
static enum err write_names(const struct admin_call *call, const struct store_found *row,
                            struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct certificate *c = NULL;
    size_t written = 0;

    TRY(certificate_read_tbs(a, row->issuance.tbs, &c, why));
    json_write_begin_array(call->result, "names");
    for (size_t i = 0; i < c->dns_name_count && written < NAMES_SHOWN; i++, written++)
        json_write_text(call->result, NULL, c->dns_names[i]);
    for (size_t i = 0; i < c->address_count && written < NAMES_SHOWN; i++, written++) {
        struct address address;
        char text[ADDRESS_TEXT_SIZE] = "";
        if (address_from_octets(c->addresses[i], &address))
            address_text(&address, text);
        json_write_text(call->result, NULL, text);
    }
    for (size_t i = 0; i < c->device_count && written < NAMES_SHOWN; i++, written++) {
        struct identifier device = {0};
        if (identifier_device_of(a, &c->devices[i], &device, NULL) == ERR_OK)
            json_write_text(call->result, NULL, identifier_text(a, &device));
    }
    json_write_end_array(call->result);
    return ERR_OK;
}

enum err admin_criteria_write(const struct admin_call *call,
                              const struct store_found *row, struct err_info *why)
{
    struct json_writer *w = call->result;
    const struct store_issuance *i = &row->issuance;

    admin_criteria_write_hex(call, "serial", span_make(i->serial, i->serial_len));
    json_write_text(w, "state", admin_criteria_state(row, call->now));
    TRY(write_names(call, row, why));
    json_write_number(w, "account", i->account_id);
    json_write_number(w, "order", i->order_id);
    json_write_text(w, "profile",
                    i->profile != NULL && i->profile[0] != '\0' ? i->profile : NULL);
    json_write_time(w, "begun", i->begun);
    json_write_time(w, "not_after", i->not_after);
    admin_evidence_time(w, "revoked", row->revocation.at);
    json_write_text(w, "reason", admin_criteria_reason(row->revocation.reason));
    return ERR_OK;
}
