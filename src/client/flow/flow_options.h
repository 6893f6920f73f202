/* What the process with the network is to do, whole: written by the one with the keys and
 * read by the other, as one JSON document. Roots, which are long, travel beside it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/session/session.h"
#include "client/settings/challenge_list.h"
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define FLOW_NAMES_MAX   100
#define FLOW_CHOICES_MAX (FLOW_NAMES_MAX * CHALLENGE_TYPE_COUNT)
#define FLOW_OPTIONS_MAX (512 * 1024) /* octets of the document */

/* What is to be done, and what comes back. */
enum flow_task {
    FLOW_ISSUE,      /* an order → certificate chain, PEM */
    FLOW_REVOKE,     /* a certificate → nothing */
    FLOW_REGISTER,   /* an account, new or known → what is known of it, JSON; and so for
                        all that follow */
    FLOW_SHOW,       /* what the CA says of the account */
    FLOW_UPDATE,     /* its contacts */
    FLOW_ROLLOVER,   /* another key */
    FLOW_DEACTIVATE, /* the end of it */
    FLOW_RECOVER,    /* its URL, from the key alone */
    FLOW_TASK_COUNT
};

/* A name of the order, with "*." if it is a wildcard, and a type of challenge. */
struct flow_choice {
    const char *name;
    enum challenge_type type;
};

/* Texts are NULL where nothing was said. */
struct flow_options {
    enum flow_task task;
    struct session_options session;
    const char *const *names; /* of the order: texts of settings/name.h */
    size_t name_count;
    struct challenge_list challenges; /* that may be answered, the most wanted first */
    const struct flow_choice *worked; /* to be tried before the others for that name */
    size_t worked_count;
    const struct flow_choice *failed; /* not to be tried again for that name */
    size_t failed_count;
    const char *profile;
    bool profile_required; /* else none is asked for where the CA does not have it */
    const char *replaces;  /* certificate's name for renewal information (RFC 9773
                              4.1) */
    int64_t lifetime;      /* seconds; 0: as the CA does */
    const char *preferred_chain; /* part of an issuer's common name */
    struct span certificate;     /* to be revoked, DER */
    int64_t reason;              /* of the revocation: CRLReason (RFC 5280 5.3.1); -1:
                                    none is given */
    bool with_key;               /* it is signed for with the certificate's key */
};

/* Append it. What does not fit marks the buffer failed. */
void flow_options_write(struct buf *b, const struct flow_options *o);

/* Read it; the session's roots are not in there. ERR_PROTOCOL. */
MUST_CHECK enum err flow_options_read(struct arena *a, struct span text,
                                      struct flow_options *o, struct err_info *why);
