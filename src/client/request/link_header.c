/* Link headers (RFC 8288 3). */
#include "client/request/link_header.h"

#include <string.h>
#include <strings.h>

#include "core/base/text.h"
#include "core/http/url.h"

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t");
}

/* The end of a token or quoted text. */
static const char *skip_value(const char *at)
{
    if (*at != '"')
        return at + strcspn(at, ";, \t");
    for (at++; *at != '"' && *at != '\0'; at++)
        if (*at == '\\' && at[1] != '\0')
            at++;
    return *at == '"' ? at + 1 : at;
}

/* Is the word one of the relations, perhaps in quotes? */
static bool has_relation(struct span value, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i + len <= value.len; i++) {
        bool begins = i == 0 || strchr("\" \t", value.data[i - 1]) != NULL;
        bool ends = i + len == value.len || strchr("\" \t", value.data[i + len]) != NULL;
        if (begins && ends &&
            text_equal_ignoring_case(span_slice(value, i, len), span_of(word)))
            return true;
    }
    return false;
}

/* One link at `*at`, which moves behind it: its target, and whether it is related so. */
static bool next_link(const char **at, const char *relation, struct span *target,
                      bool *related)
{
    const char *p = *at + strspn(*at, " \t,");
    const char *end = *p == '<' ? strchr(p, '>') : NULL;

    if (end == NULL)
        return false;
    *target = span_make(p + 1, (size_t)(end - p - 1));
    bool decided = false; /* of several rel parameters the first counts */
    *related = false;
    for (p = skip_space(end + 1); *p == ';'; p = skip_space(p)) {
        p = skip_space(p + 1);
        const char *name = p;
        p += strcspn(p, "=;, \t");
        bool is_rel = p - name == 3 && strncasecmp(name, "rel", 3) == 0;
        p = skip_space(p);
        if (*p != '=')
            continue;
        const char *value = skip_space(p + 1);
        p = skip_value(value);
        if (is_rel && !decided)
            *related = has_relation(span_make(value, (size_t)(p - value)), relation);
        decided = decided || is_rel;
    }
    *at = p;
    return *p == ',' || *p == '\0';
}

size_t link_header_urls(struct arena *a, const char *base, const char *const *links,
                        size_t count, const char *relation, const char **urls)
{
    struct url from = {0};
    struct err_info ignored = {0};
    size_t found = 0;

    if (url_parse(a, span_of(base), &from, &ignored) != ERR_OK)
        return 0;
    for (size_t i = 0; i < count; i++) {
        const char *at = links[i];
        struct span target = {0};
        bool related = false;
        while (found < LINK_HEADER_URLS_MAX &&
               next_link(&at, relation, &target, &related)) {
            struct url u = {0};
            if (related && target.len <= URL_MAX &&
                url_join(a, &from, target, &u, &ignored) == ERR_OK)
                urls[found++] = url_text(a, &u);
        }
    }
    return found;
}
