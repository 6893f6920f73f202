/* What is to be run, as it travels. */
#include <string.h>

#include "client/run/run_private.h"
#include "core/base/text.h"

#define TIMEOUT_MAX_MS (24LL * 3600 * 1000)

enum { ARGUMENTS, ENVIRONMENT, FOLDER, USER, RIGHTS, TIMEOUT, INPUT, READABLE, FIELDS };

/* Each text with its NUL. */
static struct span list_write(struct arena *a, const char *const *list)
{
    size_t len = 0;

    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        len += strlen(list[i]) + 1;
    char *made = arena_get(a, len + 1);
    char *at = made;
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        size_t one = strlen(list[i]) + 1;
        memcpy(at, list[i], one);
        at += one;
    }
    return span_make(made, len);
}

static enum err list_read(struct arena *a, struct span field, size_t max,
                          const char *const **list, struct err_info *why)
{
    const char **made = NULL;
    size_t count = 0;

    if (field.len > 0 && field.data[field.len - 1] != '\0')
        return err_set(why, ERR_PROTOCOL, "a message between processes is malformed");
    for (size_t i = 0; i < field.len; i++)
        count += field.data[i] == '\0' ? 1 : 0;
    if (count > max)
        return err_set(why, ERR_CONFIG,
                       "a program is given more than %zu arguments or variables", max);
    made = arena_array(a, count + 1, sizeof *made);
    const char *at = (const char *)field.data;
    for (size_t i = 0; i < count; i++) {
        made[i] = at;
        at += strlen(at) + 1;
    }
    *list = made;
    return ERR_OK;
}

void run_call_write(struct arena *a, const struct run_request *r, struct span fields[8])
{
    fields[ARGUMENTS] = list_write(a, r->arguments);
    fields[ENVIRONMENT] = list_write(a, r->environment);
    fields[FOLDER] = span_of(r->folder != NULL ? r->folder : "");
    fields[USER] = span_of(r->user != NULL ? r->user : "");
    fields[RIGHTS] = span_of(r->rights == RUN_CONFINED ? "confined" : "ours");
    fields[TIMEOUT] = span_of(arena_printf(
        a, "%lld", (long long)(r->timeout_ms > 0 ? r->timeout_ms : RUN_TIMEOUT_MS)));
    fields[INPUT] = r->input;
    fields[READABLE] = list_write(a, r->readable);
}

enum err run_call_read(struct arena *a, const struct span fields[8],
                       struct run_request *r, struct err_info *why)
{
    struct run_request read = {.input = fields[INPUT]};
    uint64_t timeout_ms = 0;

    TRY(list_read(a, fields[ARGUMENTS], RUN_ARGUMENTS_MAX, &read.arguments, why));
    TRY(list_read(a, fields[ENVIRONMENT], RUN_ENVIRONMENT_MAX, &read.environment, why));
    TRY(list_read(a, fields[READABLE], RUN_ARGUMENTS_MAX, &read.readable, why));
    if (!text_number(fields[TIMEOUT], TIMEOUT_MAX_MS, &timeout_ms) ||
        read.arguments[0] == NULL)
        return err_set(why, ERR_PROTOCOL, "a message between processes is malformed");
    read.timeout_ms = (int64_t)timeout_ms;
    read.folder = fields[FOLDER].len > 0 ? (const char *)fields[FOLDER].data : NULL;
    read.user = fields[USER].len > 0 ? (const char *)fields[USER].data : "nobody";
    /* whatever else it says: the fewer rights */
    read.rights = span_is(fields[RIGHTS], "ours") ? RUN_AS_WE_ARE : RUN_CONFINED;
    *r = read;
    return ERR_OK;
}
