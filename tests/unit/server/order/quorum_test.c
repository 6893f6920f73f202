/* Tests of server/order/quorum against the table of the Baseline Requirements, 3.2.2.9.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/order/quorum.h"

#define REMOTES_TRIED 6

struct row {
    const char *name;
    const char *voices; /* the local one first: Good, Differs, Awaited, Unreached, Late */
    const char *regions; /* a letter for each */
    int64_t minimum, may_differ, least_regions;
    enum quorum_outcome outcome;
};

static const struct row rows[] = {
    /* V-MPIC-1: numbers */
    {"all of five", "gggggg", "-aabbc", 5, QUORUM_BY_TABLE, 2, QUORUM_GOOD},
    {"one of five differs", "gggdgg", "-aabbc", 5, QUORUM_BY_TABLE, 2, QUORUM_GOOD},
    {"two of five differ", "ggdgdg", "-aabbc", 5, QUORUM_BY_TABLE, 2, QUORUM_REFUSED},
    {"two of six differ", "ggdgdgg", "-aabbcc", 5, QUORUM_BY_TABLE, 2, QUORUM_GOOD},
    {"three of six differ", "gddgdgg", "-aabbcc", 5, QUORUM_BY_TABLE, 2, QUORUM_REFUSED},
    {"one of two differs", "ggd", "-ab", 2, QUORUM_BY_TABLE, 1, QUORUM_GOOD},
    {"one of one differs", "gd", "-a", 1, QUORUM_BY_TABLE, 1, QUORUM_REFUSED},
    {"too few there", "gggg", "-abc", 5, QUORUM_BY_TABLE, 2, QUORUM_UNANSWERED},
    /* regions of those who corroborate */
    {"one region only", "ggggg", "-aaaa", 4, QUORUM_BY_TABLE, 2, QUORUM_UNANSWERED},
    {"the other region differs", "gggggd", "-aaaab", 5, QUORUM_BY_TABLE, 2,
     QUORUM_REFUSED},
    {"the other region is away", "gggggu", "-aaaab", 5, QUORUM_BY_TABLE, 2,
     QUORUM_UNANSWERED},
    {"the other region is awaited", "ggggga", "-aaaab", 5, QUORUM_BY_TABLE, 2,
     QUORUM_UNDECIDED},
    {"one region allowed", "ggggg", "-aaaa", 4, QUORUM_BY_TABLE, 1, QUORUM_GOOD},
    /* the local one */
    {"local differs", "dggggg", "-aabbc", 5, QUORUM_BY_TABLE, 2, QUORUM_LOCAL_BAD},
    {"local differs, nobody else spoke", "daaaaa", "-aabbc", 5, QUORUM_BY_TABLE, 2,
     QUORUM_LOCAL_BAD},
    {"local is awaited", "addddd", "-aabbc", 5, QUORUM_BY_TABLE, 2, QUORUM_UNDECIDED},
    /* as soon as it is decided */
    {"four of five spoke", "ggggga", "-aabbc", 5, QUORUM_BY_TABLE, 2, QUORUM_GOOD},
    {"three of five spoke", "ggggaa", "-aabbc", 5, QUORUM_BY_TABLE, 2, QUORUM_UNDECIDED},
    {"two differ already", "gddaaa", "-aabbc", 5, QUORUM_BY_TABLE, 2, QUORUM_REFUSED},
    /* those who do not answer do not corroborate, but refuse nobody */
    {"one is away", "gggggu", "-aabbc", 5, QUORUM_BY_TABLE, 2, QUORUM_GOOD},
    {"two are away", "ggggul", "-aabbc", 5, QUORUM_BY_TABLE, 2, QUORUM_UNANSWERED},
    {"one differs, one is late", "gggdgl", "-aabbc", 5, QUORUM_BY_TABLE, 2,
     QUORUM_UNANSWERED},
    {"all are away", "guuuuu", "-aabbc", 5, QUORUM_BY_TABLE, 2, QUORUM_UNANSWERED},
    /* other numbers */
    {"none may differ", "gggdgg", "-aabbc", 5, 0, 2, QUORUM_REFUSED},
    {"three may differ", "gdddgg", "-aabbc", 5, 3, 2, QUORUM_GOOD},
};

