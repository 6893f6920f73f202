/* One published revocation list, read. */
#pragma once

#include "core/x509/crl.h"
#include "server/check/check_private.h"
#include "server/store/store_crl.h"

/* A revoked certificate in it. */
struct check_entry {
    const uint8_t *serial; /* in the file */
    int64_t at;            /* seconds */
    uint8_t serial_len;
    int8_t reason;
    bool seen; /* the store knows of it */
};

struct check_list {
    struct check_run *run;
    struct check_issuer *issuer;
    int64_t shard;
    const char *path;     /* of its file */
    struct store_crl row; /* what the store says of it */
    void *map;            /* the file; NULL: there is none */
    struct span der;
    struct crl crl;
    bool usable;                 /* it could be read */
    bool is_made;                /* others are being made, one after the other */
    struct check_entry *entries; /* by serial */
    size_t count;
    struct check_list *next;
};

/* All lists there must be; reports issuers that have none. */
MUST_CHECK enum err check_list_scopes(struct check_run *run, struct check_list **lists,
                                      struct err_info *why);

/* Read it, with patience while `*tries` is not used up; with `judged`, report what is
 * wrong with it. */
MUST_CHECK enum err check_list_load(struct check_list *list, int *tries, bool judged,
                                    struct err_info *why);

/* Give back its memory. */
void check_list_free(struct check_list *list);

/* Its entry for that serial, or NULL. */
struct check_entry *check_list_find(const struct check_list *list, struct span serial);

/* Is it being made again just now? */
bool check_list_moves(const struct check_list *list);
