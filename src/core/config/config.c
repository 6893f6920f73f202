/* Configuration values: one option table, read from text, written back with comments. */
#include "core/config/config.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/config/config_value.h"

const struct config_option *config_value_find(const struct config_table *table,
                                              const char *path)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->options[i].path, path) == 0)
            return &table->options[i];
    return NULL;
}

static const char *last_of(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot != NULL ? dot + 1 : path;
}

/* How far it is from an option, or a section, that may have been meant; UINT_MAX: that
 * was not. What both paths begin with makes them no more alike. */
static unsigned int distance_of(const char *path, const char *known)
{
    if (!text_resembles(last_of(path), last_of(known)))
        return UINT_MAX;
    unsigned int whole = text_distance(path, known);
    unsigned int last = text_distance(path, last_of(known));
    return whole < last ? whole : last;
}

const char *config_value_nearest(const struct config_table *table, const char *path)
{
    const char *best = NULL;
    unsigned int least = UINT_MAX;

    for (size_t i = 0; i < table->count + table->family_count; i++) {
        const char *known = i < table->count ? table->options[i].path
                                             : table->families[i - table->count].section;
        unsigned int distance = distance_of(path, known);
        if (distance < least) {
            best = known;
            least = distance;
        }
    }
    return best;
}

static enum err bad(const struct config_option *option, const char *text,
                    const char *wanted, struct err_info *why)
{
    return err_set(why, ERR_CONFIG, "%s: \"%.100s\" is not %s", option->path, text,
                   wanted);
}

static enum err set_number(const struct config_option *option, const char *text,
                           int64_t *to, struct err_info *why)
{
    uint64_t number;

    if (!text_number(span_of(text), INT64_MAX, &number))
        return bad(option, text, "a whole number", why);
    if ((int64_t)number < option->least || (int64_t)number > option->most)
        return err_set(why, ERR_CONFIG, "%s: %s is outside %lld to %lld", option->path,
                       text, (long long)option->least, (long long)option->most);
    *to = (int64_t)number;
    return ERR_OK;
}

static void duration_text(char *to, size_t room, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (ms % units[i].ms == 0 && (ms >= units[i].ms || units[i].ms == 1)) {
            (void)snprintf(to, room, "%lld%s", (long long)(ms / units[i].ms),
                           units[i].unit);
            return;
        }
    }
}

static enum err set_duration(const struct config_option *option, const char *text,
                             int64_t *to, struct err_info *why)
{
    int64_t ms;

    if (!text_duration_ms(span_of(text), &ms))
        return bad(option, text, "a duration such as 90d, 36h, 15m, 20s or 250ms", why);
    if (ms < option->least || ms > option->most) {
        char least[32];
        char most[32];
        duration_text(least, sizeof least, option->least);
        duration_text(most, sizeof most, option->most);
        return err_set(why, ERR_CONFIG, "%s: %s is outside %s to %s", option->path, text,
                       least, most);
    }
    *to = ms;
    return ERR_OK;
}

static enum err set_bool(const struct config_option *option, const char *text, bool *to,
                         struct err_info *why)
{
    if (strcmp(text, "true") == 0)
        *to = true;
    else if (strcmp(text, "false") == 0)
        *to = false;
    else
        return bad(option, text, "true or false", why);
    return ERR_OK;
}

/* At least as many as there are, and one. */
static size_t count_items(const char *text)
{
    size_t count = 1;

    for (; *text != '\0'; text++)
        count += *text == ' ' || *text == ',';
    return count;
}

