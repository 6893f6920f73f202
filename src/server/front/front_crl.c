/* The making of revocation lists: one at a time, step by step. A step is a worker's job
 * of a few milliseconds; between two of them whoever issues comes first. */
#include "server/front/front_crl.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/crypto/der_read.h"
#include "core/x509/certificate.h"
#include "server/exchange/shelf.h"
#include "server/front/front_crl_private.h"
#include "server/issue/publication.h"

#define TICK_MS        100 /* a revocation waits no longer before it is looked at */
#define SECOND_US      INT64_C(1000000)
#define PAUSE_LEAST_US (SECOND_US / 2) /* a list is made twice a second at most */
#define PAUSES         4               /* and rests so many times as long as it took */
#define BACKOFF_FIRST  1000            /* ms after a failure */
#define BACKOFF_LAST   60000
#define ASK_AGAIN_US   (30 * SECOND_US)
#define LEAP_FIRST     1000 /* a second's numbers */
#define LEAP_LAST      (UINT64_C(1) << 45)
#define UNLISTED_STEP  100
#define ETAG_OCTETS    16
#define FOREVER_US     INT64_MAX

static void run(struct work_job *job, struct store_session *session);

static void go_on(struct front_crl *c, enum front_crl_phase phase)
{
    c->phase = phase;
    c->job.run = run;
    work_pool_add(c->front->services.workers, &c->job);
}

static void idle(void *argument)
{
    struct front_crl *c = argument;

    c->under_way = false;
    if (c->again)
        c->look_us = 0;
    c->again = false;
}

/* On a worker: nothing more to do just now. */
static void rest(struct front_crl *c)
{
    crl_build_end(&c->build);
    c->scope = NULL;
    loop_post(c->front->loop, idle, c);
}

/* Try again later, ever more rarely. */
static void fail(struct front_crl *c, const struct err_info *why)
{
    c->backoff_ms = c->backoff_ms == 0                 ? BACKOFF_FIRST
                    : c->backoff_ms < BACKOFF_LAST / 2 ? 2 * c->backoff_ms
                                                       : BACKOFF_LAST;
    c->pause_until_us = clock_monotonic_us() + c->backoff_ms * 1000;
    c->look_us = c->pause_until_us;
    log_event(LOG_LEVEL_ERROR, "crl.failed", "retry_ms=%lld why=" LOG_QUOTE,
              (long long)c->backoff_ms, why->detail);
    rest(c);
}

/* ---- looking ---- */

/* The issuer's part of a certificate that was made before the store kept it; empty if it
 * cannot be read. */
static struct span issuer_of(struct arena *a, struct span der)
{
    struct certificate *certificate = NULL;

    if (certificate_read(a, der, &certificate, NULL) != ERR_OK)
        return span_make(NULL, 0);
    return certificate->authority_key_id;
}

/* Enter some older revocations; `more` if there may be others. */
static enum err enter_unlisted(struct store_session *session, bool *more,
                               struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_issuance *rows = NULL;
    size_t count = 0;

    TRY(store_crl_unlisted(session, a, UNLISTED_STEP, &rows, &count, why));
    for (size_t i = 0; i < count; i++)
        TRY(store_crl_enter(session, &rows[i], issuer_of(a, rows[i].certificate), why));
    *more = count == UNLISTED_STEP;
    return ERR_OK;
}

static struct span first_of(struct span ders)
{
    struct der_reader r = der_read_start(ders, 1);

    return der_read_element(&r);
}

/* A key may be certified again: then its certificate is another, at the same path. */
static const char *etag_of(struct arena *a, struct span octets)
{
    uint8_t digest[HASH_SHA256_SIZE];
    char hex[2 * ETAG_OCTETS + 1];

    hash_sha256(octets, digest);
    text_hex(hex, digest, ETAG_OCTETS);
    return arena_printf(a, "\"%s\"", hex);
}

