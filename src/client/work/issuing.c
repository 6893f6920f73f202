/* The process with the keys and the files: it gives the job, serves the calls that come
 * back, judges the result, and keeps it. */
#include "client/work/issuing.h"

#include <string.h>

#include "client/dns/dns_desk.h"
#include "client/flow/flow.h"
#include "client/flow/flow_check.h"
#include "client/proc/wire.h"
#include "client/settings/name.h"
#include "client/solve/solve.h"
#include "client/solve/web_journal.h"
#include "client/solve/web_server.h"
#include "client/work/account_desk.h"
#include "client/work/issuing_csr.h"
#include "client/work/issuing_device.h"
#include "client/work/issuing_key.h"
#include "client/work/issuing_proof.h"
#include "client/work/steps.h"
#include "core/acme/identifier.h"
#include "core/acme/identifier_device.h"
#include "core/acme/key_authorization.h"
#include "core/base/clock.h"
#include "core/jose/jwk.h"
#include "core/x509/csr.h"

#define PRESENT_FIELDS 7

/* One certificate being got: one type of key. */
struct job {
    struct arena *arena;
    struct issuing *i;
    const char *key_type;
    struct account_desk account;
    struct key *key;               /* of the certificate */
    struct span key_text;          /* key.pem of one that is in the device */
    const struct csr_checked *csr; /* that the user brought along; NULL: none */
    struct device_desk desk;
    struct solve_options solving;
    struct solve *solve;
    struct issuing_proof proof;
};

/* Made once for a certificate: what is attested is what the request is for. */
static enum err need_key(struct job *j, struct err_info *why)
{
    if (j->key != NULL || j->csr != NULL)
        return ERR_OK;
    if (j->desk.worker == NULL) {
        TRY(issuing_key_make(j->i, j->key_type, &j->key, why));
    } else {
        TRY(issuing_device_key(j->arena, j->i, &j->desk, j->key_type, &j->key,
                               &j->key_text, why));
    }
    arena_own(j->arena, j->key, key_drop);
    return ERR_OK;
}

static void drop_secret(void *secret)
{
    secret_auto(secret);
}

/* Take down what came; the key's text lives in the arena, which wipes it. */
static enum err take(struct job *j, const struct flow_certificate *got,
                     struct certificate_files *files, struct err_info *why)
{
    struct certificate_metadata *m = &j->i->got;
    struct secret *pem =
        arena_own(j->arena, arena_get(j->arena, sizeof *pem), drop_secret);

    if (j->key != NULL && !key_is_outside(j->key))
        TRY(key_to_pem(j->key, NULL, pem, why));
    *files = (struct certificate_files){.key_pem = j->csr != NULL ? (struct span){NULL, 0}
                                                   : key_is_outside(j->key)
                                                       ? j->key_text
                                                       : span_make(pem->data, pem->len),
                                        .certificate_pem = got->certificate_pem,
                                        .chain_pem = got->chain_pem};
    m->asked = certificate_asked_make(
        j->i->wanted->certificate,
        j->csr != NULL ? certificate_asked_digest(j->arena, j->csr->der) : "");
    m->parts[m->part_count++] = (struct certificate_part){.key_type = j->key_type,
                                                          .not_before = got->not_before,
                                                          .not_after = got->not_after,
                                                          .serial = got->serial,
                                                          .id = got->id};
    return ERR_OK;
}

/* Servers would show it, and nobody would take it. CAs date back by an hour or so, which
 * clocks may differ by; whose is wrong is for the user to see. */
static void tell_of_clock(const struct certificate_metadata *m, const char *name)
{
    int64_t now = clock_now();
    char from[CLOCK_TEXT_SIZE];
    char here[CLOCK_TEXT_SIZE];

    for (size_t i = 0; i < m->part_count; i++) {
        if (m->parts[i].not_before <= now)
            continue;
        clock_text(from, m->parts[i].not_before);
        clock_text(here, now);
        report_warning("%s: the certificate is not valid before %s, and this machine's "
                       "clock says %s; if that is wrong, set it",
                       name, from, here);
        return;
    }
}

static enum err keep(struct arena *a, struct issuing *i,
                     const struct certificate_files *files, const char **path,
                     struct err_info *why)
{
    const char *name = i->wanted->certificate->name;
    struct err_info later = {0};
    char until[CLOCK_TEXT_SIZE];

