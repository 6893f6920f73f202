/* renewal.json */
#include "client/renewal/renewal_state.h"

#include <string.h>

#include "client/renewal/renewal_backoff.h"
#include "client/store/certificate_versions.h"
#include "client/store/state_time.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/random.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

#define VERSION       1
#define STATE_MAX     (128 * 1024) /* octets */
#define PRIVATE_MODE  0600
#define DETAIL_FORMAT "%.700s"
#define URL_FORMAT    "%.1000s"

static char *folder_of(struct arena *a, const char *directory, const char *name)
{
    return arena_printf(a, "%s/certificates/%s", directory, name);
}

/* ---- writing ---- */

static void write_text(struct json_writer *w, const char *name, const char *text)
{
    if (text != NULL)
        json_write_text(w, name, text);
}

static void write_suggestion(struct json_writer *w, const struct renewal_suggestion *s)
{
    if (s->certificate == NULL)
        return;
    json_write_begin_object(w, "ari");
    json_write_text(w, "certificate", s->certificate);
    state_time_write(w, "start", s->start);
    state_time_write(w, "end", s->end);
    state_time_write(w, "moment", s->moment);
    write_text(w, "explanation", s->explanation);
    state_time_write(w, "asked", s->asked);
    state_time_write(w, "ask_after", s->ask_after);
    json_write_number(w, "unanswered", s->unanswered);
    json_write_end_object(w);
}

static void write_failure(struct json_writer *w, const struct renewal_failure *f)
{
    if (f->code == NULL)
        return;
    json_write_begin_object(w, "failure");
    json_write_number(w, "count", f->count);
    json_write_text(w, "code", f->code);
    write_text(w, "detail", f->detail);
    state_time_write(w, "when", f->when);
    state_time_write(w, "not_before", f->not_before);
    json_write_end_object(w);
}

static void write_told(struct json_writer *w, const struct renewal_told *t)
{
    if (t->failure == 0 && t->deploy == 0 && t->expiry == 0 && t->after == 0)
        return;
    json_write_begin_object(w, "told");
    state_time_write(w, "failure", t->failure);
    state_time_write(w, "deploy", t->deploy);
    state_time_write(w, "expiry", t->expiry);
    state_time_write(w, "after", t->after);
    json_write_end_object(w);
}

void renewal_state_write(struct buf *b, const struct renewal_state *state)
{
    struct json_writer w = json_writer_make(b);

    json_write_begin_object(&w, NULL);
    json_write_number(&w, "version", VERSION);
    write_suggestion(&w, &state->ari);
    write_failure(&w, &state->failure);
    write_told(&w, &state->told);
    state_time_write(&w, "succeeded", state->succeeded);
    json_write_number(&w, "duration_ms", state->duration_ms);
    json_write_number(&w, "issued", state->issued);
    json_write_number(&w, "failed", state->failed);
    write_text(&w, "ca", state->ca);
    if (state->revoked)
        json_write_bool(&w, "revoked", true);
    write_text(&w, "rolled_back", state->rolled_back);
    json_write_begin_array(&w, "proofs");
    for (size_t i = 0; i < state->proof_count; i++) {
        json_write_begin_object(&w, NULL);
        json_write_text(&w, "name", state->proofs[i].name);
        json_write_text(&w, "type", terms_challenge_type(state->proofs[i].type));
        json_write_end_object(&w);
    }
    json_write_end_array(&w);
    json_write_end_object(&w);
    buf_add_text(b, "\n");
}

enum err renewal_state_save(struct arena *a, const char *directory, const char *name,
                            const struct renewal_state *state, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(STATE_MAX);
    char *folder = folder_of(a, directory, name);

    renewal_state_write(&b, state);
    if (b.failed)
        return err_set(why, ERR_IO, "what is remembered of %s is too large", name);
    TRY(file_make_directory(folder, 0700, why));
    const char *path = file_path(a, folder, "renewal.json");
    file_sweep(path); /* the certificate's lock is held */
    return file_replace(path, buf_span(&b), PRIVATE_MODE, why);
}

/* ---- reading ---- */

static enum err take_count(const struct json *object, const char *name, int64_t *count,
                           struct err_info *why)
{
    TRY(json_take_number(object, name, 0, count, why));
    return *count >= 0 ? ERR_OK
                       : err_set(why, ERR_MALFORMED, "%s is below nothing", name);
}

