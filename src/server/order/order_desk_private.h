/* What the files of the desk share and nobody else sees. */
#pragma once

#include <pthread.h>

#include "server/order/order_desk.h"

#define ORDER_DESK_BUCKETS 4096

enum order_desk_kind { ORDER_DESK_CHECK, ORDER_DESK_SIGN };

/* One question, from being asked to its answer being on disk. */
struct order_desk_question {
    struct work_job job; /* first: the answer's */
    struct order_desk *desk;
    struct order_desk_question *next;
    enum order_desk_kind kind;
    int64_t id;         /* authorization or issuance */
    int64_t flight_key; /* authorization or order */
    bool answered;
    bool postponed;           /* it could not be asked: once more, later */
    bool unrecorded;          /* its answer could not be stored: once more, later */
    store_ticket_number seen; /* the batch a check was asked because of */
    struct arena *arena;      /* holds all texts */
    struct order_desk_check check;
    struct order_desk_sign sign;
    bool good;
    const char *error;
    const char *record;
    struct span certificate;
};

struct order_desk {
    struct store *store;
    struct work_pool *workers;
    struct order_desk_ports ports;
    struct span issuers;
    struct arena *arena;
    struct flight_table *validations;
    struct flight_table *issuances;
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

/* Free it with its texts. */
void order_desk_question_free(struct order_desk_question *q);