    i->got.names = i->names;
    i->got.name_count = i->name_count;
    i->got.ca = i->ca->directory;
    i->got.device = i->wanted->certificate->device;
    TRY(certificate_store_put(a, i->directory, name, &i->got, files, path, why));
    report_moment(until, i->got.parts[0].not_after, certificate_store_lifetime(&i->got));
    report_step(&i->report, "issued", "%s, valid until %s", name, until);
    tell_of_clock(&i->got, name);
    report_step(&i->report, "stored", "%s", *path);
    if (issuing_key_advance(i, &later) !=
        ERR_OK) /* the certificate is there all the same */
        report_warning("%s: the next key is not made: %s", name, later.detail);
    return ERR_OK;
}

/* ---- what the process with the network asks for ---- */

/* Names, addresses and devices go into different fields. */
static struct csr_names sort_names(const struct issuing *i, struct arena *a, bool bare)
{
    size_t count = i->name_count;
    const char **dns = arena_array(a, count, sizeof *dns);
    struct span *addresses = arena_array(a, count, sizeof *addresses);
    struct device_name *devices = arena_array(a, count, sizeof *devices);
    struct csr_names names = {.dns = dns, .addresses = addresses, .devices = devices};

    for (size_t n = 0; n < count; n++) {
        const struct identifier name = name_identifier(i->names[n]);
        struct address *address = arena_get(a, sizeof *address);
        if (terms_is_device(name.type) && bare)
            continue;
        if (terms_is_device(name.type)) {
            struct device_name *d = &devices[names.device_count++];
            d->kind = name.type == IDENTIFIER_HARDWARE_MODULE ? DEVICE_NAME_MODULE
                                                              : DEVICE_NAME_PERMANENT;
            identifier_device_parts(a, &name, &d->id, &d->oid);
        } else if (address_parse(span_of(name.value), address)) {
            addresses[names.address_count++] = address_octets(address);
        } else {
            dns[names.dns_count++] = name.value;
        }
    }
    return names;
}

/* For the names of the job, whatever the CA says. */
static enum err request(struct job *j, struct arena *a, const struct wire_message *m,
                        struct span *answer, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(CSR_MAX);

    /* one of ours not before the CA is content: a large one takes long */
    TRY(need_key(j, why));
    if (m->count != 1)
        return err_set(why, ERR_PROTOCOL, "a call for a request is malformed");
    struct csr_names names = sort_names(j->i, a, m->fields[0].len > 0);
    names.must_staple = j->i->wanted->certificate->must_staple;
    if (j->csr != NULL) {
        *answer = j->csr->der;
        return ERR_OK;
    }
    TRY(csr_make(&b, j->key, &names, why));
    *answer = arena_span(a, buf_span(&b));
    return ERR_OK;
}

/* All of a challenge to answer but its token. */
static enum err read_task(struct job *j, const struct wire_message *m, size_t *index,
                          struct solve_task *task, struct err_info *why)
{
    if (m->count != PRESENT_FIELDS || j->account.account.url == NULL ||
        !terms_read_challenge_type((const char *)m->fields[0].data, &task->type))
        return err_set(why, ERR_PROTOCOL, "a call to present is malformed");
    task->wildcard = m->fields[2].len > 0;
    if (!issuing_proof_find(j->i, (const char *)m->fields[1].data, task->wildcard, index,
                            &task->identifier))
        return err_set(why, ERR_PROTOCOL,
                       "the CA wants %s%.255s proved, which nobody asked for",
                       task->wildcard ? "*." : "", (const char *)m->fields[1].data);
    task->token = (const char *)m->fields[3].data;
    task->account_uri = (const char *)m->fields[4].data;
    task->issuers = (const char *)m->fields[5].data;
    return ERR_OK;
}

static enum err present(struct job *j, struct arena *a, const struct wire_message *m,
                        struct span *answer, struct err_info *why)
{
    uint8_t thumbprint[JWK_THUMBPRINT_SIZE];
    struct solve_task task = {.response = answer, .account_url = j->account.account.url};
    size_t index = 0;

    *answer = span_of("{}");
    TRY(read_task(j, m, &index, &task, why));
    jwk_thumbprint(j->account.account.key, thumbprint);
    task.key_authorization = key_authorization_text(a, task.token, thumbprint);
    issuing_proof_present(&j->proof, index, task.type, m->fields[6].len > 0);
    if (terms_is_device(task.identifier.type))
        TRY(need_key(j, why));
    enum err result = solve_present(j->solve, &task, why);
    if (result != ERR_OK)
        issuing_proof_fail_present(&j->proof, index, solve_is_open(j->solve, task.type),
                                   result);
    return result;
}

