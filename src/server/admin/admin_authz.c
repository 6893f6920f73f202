/* cairn-ca authz ...: what validations saw (docs/evidence.md). */
#include <string.h>

#include "core/acme/identifier_device.h"
#include "core/acme/terms.h"
#include "core/base/text.h"
#include "server/admin/admin.h"
#include "server/admin/admin_evidence.h"
#include "server/order/order_state.h"
#include "server/store/store_evidence.h"

#define PAGE_MAX 100
#define STEPS_MAX                                                                        \
    500 /* of STORE_EVIDENCE_SPAN authorizations, in one call; then --after goes on */

/* What a list has too. */
static void write_facts(struct json_writer *w, const struct admin_call *call,
                        const struct store_authz *authz)
{
    const struct identifier identifier = {(enum identifier_type)authz->identifier.type,
                                          authz->identifier.value};

    json_write_number(w, "id", authz->id);
    json_write_text(w, "identifier",
                    arena_printf(call->arena, "%s%s", authz->wildcard ? "*." : "",
                                 identifier_text(call->arena, &identifier)));
    json_write_text(w, "status", terms_authz_status(order_state_authz(authz, call->now)));
    json_write_number(w, "account", authz->account_id);
    if (authz->order_id != 0)
        json_write_number(w, "order", authz->order_id);
    else
        json_write_text(w, "order", NULL);
    json_write_text(w, "challenge",
                    authz->attempt_type >= 0
                        ? terms_challenge_type((enum challenge_type)authz->attempt_type)
                        : NULL);
    json_write_time(w, "created", authz->created);
    admin_evidence_time(w, "decided", authz->attempt_finished);
}

/* ---- show ---- */

static const char *const places[] = {"/authz/", "/challenge/", NULL};

enum err admin_authz_show(struct admin_call *call, struct err_info *why)
{
    struct json_writer *w = call->result;
    struct store_authz *authz = NULL;
    int64_t id = 0;

    TRY(admin_evidence_id(
        admin_text(call, "authz"), places,
        "the number of an authorization nor the URL of one or of its challenge", &id,
        why));
    TRY(store_authz_by_id(call->session, call->arena, id, &authz, why));
    write_facts(w, call, authz);
    json_write_time(w, "expires", authz->expires);
    admin_evidence_time(w, "deactivated", authz->deactivated);
    json_write_bool(w, "subdomains", authz->subdomains);
    admin_evidence_time(w, "begun", authz->attempt_begun);
    admin_evidence_time(w, "caa_checked", authz->caa_checked);
    if (authz->error != NULL)
        json_write_raw(w, "error", span_of(authz->error));
    return authz->record == NULL ? ERR_OK
                                 : admin_evidence_write(call, authz->record, why);
}

/* ---- list ---- */

/* As it is stored: canonical, without "*.". */
static enum err read_identifier(struct arena *a, const char *text,
                                struct identifier *identifier, struct err_info *why)
{
    struct err_info no_ip = {0};

    if (identifier_device_of_text(a, text, identifier) ||
        identifier_read_ip(a, text, identifier, &no_ip) == ERR_OK ||
        identifier_read_dns(a, strncmp(text, "*.", 2) == 0 ? text + 2 : text, identifier,
                            why) == ERR_OK)
        return ERR_OK;
    why->code = ERR_USAGE;
    return err_prefix(why, "--identifier");
}

enum err admin_authz_list(struct admin_call *call, struct err_info *why)
{
    struct store_evidence_filter filter = {
        .account_id = admin_number(call, "account", 0),
        .since = admin_past(call, "since", 0),
    };
    const char *text = admin_text(call, "identifier");
    struct identifier identifier = {0};
    int64_t next = admin_number(call, "after", INT64_MAX);
    size_t listed = 0;

    if (text != NULL)
        TRY(read_identifier(call->arena, text, &identifier, why));
    filter.value = identifier.value;
    json_write_begin_array(call->result, "authorizations");
    for (int steps = 0; next != 0 && listed < PAGE_MAX && steps < STEPS_MAX; steps++) {
        struct store_authz *rows = NULL;
        size_t count = 0;
        TRY(store_evidence_list(call->session, call->arena, &filter, next,
                                PAGE_MAX - listed, &rows, &count, &next, why));
        for (size_t i = 0; i < count; i++) {
            if (text != NULL && rows[i].identifier.type != (int)identifier.type)
                continue;
            json_write_begin_object(call->result, NULL);
            write_facts(call->result, call, &rows[i]);
            json_write_end_object(call->result);
        }
        listed += count;
    }
    json_write_end_array(call->result);
    if (next != 0)
        json_write_number(call->result, "next_after", next);
    return ERR_OK;
}
