/* The quorum of perspectives (CA/Browser Forum Baseline Requirements 3.2.2.9). */
#include "server/settings/settings_quorum.h"

#include <string.h>

#include "core/base/text.h"

#define BY_TABLE "br"

static enum err read_mode(struct settings *s, struct err_info *why)
{
    s->quorum.enforced = strcmp(s->quorum_mode, "enforce") == 0;
    s->quorum.asked = s->quorum.enforced || strcmp(s->quorum_mode, "observe") == 0;
    if (!s->quorum.asked && strcmp(s->quorum_mode, "off") != 0)
        return err_set(why, ERR_CONFIG,
                       "quorum.mode: \"%s\" is none of enforce, observe, off",
                       s->quorum_mode);
    if (s->quorum_required && !s->quorum.enforced)
        return err_set(why, ERR_CONFIG,
                       "quorum.required is true, so quorum.mode must be enforce");
    return ERR_OK;
}

static enum err read_may_differ(struct settings *s, struct err_info *why)
{
    uint64_t number = 0;

    s->quorum.may_differ = SETTINGS_QUORUM_BY_TABLE;
    if (strcmp(s->quorum_may_differ, BY_TABLE) == 0)
        return ERR_OK;
    if (!text_number(span_of(s->quorum_may_differ), SETTINGS_PERSPECTIVES_MAX, &number))
        return err_set(why, ERR_CONFIG,
                       "quorum.may_differ: \"%s\" is neither " BY_TABLE
                       " nor a number of perspectives",
                       s->quorum_may_differ);
    s->quorum.may_differ = (int64_t)number;
    return ERR_OK;
}

static const char *region(const struct settings *s, size_t i)
{
    const struct settings_perspective *p = s->perspectives.members[i];

    return p->region;
}

static int64_t distinct_regions(const struct settings *s)
{
    int64_t distinct = 0;

    for (size_t i = 0; i < s->perspectives.count; i++) {
        bool first = true;
        for (size_t j = 0; j < i; j++)
            first = first && strcmp(region(s, i), region(s, j)) != 0;
        distinct += first ? 1 : 0;
    }
    return distinct;
}

/* A rule that can never be met would stop all issuance. */
static enum err check_met(const struct settings *s, struct err_info *why)
{
    static const char hint[] =
        "until all of them are there, quorum.mode: observe asks them without effect";
    int64_t count = (int64_t)s->perspectives.count;

    if (count < s->quorum_minimum)
        return err_set(why, ERR_CONFIG,
                       "quorum.minimum: %lld perspectives on other hosts are needed and "
                       "%lld %s there; %s",
                       (long long)s->quorum_minimum, (long long)count,
                       count == 1 ? "is" : "are", hint);
    if (distinct_regions(s) < s->quorum_regions)
        return err_set(why, ERR_CONFIG,
                       "quorum.regions: they must be in %lld regions and are in %lld; %s",
                       (long long)s->quorum_regions, (long long)distinct_regions(s),
                       hint);
    if (s->quorum.may_differ >= count)
        return err_set(why, ERR_CONFIG,
                       "quorum.may_differ: if all %lld may differ, they decide nothing",
                       (long long)count);
    return ERR_OK;
}

enum err settings_quorum_check(struct settings *s, struct err_info *why)
{
    TRY(read_mode(s, why));
    TRY(read_may_differ(s, why));
    if (s->perspectives.count == 0 && !s->quorum_required)
        return ERR_OK;
    if (s->quorum.asked && s->quorum_timeout < s->validation_timeout)
        return err_set(why, ERR_CONFIG,
                       "quorum.timeout must not be shorter than validation.timeout");
    return s->quorum.enforced ? check_met(s, why) : ERR_OK;
}
