/* What the files of the desk share and nobody else sees. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "server/order/order_desk.h"

#define ORDER_DESK_BUCKETS 4096
#define ORDER_DESK_TROUBLES                                                              \
    64 /* orders whose CAA could not be looked up, the last ones */

struct order_desk_logs;  /* timestamps of logs: order_desk_logs.c */
struct order_desk_round; /* CAA of all names of an order: order_desk_caa.c */

#define ORDER_DESK_OBSERVE_MS                                                            \
    3000 /* what perspectives that decide nothing may delay a verdict by */

enum order_desk_kind { ORDER_DESK_CHECK, ORDER_DESK_SIGN };

/* What one perspective has said to a question. */
struct order_desk_voice {
    enum quorum_voice voice;
    bool postponed; /* it could not be asked: once more, later */
    int64_t ended_ms;
    const char *away;    /* why it could not be asked last */
    const char *problem; /* JSON */
    enum err code;
    const char *detail;
    const char *record;
};

/* The perspectives of a question; voices[0] is the local one, and its texts are those of
 * the question. */
struct order_desk_jury {
    const struct order_desk_panel *panel;
    int64_t until_us;
    enum quorum_outcome outcome;
    struct order_desk_voice voices[QUORUM_VOICES_MAX];
};

/* One question, from being asked to its answer being on disk. */
struct order_desk_question {
    struct work_job job; /* first: the answer's */
    struct order_desk *desk;
    struct order_desk_question *next;
    enum order_desk_kind kind;
    int64_t id;         /* authorization or issuance */
    int64_t flight_key; /* authorization or order */
    int64_t account_id; /* of a check */
    bool answered;
    bool postponed;           /* it could not be asked: once more, later */
    bool unrecorded;          /* its answer could not be stored: once more, later */
    bool noted;               /* its verdict is in the log */
    store_ticket_number seen; /* the batch a check was asked because of */
    struct arena *arena;      /* holds all texts */
    struct order_desk_check check;
    struct order_desk_sign sign;
    struct order_desk_logs *logs;   /* of what logs must see first; else NULL */
    struct order_desk_jury *jury;   /* NULL: the validator alone decides */
    int64_t begun_ms;               /* of a check; wall clock, since 1970 */
    int64_t ended_ms;               /* of the validator's verdict; 0: not yet */
    struct order_desk_round *round; /* of a check of CAA alone; else NULL */
    size_t round_place;             /* its name's */
    bool round_ends;                /* its answer was the last of the round */
    bool good;
    int64_t until; /* seconds: a good answer counts no longer; 0: it does not end */
    const char *error;
    const char *record;
    struct span certificate;
    const char *trouble;  /* the problem of the last query that failed, as JSON */
    const char *troubles; /* of all of them, with commas between */
    size_t trouble_count;
    int64_t next_query_us;
};

/* Why nothing came of a round: in its own arena. */
struct order_desk_trouble {
    int64_t order_id;
    struct arena *arena; /* NULL: a free place */
    const struct err_info *why;
};

struct order_desk {
    struct store *store;
    struct work_pool *workers;
    struct limit *limits;                 /* NULL: none */
    const struct order_desk_panel *panel; /* NULL: none */
    const struct log_board *board;        /* NULL: none */
    size_t juries; /* checks that remote perspectives were asked about, not decided */
    struct order_desk_ports ports;
    const struct issuer_set *_Atomic issuers;
    struct flight_table *validations;
    struct flight_table *issuances;
    struct flight_table *caa;
    struct order_desk_round *rounds;
    struct order_desk_trouble troubles[ORDER_DESK_TROUBLES];
    size_t trouble_next;
    pthread_mutex_t lock;
    pthread_cond_t told; /* by the store */
    size_t in_store;     /* questions the store will call back for */
    size_t unrecorded;
    size_t postponed;
    size_t counts[2];
    struct order_desk_question *buckets[2][ORDER_DESK_BUCKETS];
};

/* The link that points to the question of that id, or to where it would be. With the lock
 * held. */
struct order_desk_question **order_desk_find(struct order_desk *desk,
                                             enum order_desk_kind kind, int64_t id);

/* Is the question to be asked once more in a moment? With the lock held. */
void order_desk_set_postponed(struct order_desk_question *q, bool postponed);

/* Hand a question to the store; order_desk_told() must be called when it comes back. */
void order_desk_wait_for_store(struct order_desk_question *q, store_ticket_number ticket,
                               void (*done)(void *argument, enum err result));

/* The store has called back. */
void order_desk_told(struct order_desk *desk);

/* ---- order_desk_jury.c; with the lock held ---- */

/* Ask the remote perspectives of a new check, if there are any. */
void order_desk_jury_call(struct order_desk_question *q);

/* The validator has spoken (`good` and its texts are set): is the check decided? */
bool order_desk_jury_is_done(struct order_desk_question *q);

/* Ask again who could not be asked; end the time of the slow. What is decided by that is
 * given to `decided`. */
void order_desk_jury_look(struct order_desk *desk,
                          void (*decided)(struct order_desk_question *q));

