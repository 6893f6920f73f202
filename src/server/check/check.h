/* What was issued, looked at again: by the rules, keys and policy of today, with the
 * evidence that is kept for it and the lists that are published. Nothing is changed. It
 * reads what is on disk, not what the CA that made it believes, and does so beside it:
 * the store some rows at a time, so that nobody waits.
 *
 * What is revoked already is not judged any more, only looked for in the lists; what has
 * expired is left alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/span.h"
#include "server/settings/settings.h"
#include "server/store/store.h"

enum check_part {
    CHECK_STORE,        /* the database itself, and the signer's journal beside it */
    CHECK_CERTIFICATES, /* rules, signatures, keys, names */
    CHECK_PROFILES,     /* certificates and their profiles as these are now */
    CHECK_EVIDENCE,     /* why they were issued */
    CHECK_LISTS,        /* revocation lists */
    CHECK_AUDIT,        /* each signature is in the audit log */
    CHECK_PARTS
};

/* "certificates". */
const char *check_part_name(enum check_part part);

enum check_kind {
#define FINDING(NAME, name, part, advice, rule, what) CHECK_FOUND_##NAME,
#include "server/check/findings.def"
#undef FINDING
    CHECK_KINDS
};

/* Texts live as long as the call they are passed to. */
struct check_finding {
    enum check_kind kind;
    const char *name; /* of the kind, stable */
    enum check_part part;
    const char *serial; /* hexadecimal; NULL: it is not about one certificate */
    const char *object; /* what it is about else: a path, an issuer; NULL */
    const char *rule;   /* with citation */
    const char *detail;
    const char *advice; /* what to do: a sentence or a command */
};

/* What was looked at. */
struct check_sums {
    int64_t issuances;    /* that have not expired, finished or not */
    int64_t certificates; /* of these, judged: finished and not revoked */
    int64_t revoked;
    int64_t profile_gone;     /* judged without their profile, which is not there now */
    int64_t evidence_expired; /* authorizations that housekeeping may have removed */
    int64_t lists;
    int64_t entries;  /* in lists */
    int64_t findings; /* all of them */
};

struct check {
    const struct settings *settings;
    struct store_session *session;
    int64_t now;        /* seconds */
    int64_t since;      /* seconds: only what was begun then or later; 0: all */
    bool served;        /* a CA runs on it: what is being made is waited for */
    unsigned int parts; /* bits 1 << enum check_part */
    void (*found)(void *argument, const struct check_finding *finding);
    void (*progress)(void *argument, const char *what, int64_t done, int64_t all);
    void *argument; /* of both */
};

/* Look at everything. ERR_STORE, ERR_CONFIG, ERR_IO: it could not be looked at; what is
 * wrong with what was looked at is found, and no error. */
MUST_CHECK enum err check_run(const struct check *check, struct check_sums *sums,
                              struct err_info *why);
