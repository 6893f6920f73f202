/* cairn-ca order show, caa show: what an order came to, and what became of CAA before its
 * certificates were made (docs/evidence.md). */
#include "core/acme/identifier.h"
#include "core/base/text.h"
#include "core/json/json_copy.h"
#include "server/admin/admin.h"
#include "server/admin/admin_evidence.h"
#include "server/order/evidence.h"
#include "server/order/order_state.h"
#include "server/store/store_caa.h"
#include "server/store/store_evidence.h"
#include "server/store/store_star.h"

#define LOOKS_MAX        100 /* in one answer */
#define CERTIFICATES_MAX 100 /* the newest */

static const char *outcome_word(enum store_caa_outcome outcome)
{
    switch (outcome) {
    case STORE_CAA_ALLOWED:
        return "allowed";
    case STORE_CAA_FORBIDDEN:
        return "forbidden";
    case STORE_CAA_UNKNOWN:
        break;
    }
    return "unknown";
}

static void write_text_or_null(struct json_writer *w, const char *name, const char *text)
{
    json_write_text(w, name, text != NULL && text[0] != '\0' ? text : NULL);
}

static void write_facts(const struct admin_call *call, const struct store_order *order)
{
    struct json_writer *w = call->result;

    json_write_number(w, "id", order->id);
    json_write_text(w, "status", terms_order_status(order_state_order(order, call->now)));
    json_write_number(w, "account", order->account_id);
    write_text_or_null(w, "profile", order->profile);
    json_write_time(w, "created", order->created);
    json_write_time(w, "expires", order->expires);
    admin_evidence_time(w, "not_before", order->not_before);
    admin_evidence_time(w, "not_after", order->not_after);
    write_text_or_null(w, "replaces", order->replaces);
    json_write_bool(w, "auto_renewal", order->star != NULL);
    admin_evidence_time(w, "caa_checked", order->caa_checked);
    if (order->error != NULL)
        json_write_raw(w, "error", span_of(order->error));
}

static void write_identifiers(const struct admin_call *call,
                              const struct store_order *order)
{
    struct json_writer *w = call->result;

    json_write_begin_array(w, "identifiers");
    for (size_t i = 0; i < order->identifier_count && i < order->authz_count; i++) {
        const struct store_authz *authz = &order->authzs[i];
        bool is_there = authz->expires != 0; /* else housekeeping has removed it */
        const struct identifier identifier = {
            (enum identifier_type)order->identifiers[i].type,
            order->identifiers[i].value};
        json_write_begin_object(w, NULL);
        json_write_text(w, "identifier", identifier_text(call->arena, &identifier));
        json_write_number(w, "authorization", authz->id);
        json_write_text(w, "status",
                        is_there ? terms_authz_status(order_state_authz(authz, call->now))
                                 : NULL);
        json_write_text(
            w, "challenge",
            is_there && authz->attempt_type >= 0
                ? terms_challenge_type((enum challenge_type)authz->attempt_type)
                : NULL);
        admin_evidence_time(w, "decided", authz->attempt_finished);
        admin_evidence_time(w, "caa_checked", authz->caa_checked);
        json_write_end_object(w);
    }
    json_write_end_array(w);
}

static enum err write_certificates(const struct admin_call *call, int64_t order_id,
                                   struct err_info *why)
{
    struct json_writer *w = call->result;
    struct store_issuance *rows = NULL;
    size_t count = 0;

    TRY(store_evidence_issuances(call->session, call->arena, order_id, CERTIFICATES_MAX,
                                 &rows, &count, why));
    json_write_begin_array(w, "certificates");
    for (size_t i = 0; i < count; i++) {
        const struct store_issuance *issuance = &rows[i];
        char serial[2 * STORE_SERIAL_MAX + 1];
        json_write_begin_object(w, NULL);
        text_hex(serial, issuance->serial, issuance->serial_len);
        json_write_text(w, "serial", serial);
        json_write_text(w, "state",
                        issuance->finished    ? "issued"
                        : issuance->abandoned ? "given up"
                        : issuance->waiting   ? "waiting for logs"
                                              : "being signed");
        json_write_time(w, "begun", issuance->begun);
        json_write_time(w, "not_after", issuance->not_after);
        json_write_end_object(w);
    }
    json_write_end_array(w);
    return ERR_OK;
}

/* ---- CAA ---- */

static void write_look(const struct admin_call *call, const struct store_caa_look *look)
{
    json_write_number(call->result, "round", look->round);
    json_write_text(call->result, "identifier", look->name);
    json_write_text(call->result, "outcome", outcome_word(look->outcome));
    json_write_time(call->result, "asked", look->asked);
}

/* "local:valid", "fra:invalid". */
static enum err write_verdicts(const struct admin_call *call, int64_t id,
                               struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_caa_look *look = NULL;
    const struct json *document = NULL;

    TRY(store_caa_look_by_id(call->session, a, id, &look, why));
    TRY(evidence_read(a, look->record, &document, why));
    json_write_begin_array(call->result, "perspectives");
    for (size_t i = 0; i < evidence_count(document); i++) {
        const struct json *voice = json_element(json_member(document, "perspectives"), i);
        const char *verdict = json_text(json_member(voice, "verdict"));
        json_write_text(call->result, NULL,
                        arena_printf(a, "%s:%s", evidence_name(document, i),
                                     verdict != NULL ? verdict : "?"));
    }
    json_write_end_array(call->result);
    return ERR_OK;
}

static enum err write_looks(const struct admin_call *call, int64_t order_id,
                            struct err_info *why)
{
    struct json_writer *w = call->result;
    struct store_caa_look *rows = NULL;
    size_t count = 0;

    TRY(store_caa_looks(call->session, call->arena, order_id,
                        admin_number(call, "after", INT64_MAX), LOOKS_MAX, &rows, &count,
                        why));
    json_write_begin_array(w, "caa");
    for (size_t i = 0; i < count; i++) {
        json_write_begin_object(w, NULL);
        json_write_number(w, "id", rows[i].id);
        write_look(call, &rows[i]);
        TRY(write_verdicts(call, rows[i].id, why));
        json_write_end_object(w);
    }
    json_write_end_array(w);
    if (count == LOOKS_MAX)
        json_write_number(w, "next_after", rows[count - 1].id);
    return ERR_OK;
}

enum err admin_order_show(struct admin_call *call, struct err_info *why)
{
    static const char *const places[] = {"/order/", "/finalize/", NULL};
    struct store_order *order = NULL;
    int64_t id = 0;

    TRY(admin_evidence_id(admin_text(call, "order"), places,
                          "the number of an order nor the URL of one", &id, why));
    TRY(store_order_by_id(call->session, call->arena, id, &order, why));
    write_facts(call, order);
    write_identifiers(call, order);
    TRY(write_certificates(call, id, why));
    return write_looks(call, id, why);
}

enum err admin_caa_show(struct admin_call *call, struct err_info *why)
{
    struct store_caa_look *look = NULL;
    const struct json *document = NULL;

    TRY(store_caa_look_by_id(call->session, call->arena, admin_number(call, "id", 0),
                             &look, why));
    TRY(evidence_read(call->arena, look->record, &document, why));
    json_write_number(call->result, "id", look->id);
    json_write_number(call->result, "order", look->order_id);
    write_look(call, look);
    json_copy_value(call->result, "challenge", json_member(document, "method"));
    if (json_member(document, "problem") != NULL)
        json_copy_value(call->result, "error", json_member(document, "problem"));
    return admin_evidence_write(call, look->record, why);
}