/* ---- the same; of a question that is answered, without it ---- */

/* The problem of a check that the perspectives refused, in place of the validator's. */
void order_desk_jury_conclude(struct order_desk_question *q);

/* The evidence of a check, in the arena; `brief`: without its steps. */
char *order_desk_jury_evidence(const struct order_desk_question *q, struct arena *a,
                               bool brief);

/* ---- order_desk_answer.c ---- */

/* It is answered: have that recorded. */
void order_desk_queue_answer(struct order_desk_question *q);

/* A question of that kind, not on record yet. */
struct order_desk_question *order_desk_question_new(struct order_desk *desk,
                                                    enum order_desk_kind kind, int64_t id,
                                                    int64_t flight_key);

/* Who asks, and what its directory says. */
void order_desk_proof_asker(struct order_desk_question *q,
                            const struct order_desk_prover *prover);

/* What must be found for the authorization by the challenge of that type (which is set),
 * and by whom. */
void order_desk_proof_set(struct order_desk_question *q, const struct store_authz *authz,
                          const struct order_desk_prover *prover);

/* Put on record, then ask: under one lock, so that a restart's ask_again comes before or
 * after. With the lock held. */
void order_desk_file_and_ask(struct order_desk *desk, struct order_desk_question *q);

/* Put on record, and refuse it: it was revoked before it was signed. With the lock held.
 */
void order_desk_file_revoked(struct order_desk *desk, struct order_desk_question *q);

/* Ask for what is to be asked now. With the lock held. */
void order_desk_ask(struct order_desk_question *q);

/* Its issuance is on disk, or was undone: for order_desk_wait_for_store. */
void order_desk_issuance_durable(void *argument, enum err result);

/* ---- order_desk_logs.c ---- */

/* From a precertificate to its certificate. */
enum order_desk_step {
    ORDER_DESK_STEP_PRE,   /* the signer makes the precertificate */
    ORDER_DESK_STEP_LOGS,  /* logs are asked */
    ORDER_DESK_STEP_STAMP, /* their timestamps are enough: that is put on record */
    ORDER_DESK_STEP_STALL, /* they are not: the same */
    ORDER_DESK_STEP_FINAL, /* the signer makes the certificate */
};

/* What is signed is a precertificate. */
void order_desk_logs_new(struct order_desk_question *q);

/* Logs are to be asked about this precertificate; or this is to be signed now. */
void order_desk_logs_begin(struct order_desk_question *q, struct span der);
void order_desk_logs_go_on(struct order_desk_question *q, struct span final);

/* Are logs asked now, and not the signer? */
bool order_desk_logs_asks(const struct order_desk_question *q);

/* Ask them what was not sent; false: something could not be. The validator is another:
 * nothing was sent to it. Ask more of them, or give up, as time goes by. All with the
 * lock held. */
bool order_desk_logs_ask(struct order_desk_question *q);
void order_desk_logs_forget_sent(struct order_desk_question *q);
void order_desk_logs_look(struct order_desk_question *q);

/* Is it the answer to what was asked before, and is known already? With the lock held. */
bool order_desk_logs_is_late(const struct order_desk_question *q,
                             struct span certificate);

/* Is what it was answered the end, good or bad; or is it that it has to wait? */
bool order_desk_logs_is_last(const struct order_desk_question *q);
bool order_desk_logs_stalled(const struct order_desk_question *q);

/* Put a step that is not the last on record. */
MUST_CHECK enum err order_desk_logs_record(struct order_desk_question *q,
                                           struct store_session *session,
                                           struct err_info *why);

/* A step is on disk: begin the next one; false if there is none. */
bool order_desk_logs_next(struct order_desk_question *q);

/* Where did an earlier process leave off? q->sign is set. */
MUST_CHECK enum err order_desk_logs_recover(struct order_desk_question *q,
                                            struct store_session *session,
                                            struct err_info *why);

/* ---- order_desk_caa.c ---- */

/* Keep why nothing came of an order until others need the place; the arena is owned from
 * now on. With the lock held. */
void order_desk_caa_keep_trouble(struct order_desk *desk, int64_t order_id,
                                 struct arena *a, const struct err_info *why);

/* What was kept last of the order is set in `why`, with texts in the arena; nothing if
 * there is none. */
void order_desk_caa_recall_trouble(struct order_desk *desk, struct arena *a,
                                   int64_t order_id, struct err_info *why);

/* A question of a round is answered: record what the round came to, if it was the last.
 * To be called again if the store fails. */
MUST_CHECK enum err order_desk_caa_record(struct order_desk_question *q,
                                          struct store_session *session,
                                          struct err_info *why);

/* The order whose names are asked about. */
int64_t order_desk_caa_order(const struct order_desk_round *round);

/* It is over; the round's flight lands with the question that ended it. */
void order_desk_caa_finish(struct order_desk *desk, struct order_desk_round *round,
                           bool ends);

/* Free all rounds. */
void order_desk_caa_free(struct order_desk *desk);

/* Free it with its texts. */
void order_desk_question_free(struct order_desk_question *q);