static enum err read_suggestion(const struct json *object, struct renewal_suggestion *s,
                                struct err_info *why)
{
    if (object == NULL)
        return ERR_OK;
    TRY(json_need_text(object, "certificate", &s->certificate, why));
    TRY(state_time_take(object, "start", &s->start, why));
    TRY(state_time_take(object, "end", &s->end, why));
    TRY(state_time_take(object, "moment", &s->moment, why));
    TRY(json_take_text(object, "explanation", &s->explanation, why));
    TRY(state_time_take(object, "asked", &s->asked, why));
    TRY(state_time_take(object, "ask_after", &s->ask_after, why));
    return take_count(object, "unanswered", &s->unanswered, why);
}

static enum err read_failure(const struct json *object, struct renewal_failure *f,
                             struct err_info *why)
{
    if (object == NULL)
        return ERR_OK;
    TRY(take_count(object, "count", &f->count, why));
    TRY(json_need_text(object, "code", &f->code, why));
    TRY(json_take_text(object, "detail", &f->detail, why));
    TRY(state_time_take(object, "when", &f->when, why));
    return state_time_take(object, "not_before", &f->not_before, why);
}

static enum err read_told(const struct json *object, struct renewal_told *t,
                          struct err_info *why)
{
    if (object == NULL)
        return ERR_OK;
    TRY(state_time_take(object, "failure", &t->failure, why));
    TRY(state_time_take(object, "deploy", &t->deploy, why));
    TRY(state_time_take(object, "expiry", &t->expiry, why));
    return state_time_take(object, "after", &t->after, why);
}

/* A type that this cairn does not know is one of a newer one: passed over. */
static void read_proofs(const struct json *list, struct renewal_state *state)
{
    for (size_t i = 0; i < json_count(list) && i < RENEWAL_STATE_NAMES_MAX; i++) {
        const struct json *proof = json_element(list, i);
        const char *type = json_text(json_member(proof, "type"));
        struct renewal_proof *to = &state->proofs[state->proof_count];
        to->name = json_text(json_member(proof, "name"));
        if (to->name != NULL && type != NULL &&
            terms_read_challenge_type(type, &to->type))
            state->proof_count++;
    }
}

enum err renewal_state_read(struct arena *a, struct span text,
                            struct renewal_state *state, struct err_info *why)
{
    const struct json *object = NULL;

    TRY(json_read(a, text, &object, why));
    if (!json_is_object(object))
        return err_set(why, ERR_MALFORMED, "it is no object");
    TRY(read_suggestion(json_member(object, "ari"), &state->ari, why));
    TRY(read_failure(json_member(object, "failure"), &state->failure, why));
    TRY(read_told(json_member(object, "told"), &state->told, why));
    TRY(state_time_take(object, "succeeded", &state->succeeded, why));
    TRY(take_count(object, "duration_ms", &state->duration_ms, why));
    TRY(take_count(object, "issued", &state->issued, why));
    TRY(take_count(object, "failed", &state->failed, why));
    TRY(json_take_text(object, "ca", &state->ca, why));
    TRY(json_take_bool(object, "revoked", false, &state->revoked, why));
    TRY(json_take_text(object, "rolled_back", &state->rolled_back, why));
    read_proofs(json_member(object, "proofs"), state);
    return ERR_OK;
}

bool renewal_state_load(struct arena *a, const char *directory, const char *name,
                        struct renewal_state *state, struct err_info *why)
{
    char *path = file_path(a, folder_of(a, directory, name), "renewal.json");
    struct span text = span_of("");

    memset(state, 0, sizeof *state);
    enum err result = file_read(a, path, STATE_MAX, &text, why);
    if (result == ERR_NOT_FOUND)
        return true;
    if (result == ERR_OK) {
        result = renewal_state_read(a, text, state, why);
        if (result != ERR_OK)
            (void)err_prefix(why, "%s", path);
    }
    if (result != ERR_OK)
        memset(state, 0, sizeof *state);
    return result == ERR_OK;
}

/* ---- what happens ---- */

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* RFC 9773 4.2: a random moment within the window, the same each time it is looked at. */
static int64_t draw(int64_t start, int64_t end)
{
    return start + (int64_t)random_below((uint64_t)(end - start) + 1);
}

static void ask_again(struct renewal_suggestion *s, int64_t retry_after,
                      int64_t otherwise, int64_t now)
{
    s->asked = now;
    s->ask_after = now + (retry_after > 0 ? clamp(retry_after, RENEWAL_STATE_ASK_MIN_S,
                                                  RENEWAL_STATE_ASK_MAX_S)
                                          : otherwise);
}

