/* What a CA's directory says (RFC 8555 7.1.1), and the bounds it sets: all resources of a
 * CA have the origin of its directory. */
#pragma once

#include <stdbool.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/http/url.h"
#include "core/json/json_read.h"

#define ACME_DIRECTORY_PROFILES_MAX 100

/* Texts are NULL where the directory says nothing; all of it lives in the arena. */
struct acme_directory {
    const char *url;
    struct url origin;
    const char *new_nonce; /* these three are always there */
    const char *new_account;
    const char *new_order;
    const char *revoke_cert;
    const char *key_change;
    const char *renewal_info;    /* RFC 9773 4 */
    const char *terms;           /* termsOfService */
    const char *attestation_ca;  /* attestationEnrollment: base URL, wherever */
    const char *caa_identity;    /* what it is called in CAA records */
    bool needs_external;         /* externalAccountRequired */
    const char *const *profiles; /* names (draft-aaron-acme-profiles 3) */
    const char *const *about;    /* what the CA says of each; "" for nothing */
    size_t profile_count;
};

/* Read it; `url` is where it came from. ERR_PROTOCOL if it is none, or has resources
 * elsewhere. */
MUST_CHECK enum err acme_directory_read(struct arena *a, const char *url,
                                        struct span text, struct acme_directory *d,
                                        struct err_info *why);

/* ERR_PROTOCOL unless `url` has scheme, host and port of the directory: whoever can write
 * into an answer must not have us sign requests to others, or reach into our network. */
MUST_CHECK enum err acme_directory_check(const struct acme_directory *d, const char *url,
                                         struct err_info *why);

/* Is `other` of the same origin as `directory`, both URLs? */
bool acme_directory_same_origin(const char *directory, const char *other);

/* Does the CA have the profile? */
bool acme_directory_has_profile(const struct acme_directory *d, const char *name);
