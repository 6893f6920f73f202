/* Several perspectives (CA/Browser Forum Baseline Requirements 3.2.2.9): when do the
 * verdicts that are there decide? Pure: verdicts in, outcome out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUORUM_REMOTES_MAX 32                       /* remote perspectives of a CA */
#define QUORUM_VOICES_MAX  (1 + QUORUM_REMOTES_MAX) /* with the local one */
#define QUORUM_BY_TABLE    (-1) /* so many may differ as the requirements say */

/* What must come together. */
struct quorum_rule {
    int64_t minimum;    /* remote perspectives that must be asked */
    int64_t may_differ; /* of these need not corroborate; QUORUM_BY_TABLE */
    int64_t regions;    /* that the corroborating ones must be in */
};

/* What a perspective has said so far. */
enum quorum_voice {
    QUORUM_AWAITED,
    QUORUM_CORROBORATES, /* it saw what was to be seen */
    QUORUM_DIFFERS,      /* it saw something else */
    QUORUM_UNREACHED,    /* it could not be asked */
    QUORUM_LATE,         /* it did not answer in its time */
};

enum quorum_outcome {
    QUORUM_UNDECIDED,
    QUORUM_GOOD,
    QUORUM_LOCAL_BAD,  /* this CA itself saw something else */
    QUORUM_REFUSED,    /* too many remote perspectives saw something else */
    QUORUM_UNANSWERED, /* it might have been good had all of them answered */
};

/* How many of that number of remote perspectives may differ (BR 3.2.2.9): none of 1, one
 * of 2 to 5, two of more. */
int64_t quorum_table(size_t remotes);

/* What the verdicts come to. voices[0] is the local perspective's; `regions[i]` is a
 * number that is the same for two perspectives in one region (regions[0] is not looked
 * at). Refused is only decided once the local one has spoken: what it saw comes first. */
enum quorum_outcome quorum_judge(const struct quorum_rule *rule,
                                 const enum quorum_voice *voices, const size_t *regions,
                                 size_t count);

/* Words for the log and the evidence: "awaited", "valid", "invalid", "unreached", "late";
 * "undecided", "valid", "local", "refused", "unanswered". */
const char *quorum_voice_word(enum quorum_voice voice);
const char *quorum_outcome_word(enum quorum_outcome outcome);
