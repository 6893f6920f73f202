/* cairn revoke: the end of a certificate before its time (RFC 8555 7.6). */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/command/account_ca.h"
#include "client/command/place.h"
#include "client/flow/flow_account.h"
#include "client/renewal/renewal_state.h"
#include "client/store/certificate_versions.h"
#include "client/store/state.h"
#include "client/work/account_desk.h"
#include "client/work/work.h"
#include "client/work/work_confine.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/x509/certificate.h"

#define PEM_MAX (2 * CERTIFICATE_MAX * CERTIFICATE_CHAIN_MAX) /* octets */

/* Reasons that a subscriber may give (RFC 5280 5.3.1), by their names there. */
static const struct {
    const char *word;
    int64_t code;
} reasons[] = {
    {"unspecified", 0}, {"keyCompromise", 1},        {"affiliationChanged", 3},
    {"superseded", 4},  {"cessationOfOperation", 5}, {"privilegeWithdrawn", 9},
};

/* A certificate to be revoked. */
struct target {
    struct span der;
    struct key *key; /* NULL: not needed */
};

struct revocation {
    const struct client_command *c;
    struct crew *crew;
    struct place place;
    struct report report;
    struct account_desk desk;
    struct state_lock account_lock;
    struct state_lock lock;
    const char *name; /* of the certificate here; NULL: it is in a file */
    const char *kept; /* of the certificate here that it is a version of; or NULL */
    uint64_t version; /* which */
    struct target targets[SETTINGS_KEYS_MAX];
    size_t count;
    size_t before;  /* of them were revoked already */
    int64_t reason; /* -1: none */
};

static enum err read_reason(const struct client_command *c, int64_t *reason,
                            struct err_info *why)
{
    *reason = -1;
    if (c->reason == NULL)
        return ERR_OK;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (strcasecmp(c->reason, reasons[i].word) == 0) {
            *reason = reasons[i].code;
            return ERR_OK;
        }
    return err_set(why, ERR_USAGE,
                   "--reason: \"%.50s\" is none of unspecified, keyCompromise, "
                   "affiliationChanged, superseded, cessationOfOperation, "
                   "privilegeWithdrawn",
                   c->reason);
}

static enum err read_key(struct revocation *r, const char *path, struct key **key,
                         struct err_info *why)
{
    struct span pem;

    TRY(file_read(r->c->arena, path, KEY_PEM_MAX, &pem, why));
    enum err result = key_from_pem(pem, NULL, key, why);
    memory_wipe((void *)(uintptr_t)pem.data, pem.len);
    if (result != ERR_OK)
        return err_prefix(why, "the certificate's key %s", path);
    arena_own(r->c->arena, *key, key_drop);
    return ERR_OK;
}

/* The first certificate of a file, and its key if it is to sign. */
static enum err add_target(struct revocation *r, const char *path, const char *key_path,
                           struct err_info *why)
{
    struct target *t = &r->targets[r->count++];
    struct span ders[CERTIFICATE_CHAIN_MAX];
    struct certificate *read = NULL;
    struct span pem;
    size_t count = 0;

    TRY(file_read(r->c->arena, path, PEM_MAX, &pem, why));
    if (certificate_from_pem(r->c->arena, pem, ders, CERTIFICATE_CHAIN_MAX, &count,
                             why) != ERR_OK ||
        certificate_read(r->c->arena, ders[0], &read, why) != ERR_OK)
        return err_prefix(why, "%s", path);
    t->der = ders[0];
    if (key_path == NULL)
        return ERR_OK;
    TRY(read_key(r, key_path, &t->key, why));
    if (!span_equal(key_spki(t->key), read->spki))
        return err_set(why, ERR_USAGE, "%s is not the key of %s", key_path, path);
    return ERR_OK;
}

/* ---- what, and at which CA ---- */

/* The CA that issued it: by its directory, among those that are known and those of the
 * certificate's own settings. */
static enum err find_issuer(struct revocation *r, const struct certificate_metadata *m,
                            const struct settings_ca **ca, struct err_info *why)
{
    struct wanted *w = arena_get(r->c->arena, sizeof *w);
    struct err_info ignored = {0};

    if (r->c->ca == NULL && work_find(r->c->arena, r->place.directory, &r->place.settings,
                                      r->name, w, &ignored) == ERR_OK)
        for (size_t i = 0; i < w->ca_count; i++)
            if (strcmp(w->cas[i]->directory, m->ca) == 0) {
                *ca = w->cas[i];
                return ERR_OK;
            }
    struct client_command c = *r->c;
    if (c.ca == NULL && m->ca[0] != '\0')
        c.ca = m->ca;
    return account_ca_find(&c, &r->place.settings, ca, why);
}

