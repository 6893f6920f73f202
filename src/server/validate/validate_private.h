/* Between validate.c (life of a check) and the challenge types. */
#pragma once

#include "core/base/buf.h"
#include "core/dns/resolver.h"
#include "core/http/http_fetch.h"
#include "core/json/json_write.h"
#include "server/validate/validate.h"

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
    enum challenge_type type;
    const char *identifier;
    const char *token;
    const char *key_authorization;
    void (*done)(void *argument, const struct validate_verdict *verdict);
    void *argument;

    int attempt;
    int64_t until_us;         /* the end of its time */
    struct loop_timer *timer; /* a retry, or the end */
    struct buf record_text;
    struct json_writer record;
    struct json_writer record_before; /* the step that is being written */
    size_t record_len_before;
    bool record_full; /* a step found no room: it and those behind it are left out */

    /* a lookup of both address types */
    struct resolver_query *queries[2];
    size_t answers_due;
    struct resolver_result answers[2];
    char reasons[2][RESOLVER_DETAIL_MAX];
    void (*looked_up)(struct validate_check *c);
    const char *host; /* looked up last */

    struct http_fetch *fetch;
    void *state; /* the challenge type's own, in the arena */
};

struct validator {
    struct loop *loop;
    struct validate_options options;
    struct resolver *resolver;
    struct http_fetcher *fetcher;
    struct validate_check *checks;
    size_t running;
};

/* One challenge type. `start` begins an attempt, which ends with validate_good,
 * validate_bad or validate_trouble. */
struct validate_type {
    enum challenge_type type;
    void (*start)(struct validate_check *c);
};

/* The verdict is yes. */
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

/* A step of the record is an object of c->record; what is written between these two. */
void validate_step_begin(struct validate_check *c);
void validate_step_end(struct validate_check *c);

/* May the validator connect there? */
bool validate_may_connect(const struct validator *v, const struct address *a);

/* What is left of the check's time, at least 1 (ms). */
int64_t validate_time_left_ms(const struct validate_check *c);

/* ---- http_01.c ---- */
void http_01_start(struct validate_check *c);
