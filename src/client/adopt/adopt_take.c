/* Accounts, credentials, certificates: each by itself, the certificate's settings last,
 * so that a run that was interrupted is done again where it ended. */
#include "client/adopt/adopt_take.h"

#include "client/deploy/deploy_plan.h"
#include "client/store/account_store.h"
#include "client/store/certificate_store.h"
#include "client/store/remembered.h"
#include "client/store/state.h"
#include "core/base/clock.h"
#include "core/base/file.h"

#define LOCK_WAIT_MS (30 * 1000) /* for another cairn that works on the same */

static void count(struct adopt_taken *t, enum adopt_outcome outcome)
{
    t->changed += outcome == ADOPT_NEW || outcome == ADOPT_CHANGED;
    t->skipped += outcome == ADOPT_SKIPPED;
    t->failed += outcome == ADOPT_FAILED;
}

/* ---- accounts ---- */

static enum adopt_outcome take_account(struct adopt *found,
                                       const struct adopt_account *theirs, bool dry)
{
    struct arena *a = found->arena;
    struct account ours;
    struct err_info why = {0};
    bool is_new = false;

    enum err result = account_store_find(a, found->state, theirs->ca, &ours, &why);
    if (result == ERR_OK && !key_equal(ours.key, theirs->key)) {
        adopt_remark(found, theirs->file,
                     "not taken over: cairn has an account of its own at %s already",
                     theirs->ca);
        return ADOPT_SKIPPED;
    }
    if (dry && (result == ERR_OK || result == ERR_NOT_FOUND))
        return result == ERR_OK ? ADOPT_HERE : ADOPT_NEW;
    if (result == ERR_OK || result == ERR_NOT_FOUND)
        result = account_store_adopt(a, found->state, theirs->ca, theirs->key, NULL,
                                     theirs->url, theirs->email, &is_new, &why);
    if (result != ERR_OK) {
        adopt_remark(found, theirs->file, "not taken over: %s", why.detail);
        return ADOPT_FAILED;
    }
    if (theirs->url == NULL && is_new)
        adopt_remark(
            found, theirs->file,
            "the account's URL is not kept there; the CA tells it when it is asked "
            "first");
    return is_new ? ADOPT_NEW : ADOPT_HERE;
}

/* ---- credentials ---- */

/* What is there already stays: somebody may have changed it since. */
static enum err take_secret(struct adopt *found, const struct adopt_secret *s,
                            struct err_info *why)
{
    const char *folder = file_path(found->arena, found->state, "credentials");
    const char *path = file_path(found->arena, folder, s->name);

    file_sweep(path);
    enum err result = file_create(path, s->content, 0600, why);
    return result == ERR_EXISTS ? ERR_OK : result;
}

/* ---- certificates ---- */

static const char *remembered_path(const struct adopt *found, const char *name)
{
    return arena_printf(found->arena, "%s/certificates/%s/cairn.yaml", found->state,
                        name);
}

static enum err put_files(struct adopt *found, const struct adopt_certificate *c,
                          const struct wanted *w, struct err_info *why)
{
    const struct certificate_metadata metadata = {.names = c->names.items,
                                                  .name_count = c->names.count,
                                                  .ca = w->cas[0]->directory,
                                                  .device = "",
                                                  .parts = {{.key_type = c->key_type,
                                                             .not_before = c->not_before,
                                                             .not_after = c->not_after,
                                                             .serial = c->serial,
                                                             .id = c->id}},
                                                  .part_count = 1};
    const struct certificate_files files = {c->key_pem, c->certificate_pem, c->chain_pem};
    const char *path = NULL;

    return certificate_store_put(found->arena, found->state, c->name, &metadata, &files,
                                 &path, why);
}

/* The other client has brought it everywhere: only the next one is to go there. */
static enum err mark_deployed(struct adopt *found, const struct wanted *w,
                              struct err_info *why)
{
    struct deploy_plan plan;

    if (w->deployment_count == 0)
        return ERR_OK;
    deploy_plan_make(found->arena, found->state, w, clock_now(), &plan);
    if (plan.serials == NULL)
        return ERR_OK;
    for (size_t i = 0; i < w->deployment_count; i++)
        deploy_status_done(&plan.statuses.items[i], plan.serials, plan.options[i],
                           clock_now());
    return deploy_status_save(found->arena, found->state, w->certificate->name,
                              &plan.statuses, why);
}

static enum err put(struct adopt *found, const struct adopt_certificate *c,
                    const struct wanted *w, struct err_info *why)
{
    struct certificate_metadata there;
    AUTO(state_lock) struct state_lock lock = {0};

    TRY(state_lock_certificate(found->arena, found->state, c->name, LOCK_WAIT_MS, &lock,
                               why));
    if (c->has_files &&
        certificate_store_get(found->arena, found->state, c->name, &there, why) != ERR_OK)
        TRY(put_files(found, c, w, why));
    TRY(mark_deployed(found, w, why));
    return remembered_put(found->arena, found->state, w, why);
}