void renewal_state_suggest(struct arena *a, struct renewal_state *state,
                           const char *certificate, int64_t start, int64_t end,
                           const char *explanation, int64_t retry_after, int64_t now)
{
    struct renewal_suggestion *s = &state->ari;
    bool same = s->certificate != NULL && strcmp(s->certificate, certificate) == 0 &&
                s->start == start && s->end == end && s->moment != 0;

    if (start <= 0 || end <= start)
        start = end = 0;
    if (start == 0)
        s->moment = 0;
    else if (!same)
        s->moment = draw(start, end);
    s->certificate = arena_string(a, certificate);
    s->start = start;
    s->end = end;
    s->unanswered = 0;
    s->explanation = explanation != NULL && start != 0
                         ? arena_printf(a, URL_FORMAT, explanation)
                         : NULL;
    ask_again(s, retry_after, RENEWAL_STATE_ASK_S, now);
}

/* Errors that pass: the CA was reached and is out of order, or overloaded. */
static bool passes(enum err code)
{
    return code == ERR_UNAVAILABLE || code == ERR_SERVER_INTERNAL ||
           code == ERR_RATE_LIMITED || code == ERR_TIMEOUT;
}

void renewal_state_unanswered(struct arena *a, struct renewal_state *state,
                              const char *certificate, const struct err_info *why,
                              int64_t now)
{
    struct renewal_suggestion *s = &state->ari;
    int64_t otherwise = RENEWAL_STATE_ASK_S;

    if (s->certificate == NULL || strcmp(s->certificate, certificate) != 0)
        *s = (struct renewal_suggestion){.certificate = arena_string(a, certificate)};
    if (passes(why->code) && s->unanswered < RENEWAL_STATE_AGAIN_MAX)
        otherwise = (int64_t)RENEWAL_STATE_AGAIN_S << s->unanswered;
    s->unanswered++;
    ask_again(s, why->retry_after_seconds, otherwise, now);
}

void renewal_state_fail(struct arena *a, struct renewal_state *state,
                        const struct err_info *why, int64_t not_after, int64_t now)
{
    struct renewal_failure *f = &state->failure;
    uint64_t random = 0;

    random_fill(&random, sizeof random);
    f->count++;
    state->failed++;
    int64_t wait = renewal_backoff_seconds(f->count, random);
    if (not_after != 0)
        wait = renewal_backoff_within(wait, not_after - now);
    int64_t asked = clamp(why->retry_after_seconds, 0, RENEWAL_STATE_WAIT_MAX_S);
    /* not all who were told the same come back in the same second */
    asked += asked > 0 ? (int64_t)random_below(RENEWAL_STATE_JITTER_S + 1) : 0;
    f->code = err_name(why->code);
    f->detail = arena_printf(a, DETAIL_FORMAT, why->detail);
    f->when = now;
    f->not_before = now + (wait > asked ? wait : asked);
}

void renewal_state_succeed(struct arena *a, struct renewal_state *state, const char *ca,
                           int64_t duration_ms, int64_t now)
{
    state->ari = (struct renewal_suggestion){0};
    state->failure = (struct renewal_failure){0};
    state->succeeded = now;
    state->duration_ms = duration_ms;
    state->issued++;
    state->ca = arena_string(a, ca);
    state->revoked = false;
    state->rolled_back = NULL;
}

void renewal_state_settle(struct renewal_state *state, struct certificate_metadata *there)
{
    if (there->knows_revoked)
        state->revoked = there->revoked;
    else
        there->revoked = state->revoked;
}

enum err renewal_state_mark(struct arena *a, const char *directory, const char *name,
                            const struct certificate_metadata *there,
                            struct err_info *why)
{
    struct certificate_versions versions;

    if (!there->revoked || there->knows_revoked)
        return ERR_OK;
    TRY(certificate_versions_read(a, directory, name, &versions, why));
    return certificate_versions_revoke(a, directory, name, versions.current, why);
}

static struct renewal_proof *find(struct renewal_state *state, const char *name)
{
    for (size_t i = 0; i < state->proof_count; i++)
        if (strcmp(state->proofs[i].name, name) == 0)
            return &state->proofs[i];
    return NULL;
}

void renewal_state_proved(struct arena *a, struct renewal_state *state, const char *name,
                          enum challenge_type type)
{
    struct renewal_proof *proof = find(state, name);

    if (proof == NULL && state->proof_count == RENEWAL_STATE_NAMES_MAX) {
        /* names that the certificate had before: the oldest makes room */
        memmove(&state->proofs[0], &state->proofs[1],
                (RENEWAL_STATE_NAMES_MAX - 1) * sizeof state->proofs[0]);
        state->proof_count--;
    }
    if (proof == NULL)
        proof = &state->proofs[state->proof_count++];
    proof->name = arena_string(a, name);
    proof->type = type;
}

bool renewal_state_proof(const struct renewal_state *state, const char *name,
                         enum challenge_type *type)
{
    for (size_t i = 0; i < state->proof_count; i++) {
        if (strcmp(state->proofs[i].name, name) != 0)
            continue;
        *type = state->proofs[i].type;
        return true;
    }
    return false;
}
