/* Do the lists have what was revoked, and nothing else? They are read first and the store
 * then, so what is revoked meanwhile is missing in them: what does not fit is compared a
 * second time with lists that are read again, and only that counts. */
#include "core/x509/certificate.h"
#include "server/check/check_list.h"

static struct span serial_of(const struct store_review *row)
{
    return span_make(row->issuance.serial, row->issuance.serial_len);
}

/* Lists write no reason for none, and for "unspecified" (RFC 5280 5.3.1). */
static int reason_in_list(int reason)
{
    return reason <= 0 ? CRL_NO_REASON : reason;
}

struct comparison {
    struct check_run *run;
    struct check_list *lists;
    bool judged; /* report, instead of only counting */
    int64_t wrong;
};

static void compare_entry(struct comparison *c, struct check_list *list,
                          const struct store_review *row)
{
    struct check_entry *entry = check_list_find(list, serial_of(row));

    if (entry == NULL && row->issuance.not_after < c->run->check->now)
        return; /* it need not be there any more */
    if (entry != NULL) {
        entry->seen = true;
        if (entry->reason == reason_in_list(row->revocation.reason) &&
            entry->at == row->revocation.at)
            return;
    }
    c->wrong++;
    if (!c->judged || check_list_moves(list))
        return;
    check_report(c->run,
                 entry == NULL ? CHECK_FOUND_NOT_LISTED : CHECK_FOUND_LISTED_OTHERWISE,
                 serial_of(row), list->path, NULL,
                 entry == NULL ? "it is revoked, and not in the list"
                               : "it is in the list with another reason or time");
}

/* By which key it was signed; before the store kept that, its certificate knew. */
static enum err issuer_of(struct check_run *run, const struct store_review *row,
                          struct span *key_id, struct err_info *why)
{
    struct store_issuance *kept = NULL;
    struct certificate *c = NULL;

    *key_id = span_make(row->issuance.issuer, row->issuance.issuer_len);
    if (key_id->len > 0)
        return ERR_OK;
    enum err result = store_certificate_by_id(run->check->session, run->step,
                                              row->issuance.id, &kept, why);
    if (result == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(result);
    if (certificate_read(run->step, kept->certificate, &c, NULL) == ERR_OK)
        *key_id = c->authority_key_id;
    return ERR_OK;
}

static enum err compare_row(struct comparison *c, const struct store_review *row,
                            struct err_info *why)
{
    struct span key_id = {0};

    TRY(issuer_of(c->run, row, &key_id, why));
    for (struct check_list *list = c->lists; list != NULL; list = list->next)
        if (list->usable && (list->shard == 0 || list->shard == row->issuance.shard) &&
            span_equal(key_id, span_make(list->issuer->key_id, list->issuer->key_id_len)))
            compare_entry(c, list, row);
    return ERR_OK;
}

static void compare_rest(struct comparison *c)
{
    for (struct check_list *list = c->lists; list != NULL; list = list->next) {
        for (size_t i = 0; i < list->count; i++) {
            const struct check_entry *entry = &list->entries[i];
            if (entry->seen)
                continue;
            c->wrong++;
            if (c->judged)
                check_report(c->run, CHECK_FOUND_LISTED_WRONGLY,
                             span_make(entry->serial, entry->serial_len), list->path,
                             NULL,
                             "it is in the list, and the store does not say that it is "
                             "revoked");
        }
    }
}

static enum err compare(struct comparison *c, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct check *check = c->run->check;
    size_t count = 0;
    int64_t after = 0;
    int64_t done = 0;

    do {
        struct store_review *rows = NULL;
        arena_reset(a);
        TRY(store_review_revoked(check->session, a, after, &rows, &count, why));
        for (size_t i = 0; i < count; i++) {
            arena_reset(c->run->step);
            TRY(compare_row(c, &rows[i], why));
            after = rows[i].issuance.id;
        }
        done += (int64_t)count;
        check->progress(check->argument, "revocations", done, 0);
    } while (count > 0);
    compare_rest(c);
    return ERR_OK;
}

static enum err load_all(const struct comparison *c, bool judged, struct err_info *why)
{
    int tries = 0;

    for (struct check_list *list = c->lists; list != NULL; list = list->next)
        TRY(check_list_load(list, &tries, judged, why));
    return ERR_OK;
}

static enum err run_twice(struct comparison *c, struct err_info *why)
{
    TRY(check_list_scopes(c->run, &c->lists, why));
    TRY(load_all(c, true, why));
    TRY(compare(c, why));
    if (c->wrong == 0)
        return ERR_OK;
    const int64_t entries = c->run->sums->entries;
    c->judged = true;
    TRY(load_all(c, false, why));
    c->run->sums->entries -= entries;
    return compare(c, why);
}

enum err check_lists(struct check_run *run, struct err_info *why)
{
    struct comparison c = {.run = run};

    if (!run->check->settings->crl_enabled)
        return ERR_OK;
    enum err result = run_twice(&c, why);
    for (struct check_list *list = c.lists; list != NULL; list = list->next)
        check_list_free(list);
    return result;
}