/* Its certificate, once. */
static void publish_issuer(struct front_crl *c, const struct issuer *issuer)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *path = publication_issuer_path(a, issuer->template.key_id);
    struct shelf_document document = {0};
    struct err_info why = {0};

    const struct span der = first_of(issuer->chain_der);
    if (shelf_get(c->front->services.published, path, a, &document) &&
        span_equal(document.octets, der))
        return;
    document = (struct shelf_document){.content_type = "application/pkix-cert",
                                       .octets = der,
                                       .modified = issuer->template.not_before,
                                       .etag = etag_of(a, der)};
    shelf_put(c->front->services.published, path, &document, NULL, NULL);
    if (front_crl_write(c->folder, path, document.octets, &why) != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "crl.not_written", "why=" LOG_QUOTE, why.detail);
}

static struct front_crl_scope *due_of(struct front_crl *c, const struct issuer *issuer,
                                      int64_t now, int64_t now_us)
{
    for (struct front_crl_scope *s = c->scopes; s != NULL; s = s->next)
        if (span_equal(span_make(s->key_id, s->key_id_len), issuer->template.key_id) &&
            front_crl_scope_is_due(c, s, now, now_us, &c->look_us))
            return s;
    return NULL;
}

/* The list that is due, if there is one. */
static enum err choose(struct front_crl *c, struct store_session *session,
                       struct err_info *why)
{
    int64_t now = clock_now();
    int64_t now_us = clock_monotonic_us();

    c->look_us = FOREVER_US;
    for (size_t i = 0; i < c->issuers->count && c->scope == NULL; i++) {
        c->issuer = &c->issuers->issuers[i];
        publish_issuer(c, c->issuer);
        if (!c->settings->crl_enabled || c->issuer->template.not_after < now ||
            now < c->issuer->template.not_before)
            continue;
        TRY(front_crl_scopes_read(c, session, c->issuer, why));
        c->scope = due_of(c, c->issuer, now, now_us);
    }
    return ERR_OK;
}

static enum err begin(struct front_crl *c, struct err_info *why)
{
    arena_reset(c->build.arena);
    c->begun_us = clock_monotonic_us();
    front_crl_scope_prepare(c, c->issuer, c->scope, clock_now());
    return crl_build_begin(&c->build, why);
}

static void look(struct front_crl *c, struct store_session *session)
{
    struct err_info why = {0};
    bool more = false;

    c->scope = NULL;
    c->revoked = store_crl_revoked(c->front->services.store);
    c->undone = store_session_undone(session);
    enum err result = enter_unlisted(session, &more, &why);
    if (result == ERR_OK && more) {
        go_on(c, FRONT_CRL_LOOK);
        return;
    }
    if (result == ERR_OK)
        result = choose(c, session, &why);
    if (result == ERR_OK && c->scope == NULL) {
        c->backoff_ms = 0;
        rest(c);
        return;
    }
    if (result == ERR_OK)
        result = begin(c, &why);
    if (result != ERR_OK)
        fail(c, &why);
    else
        go_on(c, FRONT_CRL_BUILD);
}

/* ---- building, signing ---- */

