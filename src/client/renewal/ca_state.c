/* cas/HASH.json */
#include "client/renewal/ca_state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "client/renewal/renewal_backoff.h"
#include "client/renewal/renewal_state.h"
#include "client/store/state_time.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

#define STATE_MAX   (16 * 1024) /* octets */
#define HASH_OCTETS 8           /* of the URL's hash, in the file's name */
#define CLOCK_SLACK 300         /* seconds */

static char *path_of(struct arena *a, const char *directory, const char *ca)
{
    uint8_t hash[HASH_SHA256_SIZE];
    char hex[2 * HASH_OCTETS + 1];

    hash_sha256(span_of(ca), hash);
    text_hex(hex, hash, HASH_OCTETS);
    return arena_printf(a, "%s/cas/%s.json", directory, hex);
}

/* ---- the file ---- */

static bool read_state(struct arena *a, struct span text, const char *ca,
                       struct ca_state *s)
{
    const struct json *object = NULL;
    struct err_info ignored = {0};

    if (json_read(a, text, &object, &ignored) != ERR_OK)
        return false;
    const char *of = json_text(json_member(object, "ca"));
    s->failures = json_whole(json_member(object, "failures"));
    s->detail = json_text(json_member(object, "detail"));
    s->limits = json_whole(json_member(object, "limits"));
    s->limit = json_text(json_member(object, "limit"));
    return of != NULL && strcmp(of, ca) == 0 && s->failures >= 0 && s->limits >= 0 &&
           state_time_take(object, "closed_until", &s->closed_until, &ignored) ==
               ERR_OK &&
           state_time_take(object, "failed_at", &s->failed_at, &ignored) == ERR_OK &&
           state_time_take(object, "limited_until", &s->limited_until, &ignored) ==
               ERR_OK &&
           state_time_take(object, "limited_at", &s->limited_at, &ignored) == ERR_OK;
}

void ca_state_load(struct arena *a, const char *directory, const char *ca,
                   struct ca_state *state)
{
    struct span text = span_of("");
    struct err_info ignored = {0};

    memset(state, 0, sizeof *state);
    if (file_read(a, path_of(a, directory, ca), STATE_MAX, &text, &ignored) != ERR_OK ||
        !read_state(a, text, ca, state))
        memset(state, 0, sizeof *state);
}

static enum err save(struct arena *a, const char *directory, const char *ca,
                     const struct ca_state *s, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(STATE_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "ca", ca);
    json_write_number(&w, "failures", s->failures);
    state_time_write(&w, "closed_until", s->closed_until);
    state_time_write(&w, "failed_at", s->failed_at);
    if (s->detail != NULL)
        json_write_text(&w, "detail", s->detail);
    json_write_number(&w, "limits", s->limits);
    state_time_write(&w, "limited_until", s->limited_until);
    state_time_write(&w, "limited_at", s->limited_at);
    if (s->limit != NULL)
        json_write_text(&w, "limit", s->limit);
    json_write_end_object(&w);
    buf_add_text(&b, "\n");
    if (b.failed)
        return err_set(why, ERR_IO, "what is remembered of %.200s is too large", ca);
    char *path = path_of(a, directory, ca);
    file_sweep(path); /* the lock is held */
    return file_replace(path, buf_span(&b), 0600, why);
}

/* ---- one at a time ---- */

struct hold {
    int fd;
};

static void hold_auto(struct hold *h)
{
    if (h->fd >= 0)
        (void)close(h->fd);
}

/* Held for the time of a look and a write only, so it is waited for. */
static enum err hold(struct arena *a, const char *directory, struct hold *h,
                     struct err_info *why)
{
    char *folder = file_path(a, directory, "cas");
    char *path = file_path(a, folder, "lock");

