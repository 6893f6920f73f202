/* libpsl. */
#include "server/limit/limit_domain.h"

#include <libpsl.h>
#include <string.h>

#include "server/limit/limit_private.h"

static enum err read_list(const char *file, psl_ctx_t **list, struct err_info *why)
{
    psl_ctx_t *read = psl_load_file(file);

    if (read == NULL || psl_suffix_count(read) == 0) {
        psl_free(read);
        return err_set(why, ERR_CONFIG,
                       "rates.suffix_list: %s cannot be read as a public suffix list",
                       file);
    }
    *list = read;
    return ERR_OK;
}

enum err limit_domain_load(struct limit *l, const char *file, struct err_info *why)
{
    psl_ctx_t *list = NULL;

    if (file[0] == '\0')
        return ERR_OK;
    TRY(read_list(file, &list, why));
    psl_free(l->suffixes);
    l->suffixes = list;
    return ERR_OK;
}

enum err limit_domain_check(const char *file, struct err_info *why)
{
    psl_ctx_t *list = NULL;

    if (file[0] == '\0')
        return ERR_OK;
    TRY(read_list(file, &list, why));
    psl_free(list);
    return ERR_OK;
}

void limit_domain_free(struct limit *l)
{
    psl_free(l->suffixes);
    l->suffixes = NULL;
}

static const psl_ctx_t *list_of(const struct limit *l)
{
    return l != NULL && l->suffixes != NULL ? l->suffixes : psl_builtin();
}

const char *limit_domain_of(const struct limit *l, const char *name)
{
    const psl_ctx_t *list = list_of(l);
    const char *domain = list != NULL ? psl_registrable_domain(list, name) : NULL;

    return domain != NULL ? domain : name;
}

/* For libpsl, what is not in the list is a suffix too; the last label shows it. */
bool limit_domain_is_registrable(const struct limit *l, const char *name)
{
    const psl_ctx_t *list = list_of(l);
    const char *last = strrchr(name, '.');

    return list != NULL && last != NULL &&
           psl_is_public_suffix2(list, last + 1, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) !=
               0 &&
           psl_is_public_suffix2(list, name, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) == 0;
}
