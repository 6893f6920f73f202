/* Inside the check. */
#pragma once

#include "server/check/check.h"
#include "server/issue/issuer.h"
#include "server/lint/lint.h"
#include "server/policy/policy_key_lists.h"
#include "server/store/store_review.h"
#include "server/store/store_sweep.h"

/* An issuer of certificates that were met. */
struct check_issuer {
    uint8_t key_id[STORE_HASH_SIZE];
    size_t key_id_len;
    const struct lint_issuer *issuer; /* NULL: its certificate is nowhere */
    const struct issuer *configured;  /* NULL: it is not */
    int64_t alive;                    /* its certificates that have not ended */
    int64_t last;                     /* when the last of them ends */
    struct check_issuer *next;
};

struct check_journal;
struct check_audit;

struct check_run {
    const struct check *check;
    struct check_sums *sums;
    struct arena *arena; /* of the whole check */
    struct arena *step;  /* of one issuance */
    struct issuer_set set;
    struct check_issuer *issuers;
    const struct lint_profile *profiles;
    size_t profile_count;
    struct policy_key_lists *key_lists;
    struct store_sweep sweep; /* where housekeeping stands */
    struct check_journal *journal;
    struct check_audit *audit; /* NULL: there is no log */
};

/* Is that part asked for? */
bool check_wants(const struct check_run *run, enum check_part part);

/* Report a finding: about a serial, or `object`, or neither; `rule` NULL: its kind's. */
void check_report(struct check_run *run, enum check_kind kind, struct span serial,
                  const char *object, const char *rule, const char *detail);

/* ---- issuers (check_issuer.c) ---- */

/* Read those that are configured. */
MUST_CHECK enum err check_issuers_read(struct check_run *run, struct err_info *why);

/* The issuer of that key; of one that is not configured, by the certificate that is kept
 * with what it signed. */
MUST_CHECK enum err check_issuer_find(struct check_run *run, struct span key_id,
                                      int64_t issuance_id, struct check_issuer **issuer,
                                      struct err_info *why);

/* ---- one issuance (check_certificate.c, check_evidence.c) ---- */

/* Judge what was issued. */
MUST_CHECK enum err check_certificate(struct check_run *run,
                                      const struct store_review *row,
                                      struct err_info *why);

/* What proves that it might be; also of those that are no certificates. */
MUST_CHECK enum err check_evidence(struct check_run *run, const struct store_review *row,
                                   struct err_info *why);

/* ---- the signer's journal (check_journal.c) ---- */

/* Read it. Without a file, or without the right to read it, nothing is known. ERR_IO. */
MUST_CHECK enum err check_journal_read(struct check_run *run, struct err_info *why);
void check_journal_free(struct check_journal *journal);

/* Was it asked to sign for that serial, as far as the journal tells? */
bool check_journal_has(const struct check_journal *journal, struct span serial);

/* Is the journal known at all? */
bool check_journal_is_known(const struct check_journal *journal);

/* Find serials that the store does not have. */
MUST_CHECK enum err check_journal_compare(struct check_run *run, struct err_info *why);

/* ---- the audit log (check_audit.c) ---- */

/* Read what the signer says in it. ERR_IO. */
MUST_CHECK enum err check_audit_read(struct check_run *run, struct err_info *why);
void check_audit_free(struct check_audit *audit);

/* Does it say that this certificate was signed? */
void check_audit(struct check_run *run, const struct store_review *row);

/* ---- lists (check_list.c, check_list_cover.c) ---- */

/* Each list there must be, and what it must have. */
MUST_CHECK enum err check_lists(struct check_run *run, struct err_info *why);