static enum err ready(struct job *j, struct err_info *why)
{
    enum challenge_type type = CHALLENGE_HTTP_01;
    enum err result = solve_ready(j->solve, &type, why);

    if (result != ERR_OK)
        issuing_proof_fail_ready(&j->proof, j->solve, type, result);
    return result;
}

static void solve_anew(struct job *j)
{
    solve_close(j->solve);
    j->solve = solve_new(&j->solving);
}

static enum err serve(struct job *j, struct arena *a, const struct wire_message *m,
                      struct span *answer, struct err_info *why)
{
    enum err result = ERR_OK;

    if (account_desk_serve(&j->account, a, m, answer, &result, why))
        return result;
    switch (m->type) {
    case WIRE_CSR:
        return request(j, a, m, answer, why);
    case WIRE_PRESENT:
        return present(j, a, m, answer, why);
    case WIRE_READY:
        return ready(j, why);
    case WIRE_OUTCOME:
        return issuing_proof_outcome(&j->proof, m, why);
    case WIRE_PROVED:
        solve_anew(j);
        return ERR_OK;
    default:
        return err_set(why, ERR_PROTOCOL, "a call that is none");
    }
}

/* Serve until the process with the network is done, or has failed. */
static enum err serve_all(struct job *j, struct span *pem, struct err_info *why)
{
    int fd = j->i->crew->network.fd;
    bool ours = false;

    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message m;
        struct span answer = span_of("");
        struct err_info failure = {0};
        TRY(wire_receive(a, fd, &m, NULL, why));
        if (steps_take(&j->i->report, &m))
            continue;
        if (m.type == WIRE_FINISH && m.count == 1) {
            *pem = arena_span(j->arena, m.fields[0]);
            return ERR_OK;
        }
        if (m.type == WIRE_FAIL) {
            j->i->at_ca = !ours;
            return wire_failure(&m, why);
        }
        enum err result = serve(j, a, &m, &answer, &failure);
        ours = result != ERR_OK; /* what it fails with then came from here */
        const struct wire_message back = {WIRE_ANSWER, {answer}, 1};
        TRY(result == ERR_OK ? wire_send(fd, &back, why)
                             : wire_send_failure(fd, &failure, why));
    }
}

/* ---- the job ---- */

enum err issuing_read_roots(struct arena *a, const struct issuing *i, struct span *roots,
                            struct err_info *why)
{
    return account_desk_roots(a, i->ca, roots, why);
}

static const char *text_or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static bool has_name_of(const struct issuing *i, const struct certificate_metadata *m)
{
    for (size_t k = 0; k < i->name_count; k++)
        for (size_t n = 0; n < m->name_count; n++)
            if (strcmp(i->names[k], m->names[n]) == 0)
                return true;
    return false;
}

/* The certificate's name of RFC 9773 4.1 that this one comes in place of: with a key of
 * the same type, from the same CA, and with a name in common, which the CA insists on
 * (RFC 9773 5); NULL: none. */
static const char *replaced_by(const struct job *j)
{
    const struct certificate_metadata *m = j->i->before;

    if (m == NULL || strcmp(m->ca, j->i->ca->directory) != 0 || !has_name_of(j->i, m))
        return NULL;
    for (size_t p = 0; p < m->part_count; p++)
        if (strcmp(m->parts[p].key_type, j->key_type) == 0 && m->parts[p].id[0] != '\0')
            return m->parts[p].id;
    return NULL;
}

static enum err send_job(struct job *j, struct err_info *why)
{
    const struct issuing *i = j->i;
    const struct settings_certificate *c = i->wanted->certificate;
    const struct flow_options o = {
        .task = FLOW_ISSUE,
        .session = account_desk_session(&j->account, i->wanted->settings, i->agree_terms),
        .names = i->names,
        .name_count = i->name_count,
        .challenges = c->challenge_types,
        .worked = j->proof.worked,
        .worked_count = j->proof.worked_count,
        .failed = j->proof.failed,
        .failed_count = j->proof.failed_count,
        .profile = text_or_null(c->profile),
        .profile_required = c->profile_required,
        .replaces = replaced_by(j),
        .lifetime = c->lifetime_ms / 1000,
        .preferred_chain = text_or_null(c->preferred_chain),
    };

