/* OCSP responders: keys and certificates. */
#include "server/order/ocsp_desk.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/x509/certificate.h"
#include "core/x509/oid.h"
#include "server/issue/template.h"
#include "server/order/ocsp_desk_private.h"

#define RESPONDER_NAME "OCSP responder"
#define BACKDATE       60 /* seconds, for clocks that are slow */

enum err ocsp_desk_new(const struct ocsp_desk_ports *ports, const struct issuer_set *set,
                       struct ocsp_desk **desk, struct err_info *why)
{
    struct ocsp_desk *d = memory_get_zeroed(1, sizeof *d);

    (void)pthread_mutex_init(&d->lock, NULL);
    d->ports = *ports;
    d->arena = arena_new();
    d->next_id = OCSP_DESK_FIRST;
    enum err result = ocsp_desk_use_issuers(d, set, why);
    if (result != ERR_OK) {
        ocsp_desk_free(d);
        return result;
    }
    *desk = d;
    return ERR_OK;
}

/* Whoever has the key has the responder; with the lock held. */
static struct ocsp_responder *responder_of(struct ocsp_desk *desk,
                                           const struct issuer *issuer)
{
    struct ocsp_responder *r = desk->responders;

    while (r != NULL && !span_equal(r->issuer->template.key_id, issuer->template.key_id))
        r = r->next;
    if (r == NULL) {
        r = arena_get(desk->arena, sizeof *r);
        r->arena = arena_new();
        r->next = desk->responders;
        desk->responders = r;
    }
    /* one that ended with its issuer was the last of that certificate only */
    if (r->issuer != NULL && r->issuer->template.not_after != issuer->template.not_after)
        r->renew = 0;
    r->issuer = issuer;
    return r;
}

enum err ocsp_desk_use_issuers(struct ocsp_desk *desk, const struct issuer_set *set,
                               struct err_info *why)
{
    pthread_mutex_lock(&desk->lock);
    struct ocsp_generation *g = arena_get(desk->arena, sizeof *g);
    enum err result = ocsp_status_table_make(desk->arena, set, &g->table, why);
    if (result == ERR_OK) {
        g->responders = arena_array(desk->arena, set->count + 1, sizeof(void *));
        for (size_t i = 0; i < set->count; i++)
            g->responders[i] = responder_of(desk, &set->issuers[i]);
        desk->now = g;
    }
    pthread_mutex_unlock(&desk->lock);
    return result;
}

void ocsp_desk_free(struct ocsp_desk *desk)
{
    if (desk == NULL)
        return;
    for (struct ocsp_responder *r = desk->responders; r != NULL; r = r->next)
        arena_free(r->arena);
    ocsp_desk_resize(desk, 0);
    arena_free(desk->arena);
    (void)pthread_mutex_destroy(&desk->lock);
    free(desk);
}

void ocsp_desk_configure(struct ocsp_desk *desk, const struct settings *settings)
{
    pthread_mutex_lock(&desk->lock);
    desk->enabled = settings->ocsp_enabled;
    desk->nonces = settings->ocsp_nonces;
    desk->lifetime = settings->ocsp_lifetime / 1000;
    ocsp_desk_resize(desk, desk->enabled ? (size_t)settings->ocsp_cache : 0);
    pthread_mutex_unlock(&desk->lock);
}

/* ---- keys and certificates; with the lock held ---- */

static enum err write_tbs(struct ocsp_responder *r, int64_t now,
                          struct store_issuance *issuance, struct err_info *why)
{
    const struct template_issuer *issuer = &r->issuer->template;
    const struct span usage = oid_octets(OID_OCSP_SIGNING);
    struct template_leaf leaf = {.usages = {&usage, 1},
                                 .common_name = RESPONDER_NAME,
                                 .not_before = now - BACKDATE,
                                 .not_after = now + OCSP_DESK_CERTIFICATE_S,
                                 .spki = r->spki,
                                 .key_type = KEY_P256,
                                 .no_check = true};

