/* Authorizations as an administrator looks for them: newest first, whosever they are; and
 * the issuances of an order. */
#pragma once

#include "server/store/store.h"

#define STORE_EVIDENCE_SPAN                                                              \
    2000 /* ids looked at in one step: there is no index for this, and others wait */

/* Which. */
struct store_evidence_filter {
    int64_t account_id; /* 0: of any account */
    const char *value;  /* identifier in its canonical form, without "*."; NULL: any */
    int64_t since;      /* seconds: made then or later; 0: whenever */
};

/* One step back from the authorization `before` (INT64_MAX: from the newest): those that
 * the filter lets pass, at most `max`, newest first, without error and record. `next` is
 * where the next step begins, 0 at the end. */
MUST_CHECK enum err store_evidence_list(struct store_session *s, struct arena *a,
                                        const struct store_evidence_filter *filter,
                                        int64_t before, size_t max,
                                        struct store_authz **rows, size_t *count,
                                        int64_t *next, struct err_info *why);

/* The newest issuances of an order, whatever became of them, newest first, at most `max`,
 * without their octets. */
MUST_CHECK enum err store_evidence_issuances(struct store_session *s, struct arena *a,
                                             int64_t order_id, size_t max,
                                             struct store_issuance **rows, size_t *count,
                                             struct err_info *why);
