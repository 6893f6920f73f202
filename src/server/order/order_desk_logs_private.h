/* What order_desk_logs.c and order_desk_logs_record.c share. */
#pragma once

#include "core/crypto/hash.h"
#include "server/order/order_desk_logs.h"
#include "server/order/order_desk_private.h"

struct issuer;

/* One log that may be asked. */
struct order_desk_log_try {
    size_t place; /* on the board */
    bool asked;
    bool sent;
    bool ended;
    struct span timestamp; /* a good one */
    const char *why;       /* or this */
};

/* One precertificate, on its way to a certificate. */
struct order_desk_logs {
    enum order_desk_step step;
    bool over; /* nothing follows this step */
    const struct log_board *board;
    struct span precertificate;
    struct span chain; /* it, and what stands behind it, one DER after the other */
    struct span entry; /* what is signed by logs */
    uint8_t issuer_key_hash[HASH_SHA256_SIZE];
    int64_t not_before;
    int64_t not_after;
    int64_t earliest_ms; /* of a timestamp */
    int64_t until_us;
    int64_t next_us; /* then one more is asked */
    struct order_desk_log_try tries[SETTINGS_CT_LOGS_MAX];
    size_t count;
    struct span final;
};

/* It, and what stands behind it, root included as far as there is room, in the arena. */
struct span order_desk_logs_chain(struct arena *a, const struct issuer *issuer,
                                  struct span der);

/* Its name in ct_logs. */
const char *order_desk_logs_name(const struct order_desk_logs *l,
                                 const struct order_desk_log_try *t);
