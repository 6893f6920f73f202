/* cairn-ca revocation step: some certificates looked at, and revoked if that is asked
 * for. `cairn-ca revoke` asks for one step after the other (command_revoke.c), so that no
 * step holds up anybody, and whatever ends between two of them can be gone on with. */
#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "server/admin/admin.h"
#include "server/admin/admin_criteria.h"
#include "server/audit/audit_revocation.h"

#define STEP_US        150000 /* when a step ends that has looked at some hundred */
#define STEP_CHANGES   1000   /* or so many were to be revoked */
#define AT_ONCE        100    /* in one change */
#define SIBLINGS_FIRST 4      /* half of what is looked at first */
#define KEY_COMPROMISE 1      /* RFC 5280 5.3.1 */

/* A step on its way. */
struct step {
    const struct admin_call *call;
    struct audit_revocation noted;
    struct selection selection;
    struct store_revocation revocation;
    bool commit;
    int64_t rows; /* to be shown */
    int64_t after;
    bool over;
    int64_t certificates; /* to be revoked, or revoked now */
    int64_t changed;      /* of these, revoked before for another reason */
    int64_t siblings;     /* others for their keys */
    int64_t revoked;      /* before */
    int64_t expired;
    const struct span *unknown;
    size_t unknown_count;
};

/* ---- what is asked for ---- */

static enum err read_reason(struct step *s, struct err_info *why)
{
    const char *word = admin_text(s->call, "reason");
    int64_t at = admin_past(s->call, "at", 0);

    s->revocation = (struct store_revocation){.at = at != 0 ? at : s->call->now,
                                              .reason = STORE_REASON_NONE};
    if (word != NULL && !admin_criteria_reason_read(word, &s->revocation.reason))
        return err_set(
            why, ERR_USAGE,
            "--reason: \"%.50s\" is none of unspecified, keyCompromise, "
            "affiliationChanged, superseded, cessationOfOperation and "
            "privilegeWithdrawn; certificateHold cannot be, as nothing is undone, and "
            "cACompromise is for the certificates of CAs",
            word);
    if (at != 0 && s->revocation.reason != KEY_COMPROMISE)
        return err_set(why, ERR_USAGE,
                       "--at: only a compromise of the key has a time of its own "
                       "(Baseline Requirements 7.2.2); --reason keyCompromise");
    return ERR_OK;
}

/* Octet for octet one of ours; or what was to be signed, if it never came back. */
static enum err check_certificate(const struct step *s, const struct certificate *c,
                                  struct err_info *why)
{
    const struct admin_call *call = s->call;
    struct store_found *row = NULL;
    struct store_issuance *whole = NULL;

    enum err result =
        store_search_serial(call->session, call->arena, c->serial, &row, why);
    if (result == ERR_OK && row->issuance.finished) {
        TRY(store_certificate_by_id(call->session, call->arena, row->issuance.id, &whole,
                                    why));
        if (!span_equal(whole->certificate, c->der))
            result = ERR_NOT_FOUND;
    } else if (result == ERR_OK && !span_equal(row->issuance.tbs, c->tbs)) {
        result = ERR_NOT_FOUND;
    }
    return result == ERR_NOT_FOUND
               ? err_set(why, ERR_NOT_FOUND,
                         "--certificate: this CA has not issued that one")
               : result;
}

static enum err read_certificate(struct step *s, struct err_info *why)
{
    struct arena *a = s->call->arena;
    const char *text = admin_text(s->call, "certificate");
    struct certificate *c = NULL;
    struct span *list = arena_array(a, s->selection.serial_count + 1, sizeof *list);
    struct span der;

    if (text == NULL)
        return ERR_OK;
    if (!base64url_decode(a, span_of(text), &der))
        return err_set(why, ERR_USAGE, "certificate: no base64url of DER");
    if (certificate_read(a, der, &c, why) != ERR_OK)
        return err_prefix(why, "--certificate");
    TRY(check_certificate(s, c, why));
    for (size_t i = 0; i < s->selection.serial_count; i++)
        list[i] = s->selection.serials[i];
    list[s->selection.serial_count++] = c->serial;
    s->selection.serials = list;
    return ERR_OK;
}

