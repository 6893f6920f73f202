/* Issuances, whatever became of them, judged by what was to be signed. */
#include "server/order/selection.h"

#include <string.h>

#include "core/acme/identifier_device.h"
#include "core/net/address.h"

/* A name, or with a period in front all names below it. */
static bool is_name(const char *wanted, const char *value)
{
    size_t len = strlen(wanted);
    size_t value_len = strlen(value);

    if (wanted[0] == '.' && value_len > len)
        value += value_len - len;
    return strcmp(value, wanted) == 0;
}

/* "TYPE:VALUE", as identifier_text writes it. */
static bool has_device(const struct certificate *c, const struct identifier *wanted)
{
    AUTO(arena) struct arena *a = arena_new();

    for (size_t i = 0; i < c->device_count; i++) {
        struct identifier one = {0};
        if (identifier_device_of(a, &c->devices[i], &one, NULL) == ERR_OK &&
            identifier_equal(&one, wanted))
            return true;
    }
    return false;
}

static bool has_name(struct arena *a, const struct certificate *c, const char *name)
{
    struct address wanted;
    struct identifier device;

    if (identifier_device_of_text(a, name, &device))
        return has_device(c, &device);

    for (size_t i = 0; i < c->dns_name_count; i++)
        if (is_name(name, c->dns_names[i]))
            return true;
    if (!address_parse(span_of(name), &wanted))
        return false;
    for (size_t i = 0; i < c->address_count; i++)
        if (span_equal(c->addresses[i], address_octets(&wanted)))
            return true;
    return false;
}

/* Quickly: can the octets have that name? Most have not, and need not be read. */
static bool may_have_name(struct span tbs, const char *name)
{
    AUTO(arena) struct arena *a = arena_new();
    struct address address;
    struct identifier device;
    struct span octets = span_of(name);
    struct span oid = {0};

    if (address_parse(octets, &address))
        octets = address_octets(&address);
    else if (identifier_device_of_text(a, name, &device))
        identifier_device_parts(a, &device, &octets, &oid);
    return memmem(tbs.data, tbs.len, octets.data, octets.len) != NULL;
}

/* What is known without reading the octets. */
static bool meets_facts(const struct store_incident *wanted,
                        const struct store_found *row)
{
    const struct store_issuance *i = &row->issuance;
    const char *profile = i->profile != NULL ? i->profile : "";

    return i->id <= wanted->last_issuance &&
           (wanted->account_id == 0 || i->account_id == wanted->account_id) &&
           i->begun >= wanted->begun_from &&
           (wanted->begun_before == 0 || i->begun < wanted->begun_before) &&
           (wanted->profile == NULL || strcmp(profile, wanted->profile) == 0) &&
           (wanted->key_hash.len == 0 ||
            span_equal(wanted->key_hash, span_make(i->key_hash, STORE_HASH_SIZE))) &&
           (wanted->name == NULL || may_have_name(i->tbs, wanted->name));
}

static enum err meets_one(const struct store_incident *wanted,
                          const struct store_found *row, bool *meets,
                          struct err_info *why)
{
    *meets = meets_facts(wanted, row);
    if (!*meets || (wanted->name == NULL && wanted->issuer.len == 0))
        return ERR_OK;
    AUTO(arena) struct arena *a = arena_new();
    struct certificate *c = NULL;
    TRY(certificate_read_tbs(a, row->issuance.tbs, &c, why));
    *meets = (wanted->name == NULL || has_name(a, c, wanted->name)) &&
             (wanted->issuer.len == 0 || span_equal(c->authority_key_id, wanted->issuer));
    return ERR_OK;
}

static enum err find_incident(struct store_session *session, struct arena *a,
                              struct span serial, int64_t id,
                              const struct store_incident **incident,
                              struct err_info *why)
{
    struct store_incident *rows = NULL;
    size_t count = 0;

    TRY(store_incidents(session, a, serial, &rows, &count, why));
    for (size_t i = 0; i < count; i++)
        if (rows[i].id == id) {
            *incident = &rows[i];
            return ERR_OK;
        }
    return err_set(why, ERR_NOT_FOUND, "there is no incident %lld", (long long)id);
}

enum err selection_of_incident(struct store_session *session, struct arena *a, int64_t id,
                               struct selection *selection, struct err_info *why)
{
    return find_incident(session, a, span_make(NULL, 0), id, &selection->incident, why);
}

/* Is its serial among those of the incident? */
static enum err has_serial(struct store_session *session,
                           const struct store_incident *incident,
                           const struct store_found *row, bool *has, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct store_incident *again = NULL;
    const struct store_issuance *i = &row->issuance;

    TRY(find_incident(session, a, span_make(i->serial, i->serial_len), incident->id,
                      &again, why));
    *has = again != NULL && again->has_serial;
    return ERR_OK;
}