    TRY(file_make_directory(folder, 0700, why));
    h->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (h->fd < 0)
        return err_set_os(why, ERR_IO, errno, "cannot open %s", path);
    while (flock(h->fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return err_set_os(why, ERR_IO, errno, "cannot lock %s", path);
    return ERR_OK;
}

/* ---- the breaker ---- */

/* Reckoned by a clock that was set back since: of no use. */
static bool is_ahead(int64_t moment, int64_t now)
{
    return moment > now + CLOCK_SLACK;
}

static enum err refuse(struct err_info *why, enum err code, const char *ca,
                       const char *what, const char *detail, int64_t until, int64_t now)
{
    char text[CLOCK_TEXT_SIZE];

    clock_text(text, until);
    (void)err_set(why, code, "%.200s %s, and is not asked before %s%s%.400s", ca, what,
                  text, detail != NULL ? ": " : "", detail != NULL ? detail : "");
    why->retry_after_seconds = (int)(until - now < INT32_MAX ? until - now : INT32_MAX);
    return code;
}

enum err ca_state_ask(struct arena *a, const char *directory, const char *ca, int64_t now,
                      struct err_info *why)
{
    AUTO(hold) struct hold h = {-1};
    struct ca_state s;

    TRY(hold(a, directory, &h, why));
    ca_state_load(a, directory, ca, &s);
    if (s.limited_until > now && !is_ahead(s.limited_at, now))
        return refuse(why, ERR_RATE_LIMITED, ca, "has a rate limit", s.limit,
                      s.limited_until, now);
    if (s.failures == 0 || is_ahead(s.failed_at, now))
        return ERR_OK;
    if (s.closed_until > now)
        return refuse(why, ERR_UNAVAILABLE, ca, "was out of reach", s.detail,
                      s.closed_until, now);
    s.closed_until = now + CA_STATE_TRIAL_S;
    return save(a, directory, ca, &s, why);
}

bool ca_state_is_its_fault(enum err result)
{
    switch (result) {
    case ERR_NETWORK:
    case ERR_UNAVAILABLE:
    case ERR_SERVER_INTERNAL:
    case ERR_TIMEOUT:
    case ERR_PROTOCOL:
    case ERR_RATE_LIMITED:
    case ERR_BAD_NONCE:
        return true;
    default:
        return false;
    }
}

static void note_failure(struct arena *a, struct ca_state *s, const struct err_info *why,
                         int64_t now)
{
    uint64_t random = 0;

    random_fill(&random, sizeof random);
    s->failures++;
    int64_t wait = renewal_backoff_ca_seconds(s->failures, random);
    if (wait < why->retry_after_seconds)
        wait = why->retry_after_seconds;
    if (wait > RENEWAL_STATE_ASK_MAX_S)
        wait = RENEWAL_STATE_ASK_MAX_S;
    s->closed_until = now + wait;
    s->failed_at = now;
    s->detail = arena_printf(a, "%.700s", why->detail);
}

/* Whose limit it is, the problem document does not tell; the sentence may. */
static void note_limit(struct arena *a, struct ca_state *s, const struct err_info *why,
                       int64_t now)
{
    int64_t wait = why->retry_after_seconds;

    s->limits++;
    s->failures = 0;
    s->closed_until = 0;
    if (wait <= 0 ||
        (s->limits < CA_STATE_LIMITS && strstr(why->detail, "account") == NULL))
        return;
    if (wait > RENEWAL_STATE_WAIT_MAX_S)
        wait = RENEWAL_STATE_WAIT_MAX_S;
    s->limited_until = now + wait;
    s->limited_at = now;
    s->limit = arena_printf(a, "%.700s", why->detail);
}

/* It went wrong on our side. */
static bool says_nothing(enum err result)
{
    switch (result) {
    case ERR_INTERRUPTED:
    case ERR_CONFIG:
    case ERR_USAGE:
    case ERR_IO:
    case ERR_INTERNAL:
    case ERR_CRYPTO:
    case ERR_LOCKED:
        return true;
    default:
        return false;
    }
}

enum err ca_state_note(struct arena *a, const char *directory, const char *ca,
                       enum err result, const struct err_info *outcome, int64_t now,
                       struct err_info *why)
{
    AUTO(hold) struct hold h = {-1};
    struct ca_state s;

    TRY(hold(a, directory, &h, why));
    ca_state_load(a, directory, ca, &s);
    if (result == ERR_RATE_LIMITED)
        note_limit(a, &s, outcome, now);
    else if (result == ERR_NETWORK || result == ERR_UNAVAILABLE ||
             result == ERR_SERVER_INTERNAL || result == ERR_TIMEOUT ||
             result == ERR_TLS) /* not trusted, perhaps by a wrong clock */
        note_failure(a, &s, outcome, now);
    else if (s.failures == 0 && s.limits == 0 && s.limited_until == 0)
        return ERR_OK; /* nothing to forget */
    else if (says_nothing(result))
        s.closed_until = 0; /* another may try */
    else
        s = (struct ca_state){0};
    return save(a, directory, ca, &s, why);
}
