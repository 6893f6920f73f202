/* Configuration from YAML through libfyaml, whose tokens carry line and column. */
#include <libfyaml.h>
#include <string.h>

#include "core/base/text.h"
#include "core/config/config.h"
#include "core/config/config_value.h"

struct yaml {
    struct arena *arena;
    struct arena *scratch; /* for what is over with the file: ten thousand members must
                              not add up */
    const struct config_table *table;
    const char *file;
    void *settings;
    bool *seen; /* one flag an option */
};

static void drop_document(void *document)
{
    fy_document_destroy(document);
}

static void drop_diag(void *diag)
{
    fy_diag_destroy(diag);
}

/* Put "file:line:column" of a node before the recorded sentence. */
static enum err at_node(const struct yaml *y, struct fy_node *node, struct err_info *why)
{
    struct fy_token *token = fy_node_get_scalar_token(node);
    const struct fy_mark *mark = token != NULL ? fy_token_start_mark(token) : NULL;

    if (mark == NULL)
        return err_prefix(why, "%s", y->file);
    return err_prefix(why, "%s:%d:%d", y->file, mark->line + 1, mark->column + 1);
}

/* Scalar as text in the arena, NULL if it is none or holds a NUL. */
static char *scalar(const struct yaml *y, struct fy_node *node)
{
    size_t len = 0;
    const char *text = fy_node_is_scalar(node) ? fy_node_get_scalar(node, &len) : NULL;

    if (text == NULL || memchr(text, 0, len) != NULL)
        return NULL;
    return arena_string_of(y->arena, span_make(text, len));
}

static enum err read_list(const struct yaml *y, const struct config_option *option,
                          struct fy_node *node, struct err_info *why)
{
    struct config_list *to =
        (struct config_list *)(void *)((char *)y->settings + option->offset);
    int length = fy_node_sequence_item_count(node);
    const char **items =
        arena_array(y->arena, length > 0 ? (size_t)length : 1, sizeof *items);
    struct fy_node *element;
    void *iterator = NULL;
    size_t count = 0;

    while ((element = fy_node_sequence_iterate(node, &iterator)) != NULL) {
        char *text = scalar(y, element);
        if (text == NULL || count == CONFIG_LIST_MAX || count >= (size_t)length)
            return err_set(why, ERR_CONFIG,
                           "%s: every element must be a text, at most %d of them",
                           option->path, CONFIG_LIST_MAX);
        items[count++] = text;
    }
    to->items = items;
    to->count = count;
    return ERR_OK;
}

/* A list of one element; of none if the text is empty. */
static void list_of_one(const struct yaml *y, const struct config_option *option,
                        const char *text)
{
    struct config_list *to =
        (struct config_list *)(void *)((char *)y->settings + option->offset);
    const char **items = arena_array(y->arena, 1, sizeof *items);

    items[0] = text;
    to->items = items;
    to->count = text[0] != '\0';
}

static enum err read_option(const struct yaml *y, const struct config_option *option,
                            struct fy_node *key, struct fy_node *value,
                            struct err_info *why)
{
    bool *seen = &y->seen[option - y->table->options];
    enum err result;

    if (*seen) {
        (void)err_set(why, ERR_CONFIG, "%s is given twice", option->path);
        return at_node(y, key, why);
    }
    *seen = true;
    if (option->kind == CONFIG_LIST && fy_node_is_sequence(value)) {
        result = read_list(y, option, value, why);
    } else {
        const char *text = scalar(y, value);
        if (text == NULL) {
            result = err_set(why, ERR_CONFIG, "%s must be %s", option->path,
                             option->kind == CONFIG_LIST ? "a list" : "a single value");
        } else if (option->kind == CONFIG_LIST) {
            list_of_one(y, option, text);
            result = ERR_OK;
        } else {
            result = config_value_set(y->arena, option, text, y->settings, why);
        }
    }
    if (result == ERR_OK)
        return ERR_OK;
    return at_node(y, fy_node_is_scalar(value) ? value : key, why);
}

static bool is_section(const struct config_table *table, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < table->count; i++)
        if (strncmp(table->options[i].path, name, len) == 0 &&
            table->options[i].path[len] == '.')
            return true;
    return false;
}

static enum err read_mapping(const struct yaml *y, struct fy_node *mapping,
                             const char *section, struct err_info *why);

/* No key twice: libfyaml would look for each among all that came before, which of ten
 * thousand members takes seconds. */
