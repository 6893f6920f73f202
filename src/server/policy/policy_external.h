/* Policy: what an account bound with an external key may have (RFC 8555 7.3.4). */
#pragma once

#include "core/acme/identifier.h"
#include "core/base/err.h"
#include "server/exchange/external_policy.h"
#include "server/settings/settings.h"

/* May the account have this identifier, and is there a challenge of the directory by
 * which it may prove it? ERR_REJECTED_IDENTIFIER. `policy` NULL: it is not bound, and
 * may. */
MUST_CHECK enum err policy_external_identifier(const struct settings_directory *directory,
                                               const struct external_policy *policy,
                                               const struct identifier *identifier,
                                               struct err_info *why);

/* May it use a profile of that name, as far as the key says? NULL as above. */
bool policy_external_profile(const struct external_policy *policy, const char *name);

/* May it answer challenges of that type? NULL as above. */
bool policy_external_challenge(const struct external_policy *policy,
                               enum challenge_type type);

/* Make a pattern canonical as policies hold it: a name, ".NAME", or "*.NAME", which
 * becomes ".NAME". In the arena. ERR_USAGE. */
MUST_CHECK enum err policy_external_pattern(struct arena *a, const char *text,
                                            const char **pattern, struct err_info *why);

/* The same of devices: TYPE:VALUE, or the value of a permanent-identifier; one that ends
 * with "*" is all that begin so. ERR_USAGE. */
MUST_CHECK enum err policy_external_device(struct arena *a, const char *text,
                                           const char **pattern, struct err_info *why);