static enum err read_step(struct step *s, struct err_info *why)
{
    struct store_incident *wanted = &s->selection.wanted;
    struct span *serials = NULL;
    int64_t incident = admin_number(s->call, "incident", 0);

    TRY(admin_criteria_read(s->call, wanted, why));
    TRY(admin_criteria_serials(s->call, "serials", "--serial", &serials,
                               &s->selection.serial_count, why));
    s->selection.serials = serials;
    TRY(read_certificate(s, why));
    if (incident != 0)
        TRY(selection_of_incident(s->call->session, s->call->arena, incident,
                                  &s->selection, why));
    if (!admin_criteria_is_limited(wanted) && incident == 0 &&
        s->selection.serial_count == 0)
        return err_set(why, ERR_USAGE,
                       "say which certificates are to be revoked; cairn-ca help revoke");
    TRY(read_reason(s, why));
    s->commit = admin_flag(s->call, "commit");
    s->rows = admin_number(s->call, "rows", 0);
    s->after = admin_number(s->call, "after", 0);
    wanted->last_issuance = admin_number(s->call, "up_to", 0);
    return wanted->last_issuance != 0
               ? ERR_OK
               : store_search_newest(s->call->session, &wanted->last_issuance, why);
}

/* ---- what is there ---- */

static bool is_compromise(const struct step *s)
{
    return s->revocation.reason == KEY_COMPROMISE;
}

/* Would something be changed about it? */
static bool is_open(const struct step *s, const struct store_found *row)
{
    return row->issuance.not_after >= s->call->now &&
           (row->revocation.at == 0 ||
            (is_compromise(s) && row->revocation.reason != KEY_COMPROMISE));
}

/* How many certificates that are not meant go with this one, as they have its key. Of
 * several that are meant only the first counts them. */
static enum err count_siblings(struct step *s, const struct store_found *row,
                               struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_found *rows = NULL;
    size_t count = 0;
    size_t most = SIBLINGS_FIRST;
    int64_t after = 0;
    int64_t siblings = 0;

    do {
        most = most < STORE_SEARCH_SPAN / 2 ? most * 2 : STORE_SEARCH_SPAN;
        arena_reset(a);
        TRY(store_search_key(s->call->session, a, row->issuance.key_hash, after, most,
                             &rows, &count, why));
        for (size_t i = 0; i < count; i++) {
            bool meant = false;
            after = rows[i].issuance.id;
            if (!is_open(s, &rows[i]) || after == row->issuance.id)
                continue;
            TRY(selection_meets(s->call->session, &s->selection, &rows[i], &meant, why));
            if (meant && after < row->issuance.id)
                return ERR_OK;
            siblings += meant ? 0 : 1;
        }
    } while (count == most);
    s->siblings += siblings;
    return ERR_OK;
}

static enum err show(struct step *s, const struct store_found *row, struct err_info *why)
{
    if (s->rows <= 0)
        return ERR_OK;
    s->rows--;
    json_write_begin_object(s->call->result, NULL);
    TRY(admin_criteria_write(s->call, row, why));
    json_write_end_object(s->call->result);
    return ERR_OK;
}

/* As they are now. */
static enum err show_revoked(struct step *s, const struct store_issuance *const *list,
                             size_t count, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();

    for (size_t i = 0; i < count && s->rows > 0; i++) {
        struct store_found *row = NULL;
        TRY(store_search_serial(s->call->session, a,
                                span_make(list[i]->serial, list[i]->serial_len), &row,
                                why));
        TRY(show(s, row, why));
    }
    return ERR_OK;
}

static enum err revoke_some(struct step *s, const struct store_issuance *const *list,
                            size_t count, struct err_info *why)
{
    const struct store_revoking told = audit_revocation_teller(&s->noted);
    struct store_revoked sum = {0};

    TRY(store_revoke_all(s->call->session, list, count, &s->revocation, s->call->now,
                         &sum, &told, why));
    s->certificates += sum.revoked;
    s->siblings += sum.siblings;
    log_event(LOG_LEVEL_NOTICE, "certificate.revoked",
              "count=%lld siblings=%lld reason=%d up_to=%lld", (long long)sum.revoked,
              (long long)sum.siblings, s->revocation.reason,
              (long long)list[count - 1]->id);
    return show_revoked(s, list, count, why);
}

