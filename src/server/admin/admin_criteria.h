/* Which certificates a command is about, and how one is shown: what incident,
 * certificate and revocation have in common. */
#pragma once

#include "server/admin/admin.h"
#include "server/order/selection.h"

/* Octets from hexadecimal, with or without colons: 1 to `room`. ERR_USAGE names `what`.
 */
MUST_CHECK enum err admin_criteria_hex(struct arena *a, const char *what,
                                       const char *text, size_t room, struct span *octets,
                                       struct err_info *why);

/* A serial as openssl and browsers show it, as it is stored. ERR_USAGE names `what`. */
MUST_CHECK enum err admin_criteria_serial(struct arena *a, const char *what,
                                          const char *text, struct span *serial,
                                          struct err_info *why);

/* All serials of a LIST or LINES argument of that name. ERR_USAGE. */
MUST_CHECK enum err admin_criteria_serials(const struct admin_call *call,
                                           const char *name, const char *what,
                                           struct span **serials, size_t *count,
                                           struct err_info *why);

/* The arguments account, name, profile, key_hash, issuer, issued_from and issued_before,
 * as far as they are given. ERR_USAGE; ERR_NOT_FOUND if there is no such account. */
MUST_CHECK enum err admin_criteria_read(const struct admin_call *call,
                                        struct store_incident *wanted,
                                        struct err_info *why);

/* Does it limit anything? */
bool admin_criteria_is_limited(const struct store_incident *wanted);

/* The members of one issuance: serial, state, names, account, order, profile, begun,
 * not_after, revoked, reason; into an open object. */
MUST_CHECK enum err admin_criteria_write(const struct admin_call *call,
                                         const struct store_found *row,
                                         struct err_info *why);

/* "valid", "revoked", "expired", "being signed", "given up". */
const char *admin_criteria_state(const struct store_found *row, int64_t now);

/* Write octets in hexadecimal; null if there are none. */
void admin_criteria_write_hex(const struct admin_call *call, const char *name,
                              struct span octets);

/* The word of a CRLReason (RFC 5280 5.3.1), NULL for none; and its number: false if it is
 * none that an end entity's certificate is revoked for by a CA. */
const char *admin_criteria_reason(int reason);
bool admin_criteria_reason_read(const char *word, int *reason);
