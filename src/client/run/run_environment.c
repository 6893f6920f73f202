/* Files with credentials. */
#include <ctype.h>
#include <string.h>

#include "client/run/run.h"
#include "core/base/secret_file.h"
#include "core/base/text.h"

#define FILE_MAX 65536 /* octets */

static bool is_variable(struct span name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!isalpha(name.data[i]) && name.data[i] != '_' &&
            (i == 0 || !isdigit(name.data[i])))
            return false;
    return name.len > 0;
}

static struct span without_export(struct span line)
{
    if (line.len > 7 && memcmp(line.data, "export", 6) == 0 &&
        (line.data[6] == ' ' || line.data[6] == '\t'))
        return text_trim(span_slice(line, 7, SIZE_MAX));
    return line;
}

static struct span without_quotes(struct span value)
{
    if (value.len >= 2 && (value.data[0] == '"' || value.data[0] == '\'') &&
        value.data[value.len - 1] == value.data[0])
        return span_slice(value, 1, value.len - 2);
    return value;
}

/* `*variable` is NULL for a line that says nothing. The value is not told in an error. */
static enum err read_line(struct arena *a, struct span line, const char **variable,
                          struct err_info *why)
{
    *variable = NULL;
    line = text_trim(line);
    if (line.len == 0 || line.data[0] == '#')
        return ERR_OK;
    line = without_export(line);
    const uint8_t *equals = memchr(line.data, '=', line.len);
    size_t len = equals != NULL ? (size_t)(equals - line.data) : 0;
    if (!is_variable(span_slice(line, 0, len)) ||
        memchr(line.data, '\0', line.len) != NULL)
        return err_set(why, ERR_CONFIG, "it is not NAME=VALUE");
    struct span value = without_quotes(text_trim(span_slice(line, len + 1, SIZE_MAX)));
    *variable = arena_printf(a, "%.*s=%.*s", (int)len, (const char *)line.data,
                             (int)value.len, (const char *)value.data);
    return ERR_OK;
}

enum err run_read_environment(struct arena *a, const char *what, const char *file,
                              const char *const **environment, struct err_info *why)
{
    const char **made = arena_array(a, RUN_ENVIRONMENT_MAX + 1, sizeof *made);
    struct span text = span_of("");
    size_t count = 0;

    TRY(secret_file_read(a, what, file, FILE_MAX, &text, why));
    for (size_t at = 0, number = 1; at < text.len; number++) {
        const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
        size_t len = end != NULL ? (size_t)(end - text.data) - at : text.len - at;
        const char *variable = NULL;
        if (read_line(a, span_slice(text, at, len), &variable, why) != ERR_OK)
            return err_prefix(why, "%s: %s, line %zu", what, file, number);
        if (variable != NULL && count == RUN_ENVIRONMENT_MAX)
            return err_set(why, ERR_CONFIG, "%s: %s has more than %d variables", what,
                           file, RUN_ENVIRONMENT_MAX);
        if (variable != NULL)
            made[count++] = variable;
        at += len + 1;
    }
    *environment = made;
    return ERR_OK;
}
