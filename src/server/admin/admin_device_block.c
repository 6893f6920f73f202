/* cairn-ca device block, device unblock. */
#include "core/base/log.h"
#include "core/base/text.h"
#include "server/admin/admin_criteria.h"
#include "server/admin/admin_device.h"
#include "server/audit/audit_revocation.h"

static enum err read_reason(const struct admin_call *call, int *reason,
                            struct err_info *why)
{
    const char *word = admin_text(call, "revoke_as");

    *reason = ADMIN_DEVICE_WITHDRAWN;
    return word == NULL || admin_criteria_reason_read(word, reason)
               ? ERR_OK
               : err_set(why, ERR_USAGE,
                         "--revoke-as: \"%.50s\" is no reason of a revocation; cairn-ca "
                         "help revoke says which there are",
                         word);
}

/* Is it blocked already? Of those that are not in the inventory none is. */
static enum err look(const struct admin_call *call,
                     const struct store_identifier *identifier, bool *known,
                     bool *blocked, struct err_info *why)
{
    struct store_device *row = NULL;
    enum err result =
        store_device_find(call->session, call->arena, identifier, &row, why);

    if (result != ERR_OK && result != ERR_NOT_FOUND)
        return result;
    *known = row != NULL;
    *blocked = row != NULL && row->blocked != 0;
    return ERR_OK;
}

/* What would be done. */
static enum err show(const struct admin_call *call,
                     const struct store_identifier *identifier, int crl_reason,
                     struct err_info *why)
{
    bool known = false;
    bool blocked = false;
    int64_t open = 0;

    TRY(look(call, identifier, &known, &blocked, why));
    json_write_text(call->result, "identifier",
                    admin_device_name(call->arena, identifier));
    json_write_bool(call->result, "dry_run", true);
    json_write_bool(call->result, "known", known);
    json_write_bool(call->result, "was_blocked", blocked);
    TRY(admin_device_write_certificates(call, identifier, crl_reason, &open, why));
    json_write_number(call->result, "count", open);
    return ERR_OK;
}

enum err admin_device_block(struct admin_call *call, struct err_info *why)
{
    const char *text = admin_text(call, "reason");
    char *reason = arena_string(call->arena, text != NULL ? text : "");
    struct store_identifier identifier;
    struct store_device_blocked done = {0};
    struct store_device *row = NULL;
    int64_t left = 0;
    int crl_reason = 0;

    TRY(admin_device_identifier(call, "identifier", &identifier, why));
    TRY(read_reason(call, &crl_reason, why));
    if (!admin_flag(call, "yes"))
        return show(call, &identifier, crl_reason, why);
    text_make_printable(reason);
    struct audit_revocation noted = {
        .session = call->session, .by = AUDIT_BY_COMMAND, .number = call->uid};
    const struct store_revoking told = audit_revocation_teller(&noted);
    admin_hold(call);
    TRY(store_device_block(call->session, &identifier, reason, crl_reason, call->now,
                           &told, &done, why));
    log_event(LOG_LEVEL_NOTICE, "device.blocked",
              "identifier=" LOG_QUOTE " certificates=%lld authorizations=%lld",
              identifier.value, (long long)done.revoked.revoked,
              (long long)done.authorizations);
    TRY(admin_device_find(call, &identifier, &row, why));
    admin_device_write(call, row);
    json_write_bool(call->result, "dry_run", false);
    json_write_bool(call->result, "was_blocked", done.before);
    json_write_number(call->result, "authorizations", done.authorizations);
    json_write_number(call->result, "count", done.revoked.revoked);
    json_write_number(call->result, "siblings", done.revoked.siblings);
    return admin_device_write_certificates(call, &identifier, crl_reason, &left, why);
}

enum err admin_device_unblock(struct admin_call *call, struct err_info *why)
{
    struct store_identifier identifier;
    struct store_device *row = NULL;

    TRY(admin_device_identifier(call, "identifier", &identifier, why));
    admin_hold(call);
    enum err result = store_device_unblock(call->session, &identifier, why);
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "\"%s\" is not blocked",
                       admin_device_name(call->arena, &identifier));
    TRY(result);
    TRY(admin_device_find(call, &identifier, &row, why));
    admin_device_write(call, row);
    return ERR_OK;
}
