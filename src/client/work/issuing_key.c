/* Keys: kept, made in advance, made. */
#include "client/work/issuing_key.h"

#include <string.h>
#include <unistd.h>

#include "client/settings/settings_key.h"
#include "client/store/next_key.h"
#include "core/base/file.h"

/* In file names: the first type is not named. */
static const char *prefix_of(const struct issuing *i, const char *key_type)
{
    return strcmp(i->wanted->certificate->keys.items[0], key_type) == 0 ? "" : key_type;
}

static bool is_type(const struct key *key, const struct settings_key *type)
{
    return key_type(key) == type->type &&
           (type->bits == 0 || key_bits(key) == type->bits);
}

/* Of the version in force; NULL: it has none of that type. */
static char *current_path(struct arena *a, const struct issuing *i, const char *key_type)
{
    const char *folder =
        certificate_store_path(a, i->directory, i->wanted->certificate->name);

    for (size_t k = 0; i->before != NULL && k < i->before->part_count; k++)
        if (strcmp(i->before->parts[k].key_type, key_type) == 0)
            return file_path(
                a, folder, certificate_store_file(a, k == 0 ? "" : key_type, "key.pem"));
    return NULL;
}

/* NULL: it is not there, or of another type. */
static enum err read_if_there(const char *path, const struct settings_key *type,
                              struct key **key, struct err_info *why)
{
    struct key *read = NULL;
    enum err result = path != NULL ? next_key_read(path, &read, why) : ERR_NOT_FOUND;

    *key = NULL;
    if (result == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(result);
    if (is_type(read, type))
        *key = read;
    else
        key_free(read);
    return ERR_OK;
}

/* A run that was ended after the key was used and before the next one was made has left
 * it there. */
static enum err read_next(struct arena *a, const struct issuing *i,
                          const struct settings_key *type, struct key **key,
                          struct err_info *why)
{
    AUTO(key) struct key *used = NULL;
    AUTO(key) struct key *next = NULL;

    TRY(read_if_there(next_key_path(a, i->directory, i->wanted->certificate->name,
                                    prefix_of(i, type->name)),
                      type, &next, why));
    TRY(read_if_there(current_path(a, i, type->name), type, &used, why));
    *key = NULL;
    if (next != NULL && used != NULL && key_equal(next, used))
        return ERR_OK;
    *key = next;
    next = NULL;
    return ERR_OK;
}

/* The key of what was revoked may be somebody else's as well. */
static bool is_burnt(const struct issuing *i)
{
    return i->state != NULL && i->state->revoked;
}

enum err issuing_key_make(const struct issuing *i, const char *key_type, struct key **key,
                          struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct settings_key *type = settings_key_find(key_type);
    const struct settings_certificate *c = i->wanted->certificate;
    struct key *made = NULL;
    const char *how = "";

    TRY(settings_key_check(key_type, why));
    bool burnt = is_burnt(i);
    if (c->reuse_key && !burnt) {
        TRY(read_if_there(current_path(a, i, key_type), type, &made, why));
        how = ", the one it had";
    } else if (c->next_key) {
        TRY(read_next(a, i, type, &made, why));
        how = ", made in advance";
    }
    report_step(&i->report, "key", "%s%s", type->text, made != NULL ? how : "");
    if (made == NULL)
        TRY(key_generate(type->type, type->bits, &made, why));
    *key = made;
    return ERR_OK;
}

enum err issuing_key_kept(struct arena *a, const struct issuing *i, const char *key_type,
                          struct span *text, struct err_info *why)
{
    const struct settings_certificate *c = i->wanted->certificate;
    const char *path = current_path(a, i, key_type);

    *text = span_of("");
    if (!c->reuse_key || is_burnt(i) || path == NULL ||
        strcmp(i->before->device, c->device) != 0)
        return ERR_OK;
    enum err result = file_read(a, path, KEY_PEM_MAX, text, why);
    if (result != ERR_NOT_FOUND)
        return result;
    *text = span_of("");
    return ERR_OK;
}

enum err issuing_key_advance(const struct issuing *i, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct settings_certificate *c = i->wanted->certificate;

    for (size_t k = 0; k < c->keys.count; k++) {
        const struct settings_key *type = settings_key_find(c->keys.items[k]);
        const char *path =
            next_key_path(a, i->directory, c->name, prefix_of(i, c->keys.items[k]));
        AUTO(key) struct key *made = NULL;
        if (!c->next_key || c->device[0] != '\0' || c->csr[0] != '\0') {
            next_key_drop(path); /* what is there would never be used */
            continue;
        }
        TRY(key_generate(type->type, type->bits, &made, why));
        TRY(next_key_write(path, made, why));
    }
    return ERR_OK;
}
