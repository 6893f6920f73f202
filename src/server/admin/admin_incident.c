/* cairn-ca incident ...: certificates that are to be renewed soon (RFC 9773 4.2). */
#include "server/admin/admin.h"
#include "server/admin/admin_criteria.h"
#include "server/order/renewal.h"
#include "server/store/store_renewal.h"

#define OVER_DEFAULT_MS (2 * 60 * 60 * 1000) /* --over */

/* Whom it concerns. All must be meant: a forgotten option is no incident for everybody.
 */
static enum err read_criteria(const struct admin_call *call,
                              struct store_incident *incident, struct err_info *why)
{
    TRY(admin_criteria_read(call, incident, why));
    incident->by_serial = admin_count(call, "serials") > 0;
    if (admin_criteria_is_limited(incident) == admin_flag(call, "all"))
        return err_set(why, ERR_USAGE,
                       admin_flag(call, "all")
                           ? "--all is all of them: it goes with nothing that limits it"
                           : "say which certificates are concerned, or --all");
    return ERR_OK;
}

static enum err read_incident(const struct admin_call *call,
                              struct store_incident *incident, struct err_info *why)
{
    const char *url = admin_text(call, "explanation");

    if (url != NULL && !settings_is_web_url(url))
        return err_set(why, ERR_USAGE,
                       "--explanation: \"%.200s\" is not a URL such as "
                       "https://ca.example.test/incident",
                       url);
    incident->created = call->now;
    incident->over = admin_duration(call, "over", OVER_DEFAULT_MS) / 1000;
    incident->explanation = url != NULL ? url : "";
    return read_criteria(call, incident, why);
}

static void write_time(struct json_writer *w, const char *name, int64_t seconds)
{
    if (seconds != 0)
        json_write_time(w, name, seconds);
    else
        json_write_text(w, name, NULL);
}

/* Each member is always there, null where nothing is asked for: a list is a table. */
static void write_incident(const struct admin_call *call,
                           const struct store_incident *incident)
{
    struct json_writer *w = call->result;

    json_write_number(w, "id", incident->id);
    json_write_time(w, "start", incident->created);
    json_write_time(w, "end", incident->created + incident->over);
    json_write_text(w, "explanation",
                    incident->explanation[0] != '\0' ? incident->explanation : NULL);
    json_write_bool(w, "all", !admin_criteria_is_limited(incident));
    json_write_bool(w, "serials", incident->by_serial);
    json_write_text(w, "name", incident->name);
    json_write_text(w, "profile", incident->profile);
    if (incident->account_id != 0)
        json_write_number(w, "account", incident->account_id);
    else
        json_write_text(w, "account", NULL);
    write_time(w, "issued_from", incident->begun_from);
    write_time(w, "issued_before", incident->begun_before);
    admin_criteria_write_hex(call, "key_hash", incident->key_hash);
    admin_criteria_write_hex(call, "issuer", incident->issuer);
}

enum err admin_incident_add(struct admin_call *call, struct err_info *why)
{
    struct store_incident incident = {0};
    struct span *serials = NULL;
    size_t serial_count = 0;
    int64_t count = 0;

    TRY(read_incident(call, &incident, why));
    TRY(admin_criteria_serials(call, "serials", "--serials", &serials, &serial_count,
                               why));
    if (admin_flag(call, "dry_run")) {
        TRY(renewal_count(call->session, &incident, serials, serial_count, call->now,
                          &count, why));
        json_write_bool(call->result, "dry_run", true);
        json_write_number(call->result, "certificates", count);
        return ERR_OK;
    }
    admin_hold(call);
    TRY(store_incident_add(call->session, &incident, serials, serial_count, why));
    write_incident(call, &incident);
    return ERR_OK;
}

enum err admin_incident_extend(struct admin_call *call, struct err_info *why)
{
    struct span *serials = NULL;
    size_t count = 0;
    int64_t id = admin_number(call, "id", 0);

    TRY(admin_criteria_serials(call, "serials", "--serials", &serials, &count, why));
    admin_hold(call);
    enum err result = store_incident_extend(call->session, id, serials, count, why);
    if (result == ERR_CONFLICT)
        return err_set(why, ERR_CONFLICT,
                       "incident %lld was not added with --serials; add another one",
                       (long long)id);
    TRY(result);
    json_write_number(call->result, "id", id);
    json_write_number(call->result, "serials", (int64_t)count);
    return ERR_OK;
}

enum err admin_incident_list(struct admin_call *call, struct err_info *why)
{
    struct store_incident *rows = NULL;
    size_t count = 0;

    TRY(store_incidents(call->session, call->arena, span_make(NULL, 0), &rows, &count,
                        why));
    json_write_begin_array(call->result, "incidents");
    for (size_t i = 0; i < count; i++) {
        json_write_begin_object(call->result, NULL);
        write_incident(call, &rows[i]);
        json_write_end_object(call->result);
    }
    json_write_end_array(call->result);
    return ERR_OK;
}

enum err admin_incident_remove(struct admin_call *call, struct err_info *why)
{
    int64_t id = admin_number(call, "id", 0);

    admin_hold(call);
    TRY(store_incident_remove(call->session, id, why));
    json_write_number(call->result, "id", id);
    return ERR_OK;
}
