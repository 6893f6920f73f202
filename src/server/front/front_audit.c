/* The audit log of this process (docs/audit.md): opened, its start and end, and heads,
 * which the signer signs: the front alone cannot make a chain that looks whole. */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "server/audit/audit_head.h"
#include "server/front/front_private.h"
#include "server/lint/lint.h"

#define HEAD_EVERY_MS    (60 * 1000) /* if there is anything new */
#define HEAD_EVERY_LINES 1000
#define HEAD_WAIT_MS     (10 * 1000) /* for an answer, then it is asked again */
#define SETTINGS_MAX     (1024 * 1024)
#define QUESTION_SIZE    128

enum err front_audit_open(struct front *f, struct err_info *why)
{
    const struct settings *s = f->settings;

    TRY(audit_open(settings_path(f->arena, s, AUDIT_FOLDER),
                   settings_path(f->arena, s, AUDIT_FOLDER_FRONT), s->audit_segment,
                   f->services.store, &f->audit.log, why));
    return ERR_OK;
}

static void note(struct front *f, struct audit_line *l)
{
    store_session_begin(f->session);
    audit_end(l, f->session);
}

static void settings_digest(struct audit_line *l, const struct settings *s)
{
    AUTO(buf) struct buf text = buf_make(SETTINGS_MAX);

    settings_write(&text, s);
    audit_digest(l, "settings_sha256", buf_span(&text));
}

void front_audit_start(struct front *f)
{
    struct audit_line l;
    struct err_info why = {0};

    audit_begin(&l, AUDIT_START);
    json_write_text(&l.w, "version", CAIRN_VERSION);
    settings_digest(&l, f->settings);
    audit_texts(&l, "set", f->settings->sets, f->settings->set_count);
    note(f, &l);
    /* on disk, whatever comes; the next look tries again */
    f->audit.start_missing =
        store_wait(f->services.store, store_session_ticket(f->session), &why) != ERR_OK;
    if (f->audit.start_missing)
        log_event(LOG_LEVEL_ERROR, "audit.not_written", "why=" LOG_QUOTE, why.detail);
}

void front_audit_reload(struct front *f, const struct settings *old, struct span text,
                        enum err result, const struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct audit_line l;

    audit_begin(&l, AUDIT_RELOAD);
    audit_digest(&l, "text_sha256", text);
    if (result == ERR_OK) {
        settings_digest(&l, f->settings);
        const struct config_list changed = settings_differences(a, old, f->settings);
        audit_texts(&l, "changed", changed.items, changed.count);
    }
    audit_result(&l, result, why);
    note(f, &l);
}

void front_audit_ask(struct front *f)
{
    const struct audit_place place = audit_place(f->audit.log);
    char hash[2 * HASH_SHA256_SIZE + 1];
    char text[QUESTION_SIZE];
    struct err_info why = {0};

    text_hex(hash, place.hash, HASH_SHA256_SIZE);
    (void)snprintf(text, sizeof text, "%llu %s", (unsigned long long)place.seq, hash);
    const struct message_sign m = {
        .id = FRONT_AUDIT_HEAD, .kind = LINT_AUDIT_HEAD, .tbs = span_of(text)};
    f->audit.asked_ms = clock_monotonic_us() / 1000;
    f->audit.asked_noted = audit_noted(f->audit.log);
    if (ipc_channel_send_sign(f->signer.channel, &m, &why) != ERR_OK)
        f->audit.asked_noted = f->audit.head_noted; /* later */
}

/* Again each second until it is there: meanwhile lines go where they went before. */
static void ask_segment(struct front *f)
{
    const struct message_audit_full m = {.number = audit_next_number(f->audit.log)};
    struct err_info why = {0};

    if (m.number > 0 &&
        ipc_channel_send_audit_full(f->control.channel, &m, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "audit.segment_waits", "why=" LOG_QUOTE, why.detail);
}

void front_audit_segment(struct front *f, const struct message_audit_segment *m)
{
    audit_go_on(f->audit.log, (unsigned int)m->number, m->fd);
}

void front_audit_look(struct front *f)
{
    uint64_t noted = audit_noted(f->audit.log);
    int64_t now_ms = clock_monotonic_us() / 1000;
    if (f->audit.start_missing)
        front_audit_start(f);
    bool under_way = f->audit.asked_noted > f->audit.head_noted &&
                     now_ms - f->audit.asked_ms < HEAD_WAIT_MS;

    if (!under_way && noted > f->audit.head_noted &&
        (noted - f->audit.head_noted >= HEAD_EVERY_LINES || f->audit.head_ms == 0 ||
         now_ms - f->audit.head_ms >= HEAD_EVERY_MS))
        front_audit_ask(f);
    ask_segment(f);
}

void front_audit_final_refused(struct front *f, uint64_t issuance, const char *log,
                               const char *why)
{
    struct audit_line l;

    audit_begin(&l, AUDIT_CT_FINAL);
    json_write_number(&l.w, "issuance", (int64_t)(issuance & INT64_MAX));
    json_write_text(&l.w, "log", log);
    json_write_text(&l.w, "detail", why);
    note(f, &l);
}

/* "TEXT SIGNATURE". */
void front_audit_signed(struct front *f, struct span answer)
{
    AUTO(arena) struct arena *a = arena_new();
    char *text = arena_string_of(a, answer);
    char *signature = strrchr(text, ' ');
    uint64_t before = audit_noted(f->audit.log);
    struct audit_line l;

    if (signature == NULL)
        return;
    *signature++ = '\0';
    audit_begin(&l, AUDIT_HEAD);
    json_write_text(&l.w, "head", text);
    json_write_text(&l.w, "signature", signature);
    note(f, &l);
    f->audit.head_ms = clock_monotonic_us() / 1000;
    /* what it vouches for, and its own line */
    f->audit.head_noted =
        before == f->audit.asked_noted ? before + 1 : f->audit.asked_noted;
}

void front_audit_end(struct front *f)
{
    struct audit_line l;

    audit_begin(&l, AUDIT_STOP);
    note(f, &l);
}