/* What this very command revoked with another's key is not counted again. */
static void pass_over(struct step *s, const struct store_found *row)
{
    int64_t started = admin_number(s->call, "started", s->call->now);
    int64_t begun = row->issuance.begun;

    if (row->revocation.at == 0)
        s->expired++;
    else if (!s->commit || !is_compromise(s) ||
             (row->revocation.at < started &&
              row->revocation.at !=
                  (s->revocation.at > begun ? s->revocation.at : begun)))
        s->revoked++;
}

/* Those of one look at the store. */
static enum err take(struct step *s, struct arena *a, const struct selection_found *found,
                     struct err_info *why)
{
    const struct store_issuance **list = arena_array(a, AT_ONCE, sizeof *list);
    size_t count = 0;

    for (size_t i = 0; i < found->count; i++) {
        const struct store_found *row = found->rows[i];
        if (!is_open(s, row)) {
            pass_over(s, row);
            continue;
        }
        s->changed += row->revocation.at != 0 ? 1 : 0;
        if (!s->commit) {
            TRY(show(s, row, why));
            s->certificates++;
            TRY(is_compromise(s) ? count_siblings(s, row, why) : ERR_OK);
            continue;
        }
        list[count++] = &row->issuance;
        if (count == AT_ONCE) {
            TRY(revoke_some(s, list, count, why));
            count = 0;
        }
    }
    return count > 0 ? revoke_some(s, list, count, why) : ERR_OK;
}

static enum err walk(struct step *s, struct err_info *why)
{
    int64_t begun = clock_monotonic_us();

    do {
        AUTO(arena) struct arena *a = arena_new();
        struct selection_found found;
        TRY(selection_next(s->call->session, a, &s->selection, s->after, &found, why));
        TRY(take(s, a, &found, why));
        s->after = found.after;
        s->over = found.over;
        if (found.unknown_count > 0) {
            s->unknown = arena_copy(s->call->arena, found.unknown,
                                    found.unknown_count * sizeof *found.unknown);
            s->unknown_count = found.unknown_count;
        }
    } while (!s->over && s->certificates + s->siblings < STEP_CHANGES &&
             clock_monotonic_us() - begun < STEP_US);
    return ERR_OK;
}

static void write_sums(const struct step *s)
{
    struct json_writer *w = s->call->result;

    json_write_number(w, "count", s->certificates);
    json_write_number(w, "changed", s->changed);
    json_write_number(w, "siblings", s->siblings);
    json_write_number(w, "revoked", s->revoked);
    json_write_number(w, "expired", s->expired);
    json_write_number(w, "up_to", s->selection.wanted.last_issuance);
    json_write_begin_array(w, "unknown");
    for (size_t i = 0; i < s->unknown_count; i++)
        admin_criteria_write_hex(s->call, NULL, s->unknown[i]);
    json_write_end_array(w);
    if (!s->over)
        json_write_number(w, "next_after", s->after);
}

/* A key that is known to be compromised is blocked first, also if nothing was certified
 * for it yet: then nothing comes after those that are found. */
static enum err block_key(const struct step *s, struct err_info *why)
{
    const struct span key = s->selection.wanted.key_hash;

    if (!s->commit || !is_compromise(s) || key.len == 0)
        return ERR_OK;
    return audit_revocation_block(&s->noted, key.data, s->call->now, why);
}

enum err admin_revocation_step(struct admin_call *call, struct err_info *why)
{
    struct step step = {
        .call = call,
        .noted = {.session = call->session, .by = AUDIT_BY_COMMAND, .number = call->uid}};

    TRY(read_step(&step, why));
    TRY(block_key(&step, why));
    json_write_begin_array(call->result, "certificates");
    TRY(walk(&step, why));
    json_write_end_array(call->result);
    write_sums(&step);
    return ERR_OK;
}