static void ask(struct front_crl *c)
{
    struct err_info why = {0};
    const struct message_sign_list m = {.id = c->id,
                                        .offset = c->build.offset,
                                        .length = c->build.length,
                                        .fd = c->build.fd};

    c->asked_us = clock_monotonic_us();
    if (ipc_channel_send_sign_list(c->front->signer.channel, &m, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "crl.question_waits", "why=" LOG_QUOTE, why.detail);
}

/* On the loop: only there the answer is waited for. */
static void ask_posted(void *argument)
{
    struct front_crl *c = argument;

    c->waits = true;
    c->id = c->id == 0 ? FRONT_CRL_FIRST : c->id + 1;
    ask(c);
}

static void build(struct front_crl *c, struct store_session *session)
{
    struct err_info why = {0};
    enum err result = crl_build_step(&c->build, session, &why);

    if (result == ERR_OK && !c->build.over) {
        go_on(c, FRONT_CRL_BUILD);
        return;
    }
    if (result == ERR_OK)
        result = crl_build_seal(&c->build, &why);
    if (result != ERR_OK)
        fail(c, &why);
    else
        loop_post(c->front->loop, ask_posted, c);
}

/* ---- finishing ---- */

/* On the loop: the record is on disk, or not. */
static void recorded(void *argument)
{
    go_on(argument, FRONT_CRL_PUBLISH);
}

/* On the store's thread. */
static void decided(void *argument, enum err result)
{
    struct front_crl *c = argument;

    c->outcome = result;
    loop_post(c->front->loop, recorded, c);
}

static enum err finish_list(struct front_crl *c, struct store_session *session,
                            struct err_info *why)
{
    struct certificate *issuer = NULL;
    AUTO(key) struct key *key = NULL;
    struct crl_build *b = &c->build;
    struct store_crl row = {.shard = b->shard,
                            .covers = c->covers,
                            .number = (int64_t)b->head.number,
                            .this_update = b->head.this_update,
                            .next_update = b->head.next_update,
                            .entries = b->entries};

    TRY(certificate_read(b->arena, first_of(c->issuer->chain_der), &issuer, why));
    TRY(key_from_spki(issuer->spki, &key, why));
    TRY(crl_build_finish(b, span_make(c->signature, c->signature_len), key, why));
    memcpy(row.hash, b->hash, sizeof row.hash);
    return store_crl_record(session, b->head.key_id, &row, why);
}

static void finish(struct front_crl *c, struct store_session *session)
{
    struct err_info why = {0};

    if (finish_list(c, session, &why) != ERR_OK)
        fail(c, &why);
    else
        store_when_durable(c->front->services.store, store_session_ticket(session),
                           decided, c);
}

/* What was read for the list, and its record, are on disk. */
static bool is_recorded(const struct front_crl *c, const struct store_session *session,
                        struct err_info *why)
{
    if (c->outcome == ERR_OK && store_session_undone(session) == c->undone)
        return true;
    (void)err_set(why, ERR_STORE, "what the list was made from was not stored");
    return false;
}

static void publish(struct front_crl *c, const struct store_session *session)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    struct front_crl_scope *s = c->scope;
    const char *path = publication_crl_path(a, c->build.head.key_id, s->row.shard);

    if (!is_recorded(c, session, &why)) {
        fail(c, &why);
        return;
    }
    s->row.number = (int64_t)c->build.head.number;
    s->row.this_update = c->build.head.this_update;
    s->row.next_update = c->build.head.next_update;
    s->row.covers = c->covers;
    memcpy(s->row.hash, c->build.hash, sizeof s->row.hash);
    struct span der = c->build.image.der;
    front_crl_scope_shelve(c, s, crl_build_take(&c->build));
    s->stale = false;
    /* it stays on the shelf meanwhile: nobody else makes one */
    if (front_crl_write(c->folder, path, der, &why) != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "crl.not_written", "why=" LOG_QUOTE, why.detail);
    int64_t took_us = clock_monotonic_us() - c->begun_us;
    s->not_before_us =
        c->begun_us + took_us +
        (took_us * PAUSES > PAUSE_LEAST_US ? took_us * PAUSES : PAUSE_LEAST_US);
    c->leap = 0;
    c->backoff_ms = 0;
    log_event(LOG_LEVEL_INFO, "crl.made",
              "path=%s number=%lld entries=%lld octets=%zu took_ms=%lld", path,
              (long long)s->row.number, (long long)c->build.entries, der.len,
              (long long)(took_us / 1000));
    crl_build_end(&c->build);
    go_on(c, FRONT_CRL_LOOK);
}

static void run(struct work_job *job, struct store_session *session)
{
    struct front_crl *c = (struct front_crl *)(void *)job;

    store_session_begin(session);
    if (c->front->draining)
        return; /* the next start makes what is missing */
    switch (c->phase) {
    case FRONT_CRL_LOOK:
        look(c, session);
        break;
    case FRONT_CRL_BUILD:
        build(c, session);
        break;
    case FRONT_CRL_FINISH:
        finish(c, session);
        break;
    case FRONT_CRL_PUBLISH:
        publish(c, session);
        break;
    }
}

