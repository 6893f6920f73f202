/* Lines about revocations, noted by the change that makes them. */
#include "server/audit/audit_revocation.h"

static void write_authority(struct audit_line *l, const struct audit_revocation *r)
{
    static const char *const words[] = {
        [AUDIT_BY_ACCOUNT] = "account",
        [AUDIT_BY_KEY] = "key",
        [AUDIT_BY_COMMAND] = "command",
    };

    json_write_text(&l->w, "by", words[r->by]);
    if (r->by == AUDIT_BY_COMMAND)
        json_write_number(&l->w, "uid", r->number);
    else if (r->by == AUDIT_BY_ACCOUNT)
        json_write_number(&l->w, "account", r->number);
    else
        json_write_text(&l->w, "account", NULL);
}

static void note(void *context, const struct store_issuance *issuance,
                 const struct store_revocation *revocation, bool for_key)
{
    const struct audit_revocation *r = context;
    struct audit_line l;

    audit_begin(&l, AUDIT_REVOCATION);
    json_write_number(&l.w, "issuance", issuance->id);
    audit_octets(&l, "serial", span_make(issuance->serial, issuance->serial_len));
    json_write_number(&l.w, "reason", revocation->reason);
    write_authority(&l, r);
    if (for_key)
        json_write_bool(&l.w, "for_key", true);
    audit_end(&l, r->session);
}

struct store_revoking audit_revocation_teller(struct audit_revocation *r)
{
    const struct store_revoking told = {.context = r, .told = note};

    return told;
}

static enum err block(const struct audit_revocation *r, const uint8_t *key_hash,
                      int64_t now, struct err_info *why)
{
    bool blocked = false;
    struct audit_line l;

    TRY(store_key_is_blocked(r->session, key_hash, &blocked, why));
    if (blocked)
        return ERR_OK;
    TRY(store_key_block(r->session, key_hash, now, why));
    audit_begin(&l, AUDIT_KEY_BLOCKED);
    audit_octets(&l, "key_hash", span_make(key_hash, STORE_HASH_SIZE));
    write_authority(&l, r);
    audit_end(&l, r->session);
    return ERR_OK;
}

enum err audit_revocation_block(const struct audit_revocation *r,
                                const uint8_t key_hash[STORE_HASH_SIZE], int64_t now,
                                struct err_info *why)
{
    store_notes_hold(r->session);
    enum err result = block(r, key_hash, now, why);
    store_notes_release(r->session);
    return result;
}
