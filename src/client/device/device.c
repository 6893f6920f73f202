/* The kinds of devices. */
#include "client/device/device.h"

#include <stdio.h>
#include <string.h>

#define LIST_MAX 400 /* octets of a list in a sentence */

typedef enum err open_function(struct device *d, struct err_info *why);

static const struct kind {
    const char *word;
    open_function *open;
    bool needs_files;
    bool makes_keys;
    bool takes_turns;
    const char *types;
    const char *sentence;
} kinds[] = {
#define DEVICE(word, open, needs_files, makes_keys, takes_turns, types, sentence)        \
    {word, open, needs_files, makes_keys, takes_turns, types, sentence},
#include "client/device/devices.def"
#undef DEVICE
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

static const struct kind *find(const char *text)
{
    size_t len = strcspn(text, ":");

    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strlen(kinds[i].word) == len && memcmp(kinds[i].word, text, len) == 0)
            return &kinds[i];
    return NULL;
}

enum err device_check(const char *text, struct err_info *why)
{
    char list[LIST_MAX] = "";
    size_t used = 0;

    if (strlen(text) <= DEVICE_TEXT_MAX && find(text) != NULL)
        return ERR_OK;
    for (size_t i = 0; i < KIND_COUNT && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s (%s)",
                                 i > 0 ? ", " : "", kinds[i].word, kinds[i].sentence);
    return err_set(why, ERR_USAGE, "--device: \"%.50s\" is none of %s", text, list);
}

bool device_is_one(const char *text)
{
    return find(text) != NULL;
}

bool device_makes_keys(const char *text)
{
    const struct kind *kind = find(text);

    return kind != NULL && kind->makes_keys;
}

bool device_takes_turns(const char *text)
{
    const struct kind *kind = find(text);

    return kind != NULL && kind->takes_turns;
}

enum err device_check_key(const char *text, const char *type, struct err_info *why)
{
    const struct kind *kind = find(text);

    if (kind == NULL)
        return device_check(text, why);
    for (const char *at = kind->types; *at != '\0';) {
        size_t len = strcspn(at, " ");
        if (strlen(type) == len && memcmp(at, type, len) == 0)
            return ERR_OK;
        at += len + (at[len] == ' ');
    }
    return err_set(why, ERR_USAGE, "--key: %s has %s, not \"%.50s\"", kind->sentence,
                   kind->types, type);
}

bool device_needs_files(const char *text)
{
    const struct kind *kind = find(text);

    return kind != NULL && kind->needs_files;
}

enum err device_open(struct device *d, const struct device_options *options,
                     struct err_info *why)
{
    TRY(device_check(options->text, why));
    *d = (struct device){.arena = arena_new(), .options = options};
    return find(options->text)->open(d, why);
}

void device_close(struct device *d)
{
    if (d->arena == NULL)
        return;
    if (d->close != NULL)
        d->close(d);
    arena_free(d->arena);
    *d = (struct device){0};
}
