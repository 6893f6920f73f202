/* Families: sections whose members the file names. */
#include <string.h>

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

enum err config_value_member(struct arena *a, const struct config_family *family,
                             const char *name, void *settings,
                             struct config_member *member, struct err_info *why)
{
    struct config_group *group =
        (struct config_group *)(void *)((char *)settings + family->offset);

    if (!is_name(name))
        return err_set(why, ERR_CONFIG,
                       "%s: \"%.100s\" is no name: use 1 to %d of a-z, 0-9 and hyphens "
                       "between them",
                       family->section, name, CONFIG_NAME_MAX);
    member->table = table_of(a, family, name);
    for (size_t i = 0; i < group->count; i++) {
        if (strcmp(*(const char *const *)group->members[i], name) == 0) {
            member->settings = group->members[i];
            return ERR_OK;
        }
    }
    if (group->count == CONFIG_MEMBERS_MAX)
        return err_set(why, ERR_CONFIG, "%s: more than %d of them", family->section,
                       CONFIG_MEMBERS_MAX);
    if (group->members == NULL)
        group->members = arena_array(a, CONFIG_MEMBERS_MAX, sizeof *group->members);
    void *fresh = arena_get(a, family->size);
    *(const char **)fresh = arena_string(a, name);
    TRY(config_defaults(a, &member->table, fresh, why));
    group->members[group->count++] = fresh;
    member->settings = fresh;
    return ERR_OK;
}
