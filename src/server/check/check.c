/* The check: from part to part, some rows at a time. */
#include "server/check/check.h"

#include <string.h>

#include "core/base/text.h"
#include "core/x509/certificate.h"
#include "server/check/check_private.h"
#include "server/signer/signer_profile.h"
#include "server/store/store_search.h"

#define SETTLED_S 3600 /* seconds after which an issuance is not under way any more */

static const char *const parts[CHECK_PARTS] = {
    [CHECK_STORE] = "store",       [CHECK_CERTIFICATES] = "certificates",
    [CHECK_PROFILES] = "profiles", [CHECK_EVIDENCE] = "evidence",
    [CHECK_LISTS] = "lists",       [CHECK_AUDIT] = "audit",
};

const char *check_part_name(enum check_part part)
{
    return parts[part];
}

bool check_wants(const struct check_run *run, enum check_part part)
{
    return (run->check->parts & 1U << part) != 0;
}

/* ---- findings ---- */

enum advice { REVOKE, SAY };

static const struct {
    const char *name;
    enum check_part part;
    enum advice advice;
    const char *rule;
    const char *what;
} kinds[CHECK_KINDS] = {
#define FINDING(NAME, name, part, advice, rule, what)                                    \
    {name, CHECK_##part, advice, rule, what},
#include "server/check/findings.def"
#undef FINDING
};

void check_report(struct check_run *run, enum check_kind kind, struct span serial,
                  const char *object, const char *rule, const char *detail)
{
    AUTO(arena) struct arena *a = arena_new();
    char hex[2 * STORE_SERIAL_MAX + 1];
    const size_t len = serial.len < STORE_SERIAL_MAX ? serial.len : STORE_SERIAL_MAX;
    struct check_finding finding = {.kind = kind,
                                    .name = kinds[kind].name,
                                    .part = kinds[kind].part,
                                    .object = object,
                                    .rule = rule != NULL ? rule : kinds[kind].rule,
                                    .detail = detail,
                                    .advice = kinds[kind].what};

    if (!check_wants(run, finding.part))
        return;
    text_hex(hex, serial.data, len);
    if (len > 0)
        finding.serial = hex;
    if (kinds[kind].advice == REVOKE)
        finding.advice =
            arena_printf(a, "cairn-ca revoke --dir %s --serial %s --reason %s",
                         run->check->settings->directory, hex, kinds[kind].what);
    run->sums->findings++;
    run->check->found(run->check->argument, &finding);
}

/* ---- issuances ---- */

static struct span serial_of(const struct store_issuance *issuance)
{
    return span_make(issuance->serial, issuance->serial_len);
}

/* Who signed it, or was to: for the lists. */
static enum err count_issuer(struct check_run *run, const struct store_issuance *issuance,
                             struct err_info *why)
{
    struct span key_id = span_make(issuance->issuer, issuance->issuer_len);
    struct certificate *c = NULL;
    struct check_issuer *issuer = NULL;

    if (key_id.len == 0 && certificate_read_tbs(run->step, issuance->tbs, &c, NULL) == 0)
        key_id = c->authority_key_id;
    enum err result = check_issuer_find(run, key_id, issuance->id, &issuer, why);
    if (result == ERR_NOT_FOUND)
        return ERR_OK; /* check_certificate says so */
    if (result == ERR_OK && issuance->finished) {
        issuer->alive++;
        if (issuance->not_after > issuer->last)
            issuer->last = issuance->not_after;
    }
    return result;
}

static enum err one(struct check_run *run, const struct store_review *row,
                    struct err_info *why)
{
    const struct store_issuance *issuance = &row->issuance;

    run->sums->issuances++;
    if (check_wants(run, CHECK_LISTS))
        TRY(count_issuer(run, issuance, why));
    if (check_wants(run, CHECK_AUDIT))
        check_audit(run, row);
    if (row->revocation.at != 0) {
        run->sums->revoked++;
        return ERR_OK;
    }
    if (!issuance->finished && issuance->begun > run->check->now - SETTLED_S &&
        !issuance->abandoned)
        return ERR_OK; /* it is under way */
    if (issuance->finished) {
        run->sums->certificates++;
        if (check_wants(run, CHECK_CERTIFICATES) || check_wants(run, CHECK_PROFILES))
            TRY(check_certificate(run, row, why));
    } else if (row->has_certificate) {
        check_report(run, CHECK_FOUND_UNFINISHED, serial_of(issuance), NULL, NULL,
                     "there is a certificate, and the issuance is not finished");
    }
    return check_wants(run, CHECK_EVIDENCE) ? check_evidence(run, row, why) : ERR_OK;
}

static enum err walk(struct check_run *run, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct check *check = run->check;
    int64_t newest = 0;

    TRY(store_search_newest(check->session, &newest, why));
    for (int64_t after = 0; after < newest; after += STORE_REVIEW_SPAN) {
        struct store_review *rows = NULL;
        size_t count = 0;
        int64_t last = after + STORE_REVIEW_SPAN;
        arena_reset(a);
        TRY(store_review_range(check->session, a, after, last < newest ? last : newest,
                               check->now, check->since, &rows, &count, why));
        for (size_t i = 0; i < count; i++) {
            arena_reset(run->step);
            TRY(one(run, &rows[i], why));
        }
        check->progress(check->argument, "issuances", last < newest ? last : newest,
                        newest);
    }
    return ERR_OK;
}

/* ---- the store ---- */

static enum err check_store(struct check_run *run, bool *damaged, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct span none = span_make(NULL, 0);
    struct store_session *session = run->check->session;
    struct err_info damage = {0};
    int64_t certificate = 0;
    int64_t revocation = 0;

    run->check->progress(run->check->argument, "the database", 0, 0);
    if (store_check(session, &damage) != ERR_OK) {
        check_report(run, CHECK_FOUND_DAMAGED, none, NULL, NULL, damage.detail);
        *damaged = true;
        return ERR_OK;
    }
    TRY(store_review_orphan(session, &certificate, &revocation, why));
    if (certificate != 0)
        check_report(run, CHECK_FOUND_ORPHAN_CERTIFICATE, none,
                     arena_printf(a, "certificate %lld", (long long)certificate), NULL,
                     "there is no finished issuance with its number");
    if (revocation != 0)
        check_report(run, CHECK_FOUND_ORPHAN_REVOCATION, none,
                     arena_printf(a, "issuance %lld", (long long)revocation), NULL,
                     "it is revoked, and there is no such issuance");
    return ERR_OK;
}

static enum err prepare(struct check_run *run, struct err_info *why)
{
    const struct check *check = run->check;

    signer_profile_read(run->arena, check->settings, &run->profiles, &run->profile_count);
    TRY(check_issuers_read(run, why));
    TRY(policy_key_lists_load(check->settings, &run->key_lists, why));
    TRY(store_sweep_load(check->session, &run->sweep, why));
    if (check_wants(run, CHECK_AUDIT))
        TRY(check_audit_read(run, why));
    return check_journal_read(run, why);
}

static enum err all(struct check_run *run, struct err_info *why)
{
    const unsigned int judged = 1U << CHECK_CERTIFICATES | 1U << CHECK_PROFILES |
                                1U << CHECK_EVIDENCE | 1U << CHECK_AUDIT;

    bool damaged = false;

    if (check_wants(run, CHECK_STORE))
        TRY(check_store(run, &damaged, why));
    if (damaged)
        return ERR_OK; /* what it says is not to be believed */
    TRY(prepare(run, why));
    if ((run->check->parts & (judged | 1U << CHECK_LISTS)) != 0)
        TRY(walk(run, why));
    if (check_wants(run, CHECK_STORE))
        TRY(check_journal_compare(run, why));
    return check_wants(run, CHECK_LISTS) ? check_lists(run, why) : ERR_OK;
}

enum err check_run(const struct check *check, struct check_sums *sums,
                   struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(arena) struct arena *step = arena_new();
    struct check_run run = {.check = check, .sums = sums, .arena = a, .step = step};

    *sums = (struct check_sums){0};
    enum err result = all(&run, why);
    policy_key_lists_free(run.key_lists);
    check_journal_free(run.journal);
    check_audit_free(run.audit);
    return result;
}
