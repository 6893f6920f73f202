/* The account's side of a job. */
#include "client/work/account_desk.h"

#include <string.h>

#include "client/request/acme_directory.h"
#include "client/work/account_device.h"
#include "client/work/binding.h"
#include "client/work/steps.h"
#include "core/base/file.h"
#include "core/jose/jwk.h"
#include "core/jose/jws.h"
#include "core/json/json_write.h"

#define JWS_MAX   (256 * 1024)      /* octets of a signed request */
#define ROOTS_MAX (2 * 1024 * 1024) /* octets of a CA file */

enum err account_desk_roots(struct arena *a, const struct settings_ca *ca,
                            struct span *roots, struct err_info *why)
{
    const char *path = ca->ca_file;

    *roots = span_of("");
    if (path[0] == '\0')
        return ERR_OK;
    if (file_read(a, path, ROOTS_MAX, roots, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "the CA file");
    }
    if (roots->len == 0)
        return err_set(why, ERR_CONFIG, "the CA file %s is empty", path);
    return ERR_OK;
}

static enum err begin(struct arena *a, struct crew *crew, const char *directory,
                      const struct settings *settings, const struct settings_ca *ca,
                      struct account_desk *desk, struct err_info *why)
{
    const char **email = arena_get(a, sizeof *email);

    *email = ca->email[0] != '\0' ? ca->email : settings->email;
    *desk = (struct account_desk){.arena = a,
                                  .crew = crew,
                                  .directory = directory,
                                  .ca = ca,
                                  .emails = email,
                                  .email_count = (*email)[0] != '\0' ? 1 : 0};
    return account_desk_roots(a, ca, &desk->roots, why);
}

/* Where a new key of the account comes from, into that place of the crew. */
static struct account_maker maker_of(struct account_desk *desk, enum crew_device slot)
{
    struct account_device_maker *m = arena_get(desk->arena, sizeof *m);

    if (!account_device_is_wanted(desk->ca))
        return (struct account_maker){.key_type = desk->ca->account_key};
    *m = (struct account_device_maker){desk->crew, slot, desk->directory, desk->ca};
    return (struct account_maker){.make = account_device_make, .context = m};
}

/* Whoever asks nobody needs no device. */
static enum err use(struct account_desk *desk, enum state_lock_kind kind,
                    struct state_lock *lock, struct err_info *why)
{
    TRY(account_store_use(desk->arena, desk->directory, &desk->account, kind, lock, why));
    if (desk->crew == NULL)
        return ERR_OK;
    return account_device_unlock(desk->arena, desk->crew, desk->directory, desk->ca,
                                 &desk->account, why);
}

enum err account_desk_open(struct arena *a, struct crew *crew, const char *directory,
                           const struct settings *settings, const struct settings_ca *ca,
                           enum state_lock_kind kind, struct state_lock *lock,
                           struct account_desk *desk, struct err_info *why)
{
    struct account_desk made;

    TRY(begin(a, crew, directory, settings, ca, &made, why));
    TRY(account_device_start(a, crew, directory, ca, CREW_DEVICE_ACCOUNT, why));
    const struct account_maker maker = maker_of(&made, CREW_DEVICE_ACCOUNT);
    TRY(account_store_open_with(a, directory, ca->directory, &maker, &made.account, why));
    TRY(use(&made, kind, lock, why));
    *desk = made;
    return ERR_OK;
}

enum err account_desk_find(struct arena *a, struct crew *crew, const char *directory,
                           const struct settings *settings, const struct settings_ca *ca,
                           enum state_lock_kind kind, struct state_lock *lock,
                           struct account_desk *desk, struct err_info *why)
{
    struct account_desk made;

    TRY(begin(a, crew, directory, settings, ca, &made, why));
    if (crew != NULL)
        TRY(account_device_start(
            a, crew, directory, ca,
            kind == STATE_LOCK_EXCLUSIVE ? CREW_DEVICE_NEXT : CREW_DEVICE_COUNT, why));
    enum err result = account_store_find(a, directory, ca->directory, &made.account, why);
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND,
                       "there is no account for %s in %s; cairn account register makes "
                       "one",
                       ca->directory, directory);
    TRY(result);
    TRY(use(&made, kind, lock, why));
    *desk = made;
    return ERR_OK;
}

struct session_options account_desk_session(const struct account_desk *desk,
                                            const struct settings *settings,
                                            bool agree_terms)
{
    return (struct session_options){
        .ca = desk->ca->directory,
        .account = desk->account.url,
        .emails = desk->emails,
        .email_count = desk->email_count,
        .bind = desk->ca->eab_kid[0] != '\0',
        .agree_terms = agree_terms || desk->ca->agree_tos || settings->agree_tos,
        .changing = desk->account.next != NULL,
    };
}

/* ---- calls ---- */

static const char *text_of(struct span field)
{
    return field.len > 0 ? (const char *)field.data : NULL;
}

static enum err check_url(const struct account_desk *d, const char *url,
                          struct err_info *why)
{
    if (!acme_directory_same_origin(d->ca->directory, url))
        return err_set(why, ERR_PROTOCOL,
                       "a request to %.200s is not signed: the CA is at %.200s", url,
                       d->ca->directory);
    return ERR_OK;
}

static enum err choose_key(const struct account_desk *d, const struct wire_message *m,
                           const struct key **key, struct err_info *why)
{
    struct span word = m->count > 4 ? m->fields[4] : span_of("");

    *key = word.len == 0                  ? d->account.key
           : span_is(word, "next")        ? d->account.next
           : span_is(word, "certificate") ? d->certificate
                                          : NULL;
    if (*key == NULL)
        return err_set(why, ERR_PROTOCOL, "a call to sign with a key that is not there");
    return ERR_OK;
}

