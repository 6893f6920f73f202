/* The certificate this server shows: made, renewed and replaced without a restart. The
 * key never leaves memory, so every start begins with a new one. */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/net/tls.h"
#include "core/x509/certificate.h"
#include "server/front/front_private.h"

#define RETRY_MS         60000 /* after a refusal */
#define CHAIN_MAX        (256 * 1024)
#define RENEW_AT_MOST_MS (24LL * 3600 * 1000) /* a longer wait is cut: clocks jump */

/* A clock that was wrong and is right now leaves a certificate nobody believes yet; one
 * that went before the issuer's own beginning is wrong itself, and no reason to renew. */
static bool begins_later(const struct front *f)
{
    int64_t now = clock_now();

    return now < f->tls.not_before && now >= f->issuer.not_before;
}

static void on_renewal(void *argument)
{
    struct front *f = argument;
    struct err_info why = {0};
    int64_t left_ms = (f->tls.not_after - clock_now()) * 1000;
    int64_t third_ms = f->settings->certificate_lifetime / 3;

    if (f->tls.not_after != 0 && left_ms > third_ms && !begins_later(f)) {
        int64_t wait = left_ms - third_ms;
        loop_timer_set(f->tls.renewal, wait < RENEW_AT_MOST_MS ? wait : RENEW_AT_MOST_MS);
        return;
    }
    if (front_tls_ask(f, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "tls.renewal_failed", "why=" LOG_QUOTE, why.detail);
        loop_timer_set(f->tls.renewal, RETRY_MS);
    }
}

void front_tls_check(struct front *f)
{
    if (f->tls.not_after != 0 && !f->tls.asked)
        on_renewal(f);
}

static void send_question(struct front *f)
{
    struct err_info why = {0};
    const struct message_sign m = {.id = f->tls.id, .tbs = f->tls.tbs};

    if (ipc_channel_send_sign(f->signer.channel, &m, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "tls.question_waits", "why=" LOG_QUOTE, why.detail);
}

enum err front_tls_ask(struct front *f, struct err_info *why)
{
    struct front_tls *t = &f->tls;
    const struct settings *s = f->settings;
    int64_t now = clock_now();
    struct key *key = NULL;

    if (t->renewal == NULL) {
        t->renewal = loop_timer_new(f->loop, on_renewal, f);
        t->arena = arena_new();
    }
    TRY(key_generate(KEY_P256, 0, &key, why));
    key_free(t->key);
    t->key = key;
    t->asked = false;
    arena_reset(t->arena);
    struct template_leaf leaf = {.not_before = now - s->certificate_backdate / 1000,
                                 .dns_names = s->dns_names.items,
                                 .dns_name_count = s->dns_names.count,
                                 .spki = key_spki(key),
                                 .key_type = KEY_P256};
    if (leaf.not_before < f->issuer.not_before)
        leaf.not_before = f->issuer.not_before;
    leaf.not_after = leaf.not_before + s->certificate_lifetime / 1000 - 1;
    if (leaf.not_after > f->issuer.not_after)
        leaf.not_after = f->issuer.not_after;
    serial_make(now, leaf.serial);
    TRY(template_leaf_write(t->arena, &f->issuer, &leaf, &t->tbs, why));
    t->asked = true;
    t->id = t->id == 0 ? FRONT_TLS_FIRST : t->id + 1;
    send_question(f);
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
    buf_add_span(&chain, f->chain_pem);
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
