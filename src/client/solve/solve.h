/* Answering the challenges of one order. Each type that is needed is opened once
 * (solvers.def), told every challenge, and closed whatever happens: it then leaves
 * nothing behind. */
#pragma once

#include <stdbool.h>

#include "client/report/report.h"
#include "client/settings/settings.h"
#include "core/acme/identifier.h"
#include "core/base/err.h"

struct device_desk;

struct solve_options {
    const struct wanted *wanted;
    const struct report *report; /* is told how it is answered, and of waits */
    int listener;                /* socket to the process that answers on ports */
    int dns;                     /* socket to the process that changes name servers */
    int runner;                  /* socket to the process that runs programs */
    struct device_desk *device;  /* the open device; NULL: none */
    const char *directory;       /* state folder */
};

/* One authorization's challenge. */
struct solve_task {
    enum challenge_type type;
    struct identifier identifier; /* without "*." */
    bool wildcard;                /* it was in front */
    const char *token;            /* "" for dns-persist-01, which has none */
    const char *key_authorization;
    const char *account_url;
    const char *account_uri; /* of dns-persist-01: what the record must name; "" for the
                                account's URL */
    const char *issuers;     /* of dns-persist-01: names of the CA, blanks between */
    struct span *response;   /* gets what the CA is sent, if that is not {}; valid until
                                solve_close. Must not be NULL for device-attest-01, whose
                                key the device must have made before. */
};

struct solve;

/* Nothing is opened yet; the options must outlive it. Free with solve_close. */
struct solve *solve_new(const struct solve_options *options);

/* Answer that challenge from now on, or as soon as solve_ready returns. ERR_MALFORMED for
 * a token that is not base64url (RFC 8555 8.3): it becomes a path. Else what opening and
 * presenting fail with: ERR_USAGE for a type that cannot prove the identifier, or was not
 * set up so that it works, ERR_NETWORK if a port cannot be listened on (who has it, what
 * to do), ERR_IO. */
MUST_CHECK enum err solve_present(struct solve *s, const struct solve_task *task,
                                  struct err_info *why);

/* Is what answers challenges of that type there? */
bool solve_is_open(const struct solve *s, enum challenge_type type);

/* Wait until the CA will find all that was presented (RFC 8555 8.2). ERR_TIMEOUT says
 * where it does not, `*failed` (or NULL) which type that was; ERR_INTERRUPTED. */
MUST_CHECK enum err solve_ready(struct solve *s, enum challenge_type *failed,
                                struct err_info *why);

/* After solve_ready failed for that type: was it because of the challenge for that
 * identifier (without "*.")? */
bool solve_blames(struct solve *s, enum challenge_type type,
                  const struct identifier *name, bool wildcard);

/* Take everything away. NULL is fine. */
void solve_close(struct solve *s);
