/* Which buckets the requests of ACME spend. What is spent is given back by whoever finds
 * that the request fails for another reason. */
#pragma once

#include "core/net/address.h"
#include "server/limit/limit.h"

/* `identifier` of the functions below is the text that limit_key_text makes. */

/* What was spent, for limit_rules_refund. */
struct limit_rules_spent {
    const struct limit_use *uses;
    size_t count;
};

/* Any request from there. `peer` may be NULL: nobody knows. */
MUST_CHECK enum err limit_rules_request(struct limit *l, struct arena *a,
                                        const struct address *peer, struct err_info *why);

/* A TPM's attestation key is to be enrolled from there. */
MUST_CHECK enum err limit_rules_enrollment(struct limit *l, struct arena *a,
                                           const struct address *peer,
                                           struct err_info *why);

/* An account is made from there. */
MUST_CHECK enum err limit_rules_account(struct limit *l, struct arena *a,
                                        const struct address *peer,
                                        struct limit_rules_spent *spent,
                                        struct err_info *why);

/* The external account key that an account is bound with: its accounts together may have
 * so many new orders. */
struct limit_rules_key {
    const char *kid;
    struct rate orders; /* "off": no limit */
};

struct limit_rules_order {
    int64_t account_id;
    const struct store_identifier *identifiers; /* wildcards with their "*." */
    size_t count;
    bool is_renewal;           /* RFC 9773 5: it replaces a certificate in time */
    const char *const *proved; /* of a new order, for each the name that is to be proved
                                  instead (RFC 9444 4.3), or NULL; NULL: none of any */
    const struct limit_rules_key
        *key; /* of a new order; NULL: the account is not bound */
};

/* An order is made: one of its account and of that one's key is spent; nothing may be
 * paused, no identifier may have failed too often, and its certificate must be possible
 * now. A renewal by RFC 9773 is free but for pauses and failures; an order for exactly
 * the identifiers of a certificate that is still valid is free of the limit per domain.
 */
MUST_CHECK enum err limit_rules_order(struct limit *l, struct store_session *session,
                                      struct arena *a,
                                      const struct limit_rules_order *order,
                                      struct limit_rules_spent *spent,
                                      struct err_info *why);

/* An authorization is made without an order, for an identifier without "*.": it counts as
 * an order of its account does, and is to be had when its validation would be. */
MUST_CHECK enum err
limit_rules_authz(struct limit *l, struct arena *a, int64_t account_id,
                  const struct limit_rules_key *key, const char *identifier,
                  struct limit_rules_spent *spent, struct err_info *why);

/* The certificate of an order is about to be made. */
MUST_CHECK enum err
limit_rules_certificate(struct limit *l, struct store_session *session, struct arena *a,
                        const struct limit_rules_order *order,
                        struct limit_rules_spent *spent, struct err_info *why);

/* It was refused after all. */
void limit_rules_refused(struct limit *l, struct store_session *session,
                         const struct limit_rules_order *order);

/* It was made, valid until `not_after` (seconds): what comes next is its renewal. */
MUST_CHECK enum err limit_rules_issued(struct limit *l, struct store_session *session,
                                       const struct limit_rules_order *order,
                                       int64_t not_after, struct err_info *why);

/* Control of the identifier (without "*.") is to be checked for the account: one of its
 * domain is spent. */
MUST_CHECK enum err limit_rules_validation(struct limit *l, struct arena *a,
                                           int64_t account_id, const char *identifier,
                                           struct limit_rules_spent *spent,
                                           struct err_info *why);

/* It was, and how it ended. What fails again and again may be paused by that. */
void limit_rules_validated(struct limit *l, struct store_session *session,
                           int64_t account_id, const char *identifier, bool valid);

/* Give back what was spent; of something that failed nothing was. */
void limit_rules_refund(struct limit *l, const struct limit_rules_spent *spent);
