/* An account at a CA: reached, and made if there is none. In the process with the
 * network, which has no key. */
#pragma once

#include "client/report/report.h"
#include "client/request/acme_request.h"
#include "core/base/arena.h"
#include "core/base/err.h"

struct session_options {
    const char *ca;      /* directory URL */
    struct span roots;   /* PEM; empty: the system's certificates */
    const char *account; /* URL; NULL: not known */
    const char *email;   /* NULL: none; for a new account */
    bool bind;           /* the keeper can bind a new account to an external one */
    bool agree_terms;    /* the user agrees to the CA's terms */
};

struct session {
    struct arena *arena;
    struct http_client *http;
    struct acme_peer peer;
};

/* Reach the CA and be known there: by the account's URL, or by registering with its key
 * (RFC 8555 7.3), which the keeper has on disk before. ERR_USAGE if the CA has terms and
 * the user has not agreed; ERR_EXTERNAL_ACCOUNT_REQUIRED. Close with session_close. */
MUST_CHECK enum err session_open(const struct session_options *options,
                                 const struct keeper *keeper, const struct report *report,
                                 struct session **s, struct err_info *why);

/* NULL is fine. */
void session_close(struct session *s);