/* ---- on the loop ---- */

void front_crl_signed(struct front *f, const struct message_list_signed *m)
{
    struct front_crl *c = f->crl;

    if (!c->waits || m->id != c->id || m->signature.len > sizeof c->signature)
        return;
    c->waits = false;
    memcpy(c->signature, m->signature.data, m->signature.len);
    c->signature_len = m->signature.len;
    go_on(c, FRONT_CRL_FINISH);
}

/* A number that is too low is one that a store from a backup, or a clock that was set
 * back, came to: the next one leaps ahead, ever farther; after a leap that was too far,
 * in small steps again from where it was too low. */
static bool leaps(struct front_crl *c, int64_t code)
{
    if (code == ERR_CONFLICT && c->leap < LEAP_LAST) {
        c->leap = c->leap == 0 ? LEAP_FIRST : 2 * c->leap;
        c->refused = c->build.head.number;
    } else if (code == ERR_TOO_LARGE && c->leap > LEAP_FIRST) {
        c->leap = LEAP_FIRST;
    } else {
        return false;
    }
    c->scope->floor = c->refused + c->leap;
    crl_build_end(&c->build);
    return true;
}

void front_crl_refused(struct front *f, const struct message_sign_refused *m)
{
    struct front_crl *c = f->crl;
    struct err_info why = {0};

    if (!c->waits || m->id != c->id)
        return;
    c->waits = false;
    if (leaps(c, m->code)) {
        go_on(c, FRONT_CRL_LOOK);
        return;
    }
    (void)err_set(&why, ERR_CRYPTO, "the signer refused the list: %.*s",
                  (int)m->detail.len, (const char *)m->detail.data);
    fail(c, &why);
}

void front_crl_ask_again(struct front *f)
{
    if (f->crl != NULL && f->crl->waits)
        ask(f->crl);
}

void front_crl_look(struct front *f)
{
    if (f->crl == NULL)
        return;
    if (f->crl->under_way)
        f->crl->again = true;
    else
        f->crl->look_us = 0;
}

static bool same_urls(const struct settings *a, const struct settings *b)
{
    const struct config_list *x = &a->publish_former_urls;
    const struct config_list *y = &b->publish_former_urls;

    if (x->count != y->count || (a->publish_base == NULL) != (b->publish_base == NULL))
        return false;
    for (size_t i = 0; i < x->count; i++)
        if (strcmp(x->items[i], y->items[i]) != 0)
            return false;
    return a->publish_base == NULL || strcmp(a->publish_base, b->publish_base) == 0;
}

/* Other URLs, or another lifetime, than those the lists were made with? The whole list
 * has no URL. */
static void take_settings(struct front_crl *c)
{
    const struct settings *old = c->made_by;
    const struct settings *now = c->front->settings;

    c->settings = now;
    c->made_by = now;
    if (old == NULL || old == now)
        return;
    bool all = old->crl_lifetime != now->crl_lifetime;
    bool parts = all || !same_urls(old, now);
    for (struct front_crl_scope *s = c->scopes; s != NULL; s = s->next)
        s->stale = s->stale || (s->row.shard == 0 ? all : parts);
}

static void on_timer(void *argument)
{
    struct front_crl *c = argument;
    int64_t now_us = clock_monotonic_us();

    loop_timer_set(c->timer, TICK_MS);
    if (c->front->draining)
        return;
    if (c->waits && now_us - c->asked_us > ASK_AGAIN_US)
        ask(c);
    if (c->under_way || now_us < c->pause_until_us)
        return;
    if (c->made_by == c->front->settings && now_us < c->look_us &&
        store_crl_revoked(c->front->services.store) == c->revoked)
        return;
    take_settings(c);
    c->issuers = c->front->issuers_shared;
    c->under_way = true;
    go_on(c, FRONT_CRL_LOOK);
}

void front_crl_watch(struct front_crl *c)
{
    take_settings(c);
    c->timer = loop_timer_new(c->front->loop, on_timer, c);
    loop_timer_set(c->timer, 0);
}