static enum quorum_voice voice_of(char letter)
{
    switch (letter) {
    case 'g':
        return QUORUM_CORROBORATES;
    case 'd':
        return QUORUM_DIFFERS;
    case 'u':
        return QUORUM_UNREACHED;
    case 'l':
        return QUORUM_LATE;
    default:
        return QUORUM_AWAITED;
    }
}

static void rows_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        enum quorum_voice voices[QUORUM_VOICES_MAX];
        size_t regions[QUORUM_VOICES_MAX];
        size_t count = strlen(row->voices);
        const struct quorum_rule rule = {row->minimum, row->may_differ,
                                         row->least_regions};
        for (size_t v = 0; v < count; v++) {
            voices[v] = voice_of(row->voices[v]);
            regions[v] = (size_t)row->regions[v];
        }
        enum quorum_outcome outcome = quorum_judge(&rule, voices, regions, count);
        if (outcome != row->outcome)
            print_error("row: %s\n", row->name);
        assert_int_equal(outcome, row->outcome);
    }
}

static void how_many_may_differ(void **state)
{
    static const int64_t most[] = {0, 0, 1, 1, 1, 1, 2, 2, 2};

    (void)state;
    for (size_t i = 0; i < sizeof most / sizeof most[0]; i++)
        assert_int_equal(quorum_table(i), most[i]);
}

/* The table's own words, for verdicts that are all there. */
static bool is_met(const enum quorum_voice *voices, const size_t *regions, size_t remotes)
{
    size_t not_corroborating = 0;
    unsigned int seen = 0;

    for (size_t i = 1; i <= remotes; i++) {
        if (voices[i] == QUORUM_CORROBORATES)
            seen |= 1U << regions[i];
        else
            not_corroborating++;
    }
    return not_corroborating <= (remotes >= 6 ? 2 : 1) && (seen & (seen - 1)) != 0;
}

/* For every set of verdicts of up to six perspectives, in every order: what is decided
 * early is what the table says at the end. */
static void early_is_never_wrong(void **state)
{
    static const enum quorum_voice said[] = {QUORUM_CORROBORATES, QUORUM_DIFFERS,
                                             QUORUM_UNREACHED};
    const size_t regions[] = {0, 0, 0, 1, 1, 2, 2};

    (void)state;
    for (size_t remotes = 2; remotes <= REMOTES_TRIED; remotes++) {
        const struct quorum_rule rule = {2, QUORUM_BY_TABLE, 2};
        unsigned int worlds = 1;
        for (size_t i = 0; i < remotes; i++)
            worlds *= 3;
        for (unsigned int world = 0; world < worlds; world++) {
            enum quorum_voice all[REMOTES_TRIED + 1] = {QUORUM_CORROBORATES};
            unsigned int digits = world;
            for (size_t i = 1; i <= remotes; i++, digits /= 3)
                all[i] = said[digits % 3];
            bool met = is_met(all, regions, remotes);
            for (unsigned int known = 0; known < 1U << remotes; known++) {
                enum quorum_voice now[REMOTES_TRIED + 1] = {QUORUM_CORROBORATES};
                for (size_t i = 1; i <= remotes; i++)
                    now[i] = (known >> (i - 1) & 1) != 0 ? all[i] : QUORUM_AWAITED;
                enum quorum_outcome outcome =
                    quorum_judge(&rule, now, regions, remotes + 1);
                if (outcome != QUORUM_UNDECIDED)
                    assert_int_equal(outcome == QUORUM_GOOD, met);
                else
                    assert_int_not_equal(known, (1U << remotes) - 1);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_the_table),
        cmocka_unit_test(how_many_may_differ),
        cmocka_unit_test(early_is_never_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
