/* cairn-ca certificate ...: what was issued, or begun. */
#include "core/x509/certificate.h"
#include "server/admin/admin.h"
#include "server/admin/admin_criteria.h"
#include "server/admin/admin_evidence.h"

#define PAGE_MAX   100
#define SCAN_STEPS 200 /* of STORE_SEARCH_SPAN issuances, in one call; then --after */

/* ---- show ---- */

/* What it is revoked with, and whom the same key was certified for. */
static enum err write_key(const struct admin_call *call, const struct store_found *row,
                          struct err_info *why)
{
    struct store_found *rows = NULL;
    size_t count = 0;
    bool blocked = false;

    admin_criteria_write_hex(call, "key_hash",
                             span_make(row->issuance.key_hash, STORE_HASH_SIZE));
    TRY(store_key_is_blocked(call->session, row->issuance.key_hash, &blocked, why));
    json_write_bool(call->result, "key_blocked", blocked);
    TRY(store_search_key(call->session, call->arena, row->issuance.key_hash, 0, PAGE_MAX,
                         &rows, &count, why));
    json_write_begin_array(call->result, "same_key");
    for (size_t i = 0; i < count; i++)
        if (rows[i].issuance.id != row->issuance.id)
            admin_criteria_write_hex(
                call, NULL,
                span_make(rows[i].issuance.serial, rows[i].issuance.serial_len));
    json_write_end_array(call->result);
    return ERR_OK;
}

static enum err write_pem(const struct admin_call *call, int64_t id, struct err_info *why)
{
    struct store_issuance *whole = NULL;
    struct buf pem = buf_make(CERTIFICATE_MAX * 2);

    enum err result =
        store_certificate_by_id(call->session, call->arena, id, &whole, why);
    if (result == ERR_OK)
        certificate_pem_add(&pem, whole->certificate);
    json_write_span(call->result, "certificate", buf_span(&pem));
    buf_free(&pem);
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}

enum err admin_certificate_show(struct admin_call *call, struct err_info *why)
{
    struct json_writer *w = call->result;
    struct store_found *row = NULL;
    struct certificate *c = NULL;
    struct span serial;

    TRY(admin_criteria_serial(call->arena, "SERIAL", admin_text(call, "serial"), &serial,
                              why));
    enum err result = store_search_serial(call->session, call->arena, serial, &row, why);
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND,
                       "this CA has given no certificate that serial");
    TRY(result);
    TRY(admin_criteria_write(call, row, why));
    TRY(certificate_read_tbs(call->arena, row->issuance.tbs, &c, why));
    json_write_time(w, "not_before", c->not_before);
    json_write_text(w, "directory",
                    row->issuance.directory[0] != '\0' ? row->issuance.directory : NULL);
    admin_criteria_write_hex(call, "issuer", c->authority_key_id);
    TRY(write_key(call, row, why));
    if (admin_flag(call, "pem"))
        TRY(write_pem(call, row->issuance.id, why));
    return ERR_OK;
}

/* ---- list ---- */

static const char *const states[] = {"valid",        "revoked",  "expired",
                                     "being signed", "given up", "waiting for logs"};

static enum err check_state(const char *state, struct err_info *why)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (state == NULL || strcmp(states[i], state) == 0)
            return ERR_OK;
    return err_set(why, ERR_USAGE,
                   "--state: \"%.50s\" is none of valid, revoked, expired, \"being "
                   "signed\", \"given up\" and \"waiting for logs\"",
                   state);
}

/* Those of one look at the store, newest first; `lowest` is the id of the last one
 * written. */
static enum err write_some(const struct admin_call *call,
                           const struct selection_found *found, size_t *listed,
                           int64_t *lowest, struct err_info *why)
{
    const char *state = admin_text(call, "state");

    for (size_t i = found->count; i > 0 && *listed < PAGE_MAX; i--) {
        const struct store_found *row = found->rows[i - 1];
        *lowest = row->issuance.id;
        if (state != NULL && strcmp(admin_criteria_state(row, call->now), state) != 0)
            continue;
        json_write_begin_object(call->result, NULL);
        json_write_number(call->result, "id", row->issuance.id);
        TRY(admin_criteria_write(call, row, why));
        json_write_end_object(call->result);
        (*listed)++;
    }
    return ERR_OK;
}

/* Backwards from `newest`, some hundred ids at a time. `next` is where to go on, 0 at the
 * end. */
static enum err write_list(const struct admin_call *call,
                           const struct selection *selection, int64_t newest,
                           int64_t *next, struct err_info *why)
{
    size_t listed = 0;

    *next = newest + 1;
    for (int steps = 0; *next > 1 && listed < PAGE_MAX && steps < SCAN_STEPS; steps++) {
        AUTO(arena) struct arena *a = arena_new();
        struct selection_found found;
        int64_t last = *next - 1;
        int64_t after = last > STORE_SEARCH_SPAN ? last - STORE_SEARCH_SPAN : 0;
        int64_t lowest = after + 1;
        TRY(selection_range(call->session, a, selection, after, last, &found, why));
        TRY(write_some(call, &found, &listed, &lowest, why));
        *next = listed == PAGE_MAX ? lowest : after + 1;
    }
    if (*next <= 1)
        *next = 0;
    return ERR_OK;
}

enum err admin_certificate_list(struct admin_call *call, struct err_info *why)
{
    struct selection selection = {.wanted = {.last_issuance = INT64_MAX}};
    int64_t incident = admin_number(call, "incident", 0);
    int64_t newest = 0;
    int64_t next = 0;

    TRY(admin_criteria_read(call, &selection.wanted, why));
    TRY(check_state(admin_text(call, "state"), why));
    if (incident != 0)
        TRY(selection_of_incident(call->session, call->arena, incident, &selection, why));
    TRY(store_search_newest(call->session, &newest, why));
    if (admin_number(call, "after", INT64_MAX) <= newest)
        newest = admin_number(call, "after", 0) - 1;
    json_write_begin_array(call->result, "certificates");
    TRY(write_list(call, &selection, newest, &next, why));
    json_write_end_array(call->result);
    if (next != 0)
        json_write_number(call->result, "next_after", next);
    return ERR_OK;
}