static enum err take_stored(struct revocation *r, const struct settings_ca **ca,
                            struct err_info *why)
{
    struct arena *a = r->c->arena;
    struct certificate_versions versions;
    struct certificate_metadata m;

    TRY(state_lock_certificate(a, r->place.directory, r->name, 0, &r->lock, why));
    TRY(certificate_store_get(a, r->place.directory, r->name, &m, why));
    TRY(certificate_versions_read(a, r->place.directory, r->name, &versions, why));
    r->kept = r->name;
    r->version = versions.current;
    if (r->c->with_key && m.device[0] != '\0')
        return err_set(why, ERR_USAGE,
                       "--with-key: the key of %s is in a device; the account that got "
                       "the certificate can revoke it",
                       r->name);
    TRY(find_issuer(r, &m, ca, why));
    const char *folder = certificate_store_path(a, r->place.directory, r->name);
    for (size_t i = 0; i < m.part_count; i++) {
        const char *type = i == 0 ? "" : m.parts[i].key_type;
        TRY(add_target(
            r, file_path(a, folder, certificate_store_file(a, type, "cert.pem")),
            r->c->with_key
                ? file_path(a, folder, certificate_store_file(a, type, "key.pem"))
                : NULL,
            why));
    }
    return ERR_OK;
}

/* Is the file one of a version that is kept here? */
static void find_version(struct revocation *r, const char *path)
{
    static const char middle[] = "/certificates/";
    static const char versions[] = "/versions/";
    struct arena *a = r->c->arena;
    char folder[PATH_MAX];
    char real[PATH_MAX];
    uint64_t number = 0;

    if (realpath(r->place.directory, folder) == NULL || realpath(path, real) == NULL)
        return;
    size_t len = strlen(folder);
    if (strncmp(real, folder, len) != 0 ||
        strncmp(real + len, middle, strlen(middle)) != 0)
        return;
    const char *name = real + len + strlen(middle);
    const char *rest = strchr(name, '/');
    if (rest == NULL || strncmp(rest, versions, strlen(versions)) != 0)
        return;
    const char *digits = rest + strlen(versions);
    if (!text_number(span_make(digits, strcspn(digits, "/")), UINT32_MAX, &number))
        return;
    r->kept = arena_string_of(a, span_make(name, (size_t)(rest - name)));
    r->version = number;
}

static enum err take(struct revocation *r, const struct settings_ca **ca,
                     struct err_info *why)
{
    const char *what = r->c->arguments.items[0];
    bool stored =
        settings_is_certificate_name(what) &&
        file_exists(certificate_store_path(r->c->arena, r->place.directory, what));

    if (stored) {
        r->name = what;
        return take_stored(r, ca, why);
    }
    if (!file_exists(what))
        return err_set(why, ERR_NOT_FOUND,
                       "there is neither a certificate nor a file \"%.200s\"", what);
    if (r->c->with_key && r->c->key_file == NULL)
        return err_set(why, ERR_USAGE,
                       "--with-key: say where the key of %.200s is by --key-file FILE",
                       what);
    if (r->c->renew_now)
        return err_set(why, ERR_USAGE, "--renew-now is for a certificate that is here");
    TRY(account_ca_find(r->c, &r->place.settings, ca, why));
    find_version(r, what);
    if (r->kept != NULL)
        TRY(state_lock_certificate(r->c->arena, r->place.directory, r->kept, 0, &r->lock,
                                   why));
    return add_target(r, what, r->c->key_file, why);
}

/* ---- doing it ---- */

static enum err revoke_one(struct revocation *r, const struct target *t,
                           struct err_info *why)
{
    struct flow_options o = {.task = FLOW_REVOKE,
                             .certificate = t->der,
                             .reason = r->reason,
                             .with_key = t->key != NULL};
    struct span answer = {0};

    r->desk.certificate = t->key;
    o.session = account_desk_session(&r->desk, &r->place.settings, false);
    TRY(account_desk_run(&r->desk, r->crew, &r->report, &o, &answer, why));
    r->before += span_is(answer, FLOW_ACCOUNT_BEFORE);
    return ERR_OK;
}

static enum err revoke_all(struct revocation *r, const struct settings_ca *ca,
                           struct err_info *why)
{
    struct arena *a = r->c->arena;

