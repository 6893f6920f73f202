/* Certificates looked up by their names (RFC 9773 4.1), replacement (5), incidents. */
#include "server/order/renewal.h"

#include <string.h>

#include "core/acme/certificate_id.h"
#include "core/acme/identifier_device.h"
#include "server/order/order_state.h"

#define ROWS_AT_ONCE 500 /* while they are read the store waits */

/* A device's is not a name, whatever it looks like: TYPE stands before it, as
 * identifier_text writes it. */
static bool is_device(const struct store_identifier *identifier, const char *name)
{
    enum identifier_type type;
    const char *value = identifier_device_value(name, &type);

    return value != name && identifier->type == (int)type &&
           strcmp(value, identifier->value) == 0;
}

static bool has_name(const struct store_renewal *row, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < row->identifier_count; i++) {
        const char *value = row->identifiers[i].value;
        size_t value_len = strlen(value);
        if (terms_is_device((enum identifier_type)row->identifiers[i].type)) {
            if (is_device(&row->identifiers[i], name))
                return true;
            continue;
        }
        /* a name that begins with a period stands for all below it */
        if (name[0] == '.' && value_len > len)
            value += value_len - len;
        if (strcmp(value, name) == 0)
            return true;
    }
    return false;
}

bool renewal_is_concerned(const struct store_incident *incident,
                          const struct store_renewal *row,
                          const struct certificate *certificate)
{
    const struct store_issuance *i = &row->issuance;
    struct span key_hash = span_make(i->key_hash, STORE_HASH_SIZE);

    return i->id <= incident->last_issuance &&
           (incident->account_id == 0 || i->account_id == incident->account_id) &&
           i->begun >= incident->begun_from &&
           (incident->begun_before == 0 || i->begun < incident->begun_before) &&
           (incident->name == NULL || has_name(row, incident->name)) &&
           (incident->profile == NULL || strcmp(row->profile, incident->profile) == 0) &&
           (incident->key_hash.len == 0 || span_equal(incident->key_hash, key_hash)) &&
           (incident->issuer.len == 0 ||
            span_equal(incident->issuer, certificate->authority_key_id)) &&
           (!incident->by_serial || incident->has_serial);
}

/* Of several the one whose time is over first, of two such the newer one. */
static enum err find_incident(struct store_session *session, struct arena *a,
                              const struct store_renewal *row,
                              const struct certificate *certificate,
                              const struct store_incident **incident,
                              struct err_info *why)
{
    struct store_incident *rows = NULL;
    size_t count = 0;
    const struct store_incident *found = NULL;

    TRY(store_incidents(session, a,
                        span_make(row->issuance.serial, row->issuance.serial_len), &rows,
                        &count, why));
    for (size_t i = 0; i < count; i++)
        if (renewal_is_concerned(&rows[i], row, certificate) &&
            (found == NULL ||
             rows[i].created + rows[i].over <= found->created + found->over))
            found = &rows[i];
    *incident = found;
    return ERR_OK;
}

/* What the name says must be what the certificate says, whoever its issuer was. */
static enum err look_up(struct store_session *session, struct arena *a, struct span id,
                        struct renewal *found, struct err_info *why)
{
    struct certificate_id parts;

    TRY(certificate_id_read(a, id, &parts, why));
    enum err result = store_renewal_by_serial(session, a, parts.serial, &found->row, why);
    if (result == ERR_OK)
        result = certificate_read(a, found->row->issuance.certificate,
                                  &found->certificate, why);
    if (result == ERR_OK &&
        !span_equal(found->certificate->authority_key_id, parts.key_id))
        result = ERR_NOT_FOUND;
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND,
                       "this CA has issued no certificate of the name %.*s (RFC 9773 "
                       "4.1); ask the CA that issued it",
                       (int)id.len, (const char *)id.data);
    found->id = arena_string_of(a, id);
    return result;
}

enum err renewal_find(struct store_session *session, struct arena *a,
                      const struct settings *settings, struct span id, int64_t now,
                      struct renewal **renewal, struct err_info *why)
{
    struct renewal *found = arena_get(a, sizeof *found);
    const struct store_incident *incident = NULL;

