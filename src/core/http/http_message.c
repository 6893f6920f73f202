/* Methods, reason phrases, header lists. */
#include "core/http/http_message.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum http_method http_message_method(struct span text)
{
    static const char *const names[] = {
#define HTTP_METHOD(name) #name,
#include "core/http/http_method.def"
#undef HTTP_METHOD
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (span_is(text, names[i]))
            return (enum http_method)i;
    return HTTP_OTHER;
}

const char *http_message_reason(int status)
{
    switch (status) {
#define HTTP_STATUS(number, phrase)                                                      \
    case number:                                                                         \
        return phrase;
#include "core/http/http_status.def"
#undef HTTP_STATUS
    default:
        return "";
    }
}

const char *http_message_find(const struct http_header *headers, size_t count,
                              const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(headers[i].name, name) == 0)
            return headers[i].value;
    return NULL;
}

size_t http_message_count(const struct http_header *headers, size_t count,
                          const char *name)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        found += strcasecmp(headers[i].name, name) == 0;
    return found;
}

void http_reply_header(struct http_reply *r, const char *name, const char *value)
{
    if (r->header_count == HTTP_REPLY_HEADERS_MAX || strpbrk(name, "\r\n: ") != NULL ||
        strpbrk(value, "\r\n") != NULL)
        abort();
    r->headers[r->header_count].name = name;
    r->headers[r->header_count].value = value;
    r->header_count++;
}