enum err config_value_set(struct arena *a, const struct config_option *option,
                          const char *text, void *settings, struct err_info *why)
{
    void *to = (char *)settings + option->offset;

    switch (option->kind) {
    case CONFIG_TEXT:
        *(const char **)to = arena_string(a, text);
        return ERR_OK;
    case CONFIG_NUMBER:
        return set_number(option, text, to, why);
    case CONFIG_BOOL:
        return set_bool(option, text, to, why);
    case CONFIG_DURATION:
        return set_duration(option, text, to, why);
    case CONFIG_LIST:
        break;
    }
    struct config_list list = {0};
    char *copy = arena_string(a, text);
    const char **items = arena_array(a, count_items(text), sizeof *items);
    char *rest = NULL;
    for (char *item = strtok_r(copy, " ,", &rest); item != NULL;
         item = strtok_r(NULL, " ,", &rest)) {
        if (list.count == CONFIG_LIST_MAX)
            return err_set(why, ERR_CONFIG, "%s: more than %d elements", option->path,
                           CONFIG_LIST_MAX);
        items[list.count++] = item;
    }
    list.items = items;
    *(struct config_list *)to = list;
    return ERR_OK;
}

enum err config_defaults(struct arena *a, const struct config_table *table,
                         void *settings, struct err_info *why)
{
    for (size_t i = 0; i < table->count; i++)
        TRY(config_value_set(a, &table->options[i], table->options[i].fallback, settings,
                             why));
    for (size_t i = 0; i < table->family_count; i++)
        *(struct config_group *)(void *)((char *)settings + table->families[i].offset) =
            (struct config_group){0};
    return ERR_OK;
}

/* The member that a path such as "profiles.NAME.key" speaks of; else all is left as it
 * is.
 */
static enum err find_member(struct arena *a, const char *path,
                            struct config_member *member, struct err_info *why)
{
    const char *dot = strchr(path, '.');
    const char *last = strrchr(path, '.');

    if (dot == NULL)
        return ERR_OK;
    const struct config_family *family = config_value_family(
        &member->table, arena_string_of(a, span_make(path, (size_t)(dot - path))));
    if (family == NULL)
        return ERR_OK;
    if (last == dot)
        return err_set(why, ERR_CONFIG, "%s: write it as %s.NAME.OPTION", path,
                       family->section);
    char *name = arena_string_of(a, span_make(dot + 1, (size_t)(last - dot - 1)));
    return config_value_member(a, a, family, name, member->settings, member, why);
}

enum err config_set(struct arena *a, const struct config_table *table,
                    const char *assignment, void *settings, struct err_info *why)
{
    const char *equals = strchr(assignment, '=');

    if (equals == NULL)
        return err_set(why, ERR_CONFIG, "--set %.100s: write it as OPTION=VALUE",
                       assignment);
    char *path = arena_string_of(a, span_make(assignment, (size_t)(equals - assignment)));
    struct config_member member = {.settings = settings, .table = *table};
    enum err found = find_member(a, path, &member, why);
    if (found != ERR_OK)
        return err_prefix(why, "--set");
    table = &member.table;
    settings = member.settings;
    const struct config_option *option = config_value_find(table, path);
    const char *near = option == NULL ? config_value_nearest(table, path) : NULL;
    if (near != NULL)
        return err_set(why, ERR_CONFIG,
                       "--set %s: there is no such option; did you mean %s?", path, near);
    if (option == NULL)
        return err_set(why, ERR_CONFIG, "--set %s: there is no such option", path);
    enum err result = config_value_set(a, option, equals + 1, settings, why);
    return result == ERR_OK ? ERR_OK : err_prefix(why, "--set");
}

/* ---- writing ---- */

/* A YAML double-quoted scalar; control characters are escaped, or it could not be read
 * again. */
static void write_quoted(struct buf *b, const char *text)
{
    buf_add_octet(b, '"');
    for (; *text != '\0'; text++) {
        uint8_t c = (uint8_t)*text;
        if (c < ' ' || c == 0x7f) {
            buf_printf(b, "\\x%02x", c);
            continue;
        }
        if (c == '"' || c == '\\')
            buf_add_octet(b, '\\');
        buf_add_octet(b, c);
    }
    buf_add_octet(b, '"');
}