/* How its names are proved was not known, and is now. All else stays as it is here. */
static enum err change_way(struct adopt *found, const struct adopt_certificate *c,
                           struct err_info *why)
{
    AUTO(state_lock) struct state_lock lock = {0};
    struct settings base;
    struct wanted ours;

    TRY(settings_defaults(found->arena, &base, why));
    TRY(state_lock_certificate(found->arena, found->state, c->name, LOCK_WAIT_MS, &lock,
                               why));
    TRY(remembered_get(found->arena, found->state, c->name, &base, &ours, why));
    struct settings_certificate *changed =
        arena_copy(found->arena, ours.certificate, sizeof *changed);
    changed->http = c->want->http;
    changed->http_port = c->want->http_port;
    ours.certificate = changed;
    return remembered_put(found->arena, found->state, &ours, why);
}

static enum adopt_outcome take_again(struct adopt *found,
                                     const struct adopt_certificate *c, bool dry)
{
    struct err_info why = {0};

    if (!c->asks || (found->http == NULL && found->http_port == 0))
        return ADOPT_HERE;
    if (dry || change_way(found, c, &why) == ERR_OK)
        return ADOPT_CHANGED;
    adopt_remark(found, c->file, "not changed: %s", why.detail);
    return ADOPT_FAILED;
}

/* No certificate came along; what is true of its settings. */
static void tell_what_is_lacking(struct adopt *found, const struct adopt_certificate *c,
                                 enum adopt_outcome outcome)
{
    if (c->lacks == NULL)
        return;
    if (outcome == ADOPT_FAILED)
        adopt_remark(found, c->certificate_file,
                     "neither the certificate nor its settings are taken over: %s",
                     c->lacks);
    else
        adopt_remark(
            found, c->certificate_file,
            "only the settings are taken over, and not the certificate: %s; move %s into "
            "your cairn.yaml, and cairn apply gets one",
            c->lacks, remembered_path(found, c->name));
}

static void tell_where_to_read(struct adopt *found, const struct adopt_certificate *c)
{
    adopt_remark(found, c->file,
                 "who reads %s must read %s/certificates/%s/current from now on, or "
                 "import with --keep-paths, and cairn writes there, too",
                 c->read_there, found->state, c->name);
}

static enum adopt_outcome take_certificate(struct adopt *found,
                                           struct adopt_certificate *c, bool dry)
{
    struct err_info why = {0};
    struct wanted w;

    enum err result = settings_check(found->arena, &c->settings, &why);
    if (result != ERR_OK && c->lacks != NULL && c->want->names.count == 0)
        return ADOPT_FAILED; /* what is lacking says it all */
    if (result != ERR_OK) {
        adopt_remark(found, c->file, "not taken over: %s", why.detail);
        return ADOPT_FAILED;
    }
    if (file_exists(remembered_path(found, c->name)))
        return take_again(found, c, dry);
    if (dry)
        return ADOPT_NEW;
    settings_wanted(&c->settings, c->want, &w);
    result = put(found, c, &w, &why);
    if (result != ERR_OK) {
        adopt_remark(found, c->file, "not taken over: %s", why.detail);
        return ADOPT_FAILED;
    }
    return ADOPT_NEW;
}

static enum err begin(struct adopt *found, bool dry, struct err_info *why)
{
    AUTO(state_lock) struct state_lock lock = {0};

    if (dry)
        return ERR_OK;
    TRY(state_prepare(found->arena, found->state, why));
    if (found->secret_count == 0)
        return ERR_OK;
    TRY(state_lock_credentials(found->arena, found->state, LOCK_WAIT_MS, &lock, why));
    for (size_t i = 0; i < found->secret_count; i++)
        TRY(take_secret(found, &found->secrets[i], why));
    return ERR_OK;
}

enum err adopt_take(struct adopt *found, bool dry, struct adopt_taken *taken,
                    struct err_info *why)
{
    struct adopt_taken t = {
        .accounts =
            arena_array(found->arena, found->account_count + 1, sizeof *t.accounts),
        .certificates = arena_array(found->arena, found->certificate_count + 1,
                                    sizeof *t.certificates),
        .skipped = found->skipped,
    };

    TRY(begin(found, dry, why));
    for (size_t i = 0; i < found->account_count; i++) {
        t.accounts[i] = take_account(found, &found->accounts[i], dry);
        count(&t, t.accounts[i]);
    }
    for (size_t i = 0; i < found->certificate_count; i++) {
        t.certificates[i] = take_certificate(found, found->certificates[i], dry);
        tell_what_is_lacking(found, found->certificates[i], t.certificates[i]);
        if (t.certificates[i] != ADOPT_FAILED &&
            found->certificates[i]->read_there != NULL)
            tell_where_to_read(found, found->certificates[i]);
        count(&t, t.certificates[i]);
    }
    *taken = t;
    return ERR_OK;
}