    if (leaf.not_before < issuer->not_before)
        leaf.not_before = issuer->not_before;
    if (leaf.not_after > issuer->not_after)
        leaf.not_after = issuer->not_after;
    serial_make(now, leaf.serial);
    TRY(template_leaf_write(r->arena, issuer, &leaf, &r->tbs, why));
    *issuance = (struct store_issuance){.serial_len = SERIAL_SIZE,
                                        .issuer_len = issuer->key_id.len,
                                        .tbs = r->tbs,
                                        .begun = now,
                                        .not_after = leaf.not_after};
    memcpy(issuance->serial, leaf.serial, SERIAL_SIZE);
    memcpy(issuance->issuer, issuer->key_id.data, issuer->key_id.len);
    hash_sha256(r->spki, issuance->key_hash);
    return ERR_OK;
}

static void sign_certificate(struct ocsp_desk *desk, const struct ocsp_responder *r)
{
    (void)desk->ports.sign(desk->ports.context, r->question, LINT_RESPONDER_CERTIFICATE,
                           r->tbs);
}

static void give_up(struct ocsp_responder *r)
{
    r->question = 0;
    r->retry_us = clock_monotonic_us() + OCSP_DESK_RETRY_US;
}

/* As every certificate, it is known before it is signed. */
static void ask_certificate(struct ocsp_desk *desk, struct ocsp_responder *r, int64_t now)
{
    struct store_issuance issuance = {0};
    struct err_info why = {0};

    if (r->question != 0 && r->recorded)
        sign_certificate(desk, r);
    if (r->question != 0 || clock_monotonic_us() < r->retry_us)
        return;
    r->question = desk->next_id++;
    r->recorded = false;
    enum err result = write_tbs(r, now, &issuance, &why);
    if (result == ERR_OK)
        result = desk->ports.record(desk->ports.context, r->question, &issuance,
                                    r->issuance_id, &why);
    if (result == ERR_OK) {
        r->issuance_id = issuance.id;
        return;
    }
    give_up(r);
    log_event(LOG_LEVEL_ERROR, "ocsp.no_certificate", "why=" LOG_QUOTE, why.detail);
}

void ocsp_desk_recorded(struct ocsp_desk *desk, uint64_t id, enum err result)
{
    pthread_mutex_lock(&desk->lock);
    for (struct ocsp_responder *r = desk->responders; r != NULL; r = r->next) {
        if (r->question != id || r->recorded)
            continue;
        if (result != ERR_OK) {
            give_up(r);
            continue;
        }
        r->recorded = true;
        sign_certificate(desk, r);
    }
    pthread_mutex_unlock(&desk->lock);
}

/* Is there none, or one that is about to end, or of a time to come, as the clock was set
 * back? */
static bool wants_certificate(const struct ocsp_responder *r, int64_t now)
{
    return r->der.len == 0 || now >= r->renew || now < r->not_before;
}

static struct span instead_of(const struct ocsp_responder *r)
{
    return span_make(r->instead, r->instead_len);
}

/* Without key and certificate. What is unfinished of the store is gone on with. */
static void begin_again(struct ocsp_responder *r)
{
    arena_reset(r->arena);
    r->spki = r->tbs = r->der = r->serial = span_make(NULL, 0);
    r->question = 0;
    r->retry_us = 0;
}

/* Whoever looks at revocations of responders believes nothing that it signed, though
 * most do not look (RFC 6960 4.2.2.2.1). It may be for its key, so that goes, too. */
static void replace_revoked(struct ocsp_desk *desk, struct ocsp_responder *r)
{
    if (r->der.len == 0 || r->spki.len > sizeof r->instead ||
        !desk->ports.revoked(desk->ports.context, r->serial))
        return;
    memcpy(r->instead, r->spki.data, r->spki.len);
    r->instead_len = r->spki.len;
    begin_again(r);
    ocsp_desk_resize(desk, desk->kept_count);
    log_event(LOG_LEVEL_NOTICE, "ocsp.responder_revoked", "issuer=" LOG_QUOTE,
              r->issuer->name);
}