/* `listed`: that the incident has its serial is known. */
static enum err meets_both(struct store_session *session,
                           const struct selection *selection,
                           const struct store_found *row, bool listed, bool *meets,
                           struct err_info *why)
{
    TRY(meets_one(&selection->wanted, row, meets, why));
    if (!*meets || selection->incident == NULL)
        return ERR_OK;
    TRY(meets_one(selection->incident, row, meets, why));
    if (!*meets || listed || !selection->incident->by_serial)
        return ERR_OK;
    return has_serial(session, selection->incident, row, meets, why);
}

static bool is_given(const struct selection *selection, const struct store_found *row)
{
    const struct store_issuance *i = &row->issuance;

    for (size_t n = 0; n < selection->serial_count; n++)
        if (span_equal(selection->serials[n], span_make(i->serial, i->serial_len)))
            return true;
    return selection->serial_count == 0;
}

enum err selection_meets(struct store_session *session, const struct selection *selection,
                         const struct store_found *row, bool *meets, struct err_info *why)
{
    *meets = false;
    return is_given(selection, row)
               ? meets_both(session, selection, row, false, meets, why)
               : ERR_OK;
}

/* Of `rows` those that are meant. */
static enum err keep(struct store_session *session, struct arena *a,
                     const struct selection *selection, struct store_found *rows,
                     size_t count, bool listed, struct selection_found *found,
                     struct err_info *why)
{
    found->rows = arena_array(a, count + 1, sizeof(struct store_found *));
    found->count = 0;
    for (size_t i = 0; i < count; i++) {
        bool meets = false;
        TRY(meets_both(session, selection, &rows[i], listed, &meets, why));
        if (meets)
            found->rows[found->count++] = &rows[i];
    }
    return ERR_OK;
}

enum err selection_range(struct store_session *session, struct arena *a,
                         const struct selection *selection, int64_t after, int64_t last,
                         struct selection_found *found, struct err_info *why)
{
    const struct store_incident *wanted = &selection->wanted;
    const struct store_incident *incident = selection->incident;
    const struct store_search search = {
        .account_id = wanted->account_id,
        .begun_from = wanted->begun_from,
        .begun_before = wanted->begun_before,
        .incident_id = incident != NULL && incident->by_serial ? incident->id : 0};
    struct store_found *rows = NULL;
    size_t count = 0;

    *found = (struct selection_found){.after = last};
    TRY(store_search_range(session, a, &search, after, last, &rows, &count, why));
    return keep(session, a, selection, rows, count, true, found, why);
}

static enum err by_serials(struct store_session *session, struct arena *a,
                           const struct selection *selection,
                           struct selection_found *found, struct err_info *why)
{
    struct store_found *rows = arena_array(a, selection->serial_count, sizeof *rows);
    struct span *unknown = arena_array(a, selection->serial_count, sizeof *unknown);
    struct err_info missing = {0};
    size_t unknown_count = 0;
    size_t count = 0;

    for (size_t i = 0; i < selection->serial_count; i++) {
        struct store_found *row = NULL;
        enum err result =
            store_search_serial(session, a, selection->serials[i], &row, &missing);
        if (result == ERR_OK)
            rows[count++] = *row;
        else if (result == ERR_NOT_FOUND)
            unknown[unknown_count++] = selection->serials[i];
        else
            return err_set(why, result, "%s", missing.detail);
    }
    *found = (struct selection_found){
        .unknown = unknown, .unknown_count = unknown_count, .over = true};
    return keep(session, a, selection, rows, count, false, found, why);
}

static enum err by_key(struct store_session *session, struct arena *a,
                       const struct selection *selection, int64_t after,
                       struct selection_found *found, struct err_info *why)
{
    struct store_found *rows = NULL;
    size_t count = 0;

    TRY(store_search_key(session, a, selection->wanted.key_hash.data, after,
                         STORE_SEARCH_SPAN, &rows, &count, why));
    *found =
        (struct selection_found){.after = count > 0 ? rows[count - 1].issuance.id : after,
                                 .over = count < STORE_SEARCH_SPAN};
    return keep(session, a, selection, rows, count, false, found, why);
}

enum err selection_next(struct store_session *session, struct arena *a,
                        const struct selection *selection, int64_t after,
                        struct selection_found *found, struct err_info *why)
{
    int64_t newest = 0;

    if (selection->serial_count > 0)
        return by_serials(session, a, selection, found, why);
    if (selection->wanted.key_hash.len == STORE_HASH_SIZE)
        return by_key(session, a, selection, after, found, why);
    TRY(store_search_newest(session, &newest, why));
    if (newest > selection->wanted.last_issuance)
        newest = selection->wanted.last_issuance;
    int64_t last =
        newest - after > STORE_SEARCH_SPAN ? after + STORE_SEARCH_SPAN : newest;
    TRY(selection_range(session, a, selection, after, last, found, why));
    found->over = last >= newest;
    return ERR_OK;
}
