/* Quorum of perspectives: counting. */
#include "server/order/quorum.h"

int64_t quorum_table(size_t remotes)
{
    if (remotes < 2)
        return 0;
    return remotes < 6 ? 1 : 2;
}

/* Voices of one kind or more as a set. */
#define OF(voice)         (1U << (unsigned int)(voice))
#define ANSWERED_GOOD     OF(QUORUM_CORROBORATES)
#define COULD_STILL       (ANSWERED_GOOD | OF(QUORUM_AWAITED))
#define HAD_THEY_ANSWERED (COULD_STILL | OF(QUORUM_UNREACHED) | OF(QUORUM_LATE))

static bool is_in(unsigned int set, enum quorum_voice voice)
{
    return (set & OF(voice)) != 0;
}

/* Would it be enough if exactly the voices of that set corroborated? */
static bool suffice(const struct quorum_rule *rule, unsigned int set,
                    const enum quorum_voice *voices, const size_t *regions, size_t count)
{
    int64_t remotes = (int64_t)count - 1;
    int64_t may_differ =
        rule->may_differ >= 0 ? rule->may_differ : quorum_table(count - 1);
    int64_t good = 0;
    int64_t distinct = 0;

    for (size_t i = 1; i < count; i++) {
        bool first = true;
        if (!is_in(set, voices[i]))
            continue;
        good++;
        for (size_t j = 1; j < i; j++)
            first = first && !(is_in(set, voices[j]) && regions[j] == regions[i]);
        distinct += first ? 1 : 0;
    }
    return remotes >= rule->minimum && remotes - good <= may_differ &&
           distinct >= rule->regions;
}

enum quorum_outcome quorum_judge(const struct quorum_rule *rule,
                                 const enum quorum_voice *voices, const size_t *regions,
                                 size_t count)
{
    if (voices[0] == QUORUM_DIFFERS)
        return QUORUM_LOCAL_BAD;
    if (voices[0] != QUORUM_CORROBORATES)
        return QUORUM_UNDECIDED;
    if (suffice(rule, ANSWERED_GOOD, voices, regions, count))
        return QUORUM_GOOD;
    if (suffice(rule, COULD_STILL, voices, regions, count))
        return QUORUM_UNDECIDED;
    bool differ = false;
    for (size_t i = 1; i < count; i++)
        differ = differ || voices[i] == QUORUM_DIFFERS;
    return !differ || suffice(rule, HAD_THEY_ANSWERED, voices, regions, count)
               ? QUORUM_UNANSWERED
               : QUORUM_REFUSED;
}

const char *quorum_voice_word(enum quorum_voice voice)
{
    static const char *const words[] = {"awaited", "valid", "invalid", "unreached",
                                        "late"};

    return words[voice];
}

const char *quorum_outcome_word(enum quorum_outcome outcome)
{
    static const char *const words[] = {"undecided", "valid", "local", "refused",
                                        "unanswered"};

    return words[outcome];
}
