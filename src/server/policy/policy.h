/* Policy: may this account have these names, and this key. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/acme/identifier.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "core/json/json_read.h"
#include "core/x509/csr.h"
#include "server/settings/settings.h"

/* By whose rules an order is judged. */
struct policy_scope {
    const struct settings *settings;
    const struct settings_directory *directory;
    const struct settings_profile *profile;
    const struct external_policy *external; /* of the account; NULL: it is not bound */
    const struct limit
        *limits; /* they have the list of public suffixes; NULL: built in */
    const struct issuer_choice *issuers; /* one of them must be able to certify it; NULL:
                                            that is not looked at */
};

struct account;
struct limit;
struct issuer_choice;
struct external_policy;

/* Is the name in the list? "a.test" is that name, ".a.test" every name below it; a
 * wildcard "*.a.test" is below a.test. */
bool policy_lists_name(const struct config_list *list, const char *name);

/* Is the text an address in one of the networks? */
bool policy_lists_address(const struct config_list *list, const char *value);

/* The profile a newOrder payload asks for, or the directory's first that the account may
 * use (draft-aaron-acme-profiles 4). ERR_MALFORMED; ERR_INVALID_PROFILE if it is not one
 * of the directory's; ERR_UNAUTHORIZED if it is restricted to other accounts. */
MUST_CHECK enum err policy_profile(const struct settings_directory *directory,
                                   const struct json *payload,
                                   const struct account *account,
                                   const struct settings_profile **profile,
                                   struct err_info *why);

/* The profile of an order that was made earlier; "" is the directory's first.
 * ERR_INVALID_PROFILE if it is not offered any more. */
MUST_CHECK enum err policy_profile_again(const struct settings_directory *directory,
                                         const char *name,
                                         const struct settings_profile **profile,
                                         struct err_info *why);

/* May the account use the profile? ERR_UNAUTHORIZED. */
MUST_CHECK enum err policy_profile_open(const struct settings_profile *profile,
                                        const struct account *account,
                                        struct err_info *why);

/* May this identifier be certified under these rules? An address of a special network
 * only if validation.allow_networks has it. ERR_INVALID_PROFILE,
 * ERR_UNSUPPORTED_IDENTIFIER or ERR_REJECTED_IDENTIFIER. */
MUST_CHECK enum err policy_identifier_allowed(const struct policy_scope *scope,
                                              const struct identifier *identifier,
                                              struct err_info *why);

/* If the directory certifies public names only: does this one lie below a public suffix,
 * and in no domain of special use? ERR_REJECTED_IDENTIFIER. */
MUST_CHECK enum err policy_public_name(const struct policy_scope *scope,
                                       const struct identifier *identifier,
                                       struct err_info *why);

/* Can such an identifier be proved in this directory by that challenge? A wildcard only
 * in the DNS (RFC 8555 8.3), an address never there (RFC 8738 7). */
bool policy_offers(const struct settings_directory *directory, enum challenge_type type,
                   enum identifier_type identifier, bool wildcard);

/* The challenges whose proofs count for an account with that policy of its external key
 * (NULL: it is not bound), and for that profile (NULL: for any): bits 1 << enum
 * challenge_type. */
unsigned int policy_proofs(const struct settings_directory *directory,
                           const struct external_policy *external,
                           const struct settings_profile *profile);

/* Read and judge one identifier: type, syntax, whether it can be proved at all; a name is
 * made canonical, in the arena. ERR_MALFORMED, ERR_UNSUPPORTED_IDENTIFIER,
 * ERR_REJECTED_IDENTIFIER. */
MUST_CHECK enum err policy_identifier(struct arena *a, const char *type,
                                      const char *value, struct identifier *identifier,
                                      struct err_info *why);

/* Read and judge the identifiers of a newOrder payload: types, syntax, number; made
 * canonical, and given once each in the order they came. ERR_MALFORMED,
 * ERR_UNSUPPORTED_IDENTIFIER, ERR_REJECTED_IDENTIFIER, with a subproblem for each
 * identifier that is wrong; ERR_COMPOUND if they are wrong in several ways. */
MUST_CHECK enum err policy_identifiers(struct arena *a, const struct policy_scope *scope,
                                       const struct json *payload,
                                       struct identifier **identifiers, size_t *count,
                                       struct err_info *why);

/* Can names be proved for all below them here (RFC 9444)? Only in the DNS. */
bool policy_has_subdomains(const struct settings *settings,
                           const struct settings_directory *directory);

/* May all names below this one be certified for who proves it? Not all names of a
 * top-level domain. */
bool policy_subdomains(const struct settings *settings,
                       const struct settings_directory *directory,
                       const struct identifier *identifier);

/* Read the ancestorDomain of each of the identifiers that policy_identifiers has read
 * from this payload (RFC 9444 4.3): canonical, or NULL where none is given or policy
 * refuses it. `*ancestors` is NULL if there is none at all. ERR_MALFORMED if one is no
 * name above its identifier. */
MUST_CHECK enum err policy_ancestors(struct arena *a, const struct policy_scope *scope,
                                     const struct json *payload,
                                     const struct identifier *identifiers, size_t count,
                                     const char *const **ancestors, struct err_info *why);

/* A time of RFC 3339 in a payload, in seconds; 0 if the member is not there.
 * ERR_MALFORMED. */
MUST_CHECK enum err policy_time(const struct json *payload, const char *name,
                                int64_t *time, struct err_info *why);

/* Read and judge notBefore and notAfter of a newOrder payload (RFC 8555 7.4): RFC 3339
 * times, each 0 if it is not there. A certificate begins neither before the backdating of
 * now nor later than it may last (under the Baseline Requirements than 48 h), ends in the
 * future, lasts no longer than the profile says, and lies within its issuer's validity
 * (seconds): what cannot be had as asked is refused, not changed. ERR_MALFORMED with what
 * is possible. */
MUST_CHECK enum err policy_validity(const struct policy_scope *scope,
                                    const struct json *payload, int64_t issuer_begins,
                                    int64_t issuer_ends, int64_t now, int64_t *not_before,
                                    int64_t *not_after, struct err_info *why);

struct policy_key_lists;

/* May this key be an account's? Not one that is weak, or in one of the lists (NULL: there
 * are none). ERR_BAD_PUBLIC_KEY. */
MUST_CHECK enum err policy_account_key(const struct policy_key_lists *lists,
                                       const struct key *key, struct err_info *why);

/* May this key be certified for that account (NULL: for any)? ERR_BAD_CSR. */
MUST_CHECK enum err policy_subject_key(const struct policy_key_lists *lists,
                                       const struct key *key,
                                       const struct key *account_key,
                                       struct err_info *why);

/* May a request be certified by that profile: its type of key, a common name, must-staple
 * (RFC 7633)? `renewed`: by the CA itself, again and again; `for_device`: its order names
 * one. ERR_BAD_CSR with what the profile takes. */
MUST_CHECK enum err policy_request(struct arena *a,
                                   const struct settings_profile *profile,
                                   const struct csr_checked *csr, bool renewed,
                                   bool for_device, struct err_info *why);

/* Read and judge the contacts of an account payload (RFC 8555 7.3): `mailto:` only, one
 * address each without header fields. `contacts` gets a JSON array text, NULL if the
 * member is not there. ERR_UNSUPPORTED_CONTACT, ERR_INVALID_CONTACT, ERR_MALFORMED. */
MUST_CHECK enum err policy_contacts(struct arena *a, const struct settings *settings,
                                    const struct json *payload, const char **contacts,
                                    struct err_info *why);