static enum err check_keys(const struct yaml *y, struct fy_node *mapping,
                           const char *section, struct err_info *why)
{
    struct yaml here = *y;
    size_t room = 8;
    struct fy_node_pair *pair;
    void *iterator = NULL;

    while (room < 2 * (size_t)fy_node_mapping_item_count(mapping))
        room *= 2;
    here.arena = y->scratch;
    const char **names = arena_array(y->scratch, room, sizeof *names);
    while ((pair = fy_node_mapping_iterate(mapping, &iterator)) != NULL) {
        const char *name = scalar(&here, fy_node_pair_key(pair));
        if (name == NULL)
            continue; /* who reads it says so */
        size_t i = text_hash(name) & (room - 1);
        while (names[i] != NULL && strcmp(names[i], name) != 0)
            i = (i + 1) & (room - 1);
        if (names[i] != NULL) {
            (void)err_set(why, ERR_CONFIG, "%s%s%s is given twice",
                          section != NULL ? section : "", section != NULL ? "." : "",
                          name);
            return at_node(y, fy_node_pair_key(pair), why);
        }
        names[i] = name;
    }
    return ERR_OK;
}

/* One member: its options stand below its name, or none do. */
static enum err read_member(const struct yaml *y, const struct config_family *family,
                            struct fy_node *key, struct fy_node *value,
                            struct err_info *why)
{
    const char *name = scalar(y, key);
    const char *text = fy_node_is_mapping(value) ? NULL : scalar(y, value);
    struct config_member member = {0};

    if (name == NULL)
        return err_set(why, ERR_CONFIG, "%s: a key must be a text", y->file);
    enum err result = config_value_member(y->arena, y->scratch, family, name, y->settings,
                                          &member, why);
    const char *path = arena_printf(y->scratch, "%s.%s", family->section, name);
    if (result == ERR_OK && !fy_node_is_mapping(value) &&
        (text == NULL || text[0] != '\0'))
        result = err_set(why, ERR_CONFIG,
                         "%s holds options, one a line below it: \"name: value\"", path);
    if (result != ERR_OK)
        return at_node(y, key, why);
    struct yaml below = *y;
    below.table = &member.table;
    below.settings = member.settings;
    below.seen = arena_array(y->scratch, member.table.count, sizeof *below.seen);
    return fy_node_is_mapping(value) ? read_mapping(&below, value, path, why) : ERR_OK;
}

/* All members, in place of those that were there. */
static enum err read_family(const struct yaml *y, const struct config_family *family,
                            struct fy_node *key, struct fy_node *value,
                            struct err_info *why)
{
    struct config_group *group =
        (struct config_group *)(void *)((char *)y->settings + family->offset);
    struct fy_node_pair *pair;
    void *iterator = NULL;

    if (!fy_node_is_mapping(value)) {
        (void)err_set(why, ERR_CONFIG,
                      "%s holds names, one a line below it, and below each its options",
                      family->section);
        return at_node(y, key, why);
    }
    TRY(check_keys(y, value, family->section, why));
    *group = (struct config_group){0};
    while ((pair = fy_node_mapping_iterate(value, &iterator)) != NULL)
        TRY(read_member(y, family, fy_node_pair_key(pair), fy_node_pair_value(pair),
                        why));
    return ERR_OK;
}

/* Options below a name; nothing at all is fine too. */
static enum err read_section(const struct yaml *y, const char *name, struct fy_node *key,
                             struct fy_node *value, struct err_info *why)
{
    const char *text = fy_node_is_mapping(value) ? NULL : scalar(y, value);

    if (fy_node_is_mapping(value))
        return read_mapping(y, value, name, why);
    if (text != NULL && text[0] == '\0')
        return ERR_OK;
    (void)err_set(why, ERR_CONFIG,
                  "%s holds options, one a line below it: \"name: value\"", name);
    return at_node(y, key, why);
}

static enum err refuse_option(const struct yaml *y, struct fy_node *key, const char *path,
                              struct err_info *why)
{
    const char *near = config_value_nearest(y->table, path);

    (void)err_set(why, ERR_CONFIG, "there is no option \"%s\"%s%s%s", path,
                  near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                  near != NULL ? "\"?" : "");
    return at_node(y, key, why);
}

