/* Which challenge to answer. */
#include "client/solve/solve_choose.h"

#include <string.h>

#define LIST_MAX 400 /* octets of a list in a sentence */

void solve_choose_all(struct challenge_list *all)
{
#define SOLVER(type, open) challenge_list_add(all, CHALLENGE_##type);
#include "client/solve/solvers.def"
#undef SOLVER
}

bool solve_choose_knows(enum challenge_type type)
{
    struct challenge_list all = {0};

    solve_choose_all(&all);
    for (size_t i = 0; i < all.count; i++)
        if (all.types[i] == type)
            return true;
    return false;
}

static bool find(const char *const *offered, size_t count, enum challenge_type type,
                 size_t *index)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(offered[i], terms_challenge_type(type)) == 0) {
            *index = i;
            return true;
        }
    return false;
}

/* What the user can do, as the CA's offers are. */
static void add_advice(struct buf *b, const struct identifier *identifier, bool wildcard,
                       const char *const *offered, size_t count)
{
    struct challenge_list all = {0};
    size_t ignored;
    bool any = false;

    solve_choose_all(&all);
    for (size_t i = 0; i < all.count; i++)
        if (terms_answers(all.types[i], identifier->type, wildcard) &&
            find(offered, count, all.types[i], &ignored)) {
            buf_printf(b, "%s%s", any ? " or " : "; take --challenge ",
                       terms_challenge_type(all.types[i]));
            any = true;
        }
    if (!any)
        buf_add_text(b, "; cairn can answer none of those for it");
}

static void add_offers(struct buf *b, const char *const *offered, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(b, "%s%.50s",
                   i == 0          ? ""
                   : i + 1 < count ? ", "
                                   : " and ",
                   offered[i]);
    if (count == 0)
        buf_add_text(b, "no challenge");
}

enum err solve_choose(const struct challenge_list *wanted,
                      const struct identifier *identifier, bool wildcard,
                      const char *const *offered, size_t count, size_t *index,
                      struct err_info *why)
{
    AUTO(buf) struct buf offers = buf_make(LIST_MAX);
    AUTO(buf) struct buf mine = buf_make(LIST_MAX);
    AUTO(buf) struct buf advice = buf_make(LIST_MAX);

    for (size_t i = 0; i < wanted->count; i++)
        if (terms_answers(wanted->types[i], identifier->type, wildcard) &&
            find(offered, count, wanted->types[i], index))
            return ERR_OK;
    add_offers(&offers, offered, count);
    challenge_list_write(&mine, wanted);
    add_advice(&advice, identifier, wildcard, offered, count);
    return err_set(why, ERR_REFUSED,
                   "for %s%s the CA offers %.*s, and this is set up for %.*s%.*s",
                   wildcard ? "*." : "", identifier->value, (int)offers.len,
                   (const char *)offers.data, (int)mine.len, (const char *)mine.data,
                   (int)advice.len, (const char *)advice.data);
}
