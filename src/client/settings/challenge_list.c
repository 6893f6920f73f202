/* Lists of challenge types. */
#include "client/settings/challenge_list.h"

#include <string.h>

#include "core/base/text.h"

#define WORD_MAX 64 /* octets of a challenge type's name */

void challenge_list_add(struct challenge_list *c, enum challenge_type type)
{
    if (challenge_list_has(c, type))
        return;
    c->types[c->count++] = type; /* there is room for each once */
}

bool challenge_list_has(const struct challenge_list *c, enum challenge_type type)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->types[i] == type)
            return true;
    return false;
}

bool challenge_list_answer(const struct challenge_list *c,
                           enum identifier_type identifier, bool wildcard)
{
    for (size_t i = 0; i < c->count; i++)
        if (terms_answers(c->types[i], identifier, wildcard))
            return true;
    return false;
}

void challenge_list_write(struct buf *b, const struct challenge_list *c)
{
    for (size_t i = 0; i < c->count; i++)
        buf_printf(b, "%s%s", i > 0 ? "," : "", terms_challenge_type(c->types[i]));
}

enum err challenge_list_read(const char *list, struct challenge_list *c,
                             struct err_info *why)
{
    for (const char *at = list;; at++) {
        size_t len = strcspn(at, ",");
        char word[WORD_MAX] = "";
        enum challenge_type type;
        if (len < sizeof word) /* else too long for any */
            (void)text_copy(word, len + 1, at);
        if (!terms_read_challenge_type(word, &type))
            return err_set(why, ERR_USAGE, "\"%.*s\" is no challenge type",
                           (int)(len < WORD_MAX ? len : WORD_MAX), at);
        challenge_list_add(c, type);
        at += len;
        if (*at == '\0')
            return ERR_OK;
    }
}