/* The members of a mapping; `section` is NULL for the outermost one. */
static enum err read_mapping(const struct yaml *y, struct fy_node *mapping,
                             const char *section, struct err_info *why)
{
    struct fy_node_pair *pair;
    void *iterator = NULL;

    TRY(check_keys(y, mapping, section, why));
    while ((pair = fy_node_mapping_iterate(mapping, &iterator)) != NULL) {
        struct fy_node *key = fy_node_pair_key(pair);
        struct fy_node *value = fy_node_pair_value(pair);
        const char *name = scalar(y, key);
        if (name == NULL)
            return err_set(why, ERR_CONFIG, "%s: a key must be a text", y->file);
        const char *path =
            section == NULL ? name : arena_printf(y->scratch, "%s.%s", section, name);
        const struct config_option *option = config_value_find(y->table, path);
        const struct config_family *family =
            section == NULL ? config_value_family(y->table, name) : NULL;
        if (option != NULL) {
            TRY(read_option(y, option, key, value, why));
        } else if (family != NULL) {
            TRY(read_family(y, family, key, value, why));
        } else if (section == NULL && is_section(y->table, name)) {
            TRY(read_section(y, name, key, value, why));
        } else {
            return refuse_option(y, key, path, why);
        }
    }
    return ERR_OK;
}

/* What no configuration needs, and what the YAML reader may choke on: control characters
 * and directives. */
static enum err check_text(const char *file, struct span text, struct err_info *why)
{
    int line = 1;

    if (!text_is_utf8(text))
        return err_set(why, ERR_CONFIG, "%s: not valid UTF-8", file);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
            return err_set(why, ERR_CONFIG, "%s:%d: a control character", file, line);
        if (c == '%' && (i == 0 || text.data[i - 1] == '\n' || text.data[i - 1] == '\r'))
            return err_set(why, ERR_CONFIG, "%s:%d: YAML directives are not needed here",
                           file, line);
        line += c == '\n';
    }
    return ERR_OK;
}

/* Is there nothing but comments, blank lines and the marks of a document? libfyaml would
 * call that invalid. */
static bool is_bare(struct span text)
{
    bool comment = false;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool begins = i == 0 || text.data[i - 1] == '\n';
        if (c == '\n')
            comment = false;
        else if (comment || c == ' ' || c == '\t' || c == '\r')
            continue;
        else if (c == '#')
            comment = true;
        else if (begins && text.len - i >= 3 &&
                 (memcmp(text.data + i, "---", 3) == 0 ||
                  memcmp(text.data + i, "...", 3) == 0))
            i += 2;
        else
            return false;
    }
    return true;
}

enum err config_value_document(struct arena *a, const char *file, struct span text,
                               struct fy_node **root, struct err_info *why)
{
    struct fy_diag_cfg diag_cfg;

    TRY(check_text(file, text, why));
    *root = NULL;
    if (is_bare(text))
        return ERR_OK;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    if (diag == NULL)
        return err_set(why, ERR_CONFIG, "%s: the YAML reader cannot start", file);
    (void)arena_own(a, diag, drop_diag);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_DEFAULT_DOC | FYPCF_ALLOW_DUPLICATE_KEYS,
                               .diag = diag};
    struct fy_document *document =
        fy_document_build_from_string(&cfg, (const char *)text.data, text.len);
    if (document == NULL) {
        void *iterator = NULL;
        const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);
        if (error == NULL)
            return err_set(why, ERR_CONFIG, "%s: not valid YAML", file);
        return err_set(why, ERR_CONFIG, "%s:%d:%d: %s", file, error->line, error->column,
                       error->msg);
    }
    (void)arena_own(a, document, drop_document);
    *root = fy_document_root(document);
    return ERR_OK;
}

enum err config_read(struct arena *a, const struct config_table *table, const char *file,
                     struct span text, void *settings, struct err_info *why)
{
    AUTO(arena) struct arena *scratch = arena_new();
    struct yaml y = {.arena = a,
                     .scratch = scratch,
                     .table = table,
                     .file = file,
                     .settings = settings};
    struct fy_node *root = NULL;

    TRY(config_value_document(scratch, file, text, &root, why));
    if (root == NULL)
        return ERR_OK;
    if (!fy_node_is_mapping(root))
        return err_set(why, ERR_CONFIG, "%s: options are written as \"name: value\"",
                       file);
    y.seen = arena_array(scratch, table->count, sizeof *y.seen);
    return read_mapping(&y, root, NULL, why);
}
