/* Configuration values: one option table, read from text, written back with comments. */
#include "core/config/config.h"

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

const char *config_value_nearest(const struct config_table *table, const char *path)
{
    const char *best = NULL;
    unsigned int least = 0;

    for (size_t i = 0; i < table->count; i++) {
        const char *known = table->options[i].path;
        const char *last = strrchr(known, '.');
        unsigned int distance = text_distance(path, known);
        if (last != NULL && text_distance(path, last + 1) < distance)
            distance = text_distance(path, last + 1);
        if (best == NULL || distance < least) {
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
    const char **items = arena_array(a, CONFIG_LIST_MAX, sizeof *items);
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
    return ERR_OK;
}

enum err config_set(struct arena *a, const struct config_table *table,
                    const char *assignment, void *settings, struct err_info *why)
{
    const char *equals = strchr(assignment, '=');

    if (equals == NULL)
        return err_set(why, ERR_CONFIG, "--set %.100s: write it as OPTION=VALUE",
                       assignment);
    char *path = arena_string_of(a, span_make(assignment, (size_t)(equals - assignment)));
    const struct config_option *option = config_value_find(table, path);
    if (option == NULL)
        return err_set(why, ERR_CONFIG,
                       "--set %s: there is no such option; did you mean %s?", path,
                       config_value_nearest(table, path));
    enum err result = config_value_set(a, option, equals + 1, settings, why);
    return result == ERR_OK ? ERR_OK : err_prefix(why, "--set");
}

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
}
