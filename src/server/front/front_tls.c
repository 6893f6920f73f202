/* The certificate this server shows: made, renewed and replaced without a restart. The
 * key never leaves memory, so every start begins with a new one. */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/crypto/hash.h"
#include "core/net/tls.h"
#include "core/x509/certificate.h"
#include "core/x509/oid.h"
#include "server/front/front_private.h"
#include "server/issue/publication.h"
#include "server/lint/lint.h"

#define RETRY_MS         60000 /* after a refusal */
#define CHAIN_MAX        (256 * 1024)
#define RENEW_AT_MOST_MS (24LL * 3600 * 1000) /* a longer wait is cut: clocks jump */

/* The one of files.*, whoever signs for the directories. */
static const struct issuer *own_issuer(const struct front *f)
{
    return &f->issuers.issuers[0];
}

/* A clock that was wrong and is right now leaves a certificate nobody believes yet; one
 * that went before the issuer's own beginning is wrong itself, and no reason to renew. */
static bool begins_later(const struct front *f)
{
    int64_t now = clock_now();

    return now < f->tls.not_before && now >= own_issuer(f)->template.not_before;
}

static void ask_now(struct front *f)
{
    struct err_info why = {0};

    if (front_tls_ask(f, &why) == ERR_OK)
        return;
    log_event(LOG_LEVEL_ERROR, "tls.renewal_failed", "why=" LOG_QUOTE, why.detail);
    loop_timer_set(f->tls.renewal, RETRY_MS);
}

static void on_renewal(void *argument)
{
    struct front *f = argument;
    int64_t left_ms = (f->tls.not_after - clock_now()) * 1000;
    int64_t third_ms = f->settings->certificate_lifetime / 3;

    if (f->tls.not_after != 0 && left_ms > third_ms && !begins_later(f)) {
        int64_t wait = left_ms - third_ms;
        loop_timer_set(f->tls.renewal, wait < RENEW_AT_MOST_MS ? wait : RENEW_AT_MOST_MS);
        return;
    }
    ask_now(f);
}

void front_tls_check(struct front *f)
{
    if (f->tls.not_after != 0 && !f->tls.asked && !f->tls.recording)
        on_renewal(f);
}

