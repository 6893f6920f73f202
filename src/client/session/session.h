/* An account at a CA: reached, and made if there is none. In the process with the
 * network, which has no key. */
#pragma once

#include "client/report/report.h"
#include "client/request/acme_request.h"
#include "core/base/arena.h"
#include "core/base/err.h"

#define SESSION_EMAILS_MAX 10
#define SESSION_TIME_MAX_S 600 /* for the CA, in all */

struct session_options {
    const char *ca;            /* directory URL */
    struct span roots;         /* PEM; empty: the system's certificates */
    const char *account;       /* URL; NULL: not known */
    const char *const *emails; /* contacts of a new account */
    size_t email_count;
    bool bind;        /* the keeper can bind a new account to an external one */
    bool agree_terms; /* the user agrees to the CA's terms */
    bool changing;    /* the keeper has a next key of the account: a change to it was
                         begun, and nobody knows whether the CA has made it */
};

struct session {
    struct arena *arena;
    struct http_client *http;
    struct acme_peer peer;
    const struct session_options *options;
    const struct report *report;
    bool made; /* the account is new */
};

/* Reach the CA: read its directory, no more. A change of the account's key that was begun
 * is settled first: the CA is asked which key it knows. `options`, `keeper` and `report`
 * must live as long. ERR_ACCOUNT_DOES_NOT_EXIST if it knows neither. Close with
 * session_close. */
MUST_CHECK enum err session_reach(const struct session_options *options,
                                  const struct keeper *keeper,
                                  const struct report *report, struct session **s,
                                  struct err_info *why);

/* Be known there: by the account's URL, or by registering with its key (RFC 8555 7.3),
 * which the keeper has on disk before. ERR_USAGE if the CA has terms and the user has not
 * agreed; ERR_EXTERNAL_ACCOUNT_REQUIRED. */
MUST_CHECK enum err session_need_account(struct session *s, struct err_info *why);

/* The same, in one. */
MUST_CHECK enum err session_open(const struct session_options *options,
                                 const struct keeper *keeper, const struct report *report,
                                 struct session **s, struct err_info *why);

/* Find the account by its key alone (onlyReturnExisting, RFC 8555 7.3.1), and have its
 * URL kept. ERR_ACCOUNT_DOES_NOT_EXIST. */
MUST_CHECK enum err session_find_account(struct session *s, struct err_info *why);

/* Ask the CA which of the account's two keys it knows, and have the keeper forget the
 * other; `*next` is true if it is the next one. ERR_ACCOUNT_DOES_NOT_EXIST: neither, and
 * both are kept. */
MUST_CHECK enum err session_settle(struct session *s, bool *next, struct err_info *why);

/* NULL is fine. */
void session_close(struct session *s);
