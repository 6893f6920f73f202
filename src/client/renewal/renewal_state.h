/* What is remembered of a certificate's renewals between two runs:
 * certificates/NAME/renewal.json. It may be lost without harm: the CA is asked again, and
 * what failed is tried again sooner. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/store/certificate_store.h"
#include "core/acme/terms.h"
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define RENEWAL_STATE_NAMES_MAX 100 /* whose challenge is remembered */
#define RENEWAL_STATE_ASK_MIN_S 60  /* RFC 9773 4.3.2: bounds of our own */
#define RENEWAL_STATE_ASK_MAX_S (24 * 3600)
#define RENEWAL_STATE_ASK_S     (6 * 3600) /* unless the CA says (RFC 9773 4.3.3) */
#define RENEWAL_STATE_AGAIN_S   60         /* after no answer; twice as long each time */
#define RENEWAL_STATE_AGAIN_MAX 6  /* times, and then as seldom as of a good one */
#define RENEWAL_STATE_JITTER_S  30 /* at most, later than a CA has asked for */
#define RENEWAL_STATE_WAIT_MAX_S                                                         \
    (30 * 24 * 3600) /* the longest Retry-After of a CA that is believed */

/* When the CA suggests to renew (ARI, RFC 9773). Times are seconds; 0: unknown. */
struct renewal_suggestion {
    const char *certificate; /* its name there (RFC 9773 4.1), NULL: none was asked about
                              */
    int64_t start;           /* of the suggested window; 0: the CA suggests none */
    int64_t end;
    int64_t moment;          /* drawn within it, once */
    const char *explanation; /* URL for a person, or NULL */
    int64_t asked;           /* when the CA was asked last */
    int64_t ask_after;       /* and not to be asked before */
    int64_t unanswered;      /* times in a row that the CA was out of order */
};

/* What went wrong last. */
struct renewal_failure {
    int64_t count;      /* in a row */
    const char *code;   /* name of errors.def, NULL: nothing went wrong */
    const char *detail; /* a sentence */
    int64_t when;
    int64_t not_before; /* it is not tried again before that */
};

/* By which challenge control of a name was proved last. */
struct renewal_proof {
    const char *name; /* with "*." */
    enum challenge_type type;
};

/* What the command of notify.command was told (renewal_notice.h). Times are seconds; 0:
 * nothing. */
struct renewal_told {
    int64_t failure; /* when that attempt failed */
    int64_t deploy;  /* when that deployment failed */
    int64_t expiry;  /* when it was told that the end is near */
    int64_t after;   /* and nothing before that, as the command failed */
};

struct renewal_state {
    struct renewal_suggestion ari;
    struct renewal_failure failure;
    struct renewal_told told;
    int64_t succeeded;       /* when a certificate was got last */
    int64_t duration_ms;     /* how long that took */
    int64_t issued;          /* certificates got in all */
    int64_t failed;          /* attempts that failed in all */
    const char *ca;          /* directory URL of who issued last, or NULL */
    bool revoked;            /* the certificate in force was revoked by us: not renewed
                                unless asked for (renewal_state_settle) */
    const char *rolled_back; /* digest of what was wanted when the certificate in force
                                was rolled back to (plan_digest): it is not replaced for
                                being another than that; or NULL */
    struct renewal_proof proofs[RENEWAL_STATE_NAMES_MAX];
    size_t proof_count;
};

/* Read what is remembered of the certificate; nothing if there is no file. False if there
 * is one that cannot be understood: `state` is empty then, and `why` says what is wrong
 * with it. Members that are unknown are left out. */
bool renewal_state_load(struct arena *a, const char *directory, const char *name,
                        struct renewal_state *state, struct err_info *why);

/* Write it, durably (0600). The folder of the certificate is made if it is not there; its
 * lock must be held. ERR_IO. */
MUST_CHECK enum err renewal_state_save(struct arena *a, const char *directory,
                                       const char *name,
                                       const struct renewal_state *state,
                                       struct err_info *why);

/* Its text, and the other way; `state` must be empty before. ERR_MALFORMED. */
void renewal_state_write(struct buf *b, const struct renewal_state *state);
MUST_CHECK enum err renewal_state_read(struct arena *a, struct span text,
                                       struct renewal_state *state, struct err_info *why);

/* ---- what happens ---- */

/* The CA was asked about `certificate` and suggests from `start` to `end`; both 0: it
 * suggests nothing. The moment is drawn anew only if the window is another. Asked again
 * after `retry_after` seconds, within the bounds above (0: not said). A window that ends
 * before it begins counts as none (RFC 9773 4.2). */
void renewal_state_suggest(struct arena *a, struct renewal_state *state,
                           const char *certificate, int64_t start, int64_t end,
                           const char *explanation, int64_t retry_after, int64_t now);

/* The CA was asked about `certificate` and did not answer, as `why` says: what it said
 * before of that one stays, and it is asked again as late as it wants; else, if it is out
 * of order, soon and less often each time, and otherwise as seldom as after a good answer
 * (RFC 9773 4.3.3). */
void renewal_state_unanswered(struct arena *a, struct renewal_state *state,
                              const char *certificate, const struct err_info *why,
                              int64_t now);

/* An attempt failed, as `why` says, on a certificate that ends at `not_after` (0: there
 * is none yet). */
void renewal_state_fail(struct arena *a, struct renewal_state *state,
                        const struct err_info *why, int64_t not_after, int64_t now);

/* A new certificate is there, from that CA: failures and suggestions are past. */
void renewal_state_succeed(struct arena *a, struct renewal_state *state, const char *ca,
                           int64_t duration_ms, int64_t now);

/* Control of the name was proved so. What is known of others stays. */
void renewal_state_proved(struct arena *a, struct renewal_state *state, const char *name,
                          enum challenge_type type);

/* Was the certificate in force revoked? Its metadata says so; that of an earlier cairn
 * does not, but what is remembered does. Both say the same afterwards. */
void renewal_state_settle(struct renewal_state *state,
                          struct certificate_metadata *there);

/* Before another version takes the place of the one in force, which `there` is: note in
 * its metadata that it was revoked, if only renewal.json knows. ERR_IO. */
MUST_CHECK enum err renewal_state_mark(struct arena *a, const char *directory,
                                       const char *name,
                                       const struct certificate_metadata *there,
                                       struct err_info *why);

/* How the name was proved last; false if that is not known. */
bool renewal_state_proof(const struct renewal_state *state, const char *name,
                         enum challenge_type *type);
