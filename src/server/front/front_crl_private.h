/* Inside the making of revocation lists. */
#pragma once

#include "server/front/front_crl.h"
#include "server/front/front_private.h"

#define FRONT_CRL_LISTS_MAX 1100 /* of one issuer: parts of now and of former times */

/* A list that is looked after. */
struct front_crl_scope {
    uint8_t key_id[STORE_HASH_SIZE];
    size_t key_id_len;
    struct store_crl row;  /* as the store had it last */
    bool published;        /* this process has it on the shelf */
    bool stale;            /* the settings it was made by are others now */
    uint64_t floor;        /* its number must be above this */
    int64_t not_before_us; /* not made again earlier: many revocations, few lists */
    struct front_crl_scope *next;
};

enum front_crl_phase {
    FRONT_CRL_LOOK,    /* is something due? */
    FRONT_CRL_BUILD,   /* entries are taken from the store */
    FRONT_CRL_FINISH,  /* put together, verified, recorded */
    FRONT_CRL_PUBLISH, /* on disk as a record: shelf and file */
};

struct front_crl {
    struct work_job job; /* first */
    struct front *front;
    struct loop_timer *timer;
    bool under_way; /* all behind `again` is the worker's */
    bool waits;     /* for the signer: then it is the loop's all the same */
    bool again;     /* look once more when this is over */
    enum front_crl_phase phase;
    uint64_t revoked;       /* store_crl_revoked(), when it was looked at last */
    int64_t look_us;        /* monotonic: look then */
    int64_t pause_until_us; /* after a failure */
    int64_t backoff_ms;
    const struct settings *settings; /* of this round */
    const struct issuer_set *issuers;
    const struct settings *made_by; /* of the rounds before */

    struct front_crl_scope *scopes;
    struct front_crl_scope *scope; /* whose list is made now */
    const struct issuer *issuer;
    struct crl_build build;
    int64_t covers;
    uint64_t undone; /* batches, when it was begun */
    int64_t begun_us;
    uint64_t id; /* of the question */
    int64_t asked_us;
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t signature_len;
    uint64_t leap;    /* how far the next number leaves the refused one behind */
    uint64_t refused; /* the highest number that was too low */
    enum err outcome;
    int folder; /* -1: none */
};

/* ---- front_crl.c ---- */

/* Look at all lists now and whenever it is time. */
void front_crl_watch(struct front_crl *c);

/* ---- front_crl_files.c ---- */

/* Write a document below the folder so that a crash leaves the old or the new one. `path`
 * begins with "/". ERR_IO. */
MUST_CHECK enum err front_crl_write(int folder, const char *path, struct span octets,
                                    struct err_info *why);

/* Read one into memory of its own. ERR_NOT_FOUND, ERR_IO, ERR_TOO_LARGE. */
MUST_CHECK enum err front_crl_read(int folder, const char *path, struct crl_image *image,
                                   struct err_info *why);

/* ---- front_crl_scope.c ---- */

/* The list of that issuer and part, looked after from now on. */
struct front_crl_scope *front_crl_scope_of(struct front_crl *c, struct span key_id,
                                           int64_t shard);

/* Bring all lists of an issuer up to what the store says. */
MUST_CHECK enum err front_crl_scopes_read(struct front_crl *c,
                                          struct store_session *session,
                                          const struct issuer *issuer,
                                          struct err_info *why);

/* Is it to be made now? Else `*due_us` (monotonic) is lowered to when it will be. */
bool front_crl_scope_is_due(const struct front_crl *c, const struct front_crl_scope *s,
                            int64_t now, int64_t now_us, int64_t *due_us);

/* Fill in head, shard and the rest for a new list. */
void front_crl_scope_prepare(struct front_crl *c, const struct issuer *issuer,
                             const struct front_crl_scope *s, int64_t now);

/* Put a list on the shelf, which owns the image from now on. */
void front_crl_scope_shelve(struct front_crl *c, struct front_crl_scope *s,
                            struct crl_image image);