static void write_value(struct buf *b, const struct config_option *option,
                        const void *from)
{
    char duration[32];

    switch (option->kind) {
    case CONFIG_TEXT:
        write_quoted(b, *(const char *const *)from);
        break;
    case CONFIG_NUMBER:
        buf_printf(b, "%lld", (long long)*(const int64_t *)from);
        break;
    case CONFIG_BOOL:
        buf_add_text(b, *(const bool *)from ? "true" : "false");
        break;
    case CONFIG_DURATION:
        duration_text(duration, sizeof duration, *(const int64_t *)from);
        buf_add_text(b, duration);
        break;
    case CONFIG_LIST: {
        const struct config_list *list = from;
        buf_add_octet(b, '[');
        for (size_t i = 0; i < list->count; i++) {
            buf_add_text(b, i > 0 ? ", " : "");
            write_quoted(b, list->items[i]);
        }
        buf_add_octet(b, ']');
        break;
    }
    }
}

/* Has the option its default? Both are compared as they would be written. */
static bool is_default(const struct config_option *option, const void *value)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf here = buf_make(CONFIG_FILE_MAX);
    AUTO(buf) struct buf there = buf_make(CONFIG_FILE_MAX);
    union {
        struct config_list list;
        int64_t number;
        const char *text;
        bool flag;
    } fallback = {0};
    struct config_option alone = *option;

    alone.offset = 0;
    if (config_value_set(a, &alone, option->fallback, &fallback, NULL) != ERR_OK)
        return false;
    write_value(&here, option, value);
    write_value(&there, option, &fallback);
    return span_equal(buf_span(&here), buf_span(&there));
}

static void write_family(struct buf *b, const struct config_family *family,
                         const void *settings)
{
    const struct config_group *group =
        (const struct config_group *)(const void *)((const char *)settings +
                                                    family->offset);

    buf_printf(b, "\n# %s\n# Options of each:", family->sentence);
    for (size_t i = 0; i < family->option_count; i++)
        buf_printf(b, " %s%s", family->options[i].path,
                   i + 1 < family->option_count ? "," : ".\n");
    buf_printf(b, "%s%s:\n", group->count == 0 ? "# " : "", family->section);
    for (size_t i = 0; i < group->count; i++) {
        const char *member = group->members[i];
        buf_printf(b, "  %s:\n", *(const char *const *)group->members[i]);
        for (size_t j = 0; j < family->option_count; j++) {
            const struct config_option *option = &family->options[j];
            if (is_default(option, member + option->offset))
                continue;
            buf_printf(b, "    # %s\n    %s: ", option->sentence, option->path);
            write_value(b, option, member + option->offset);
            buf_add_text(b, "\n");
        }
    }
}

void config_write_member(struct buf *b, const struct config_family *family,
                         const void *member)
{
    buf_printf(b, "%s:\n  \"%s\":\n", family->section, *(const char *const *)member);
    for (size_t i = 0; i < family->option_count; i++) {
        const struct config_option *option = &family->options[i];
        const void *value = (const char *)member + option->offset;
        if (is_default(option, value))
            continue;
        buf_printf(b, "    %s: ", option->path);
        write_value(b, option, value);
        buf_add_text(b, "\n");
    }
}

void config_write(struct buf *b, const struct config_table *table, const void *settings)
{
    const char *section = "";
    size_t section_len = 0;

    for (size_t i = 0; i < table->count; i++) {
        const struct config_option *option = &table->options[i];
        const char *dot = strchr(option->path, '.');
        size_t len = dot == NULL ? 0 : (size_t)(dot - option->path);
        if (len != section_len || strncmp(section, option->path, len) != 0) {
            buf_add_text(b, "\n");
            if (len > 0)
                buf_printf(b, "%.*s:\n", (int)len, option->path);
            section = option->path;
            section_len = len;
        }
        const char *indent = len > 0 ? "  " : "";
        buf_printf(b, "%s# %s\n%s%s: ", indent, option->sentence, indent,
                   dot == NULL ? option->path : dot + 1);
        write_value(b, option, (const char *)settings + option->offset);
        buf_add_text(b, "\n");
    }
    for (size_t i = 0; i < table->family_count; i++)
        write_family(b, &table->families[i], settings);
}
