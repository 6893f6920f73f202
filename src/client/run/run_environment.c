/* Files with credentials. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/run/run.h"
#include "core/base/text.h"

#define FILE_MAX   65536 /* octets */
#define CREDENTIAL "credential:"

/* Where it is: a path, or a name below the folder that systemd made (LoadCredential=). */
static enum err path_of(struct arena *a, const char *file, const char **path,
                        struct err_info *why)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");

    *path = file;
    if (strncmp(file, CREDENTIAL, strlen(CREDENTIAL)) != 0)
        return ERR_OK;
    const char *name = file + strlen(CREDENTIAL);
    if (folder == NULL)
        return err_set(
            why, ERR_CONFIG,
            "%s: systemd handed no credentials over; add LoadCredential=%s:FILE "
            "to the unit",
            file, name);
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
        return err_set(why, ERR_CONFIG, "%s: that is not the name of a credential", file);
    *path = arena_printf(a, "%s/%s", folder, name);
    return ERR_OK;
}

static enum err read_private(struct arena *a, const char *path, struct span *text,
                             struct err_info *why)
{
    struct stat about = {0};
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (opened < 0)
        return err_set_os(why, ERR_CONFIG, errno, "cannot read %s", path);
    bool is_file = fstat(opened, &about) == 0 && S_ISREG(about.st_mode);
    char *content = arena_get(a, FILE_MAX + 1);
    ssize_t got = is_file ? pread(opened, content, FILE_MAX + 1, 0) : 0;
    (void)close(opened);
    if (!is_file)
        return err_set(why, ERR_CONFIG, "%s is no file", path);
    if ((about.st_mode & 0077) != 0)
        return err_set(why, ERR_CONFIG, "%s can be read by others; give it mode 0600",
                       path);
    if (got < 0 || got > FILE_MAX)
        return err_set(why, ERR_CONFIG, "%s cannot be read, or is larger than %d octets",
                       path, FILE_MAX);
    *text = span_make(content, (size_t)got);
    return ERR_OK;
}

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

enum err run_read_environment(struct arena *a, const char *file,
                              const char *const **environment, struct err_info *why)
{
    const char **made = arena_array(a, RUN_ENVIRONMENT_MAX + 1, sizeof *made);
    const char *path = NULL;
    struct span text = span_of("");
    size_t count = 0;

    TRY(path_of(a, file, &path, why));
    TRY(read_private(a, path, &text, why));
    for (size_t at = 0, number = 1; at < text.len; number++) {
        const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
        size_t len = end != NULL ? (size_t)(end - text.data) - at : text.len - at;
        const char *variable = NULL;
        if (read_line(a, span_slice(text, at, len), &variable, why) != ERR_OK)
            return err_prefix(why, "%s, line %zu", path, number);
        if (variable != NULL && count == RUN_ENVIRONMENT_MAX)
            return err_set(why, ERR_CONFIG, "%s has more than %d variables", path,
                           RUN_ENVIRONMENT_MAX);
        if (variable != NULL)
            made[count++] = variable;
        at += len + 1;
    }
    *environment = made;
    return ERR_OK;
}
