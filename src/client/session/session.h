/* An account at a CA: found in the state folder, or made. */
#pragma once

#include "client/report/report.h"
#include "client/request/acme_request.h"
#include "core/base/arena.h"
#include "core/base/err.h"

struct session_options {
    const char *directory; /* state folder */
    const char *ca;        /* directory URL */
    const char *ca_file;   /* NULL: the system's certificates */
    const char *email;     /* NULL: none; for a new account */
    bool agree_terms;      /* the user agrees to the CA's terms */
};

struct session {
    struct arena *arena;
    struct http_client *http;
    struct acme_peer peer;
    struct key *key; /* the account's */
};

/* Reach the CA and be known there: load the account's key and URL, or make a key, keep
 * it, and register (RFC 8555 7.3). The key is on disk before the CA learns of it.
 * ERR_USAGE if the CA has terms and the user has not agreed, or wants an external
 * account. Close with session_close. */
MUST_CHECK enum err session_open(const struct session_options *options,
                                 const struct report *report, struct session **s,
                                 struct err_info *why);

/* NULL is fine. */
void session_close(struct session *s);
