/* Settings, state folder, names. */
#include "client/command/place.h"

#include <stdlib.h>
#include <string.h>

#include "client/store/certificate_store.h"
#include "client/store/state.h"

enum err place_look(const struct client_command *c, struct place *p, struct err_info *why)
{
    TRY(settings_load(c->arena, c->config, &p->settings, why));
    return client_command_directory(c, &p->settings, &p->directory, why);
}

enum err place_find(const struct client_command *c, struct place *p, struct err_info *why)
{
    TRY(place_look(c, p, why));
    return state_check(c->arena, p->directory, why);
}

static int compare(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static bool has(const struct place_names *names, const char *name)
{
    return names->count > 0 && bsearch(&name, names->items, names->count,
                                       sizeof *names->items, compare) != NULL;
}

static enum err list_stored(struct arena *a, const struct place *p,
                            struct place_names *names, struct err_info *why)
{
    *names = (struct place_names){0};
    return certificate_store_list(a, p->directory, &names->items, &names->count, why);
}

/* Those of the settings, too. */
static enum err list_all(struct arena *a, const struct place *p,
                         struct place_names *names, struct err_info *why)
{
    const struct config_group *wanted = &p->settings.certificates;
    struct place_names stored;

    TRY(list_stored(a, p, &stored, why));
    const char **all = arena_array(a, stored.count + wanted->count + 1, sizeof *all);
    size_t count = 0;
    for (size_t i = 0; i < wanted->count; i++)
        all[count++] = ((const struct settings_certificate *)wanted->members[i])->name;
    for (size_t i = 0; i < stored.count; i++)
        if (settings_certificate(&p->settings, stored.items[i]) == NULL)
            all[count++] = stored.items[i];
    if (count > 0)
        qsort(all, count, sizeof *all, compare);
    *names = (struct place_names){all, count};
    return ERR_OK;
}

/* Two processes that work on one certificate would be in each other's way. */
static struct place_names each_once(struct arena *a, const struct cli_list *said)
{
    const char **items = arena_array(a, said->count, sizeof *items);
    size_t count = 0;

    for (size_t i = 0; i < said->count; i++) {
        size_t k = 0;
        while (k < count && strcmp(items[k], said->items[i]) != 0)
            k++;
        if (k == count)
            items[count++] = said->items[i];
    }
    return (struct place_names){items, count};
}

/* The names of the command line, each of which must be among `known`. */
static enum err choose(const struct client_command *c, const struct place *p,
                       struct place_names *known, struct err_info *why)
{
    for (size_t i = 0; i < c->arguments.count; i++) {
        const char *name = c->arguments.items[i];
        if (!settings_is_certificate_name(name))
            return err_set(why, ERR_USAGE, "\"%.100s\" is no certificate's name", name);
        if (!has(known, name))
            return err_set(why, ERR_NOT_FOUND, "there is no certificate \"%.200s\" in %s",
                           name, p->directory);
    }
    if (c->arguments.count > 0)
        *known = each_once(c->arena, &c->arguments);
    return ERR_OK;
}

enum err place_certificates(const struct client_command *c, const struct place *p,
                            struct place_names *names, struct err_info *why)
{
    TRY(list_all(c->arena, p, names, why));
    return choose(c, p, names, why);
}

enum err place_stored(const struct client_command *c, const struct place *p,
                      struct place_names *names, struct err_info *why)
{
    TRY(list_stored(c->arena, p, names, why));
    return choose(c, p, names, why);
}

enum err place_one(const struct client_command *c, const char **name,
                   struct err_info *why)
{
    if (c->arguments.count != 1)
        return err_set(why, ERR_USAGE, "say which CERTIFICATE; cairn list shows all");
    *name = c->arguments.items[0];
    if (!settings_is_certificate_name(*name))
        return err_set(why, ERR_USAGE, "\"%.100s\" is no certificate's name", *name);
    return ERR_OK;
}
