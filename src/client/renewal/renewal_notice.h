/* What somebody should be told of a certificate, and when: that it could not be renewed,
 * did not get to where it is used, ends soon, is all right again. Pure, as renewal_when.h
 * is. */
#pragma once

#include "client/renewal/renewal_when.h"

#define RENEWAL_NOTICE_AGAIN_S (24 * 3600) /* between two about an end that is near */
#define RENEWAL_NOTICE_RETRY_S 3600        /* after a command that failed */

enum renewal_notice {
    RENEWAL_NOTICE_NONE,
    RENEWAL_NOTICE_FAILED,
    RENEWAL_NOTICE_DEPLOY,
    RENEWAL_NOTICE_EXPIRES,
    RENEWAL_NOTICE_RECOVERED,
};

/* What there is to know beside what is remembered. Times are seconds. */
struct renewal_notice_facts {
    int64_t failures;       /* from how many in a row on they are told of */
    struct renew_rule rule; /* when an end is near: before it, a share of the lifetime
                               left, or never */
    int64_t not_before;
    int64_t not_after;        /* 0: there is no certificate */
    int64_t deploy_failures;  /* in a row, of the deployment that has most */
    int64_t deploy_failed_at; /* when any failed last; 0: none did */
};

/* What is to be told, and `*when`: not after `now` if it is now; RENEWAL_WHEN_NEVER and
 * NONE if nothing is. Each failure is told of once, the end once a day, and that all is
 * well once, if anything was told before. */
enum renewal_notice renewal_notice_find(const struct renewal_state *state,
                                        const struct renewal_notice_facts *facts,
                                        int64_t now, int64_t *when);

/* It was told, or could not be: then it is tried again in an hour. */
void renewal_notice_done(struct renewal_state *state,
                         const struct renewal_notice_facts *facts,
                         enum renewal_notice notice, bool told, int64_t now);

/* "failed", "deploy_failed", "expires", "recovered". */
const char *renewal_notice_word(enum renewal_notice notice);
