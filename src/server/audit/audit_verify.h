/* The audit log read again, by whoever has its files: is it what was written? */
#pragma once

#include "core/base/arena.h"
#include "server/audit/audit_head.h"

#define AUDIT_VERIFY_FINDINGS_MAX 100 /* that are told; more are counted */

struct audit_verify_question {
    const char *folder;    /* "DIR/audit" */
    const struct key *key; /* the log's public key; NULL: signatures are not looked at */
    const struct audit_head *head; /* one that was kept elsewhere, or NULL */
    uint64_t from;                 /* lines of the front before it are not judged */
};

/* A chain, as it was found. */
struct audit_verify_chain {
    const char *name;
    struct audit_place last;
    uint64_t lines;
    uint64_t heads;      /* good ones */
    uint64_t last_head;  /* number of the newest line that a good head vouches for */
    uint64_t torn;       /* unfinished lines that a later one tells of */
    uint64_t unfinished; /* octets behind its last line feed */
};

struct audit_verify_result {
    struct audit_verify_chain chains[2]; /* front, signer */
    const char *findings[AUDIT_VERIFY_FINDINGS_MAX];
    uint64_t finding_count;
    const char *newest_head; /* its text and signature, NULL: there is none */
    const char *newest_signature;
};

/* Read both chains. ERR_NOT_FOUND if there is no log, ERR_IO; what is wrong with the log
 * itself is told by the findings. */
MUST_CHECK enum err audit_verify(struct arena *a,
                                 const struct audit_verify_question *question,
                                 struct audit_verify_result *result,
                                 struct err_info *why);

/* Call `each` for every line of a chain, in the order of its segments; it returns false
 * to end. `segment` is the file's name, `last` the text is behind the last line feed.
 * ERR_NOT_FOUND, ERR_IO. */
MUST_CHECK enum err audit_verify_walk(const char *folder,
                                      bool (*each)(void *context, const char *segment,
                                                   size_t number, struct span line,
                                                   bool last),
                                      void *context, struct err_info *why);
