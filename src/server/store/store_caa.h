/* CAA records (RFC 8659): when they were last found to allow certificates, and what came
 * of looking them up again before a certificate was made. */
#pragma once

#include "server/store/store.h"

/* Note that the records of an authorization's name allowed a certificate at `now`
 * (seconds). ERR_NOT_FOUND. */
MUST_CHECK enum err store_caa_authz(struct store_session *s, int64_t authz_id,
                                    int64_t now, struct err_info *why);

enum store_caa_outcome {
    STORE_CAA_UNKNOWN = 0, /* they could not be looked up */
    STORE_CAA_ALLOWED = 1,
    STORE_CAA_FORBIDDEN = 2,
};

/* One name of an order, looked up again. */
struct store_caa_look {
    int64_t id;
    int64_t order_id;
    int64_t round;    /* of the order, from 1 on: all names are looked up at once */
    const char *name; /* as it is in the order */
    int64_t asked;    /* seconds */
    enum store_caa_outcome outcome;
    const char *record; /* evidence (JSON text, docs/evidence.md); NULL in lists */
};

/* What a round came to. */
struct store_caa_round {
    int64_t order_id;
    int64_t asked;                      /* seconds */
    const struct store_caa_look *looks; /* of these are read: name, outcome, record */
    size_t count;
    bool allowed; /* all names may be certified: the order knows that since `asked` */
    const char *error; /* the problem that makes the order invalid, unless it is decided
                          already; NULL: none */
    int64_t due_seen;  /* of an auto-renewal order that was due then: it is due at */
    int64_t due;       /* this time instead; 0 and 0: that stays */
};

/* Rounds kept between two issuances of an order, the last ones: who may finalize may have
 * it looked up as often as he likes. */
#define STORE_CAA_ROUNDS_MAX 8

/* Record a round with all that follows from it, in one change. ERR_NOT_FOUND. */
MUST_CHECK enum err store_caa_round(struct store_session *s,
                                    const struct store_caa_round *round,
                                    struct err_info *why);

/* What was looked up again for an order, before the look of id `before` (INT64_MAX: from
 * the newest on), newest first, at most `max`, without the evidence. */
MUST_CHECK enum err store_caa_looks(struct store_session *s, struct arena *a,
                                    int64_t order_id, int64_t before, size_t max,
                                    struct store_caa_look **rows, size_t *count,
                                    struct err_info *why);

/* One of them with its evidence; ERR_NOT_FOUND. */
MUST_CHECK enum err store_caa_look_by_id(struct store_session *s, struct arena *a,
                                         int64_t id, struct store_caa_look **row,
                                         struct err_info *why);
