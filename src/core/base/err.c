/* Typed errors: codes, texts and the sentence that travels with them. */
#include "core/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

struct error_row {
    const char *name;
    const char *acme_type;
    const char *sentence;
    int status;
    enum err_retry retry;
};

static const struct error_row error_rows[ERR_COUNT] = {
    [ERR_OK] = {"OK", NULL, "no error", 200, ERR_RETRY_NEVER},
#define ERROR(name, status, acme_type, retry, sentence)                                  \
    [ERR_##name] = {#name, acme_type, sentence, status, retry},
#include "core/base/errors.def"
#undef ERROR
};

static const struct error_row *error_row(enum err code)
{
    unsigned int index = (unsigned int)code;
    return &error_rows[index < ERR_COUNT ? index : ERR_INTERNAL];
}

/* By way of a copy: the arguments may be the sentence that was there before. */
__attribute__((format(printf, 2, 0))) static void
set_text(struct err_info *why, const char *format, va_list arguments)
{
    char text[ERR_DETAIL_MAX];

    (void)vsnprintf(text, sizeof text, format, arguments);
    text_make_printable(text);
    (void)text_copy(why->detail, sizeof why->detail, text);
}

enum err err_set(struct err_info *why, enum err code, const char *format, ...)
{
    va_list arguments;

    if (why == NULL)
        return code;
    why->code = code;
    why->os_error = 0;
    why->http_status = 0;
    why->retry_after_seconds = 0;
    why->instance = NULL;
    why->subproblems = NULL;
    va_start(arguments, format);
    set_text(why, format, arguments);
    va_end(arguments);
    return code;
}

enum err err_set_os(struct err_info *why, enum err code, int os_error, const char *format,
                    ...)
{
    va_list arguments;
    size_t used;

    if (why == NULL)
        return code;
    why->code = code;
    why->os_error = os_error;
    why->http_status = 0;
    why->retry_after_seconds = 0;
    why->instance = NULL;
    why->subproblems = NULL;
    va_start(arguments, format);
    set_text(why, format, arguments);
    va_end(arguments);
    used = strlen(why->detail);
    char text[128];
    (void)snprintf(why->detail + used, sizeof why->detail - used, ": %s",
                   strerror_r(os_error, text, sizeof text));
    return code;
}

enum err err_prefix(struct err_info *why, const char *format, ...)
{
    char before[ERR_DETAIL_MAX];
    char after[ERR_DETAIL_MAX];
    va_list arguments;

    if (why == NULL)
        return ERR_INTERNAL;
    va_start(arguments, format);
    (void)vsnprintf(before, sizeof before, format, arguments);
    va_end(arguments);
    memcpy(after, why->detail, sizeof after);
    size_t used = strnlen(before, sizeof why->detail - 3);
    memcpy(why->detail, before, used);
    (void)snprintf(why->detail + used, sizeof why->detail - used, ": %s", after);
    text_make_printable(why->detail);
    return why->code;
}

int err_http_status(enum err code)
{
    return error_row(code)->status;
}

const char *err_acme_type(enum err code)
{
    return error_row(code)->acme_type;
}

enum err_retry err_retry(enum err code)
{
    return error_row(code)->retry;
}

const char *err_sentence(enum err code)
{
    return error_row(code)->sentence;
}

const char *err_name(enum err code)
{
    return error_row(code)->name;
}

enum err err_from_acme_type(const char *type, size_t length)
{
    for (unsigned int code = 1; code < ERR_COUNT; code++) {
        const char *known = error_rows[code].acme_type;
        if (known != NULL && strlen(known) == length && memcmp(known, type, length) == 0)
            return (enum err)code;
    }
    return ERR_REFUSED;
}
