/* The store's contract on devices (draft-ietf-acme-device-attest): the inventory, by
 * which keys it knows them, and who is blocked. Identifiers are compared octet for octet.
 */
#pragma once

#include "server/store/store_revocation.h"
#include "server/store/store_search.h"

#define STORE_DEVICE_KEYS_MAX  16    /* of one device */
#define STORE_DEVICES_MAX      10000 /* in one change */
#define STORE_DEVICE_TYPES_MAX 2     /* devices that may have one key: one of each type */

/* A key by which a device is known. */
struct store_device_key {
    int kind; /* enum attest_known_kind of core/attest; stored as it is */
    uint8_t sha256[STORE_HASH_SIZE]; /* of the SubjectPublicKeyInfo */
};

struct store_device {
    int64_t id; /* > 0; given by the store */
    struct store_identifier identifier;
    const char *label;    /* for people; "" */
    int64_t created;      /* seconds */
    int64_t external_key; /* id of the external account key whose accounts alone may have
                             it, 0: any */
    const char *kid;      /* of that key, NULL if there is none; not read by changes */
    int64_t blocked;      /* seconds, 0: not */
    const char *reason;   /* why, for people; "" */
    int64_t attested;     /* seconds, when it proved itself last; 0: never */
    const struct store_device_key *keys;
    size_t key_count;
};

/* Why a device cannot be put. */
enum store_device_obstacle {
    STORE_DEVICE_IS_THERE,     /* a device with that identifier */
    STORE_DEVICE_KEY_IS_TAKEN, /* `key` of it is another device's of that type */
};
struct store_device_refusal {
    size_t index; /* of the device, in the list */
    enum store_device_obstacle obstacle;
    size_t key;                         /* of its keys */
    struct store_identifier identifier; /* of the device that is there */
};

/* What is done with devices that are put. */
struct store_device_putting {
    bool replace; /* label, external key and keys of those that are there; whether they
                     are blocked stays as it is */
    bool dry_run; /* change nothing, say what would be */
    int64_t now;  /* seconds */
    int reason;   /* CRLReason of certificates of those that come blocked */
    const struct store_revoking *told; /* of these; may be NULL */
};
struct store_device_put_result {
    size_t added;
    size_t replaced;
    struct store_device_refusal *refusals; /* by index; in the arena */
    size_t refusal_count;
};

/* Put devices into the inventory, all or none: `id`, `kid` and `attested` are not read.
 * What a device comes with as blocked is blocked as store_device_block does. ERR_CONFLICT
 * and nothing is changed if there are refusals; ERR_USAGE if there are more than
 * STORE_DEVICES_MAX, or more than STORE_DEVICE_KEYS_MAX keys. */
MUST_CHECK enum err store_device_put(struct store_session *s, struct arena *a,
                                     const struct store_device *devices, size_t count,
                                     const struct store_device_putting *putting,
                                     struct store_device_put_result *result,
                                     struct err_info *why);

/* ERR_NOT_FOUND if it is not in the inventory. */
MUST_CHECK enum err store_device_find(struct store_session *s, struct arena *a,
                                      const struct store_identifier *identifier,
                                      struct store_device **row, struct err_info *why);

/* Devices that are known by that key, one of each type of identifiers at most; none is no
 * failure. */
MUST_CHECK enum err store_device_by_key(struct store_session *s, struct arena *a,
                                        const struct store_device_key *key,
                                        struct store_device **rows, size_t *count,
                                        struct err_info *why);

/* Devices with ids above `after`, by id, at most `max`; `blocked`: only those that are.
 */
MUST_CHECK enum err store_device_list(struct store_session *s, struct arena *a,
                                      int64_t after, bool blocked, size_t max,
                                      struct store_device **rows, size_t *count,
                                      struct err_info *why);

/* Take it out of the inventory; `was` is what it said. ERR_NOT_FOUND; ERR_CONFLICT if it
 * is blocked: it would not be any more. */
MUST_CHECK enum err store_device_remove(struct store_session *s, struct arena *a,
                                        const struct store_identifier *identifier,
                                        struct store_device **was, struct err_info *why);

/* What blocking a device came to. */
struct store_device_blocked {
    bool before;            /* it was blocked; time and reason stay */
    int64_t authorizations; /* deactivated */
    struct store_revoked revoked;
};

/* Block a device, which need not be in the inventory, with everything in one change: its
 * authorizations are deactivated, its certificates that have not expired at `now` are
 * revoked, also those that are being signed, and no issuance begins that names it. If it
 * is blocked already, what is left of all that. `told` may be NULL. */
MUST_CHECK enum err store_device_block(struct store_session *s,
                                       const struct store_identifier *identifier,
                                       const char *reason, int crl_reason, int64_t now,
                                       const struct store_revoking *told,
                                       struct store_device_blocked *result,
                                       struct err_info *why);

/* Block it no more; nothing that was revoked is valid again. ERR_NOT_FOUND if it is not
 * blocked. */
MUST_CHECK enum err store_device_unblock(struct store_session *s,
                                         const struct store_identifier *identifier,
                                         struct err_info *why);

/* Issuances for a device with ids above `after`, by id, at most `max`: those of orders
 * that name it, whether the certificate does or not, and those of
 * store_device_issuance_begin.
 */
MUST_CHECK enum err store_device_issuances(struct store_session *s, struct arena *a,
                                           const struct store_identifier *identifier,
                                           int64_t after, size_t max,
                                           struct store_found **rows, size_t *count,
                                           struct err_info *why);

/* A blocked device that an issuance is for, if there is one; in the arena, NULL if not.
 */
MUST_CHECK enum err store_device_blocked_of(struct store_session *s, struct arena *a,
                                            const struct store_issuance *issuance,
                                            struct store_identifier **device,
                                            struct err_info *why);

/* As store_issuance_begin_own with `replaced` 0, for a device, whose blocking revokes it.
 * ERR_REJECTED_IDENTIFIER if it is blocked. */
MUST_CHECK enum err store_device_issuance_begin(struct store_session *s,
                                                struct store_issuance *issuance,
                                                const struct store_identifier *device,
                                                struct err_info *why);