static enum err sign(struct account_desk *d, struct arena *a,
                     const struct wire_message *m, struct span *answer,
                     struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(JWS_MAX);
    const struct key *key = NULL;

    if (m->count < 4)
        return err_set(why, ERR_PROTOCOL, "a call to sign is malformed");
    const char *url = (const char *)m->fields[2].data;
    TRY(check_url(d, url, why));
    TRY(choose_key(d, m, &key, why));
    TRY(jws_sign(&b, key, text_of(m->fields[0]), (const char *)m->fields[1].data, url,
                 m->fields[3], why));
    *answer = arena_span(a, buf_span(&b));
    return ERR_OK;
}

static enum err bind_account(struct account_desk *d, struct arena *a,
                             const struct wire_message *m, struct span *answer,
                             struct err_info *why)
{
    if (m->count != 1)
        return err_set(why, ERR_PROTOCOL, "a call to bind is malformed");
    return binding_make(a, d->ca, d->account.key, (const char *)m->fields[0].data, answer,
                        why);
}

/* A token's key is the one that is called so, and may be the account's already. */
static enum err forget_same(struct account_desk *d, struct err_info *why)
{
    TRY(account_store_settle(d->arena, &d->account, false, why));
    return err_set(why, ERR_CONFIG,
                   "that is the account's key already; name another object of the token");
}

/* The inner JWS of a change of keys (RFC 8555 7.3.5). */
static enum err change(struct account_desk *d, struct arena *a,
                       const struct wire_message *m, struct span *answer,
                       struct err_info *why)
{
    const struct account_maker maker = maker_of(d, CREW_DEVICE_NEXT);
    AUTO(buf) struct buf jwk = buf_make(JWS_MAX);
    AUTO(buf) struct buf payload = buf_make(JWS_MAX);
    AUTO(buf) struct buf b = buf_make(JWS_MAX);
    struct json_writer w = json_writer_make(&payload);

    if (m->count != 2)
        return err_set(why, ERR_PROTOCOL, "a call to change keys is malformed");
    const char *url = (const char *)m->fields[0].data;
    TRY(check_url(d, url, why));
    TRY(account_store_make_next(d->arena, &d->account, &maker, why));
    if (key_equal(d->account.next, d->account.key))
        return forget_same(d, why);
    jwk_write(&jwk, d->account.key);
    json_write_begin_object(&w, NULL);
    json_write_span(&w, "account", m->fields[1]);
    json_write_raw(&w, "oldKey", buf_span(&jwk));
    json_write_end_object(&w);
    TRY(jws_sign(&b, d->account.next, NULL, NULL, url, buf_span(&payload), why));
    *answer = arena_span(a, buf_span(&b));
    return ERR_OK;
}

static enum err settle(struct account_desk *d, const struct wire_message *m,
                       struct err_info *why)
{
    if (m->count != 1 || d->account.next == NULL)
        return err_set(why, ERR_PROTOCOL, "there is no change of keys to be settled");
    return account_store_settle(d->arena, &d->account, m->fields[0].len > 0, why);
}

static enum err keep_url(struct account_desk *d, const struct wire_message *m,
                         struct err_info *why)
{
    if (m->count != 1)
        return err_set(why, ERR_PROTOCOL, "a call to keep an account is malformed");
    d->account.url = arena_string_of(d->arena, m->fields[0]);
    if (d->account.folder == NULL)
        return ERR_OK; /* of an account that is not ours yet */
    return account_store_keep_url(&d->account, d->account.url,
                                  d->email_count > 0 ? d->emails[0] : NULL, why);
}

bool account_desk_serve(struct account_desk *desk, struct arena *a,
                        const struct wire_message *m, struct span *answer,
                        enum err *result, struct err_info *why)
{
    switch (m->type) {
    case WIRE_SIGN:
        *result = sign(desk, a, m, answer, why);
        return true;
    case WIRE_BIND:
        *result = bind_account(desk, a, m, answer, why);
        return true;
    case WIRE_ACCOUNT:
        *result = keep_url(desk, m, why);
        return true;
    case WIRE_CHANGE:
        *result = change(desk, a, m, answer, why);
        return true;
    case WIRE_SETTLE:
        *result = settle(desk, m, why);
        return true;
    default:
        return false;
    }
}

/* ---- tasks ---- */

enum err account_desk_send(int network, const struct flow_options *o, struct span roots,
                           struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(FLOW_OPTIONS_MAX);

    flow_options_write(&b, o);
    if (b.failed)
        return err_set(why, ERR_INTERNAL, "what is wanted does not fit into a message");
    const struct wire_message m = {WIRE_JOB, {buf_span(&b), roots}, 2};
    return wire_send(network, &m, why);
}

enum err account_desk_run(struct account_desk *desk, struct crew *crew,
                          const struct report *report, const struct flow_options *o,
                          struct span *known, struct err_info *why)
{
    int fd = crew->network.fd;

    TRY(account_desk_send(fd, o, desk->roots, why));
    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message m;
        struct span answer = span_of("");
        struct err_info failure = {0};
        enum err result = ERR_OK;
        TRY(wire_receive(a, fd, &m, NULL, why));
        if (steps_take(report, &m))
            continue;
        if (m.type == WIRE_FINISH && m.count == 1) {
            *known = arena_span(desk->arena, m.fields[0]);
            return ERR_OK;
        }
        if (m.type == WIRE_FAIL)
            return wire_failure(&m, why);
        if (!account_desk_serve(desk, a, &m, &answer, &result, &failure))
            result = err_set(&failure, ERR_PROTOCOL, "a call that is none");
        const struct wire_message back = {WIRE_ANSWER, {answer}, 1};
        TRY(result == ERR_OK ? wire_send(fd, &back, why)
                             : wire_send_failure(fd, &failure, why));
    }
}
