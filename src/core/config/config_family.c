/* Families: sections whose members the file names. */
#include <string.h>

#include "core/base/text.h"
#include "core/config/config.h"
#include "core/config/config_value.h"

const struct config_family *config_value_family(const struct config_table *table,
                                                const char *section)
{
    for (size_t i = 0; i < table->family_count; i++)
        if (strcmp(table->families[i].section, section) == 0)
            return &table->families[i];
    return NULL;
}

/* Names stand in URLs, in JSON and on command lines. */
static bool is_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return len > 0 && len <= CONFIG_NAME_MAX && name[len] == '\0' && name[0] != '-' &&
           name[len - 1] != '-';
}

static enum err check_name(const struct config_family *family, const char *name,
                           struct err_info *why)
{
    if (family->is_name != NULL && !family->is_name(name))
        return err_set(why, ERR_CONFIG, "%s: \"%.100s\" is no name: use %s",
                       family->section, name, family->alphabet);
    if (family->is_name == NULL && !is_name(name))
        return err_set(why, ERR_CONFIG,
                       "%s: \"%.100s\" is no name: use 1 to %d of a-z, 0-9 and hyphens "
                       "between them",
                       family->section, name, CONFIG_NAME_MAX);
    return ERR_OK;
}

/* ---- finding ---- */

#define FEW 16 /* members that are faster looked through */

static const char *name_of(const struct config_group *group, size_t number)
{
    return *(const char *const *)group->members[number];
}

void *config_group_find(const struct config_group *group, const char *name)
{
    if (group->slots == NULL) {
        for (size_t i = 0; i < group->count; i++)
            if (strcmp(name_of(group, i), name) == 0)
                return group->members[i];
        return NULL;
    }
    /* of a copy of the group, which has its slots, there may be more members in them */
    for (size_t i = text_hash(name);; i++) {
        uint32_t number = group->slots[i & (group->slot_count - 1)];
        if (number == 0)
            return NULL;
        if (number <= group->count && strcmp(name_of(group, number - 1), name) == 0)
            return group->members[number - 1];
    }
}

static void add_slot(struct config_group *group, size_t number)
{
    size_t i = text_hash(name_of(group, number));

    while (group->slots[i & (group->slot_count - 1)] != 0)
        i++;
    group->slots[i & (group->slot_count - 1)] = (uint32_t)number + 1;
}

/* The last one can be found from now on. At most half of the slots are taken; a copy of
 * the group keeps those it has. */
static void index_last(struct arena *a, struct config_group *group)
{
    if (group->count <= FEW)
        return;
    if (group->slots != NULL && 2 * group->count <= group->slot_count) {
        add_slot(group, group->count - 1);
        return;
    }
    group->slot_count = 4 * FEW;
    while (group->slot_count < 4 * group->count)
        group->slot_count *= 2;
    group->slots = arena_array(a, group->slot_count, sizeof *group->slots);
    for (size_t i = 0; i < group->count; i++)
        add_slot(group, i);
}

static void make_room(struct arena *a, struct config_group *group)
{
    if (group->count < group->room)
        return;
    size_t room = group->room == 0 ? 16 : 2 * group->room;
    void **more = arena_array(a, room, sizeof *more);
    if (group->count > 0)
        memcpy(more, group->members, group->count * sizeof *more);
    group->members = more;
    group->room = room;
}

/* The options under their full paths, so that every complaint names them. */
static struct config_table table_of(struct arena *a, const struct config_family *family,
                                    const char *name)
{
    struct config_option *options = arena_array(a, family->option_count, sizeof *options);

    for (size_t i = 0; i < family->option_count; i++) {
        options[i] = family->options[i];
        options[i].path =
            arena_printf(a, "%s.%s.%s", family->section, name, family->options[i].path);
    }
    return (struct config_table){.options = options, .count = family->option_count};
}

enum err config_value_member(struct arena *a, struct arena *scratch,
                             const struct config_family *family, const char *name,
                             void *settings, struct config_member *member,
                             struct err_info *why)
{
    struct config_group *group =
        (struct config_group *)(void *)((char *)settings + family->offset);

    TRY(check_name(family, name, why));
    member->table = table_of(scratch, family, name);
    member->settings = config_group_find(group, name);
    if (member->settings != NULL)
        return ERR_OK;
    size_t max = family->max != 0 ? family->max : CONFIG_MEMBERS_MAX;
    if (group->count == max)
        return err_set(why, ERR_CONFIG, "%s: more than %zu of them", family->section,
                       max);
    make_room(a, group);
    void *fresh = arena_get(a, family->size);
    if (family->seed != 0)
        memcpy(fresh, (char *)settings + family->seed, family->size);
    else
        TRY(config_defaults(a, &member->table, fresh, why));
    *(const char **)fresh = arena_string(a, name);
    group->members[group->count++] = fresh;
    index_last(a, group);
    member->settings = fresh;
    return ERR_OK;
}