    TRY(look_up(session, a, id, found, why));
    TRY(find_incident(session, a, found->row, found->certificate, &incident, why));
    const struct renewal_life life = {.id = id,
                                      .not_before = found->certificate->not_before,
                                      .not_after = found->certificate->not_after,
                                      .revoked = found->row->revocation.at,
                                      .replaced = found->row->replaced};
    renewal_window_make(&life, settings, incident, now, &found->window);
    *renewal = found;
    return ERR_OK;
}

static bool has_identifier(const struct store_renewal *row,
                           const struct store_identifier *identifier)
{
    for (size_t i = 0; i < row->identifier_count; i++)
        if (row->identifiers[i].type == identifier->type &&
            strcmp(row->identifiers[i].value, identifier->value) == 0)
            return true;
    return false;
}

enum err renewal_check(const struct renewal *renewal, int64_t account_id,
                       const struct store_identifier *identifiers, size_t count,
                       struct err_info *why)
{
    if (renewal->row->issuance.account_id != account_id)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the certificate to be replaced belongs to another account "
                       "(RFC 9773 5); order without replaces");
    for (size_t i = 0; i < count; i++)
        if (has_identifier(renewal->row, &identifiers[i]))
            return ERR_OK;
    return err_set(why, ERR_MALFORMED,
                   "the order has no identifier in common with the certificate to be "
                   "replaced (RFC 9773 5); order without replaces");
}

bool renewal_is_due(const struct renewal *renewal, int64_t now)
{
    return !renewal->row->is_star && now >= renewal->window.start &&
           now <= renewal->certificate->not_after;
}

bool renewal_order_is_over(const struct store_order *order, int64_t now)
{
    return order_state_order(order, now) == ORDER_INVALID;
}

/* Does it count? The incident is not in the store yet and concerns all that is there.
 * What the CA made for itself does not: nobody asks about it, the CA renews it alone. */
static enum err is_counted(struct arena *a, const struct store_incident *incident,
                           const struct store_renewal *row, int64_t now, bool *counted,
                           struct err_info *why)
{
    struct store_incident wide = *incident;
    struct certificate *certificate = NULL;

    wide.last_issuance = INT64_MAX;
    wide.has_serial = true;
    *counted = false;
    if (row->issuance.order_id == 0 || row->revocation.at != 0 ||
        row->issuance.not_after < now)
        return ERR_OK;
    TRY(certificate_read(a, row->issuance.certificate, &certificate, why));
    *counted = renewal_is_concerned(&wide, row, certificate);
    return ERR_OK;
}

static enum err count_serials(struct store_session *session,
                              const struct store_incident *incident,
                              const struct span *serials, size_t serial_count,
                              int64_t now, int64_t *count, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    int64_t sum = 0;

    for (size_t i = 0; i < serial_count; i++) {
        struct store_renewal *row = NULL;
        bool counted = false;
        enum err result = store_renewal_by_serial(session, a, serials[i], &row, why);
        if (result == ERR_OK)
            result = is_counted(a, incident, row, now, &counted, why);
        if (result != ERR_OK && result != ERR_NOT_FOUND)
            return result;
        sum += counted ? 1 : 0;
        arena_reset(a);
    }
    *count = sum;
    return ERR_OK;
}

enum err renewal_count(struct store_session *session,
                       const struct store_incident *incident, const struct span *serials,
                       size_t serial_count, int64_t now, int64_t *count,
                       struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    int64_t after = 0;
    int64_t sum = 0;
    size_t rows_read = 0;

    if (incident->by_serial)
        return count_serials(session, incident, serials, serial_count, now, count, why);
    do {
        struct store_renewal *rows = NULL;
        arena_reset(a);
        TRY(store_renewals_after(session, a, after, ROWS_AT_ONCE, &rows, &rows_read,
                                 why));
        for (size_t i = 0; i < rows_read; i++) {
            bool counted = false;
            after = rows[i].issuance.id;
            TRY(is_counted(a, incident, &rows[i], now, &counted, why));
            sum += counted ? 1 : 0;
        }
    } while (rows_read == ROWS_AT_ONCE);
    *count = sum;
    return ERR_OK;
}
