/* Between validate.c (life of a check) and the challenge types. */
#pragma once

#include "core/base/buf.h"
#include "core/dns/resolver.h"
#include "core/http/http_fetch.h"
#include "core/json/json_write.h"
#include "core/net/tls_probe.h"
#include "server/validate/validate.h"
#include "server/validate/validate_share.h"
#include "server/validate/validate_target.h"

#define VALIDATE_ATTEMPTS                                                                \
    4 /* tries before a network error counts: at 0, 0.5, 1.5 and 3.5 s, so that a server \
         may be started again meanwhile */
#define VALIDATE_RETRY_MS     500 /* before the second; doubled each time */
#define VALIDATE_ADDRESSES    (2 * RESOLVER_ADDRESSES_MAX)
#define VALIDATE_LOOKUP_NAMES 256

/* One check, from question to verdict. */
struct validate_check {
    struct validator *validator;
    struct validate_check *next;
    struct validate_check *previous;
    struct arena *arena;
    const struct validate_place *place;
    struct validate_question question; /* texts in the arena, none NULL */
    struct validate_listener listener;

    int attempt;
    int64_t until_us;         /* the end of its time */
    struct loop_timer *timer; /* a retry, or the end */
    struct buf record_text;
    struct json_writer record;
    struct json_writer record_before; /* the step that is being written */
    size_t record_len_before;
    bool record_full; /* a step found no room: it and those behind it are left out */

    /* a lookup of both address types, or of texts (the first of these only) */
    struct resolver_query *queries[2];
    size_t answers_due;
    struct resolver_result answers[2];
    char reasons[2][RESOLVER_DETAIL_MAX];
    void (*looked_up)(struct validate_check *c);
    void (*texts_looked_up)(struct validate_check *c,
                            const struct resolver_result *result);
    const char *host; /* looked up last */

    bool proved;     /* what remains is CAA */
    struct caa *caa; /* while its lookups are under way, in the arena */

    struct validate_target target; /* where it connects to */
    struct validate_share share;   /* its place among those that do */
    struct http_fetch *fetch;
    struct tls_probe *probe;
    struct span answer;  /* of a submission */
    int64_t proof_until; /* seconds: what proves control says so; 0: nothing does */
    void *state;         /* the challenge type's own, in the arena */
};

/* A view with what serves it. Those of earlier settings are kept: checks may still use
 * them. */
struct validate_place {
    struct validate_view view;
    struct resolver *resolver; /* shared; NULL: it could not be opened */
};

struct validator {
    struct loop *loop;
    struct arena *arena; /* holds the places */
    const struct validate_place *places;
    size_t place_count;
    struct validate_resolver *resolvers;
    int64_t timeout_ms;
    size_t connections_per_target;
    struct http_fetcher *fetcher;
    struct tls_prober *prober; /* for tls-alpn-01 */
    struct validate_shares *shares;
    struct validate_check *checks;
    size_t running;
};

/* One challenge type. `start` begins an attempt, which ends with validate_good,
 * validate_bad or validate_trouble. */
struct validate_type {
    enum challenge_type type;
    void (*start)(struct validate_check *c);
};

/* The verdict is yes, as far as control goes: CAA comes next, where it is looked at. */
void validate_good(struct validate_check *c);

/* The verdict is no. */
void validate_bad(struct validate_check *c, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The network failed: try again while there is time; then as validate_bad. */
void validate_trouble(struct validate_check *c, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Look A and AAAA of a host up, then call c->looked_up. */
void validate_look_up(struct validate_check *c, const char *host,
                      void (*looked_up)(struct validate_check *c));

/* Look the TXT records of a name up, then call `looked_up`; the result lives until that
 * returns. */
void validate_look_up_texts(struct validate_check *c, const char *name,
                            void (*looked_up)(struct validate_check *c,
                                              const struct resolver_result *result));

/* There is no time left for the lookup that is under way. */
void validate_look_up_late(struct validate_check *c);

/* " from the resolver 192.0.2.1:53", or "" where there is none to name. */
const char *validate_resolver_shown(struct validate_check *c);

/* What the challenges that are answered with TXT records begin with. */
struct dns_texts {
    /* called with an answer, which has any number of records */
    void (*judge)(struct validate_check *c, const struct resolver_result *r);
    const char *wanted; /* must not be empty: what the judge looks for */
    const char *note;   /* the end of the sentence when there is nothing at all */
};

/* Look up what stands at that name of the identifier, "_label." and so on in front; what
 * fails is told in words. `texts` is c->state from then on. */
void dns_texts_start(struct validate_check *c, struct dns_texts *texts,
                     const char *labels);

/* The name that was looked up and where it leads, and the records as far as there is
 * room, for refusals. */
const char *dns_texts_where(struct validate_check *c, const struct resolver_result *r);
const char *dns_texts_list(struct validate_check *c, const struct resolver_result *r);

/* Any octets as a text that is safe to print, at most `most` of them and then "...", in
 * the arena. */
const char *validate_text_shown(struct arena *a, struct span text, size_t most);

/* A step of the record is an object of c->record; what is written between these two. */
void validate_step_begin(struct validate_check *c);
void validate_step_end(struct validate_check *c);

/* Octets that are left for steps; those about CAA have some of their own. */
size_t validate_step_room(const struct validate_check *c);

/* May the check connect there? */
bool validate_may_connect(const struct validate_check *c, const struct address *a);

/* What is left of the check's time, at least 1 (ms). */
int64_t validate_time_left_ms(const struct validate_check *c);

/* ---- views ---- */

/* Make the places of these views in the validator's arena, opening resolvers if `open`.
 * Without that a resolver that is not open yet sets `*complete` to false, and the view
 * keeps the one it had, if any. ERR_CONFIG, ERR_INTERNAL. */
MUST_CHECK enum err validate_view_set(struct validator *v,
                                      const struct validate_options *options, bool open,
                                      bool *complete, struct err_info *why);

/* The place of a directory. */
const struct validate_place *validate_view_of(const struct validator *v,
                                              const char *directory);

/* Free all resolvers. */
void validate_view_free(struct validator *v);

/* ---- caa.c ---- */

/* Is CAA to be looked at when control is proved? */
bool caa_is_wanted(const struct validate_check *c);

/* Begin an attempt to look it up, which ends like that of a challenge type. */
void caa_start(struct validate_check *c);

/* There is no time left for the lookups that are under way. */
void caa_late(struct validate_check *c);

/* Give up lookups under way. */
void caa_stop(struct validate_check *c);

/* ---- one file each ---- */
void http_01_start(struct validate_check *c);
void dns_01_start(struct validate_check *c);
void tls_alpn_01_start(struct validate_check *c);
void dns_01_start_account(struct validate_check *c); /* dns-account-01 */
void dns_persist_01_start(struct validate_check *c);
void submission_start(struct validate_check *c); /* no challenge type: to a log */