static void send_question(struct front *f)
{
    struct err_info why = {0};
    const struct message_sign m = {.id = f->tls.id,
                                   .kind = LINT_CERTIFICATE,
                                   .profile = span_of(""),
                                   .tbs = f->tls.tbs};

    if (ipc_channel_send_sign(f->signer.channel, &m, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "tls.question_waits", "why=" LOG_QUOTE, why.detail);
}

/* No certificate: try again later, but a first one that fails ends the process. */
static void failed(struct front *f, const char *detail)
{
    log_event(LOG_LEVEL_ERROR, "tls.certificate_refused", "why=" LOG_QUOTE, detail);
    if (f->tls.not_after != 0) {
        loop_timer_set(f->tls.renewal, RETRY_MS);
        return;
    }
    f->exit_code = 1;
    loop_stop(f->loop);
}

/* What is to be asked: a certificate for the names in the settings. */
static enum err write_leaf(struct front *f, const struct key *key, int64_t now,
                           struct store_issuance *issuance, struct err_info *why)
{
    const struct settings *s = f->settings;
    const struct template_issuer *issuer = &own_issuer(f)->template;
    const struct span usage = oid_octets(OID_SERVER_AUTH);
    const struct span policy = oid_octets(OID_DOMAIN_VALIDATED);
    struct template_leaf leaf = {.usages = {&usage, 1},
                                 .policies = {&policy, 1},
                                 .not_before = now - s->certificate_backdate / 1000,
                                 .dns_names = s->dns_names.items,
                                 .dns_name_count = s->dns_names.count,
                                 .spki = key_spki(key),
                                 .key_type = KEY_P256};

    if (leaf.not_before < issuer->not_before)
        leaf.not_before = issuer->not_before;
    leaf.not_after = leaf.not_before + s->certificate_lifetime / 1000 - 1;
    if (leaf.not_after > issuer->not_after)
        leaf.not_after = issuer->not_after;
    serial_make(now, leaf.serial);
    issuance->shard = publication_shard(s, span_make(leaf.serial, SERIAL_SIZE));
    const char *url =
        publication_crl_url(f->tls.arena, s, issuer->key_id, issuance->shard);
    leaf.crl_urls = (struct template_urls){&url, url != NULL};
    TRY(template_leaf_write(f->tls.arena, issuer, &leaf, &f->tls.tbs, why));
    memcpy(issuance->serial, leaf.serial, SERIAL_SIZE);
    issuance->serial_len = SERIAL_SIZE;
    memcpy(issuance->issuer, issuer->key_id.data, issuer->key_id.len);
    issuance->issuer_len = issuer->key_id.len;
    issuance->tbs = f->tls.tbs;
    issuance->begun = now;
    issuance->not_after = leaf.not_after;
    hash_sha256(leaf.spki, issuance->key_hash);
    return ERR_OK;
}

/* On the loop: it is on disk that it is going to be signed, or not. */
static void recorded(void *argument)
{
    struct front *f = argument;

    f->tls.recording = false;
    if (f->tls.again) { /* what is asked now is not what was recorded */
        f->tls.again = false;
        ask_now(f);
    } else if (f->tls.outcome == ERR_OK) {
        f->tls.asked = true;
        send_question(f);
    } else {
        failed(f, "it cannot be recorded");
    }
}

/* On the store's thread. */
static void decided(void *argument, enum err result)
{
    struct front *f = argument;

    f->tls.outcome = result;
    loop_post(f->loop, recorded, f);
}

/* As every certificate, it is known before it is signed. */
enum err front_tls_ask(struct front *f, struct err_info *why)
{
    struct front_tls *t = &f->tls;
    struct store_issuance issuance = {0};
    struct key *key = NULL;

    if (t->renewal == NULL) {
        t->renewal = loop_timer_new(f->loop, on_renewal, f);
        t->arena = arena_new();
    }
    if (t->recording) {
        t->again = true;
        return ERR_OK;
    }
    TRY(key_generate(KEY_P256, 0, &key, why));
    key_free(t->key);
    t->key = key;
    t->asked = false;
    arena_reset(t->arena);
    TRY(write_leaf(f, key, clock_now(), &issuance, why));
    store_session_begin(f->session);
    /* the first one of this process: what those before it began is over */
    TRY(store_issuance_begin_own(f->session, &issuance,
                                 t->issuance_id != 0 ? t->issuance_id : STORE_OWN_ALL,
                                 why));
    t->issuance_id = issuance.id;
    t->id = t->id == 0 ? FRONT_TLS_FIRST : t->id + 1;
    t->recording = true;
    store_when_durable(f->services.store, store_session_ticket(f->session), decided, f);
    return ERR_OK;
}

void front_tls_ask_again(struct front *f)
{
    if (f->tls.asked)
        send_question(f);
}

static enum err install(struct front *f, struct span der, struct err_info *why)
{
    AUTO(buf) struct buf chain = buf_make(CHAIN_MAX);
    AUTO(secret) struct secret key_pem = {0};
    struct tls_context *context = NULL;
    struct certificate *certificate = NULL;

    TRY(certificate_read(f->tls.arena, der, &certificate, why));
    certificate_pem_add(&chain, der);
    buf_add_span(&chain, own_issuer(f)->chain_pem);
    TRY(key_to_pem(f->tls.key, NULL, &key_pem, why));
    const struct tls_server_options options = {
        .chain_pem = buf_span(&chain),
        .key_pem = span_make(key_pem.data, key_pem.len),
        .alpn = {TLS_ALPN_H2, TLS_ALPN_HTTP_1_1, TLS_ALPN_HTTP_1_0},
    };
    TRY(tls_context_server(&options, &context, why));
    http_server_set_tls(f->server, context);
    tls_context_unref(context);
    f->tls.not_before = certificate->not_before;
    f->tls.not_after = certificate->not_after;
    return ERR_OK;
}

/* Without it the certificate is known by what was recorded before. */
static void keep(struct front *f, struct span certificate)
{
    struct err_info why = {0};

    store_session_begin(f->session);
    if (store_issuance_finish(f->session, f->tls.issuance_id, certificate,
                              own_issuer(f)->chain_der, &why) != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "tls.not_recorded", "why=" LOG_QUOTE, why.detail);
}

void front_tls_signed(struct front *f, uint64_t id, struct span certificate)
{
    struct err_info why = {0};

    if (!f->tls.asked || id != f->tls.id)
        return;
    f->tls.asked = false;
    if (install(f, certificate, &why) != ERR_OK) {
        failed(f, why.detail);
        return;
    }
    keep(f, certificate);
    key_free(f->tls.key); /* the context has its own */
    f->tls.key = NULL;
    log_event(LOG_LEVEL_INFO, "tls.certificate", "names=%s%s",
              f->settings->dns_names.items[0],
              f->settings->dns_names.count > 1 ? ",..." : "");
    on_renewal(f);
    front_main_try_ready(f);
}

void front_tls_refused(struct front *f, uint64_t id, const char *detail)
{
    if (!f->tls.asked || id != f->tls.id)
        return;
    f->tls.asked = false;
    failed(f, detail);
}

void front_tls_close(struct front *f)
{
    loop_timer_free(f->tls.renewal);
    key_free(f->tls.key);
    if (f->tls.arena != NULL)
        arena_free(f->tls.arena);
}