    return account_desk_send(i->crew->network.fd, &o, j->account.roots, why);
}

/* One order, and others if a challenge failed and there are others. */
static enum err order(struct job *j, struct span *pem, struct err_info *why)
{
    issuing_proof_begin(&j->proof, j->arena, j->i);
    for (;;) {
        j->i->at_ca = false;
        enum err result = send_job(j, why);
        if (result == ERR_OK)
            result = serve_all(j, pem, why);
        if (result == ERR_OK || !issuing_proof_again(&j->proof, &result, why))
            return result;
        solve_anew(j);
    }
}

static enum err run_job(struct job *j, struct certificate_files *files,
                        struct err_info *why)
{
    struct issuing *i = j->i;
    AUTO(state_lock) struct state_lock account = {0};
    struct flow_certificate got = {0};
    struct span pem = span_of("");

    TRY(account_desk_open(j->arena, i->crew, i->directory, i->wanted->settings, i->ca,
                          STATE_LOCK_SHARED, &account, &j->account, why));
    TRY(order(j, &pem, why));
    const struct key *key = j->csr != NULL ? j->csr->key : j->key;
    if (key == NULL)
        return err_set(why, ERR_PROTOCOL, "there is a certificate nobody asked for");
    TRY(flow_check(j->arena, pem, i->names, i->name_count, key, &got, why));
    return take(j, &got, files, why);
}

static enum err solve_and_run(struct job *j, struct certificate_files *files,
                              struct err_info *why)
{
    struct issuing *i = j->i;

    j->solving =
        (struct solve_options){.wanted = i->wanted,
                               .report = &i->report,
                               .listener = i->crew->listener.fd,
                               .dns = i->crew->dns.fd,
                               .runner = i->crew->runner.fd,
                               .directory = i->directory,
                               .device = j->desk.worker != NULL ? &j->desk : NULL};
    j->solve = solve_new(&j->solving);
    enum err result = run_job(j, files, why);
    solve_close(j->solve);
    return result;
}

/* One type of key after the other; what was proved for the first counts for the others,
 * if the CA lets it. */
static enum err run_all(struct arena *a, struct issuing *i, const char **path,
                        struct err_info *why)
{
    struct certificate_files files[SETTINGS_KEYS_MAX];
    const struct config_list *keys = &i->wanted->certificate->keys;

    for (size_t k = 0; k < keys->count; k++) {
        struct job j = {.arena = a, .i = i, .key_type = keys->items[k]};
        if (i->wanted->certificate->csr[0] != '\0')
            TRY(issuing_csr_read(a, i, &j.csr, &j.key_type, why));
        enum err result =
            issuing_has_device(i) ? issuing_device_open(a, i, &j.desk, why) : ERR_OK;
        if (result == ERR_OK && j.desk.worker != NULL)
            result = need_key(&j, why); /* what is wrong with it is no reason to order */
        if (result == ERR_OK)
            result = solve_and_run(&j, &files[k], why);
        if (j.desk.worker != NULL)
            device_desk_close(&j.desk);
        TRY(result);
    }
    return keep(a, i, files, path, why);
}

enum err issuing_prepare(struct crew *crew, const struct settings *settings,
                         const char *directory, const struct report *report,
                         struct err_info *why)
{
    struct dns_desk desk = {
        .directory = directory, .settings = settings, .report = report};

    bool has_web = web_journal_has_entries(directory);

    if (!has_web && !dns_journal_has_entries(directory))
        return ERR_OK;
    TRY(crew_start(crew, why));
    if (has_web)
        (void)web_server_recover(directory, crew->runner.fd, report);
    desk.worker.fd = crew->dns.fd;
    desk.runner = crew->runner.fd;
    enum err result = dns_desk_clean(&desk, why);
    if (result != ERR_OK)
        crew_renew(crew); /* it may be in the middle of something */
    return result;
}

enum err issuing_run(struct arena *a, struct issuing *i, const char **path,
                     struct err_info *why)
{
    report_step(&i->report, "ca", "%s", i->ca->directory);
    i->got = (struct certificate_metadata){0};
    i->names = i->wanted->certificate->names.items;
    i->name_count = i->wanted->certificate->names.count;
    TRY(crew_start(i->crew, why));
    enum err result = run_all(a, i, path, why);
    if (result == ERR_INTERRUPTED || result == ERR_IO || result == ERR_INTERNAL)
        crew_renew(
            i->crew); /* it may be in the middle of something; another starts anew */
    return result;
}