void ocsp_desk_tick(struct ocsp_desk *desk)
{
    int64_t now = clock_now();

    pthread_mutex_lock(&desk->lock);
    for (size_t i = 0; desk->enabled && i < desk->now->table.count; i++) {
        struct ocsp_responder *r = desk->now->responders[i];
        if (now > r->issuer->template.not_after)
            continue;
        replace_revoked(desk, r);
        if (r->spki.len == 0)
            (void)desk->ports.responder(desk->ports.context, r->issuer->template.key_id,
                                        instead_of(r));
        else if (wants_certificate(r, now))
            ask_certificate(desk, r, now);
    }
    pthread_mutex_unlock(&desk->lock);
}

void ocsp_desk_signer_is_new(struct ocsp_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    for (struct ocsp_responder *r = desk->responders; r != NULL; r = r->next)
        begin_again(r);
    for (size_t i = 0; i < OCSP_DESK_WAITING_MAX; i++) {
        struct ocsp_waiter *w = &desk->waiters[i];
        if (w->id == 0 || w->done)
            continue;
        w->done = true;
        exchange_resume(w->x);
    }
    pthread_mutex_unlock(&desk->lock);
    ocsp_desk_tick(desk);
}

void ocsp_desk_key(struct ocsp_desk *desk, struct span key_id, struct span spki)
{
    pthread_mutex_lock(&desk->lock);
    for (struct ocsp_responder *r = desk->responders; r != NULL; r = r->next) {
        if (!span_equal(r->issuer->template.key_id, key_id) || r->spki.len > 0 ||
            span_equal(spki, instead_of(r)))
            continue;
        r->spki = arena_span(r->arena, spki);
        (void)ocsp_hash_key(HASH_SHA1, r->spki, r->name);
    }
    pthread_mutex_unlock(&desk->lock);
    ocsp_desk_tick(desk);
}

/* ---- what was signed ---- */

/* A certificate: false if the question is none of these. */
static bool take_certificate(struct ocsp_desk *desk, uint64_t id, struct span der)
{
    struct certificate *c = NULL;
    struct err_info why = {0};

    for (struct ocsp_responder *r = desk->responders; r != NULL; r = r->next) {
        if (r->question != id)
            continue;
        r->question = 0;
        struct span kept = arena_span(r->arena, der);
        if (certificate_read(r->arena, kept, &c, &why) != ERR_OK)
            return true;
        desk->ports.keep(desk->ports.context, r->issuance_id, kept, r->issuer->chain_der);
        r->issuance_id = 0;
        r->der = kept;
        r->serial = c->serial;
        r->not_before = c->not_before;
        r->not_after = c->not_after;
        /* one that ends with its issuer is the last */
        r->renew = c->not_after >= r->issuer->template.not_after
                       ? c->not_after + 1
                       : c->not_before + (c->not_after - c->not_before) / 2;
        log_event(LOG_LEVEL_INFO, "ocsp.responder", "issuer=" LOG_QUOTE, r->issuer->name);
        return true;
    }
    return false;
}

static void finish(struct ocsp_desk *desk, uint64_t id, struct span signature)
{
    for (size_t i = 0; i < OCSP_DESK_WAITING_MAX; i++) {
        struct ocsp_waiter *w = &desk->waiters[i];
        if (w->id != id || w->done || signature.len > sizeof w->signature)
            continue;
        memcpy(w->signature, signature.data != NULL ? (const void *)signature.data : "",
               signature.len);
        w->len = signature.len;
        w->done = true;
        exchange_resume(w->x);
    }
}

void ocsp_desk_signed(struct ocsp_desk *desk, uint64_t id, struct span signature)
{
    pthread_mutex_lock(&desk->lock);
    if (!take_certificate(desk, id, signature))
        finish(desk, id, signature);
    pthread_mutex_unlock(&desk->lock);
}

void ocsp_desk_refused(struct ocsp_desk *desk, uint64_t id, const char *detail)
{
    log_event(LOG_LEVEL_ERROR, "ocsp.refused", "why=" LOG_QUOTE, detail);
    pthread_mutex_lock(&desk->lock);
    for (struct ocsp_responder *r = desk->responders; r != NULL; r = r->next)
        if (r->question == id)
            give_up(r);
    finish(desk, id, span_make(NULL, 0));
    pthread_mutex_unlock(&desk->lock);
}
