/* Policies of external account keys. */
#include "server/exchange/external_policy.h"

#include <string.h>

#include "core/acme/terms.h"
#include "core/json/json_read.h"

static struct config_list read_list(struct arena *a, const struct json *object,
                                    const char *name)
{
    const struct json *array = json_member(object, name);
    struct config_list list = {0};
    const char **items = arena_array(a, json_count(array) + 1, sizeof *items);

    for (size_t i = 0; i < json_count(array); i++) {
        const char *text = json_text(json_element(array, i));
        if (text != NULL)
            items[list.count++] = text;
    }
    list.items = items;
    return list;
}

/* A type this program does not know (any more) adds nothing to what is allowed. */
static unsigned int read_types(const struct config_list *list, bool challenges)
{
    unsigned int bits = list->count == 0 ? ~0U : 0;

    for (size_t i = 0; i < list->count; i++) {
        enum challenge_type challenge;
        enum identifier_type identifier;
        if (challenges && terms_read_challenge_type(list->items[i], &challenge))
            bits |= 1U << (unsigned int)challenge;
        if (!challenges && terms_read_identifier_type(list->items[i], &identifier))
            bits |= 1U << (unsigned int)identifier;
    }
    return bits;
}

/* One that cannot be read is not dropped: the accounts would have no limit then. */
static bool read_orders(const struct json *object, struct rate *rate)
{
    const struct json *value = json_member(object, "orders");
    struct err_info wrong = {0};

    return value == NULL ||
           (json_text(value) != NULL &&
            rate_read(span_of(json_text(value)), rate, &wrong) == ERR_OK);
}

enum err external_policy_read(struct arena *a, int64_t key_id, const char *kid,
                              const char *text, const struct external_policy **policy,
                              struct err_info *why)
{
    const struct json *object = NULL;
    struct rate orders = {0};
    struct err_info wrong = {0};

    if (json_read(a, span_of(text), &object, &wrong) != ERR_OK ||
        !json_is_object(object) || !read_orders(object, &orders))
        return err_set(why, ERR_STORE, "the policy of external key %lld is damaged",
                       (long long)key_id);
    struct external_policy *read = arena_get(a, sizeof *read);
    struct config_list identifiers = read_list(a, object, "identifiers");
    struct config_list challenges = read_list(a, object, "challenges");
    read->key_id = key_id;
    read->limits.kid = kid;
    read->limits.orders = orders;
    read->names = read_list(a, object, "names");
    read->networks = read_list(a, object, "networks");
    read->devices = read_list(a, object, "devices");
    read->profiles = read_list(a, object, "profiles");
    read->directories = read_list(a, object, "directories");
    read->identifier_types = read_types(&identifiers, false);
    read->challenge_types = read_types(&challenges, true);
    *policy = read;
    return ERR_OK;
}

bool external_policy_lists(const struct config_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}
