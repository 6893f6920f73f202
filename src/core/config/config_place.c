/* Where the option stands in a file that a sentence complains about. */
#include <libfyaml.h>
#include <string.h>

#include "core/config/config.h"
#include "core/config/config_value.h"

#define WORD_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789_.-"

/* Words that are followed by ": ", and the one behind them, joined by dots. What is no
 * part of a path does no harm: there is no such option. */
const char *config_place_subject(struct arena *a, const char *sentence)
{
    const char *path = "";

    for (;;) {
        size_t len = strspn(sentence, WORD_CHARACTERS);
        if (len == 0)
            return path;
        path = arena_printf(a, "%s%s%.*s", path, path[0] != '\0' ? "." : "", (int)len,
                            sentence);
        if (strncmp(sentence + len, ": ", 2) != 0)
            return path;
        sentence += len + 2;
    }
}

static struct fy_node_pair *find(struct fy_node *mapping, const char *name, size_t len)
{
    struct fy_node_pair *pair;
    void *iterator = NULL;

    if (!fy_node_is_mapping(mapping))
        return NULL;
    while ((pair = fy_node_mapping_iterate(mapping, &iterator)) != NULL) {
        struct fy_node *key = fy_node_pair_key(pair);
        size_t key_len = 0;
        const char *text =
            fy_node_is_scalar(key) ? fy_node_get_scalar(key, &key_len) : NULL;
        if (text != NULL && key_len == len && memcmp(text, name, len) == 0)
            return pair;
    }
    return NULL;
}

/* Of nothing ("key:") libfyaml has no token, or in 0.8 one behind the colon. */
static const struct fy_mark *mark_of(struct fy_node *node)
{
    struct fy_token *token = fy_node_get_scalar_token(node);
    size_t len = 0;

    if (token == NULL || fy_token_get_text(token, &len) == NULL ||
        (len == 0 && fy_node_get_style(node) == FYNS_PLAIN))
        return NULL;
    return fy_token_start_mark(token);
}

/* The place to point at: a value that is one, else its key; the deepest that is there. */
static const struct fy_mark *descend(struct fy_node *mapping, const char *path)
{
    const struct fy_mark *found = NULL;

    while (path[0] != '\0') {
        size_t len = strlen(path); /* "section.key" may be one key, too */
        struct fy_node_pair *pair = find(mapping, path, len);
        if (pair == NULL)
            pair = find(mapping, path, len = strcspn(path, "."));
        if (pair == NULL)
            break;
        mapping = fy_node_pair_value(pair);
        const struct fy_mark *mark = mark_of(mapping);
        found = mark != NULL ? mark : mark_of(fy_node_pair_key(pair));
        path += len + (path[len] == '.');
    }
    return found;
}

enum err config_place(struct arena *a, const char *file, struct span text,
                      struct err_info *why)
{
    struct fy_node *root = NULL;
    const struct fy_mark *mark = NULL;

    if (why == NULL)
        return ERR_CONFIG;
    if (config_value_document(a, file, text, &root, NULL) == ERR_OK && root != NULL)
        mark = descend(root, config_place_subject(a, why->detail));
    if (mark == NULL)
        return err_prefix(why, "%s", file);
    return err_prefix(why, "%s:%d:%d", file, mark->line + 1, mark->column + 1);
}
