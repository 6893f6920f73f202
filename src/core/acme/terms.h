/* The protocol's words as enums, with their wire names both ways. An unknown word never
 * maps to a default: reading it fails. */
#pragma once

#include <stdbool.h>

enum challenge_type {
#define CHALLENGE_TYPE(name, wire, answers, draft) CHALLENGE_##name,
#include "core/acme/terms.def"
    CHALLENGE_TYPE_COUNT
};

enum identifier_type {
#define IDENTIFIER_TYPE(name, wire) IDENTIFIER_##name,
#include "core/acme/terms.def"
    IDENTIFIER_TYPE_COUNT
};

enum order_status {
#define ORDER_STATUS(name, wire) ORDER_##name,
#include "core/acme/terms.def"
    ORDER_STATUS_COUNT
};

enum authz_status {
#define AUTHZ_STATUS(name, wire) AUTHZ_##name,
#include "core/acme/terms.def"
    AUTHZ_STATUS_COUNT
};

enum challenge_status {
#define CHALLENGE_STATUS(name, wire) CHALLENGE_STATUS_##name,
#include "core/acme/terms.def"
    CHALLENGE_STATUS_COUNT
};

enum account_status {
#define ACCOUNT_STATUS(name, wire) ACCOUNT_##name,
#include "core/acme/terms.def"
    ACCOUNT_STATUS_COUNT
};

/* Wire names ("http-01", "pending"); "unknown" for a value outside the enum. Static
 * strings. */
const char *terms_challenge_type(enum challenge_type type);
const char *terms_identifier_type(enum identifier_type type);
const char *terms_order_status(enum order_status status);
const char *terms_authz_status(enum authz_status status);
const char *terms_challenge_status(enum challenge_status status);
const char *terms_account_status(enum account_status status);

/* The value of a wire name; false if it is none. */
bool terms_read_challenge_type(const char *text, enum challenge_type *type);
bool terms_read_identifier_type(const char *text, enum identifier_type *type);
bool terms_read_order_status(const char *text, enum order_status *status);
bool terms_read_authz_status(const char *text, enum authz_status *status);
bool terms_read_challenge_status(const char *text, enum challenge_status *status);
bool terms_read_account_status(const char *text, enum account_status *status);

/* Can this challenge type prove control of such an identifier: of a wildcard (RFC 8555
 * 8.3, 8.4, RFC 8737 3), of an address (RFC 8738 4, 7), of a device (device-attest-01
 * alone, which proves nothing else)? */
bool terms_answers(enum challenge_type type, enum identifier_type identifier,
                   bool wildcard);

/* Does it name a device (draft-ietf-acme-device-attest-09 3, 4)? */
bool terms_is_device(enum identifier_type type);

/* Is the type none of an RFC yet? Such types are offered where they are asked for only.
 */
bool terms_is_draft(enum challenge_type type);
