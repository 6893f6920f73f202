/* The issuers of this CA as everybody but the signer knows them: their certificates. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/acme/identifier.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "server/issue/template.h"
#include "server/settings/settings.h"

/* One issuing key and what stands behind its certificates. */
struct issuer {
    const char *name; /* of issuers.NAME; "" is the one of files.* */
    struct template_issuer template;
    struct span chain_der; /* its certificate and those behind it, one after the other */
    struct span chain_pem;
    struct span root_pem;          /* for who has no root yet */
    const struct span *alternates; /* other chains for the same key, each as PEM */
    size_t alternate_count;
    const struct name_constraints *constraints; /* of all certificates behind what it
                                                   signs, the root's among them */
    size_t constraint_count;
};

struct issuer_set {
    const struct issuer *issuers; /* the one of files.* first */
    size_t count;
    const struct issuer_set *before; /* the one that a reload has replaced, or NULL: what
                                        it was asked to sign may still come */
};

/* Read all of them from the files the settings name. Everything lives in the arena.
 * ERR_CONFIG with the file; ERR_IO, ERR_NOT_FOUND. */
MUST_CHECK enum err issuer_set_read(struct arena *a, const struct settings *settings,
                                    struct issuer_set *set, struct err_info *why);

/* Why it cannot certify that name or address: a phrase, "is outside ..."; NULL if it can.
 */
const char *issuer_refuse(const struct issuer *issuer,
                          const struct identifier *identifier);

/* Can the first issuer, who signs this server's own HTTPS certificate, certify all names
 * the server has? ERR_CONFIG with the name, if not. */
MUST_CHECK enum err issuer_set_check_server(const struct issuer_set *set,
                                            const struct settings *settings,
                                            struct err_info *why);

/* The issuer of that name, or NULL. */
const struct issuer *issuer_set_find(const struct issuer_set *set, const char *name);

/* The issuer of a certificate (DER) by name and authority key identifier (RFC 5280
 * 4.2.1.1), be it of a set before; or NULL. */
const struct issuer *issuer_set_of_certificate(const struct issuer_set *set,
                                               struct span certificate);
