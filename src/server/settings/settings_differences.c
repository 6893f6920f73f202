/* What differs between two configurations. */
#include <stdlib.h>
#include <string.h>

#include "server/settings/settings.h"
#include "server/settings/settings_table.h"

struct differences {
    struct arena *arena;
    const char **paths;
    size_t count;
    size_t room;
};

static void add(struct differences *d, const char *path)
{
    if (d->count == d->room) {
        size_t room = d->room == 0 ? 16 : 2 * d->room;
        const char **more = arena_array(d->arena, room, sizeof *more);
        if (d->count > 0)
            memcpy(more, d->paths, d->count * sizeof *more);
        d->paths = more;
        d->room = room;
    }
    d->paths[d->count++] = path;
}

static bool same_list(const struct config_list *a, const struct config_list *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return a->count == b->count;
}

/* Members of two structs, where the option has its place. */
static bool same(const struct config_option *option, const void *old, const void *fresh)
{
    const char *a = (const char *)old + option->offset;
    const char *b = (const char *)fresh + option->offset;

    switch (option->kind) {
    case CONFIG_TEXT:
        return strcmp(*(const char *const *)(const void *)a,
                      *(const char *const *)(const void *)b) == 0;
    case CONFIG_LIST:
        return same_list((const struct config_list *)(const void *)a,
                         (const struct config_list *)(const void *)b);
    case CONFIG_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case CONFIG_NUMBER:
    case CONFIG_DURATION:
        break;
    }
    return memcmp(a, b, sizeof(int64_t)) == 0;
}

static const char *name_of(const void *member)
{
    return *(const char *const *)member;
}

static const void *find(const struct config_group *group, const char *name)
{
    for (size_t i = 0; i < group->count; i++)
        if (strcmp(name_of(group->members[i]), name) == 0)
            return group->members[i];
    return NULL;
}

static void compare_member(struct differences *d, const struct config_family *family,
                           const void *old, const void *fresh)
{
    for (size_t i = 0; i < family->option_count; i++)
        if (!same(&family->options[i], old, fresh))
            add(d, arena_printf(d->arena, "%s.%s.%s", family->section, name_of(fresh),
                                family->options[i].path));
}

/* Members that are new or gone are there by their name alone. */
static void compare_family(struct differences *d, const struct config_family *family,
                           const struct settings *old, const struct settings *fresh)
{
    const struct config_group *before =
        (const struct config_group *)(const void *)((const char *)old + family->offset);
    const struct config_group *now =
        (const struct config_group *)(const void *)((const char *)fresh + family->offset);

    for (size_t i = 0; i < now->count; i++) {
        const void *was = find(before, name_of(now->members[i]));
        if (was != NULL)
            compare_member(d, family, was, now->members[i]);
        else
            add(d, arena_printf(d->arena, "%s.%s", family->section,
                                name_of(now->members[i])));
    }
    for (size_t i = 0; i < before->count; i++)
        if (find(now, name_of(before->members[i])) == NULL)
            add(d, arena_printf(d->arena, "%s.%s", family->section,
                                name_of(before->members[i])));
}

struct config_list settings_differences(struct arena *a, const struct settings *old,
                                        const struct settings *fresh)
{
    const struct config_table *table = settings_table();
    struct differences d = {.arena = a};

    for (size_t i = 0; i < table->count; i++)
        if (!same(&table->options[i], old, fresh))
            add(&d, table->options[i].path);
    for (size_t i = 0; i < table->family_count; i++)
        compare_family(&d, &table->families[i], old, fresh);
    return (struct config_list){.items = d.paths, .count = d.count};
}
