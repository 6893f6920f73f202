/* Policy: may this account have these names, and this key. */
#pragma once

#include <stddef.h>

#include "core/acme/identifier.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "core/json/json_read.h"
#include "server/settings/settings.h"

/* Read and judge the identifiers of a newOrder payload: types, syntax, number; made
 * canonical, and given once each in the order they came. ERR_MALFORMED,
 * ERR_UNSUPPORTED_IDENTIFIER, ERR_REJECTED_IDENTIFIER, with a subproblem for each
 * identifier that is wrong; ERR_COMPOUND if they are wrong in several ways. */
MUST_CHECK enum err policy_identifiers(struct arena *a, const struct settings *settings,
                                       const struct json *payload,
                                       struct identifier **identifiers, size_t *count,
                                       struct err_info *why);

/* Read and judge notBefore and notAfter of a newOrder payload (RFC 8555 7.4): RFC 3339
 * times, each 0 if it is not there. A certificate begins neither before the backdating of
 * now nor later than it may last, ends in the future, lasts no longer than
 * certificate.lifetime, and lies within its issuer's validity (seconds): what cannot be
 * had as asked is refused, not changed. ERR_MALFORMED with what is possible. */
MUST_CHECK enum err policy_validity(const struct settings *settings,
                                    const struct json *payload, int64_t issuer_begins,
                                    int64_t issuer_ends, int64_t now, int64_t *not_before,
                                    int64_t *not_after, struct err_info *why);

/* May this key be an account's? ERR_BAD_PUBLIC_KEY. */
MUST_CHECK enum err policy_account_key(const struct key *key, struct err_info *why);

/* May this key be certified for that account? ERR_BAD_CSR. */
MUST_CHECK enum err policy_subject_key(const struct key *key,
                                       const struct key *account_key,
                                       struct err_info *why);

/* Read and judge the contacts of an account payload (RFC 8555 7.3): `mailto:` only, one
 * address each without header fields. `contacts` gets a JSON array text, NULL if the
 * member is not there. ERR_UNSUPPORTED_CONTACT, ERR_INVALID_CONTACT, ERR_MALFORMED. */
MUST_CHECK enum err policy_contacts(struct arena *a, const struct settings *settings,
                                    const struct json *payload, const char **contacts,
                                    struct err_info *why);