    if (r->targets[0].key != NULL) { /* an account is neither needed nor made */
        r->desk = (struct account_desk){.arena = a, .ca = ca};
        TRY(account_desk_roots(a, ca, &r->desk.roots, why));
    } else {
        TRY(account_desk_find(a, r->crew, r->place.directory, &r->place.settings, ca,
                              STATE_LOCK_SHARED, &r->account_lock, &r->desk, why));
    }
    for (size_t i = 0; i < r->count; i++)
        TRY(revoke_one(r, &r->targets[i], why));
    if (r->before == r->count)
        report_step(&r->report, "kept", "%s was revoked already",
                    r->c->arguments.items[0]);
    else
        report_step(&r->report, "revoked", "%s", r->c->arguments.items[0]);
    return ERR_OK;
}

/* That version is revoked for good. If it is in force, it is not renewed by itself from
 * now on: who revokes may not want another. */
static enum err remember(struct revocation *r, struct err_info *why)
{
    struct arena *a = r->c->arena;
    const char *directory = r->place.directory;
    struct renewal_state *state = arena_get(a, sizeof *state);
    struct certificate_versions versions;
    struct err_info ignored = {0};

    TRY(certificate_versions_read(a, directory, r->kept, &versions, why));
    TRY(certificate_versions_revoke(a, directory, r->kept, r->version, why));
    if (r->version != versions.current)
        return ERR_OK;
    (void)renewal_state_load(a, directory, r->kept, state, &ignored);
    state->revoked = true;
    return renewal_state_save(a, directory, r->kept, state, why);
}

static enum err renew(struct revocation *r, struct err_info *why)
{
    const struct work k = {.directory = r->place.directory,
                           .crew = r->crew,
                           .forced = true,
                           .by_hand = true,
                           .report = r->report};
    struct work_result *result = arena_get(r->c->arena, sizeof *result);
    struct wanted *w = arena_get(r->c->arena, sizeof *w);

    state_unlock(&r->lock);
    state_unlock(&r->account_lock);
    TRY(work_find(r->c->arena, r->place.directory, &r->place.settings, r->name, w, why));
    return work_certificate(r->c->arena, &k, w, result, why);
}

/* Accounts at CAs that no settings know: that of the command line or of all, and that
 * where a certificate is from whose settings are gone. */
static void add_accounts(const struct revocation *r, struct work_files *files)
{
    const struct settings *s = &r->place.settings;
    const char *name = r->c->arguments.items[0];
    const char *ca = r->c->ca != NULL ? r->c->ca : s->ca;
    struct certificate_metadata m;
    struct err_info ignored = {0};

    if (settings_ca(s, ca) == NULL)
        work_files_add_account(files, ca);
    if (settings_is_certificate_name(name) &&
        certificate_store_get(r->c->arena, r->place.directory, name, &m, &ignored) ==
            ERR_OK)
        work_files_add_account(files, m.ca);
}

/* The processes; then this one gives up what it does not need. */
static enum err start(struct revocation *r, struct err_info *why)
{
    const struct client_command *c = r->c;
    struct work_files files = work_files_make(c->arena, r->place.directory);
    const struct config_group *cas = &r->place.settings.cas;

    work_files_add_names(&files, r->place.directory, &r->place.settings,
                         c->arguments.items, 1);
    work_files_add(&files, c->arguments.items[0], JAIL_READ);
    work_files_add(&files, c->key_file, JAIL_READ);
    work_files_add(&files, c->ca_file, JAIL_READ);
    add_accounts(r, &files);
    for (size_t i = 0; i < cas->count; i++)
        work_files_add_ca(&files, cas->members[i]);
    TRY(crew_start(r->crew, why));
    return work_confine(r->crew, &files, why);
}

static enum err run(struct revocation *r, struct err_info *why)
{
    const struct client_command *c = r->c;
    const struct settings_ca *ca = NULL;

    if (c->arguments.count != 1)
        return err_set(why, ERR_USAGE, "revoke needs one certificate, or one file");
    TRY(read_reason(c, &r->reason, why));
    TRY(place_find(c, &r->place, why));
    TRY(start(r, why)); /* before a key is in memory */
    TRY(take(r, &ca, why));
    TRY(revoke_all(r, ca, why));
    if (r->kept != NULL)
        TRY(remember(r, why));
    if (c->json)
        printf("{\"revoked\":true,\"certificates\":%zu}\n", r->count);
    *c->unchanged = r->before == r->count && !c->renew_now;
    return c->renew_now ? renew(r, why) : ERR_OK;
}

enum err command_revoke(const struct client_command *c, struct err_info *why)
{
    AUTO(crew) struct crew crew = {0};
    struct revocation r = {
        .c = c, .crew = &crew, .report = {.json = c->json, .quiet = c->quiet}};

    enum err result = run(&r, why);
    state_unlock(&r.lock);
    state_unlock(&r.account_lock);
    return result;
}
