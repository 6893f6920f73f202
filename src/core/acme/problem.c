/* Problem documents: the one place where an error becomes one. */
#include "core/acme/problem.h"

#include <string.h>

#include "core/base/text.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

#define PROBLEM_MAX (64 * 1024) /* octets of one document, with its subproblems */

/* Type and detail. */
static void write_what(struct json_writer *w, const struct err_info *why)
{
    const char *type = err_acme_type(why->code);
    bool internal = type == NULL;
    char urn[128];

    (void)text_copy(urn, sizeof urn, PROBLEM_URN);
    (void)text_copy(urn + strlen(urn), sizeof urn - strlen(urn),
                    internal ? "serverInternal" : type);
    json_write_text(w, "type", urn);
    json_write_text(w, "detail",
                    internal                 ? err_sentence(ERR_SERVER_INTERNAL)
                    : why->detail[0] != '\0' ? why->detail
                                             : err_sentence(why->code));
}

void problem_add_subproblem(struct json_writer *w, const struct err_info *why,
                            const char *type, const char *value)
{
    json_write_begin_object(w, NULL);
    write_what(w, why);
    json_write_begin_object(w, "identifier");
    json_write_text(w, "type", type);
    json_write_text(w, "value", value);
    json_write_end_object(w);
    json_write_end_object(w);
}

static void write_document(struct buf *b, const struct err_info *why, int status,
                           const char *algorithms_json)
{
    struct json_writer w = json_writer_make(b);

    json_write_begin_object(&w, NULL);
    write_what(&w, why);
    json_write_number(&w, "status", status);
    if (why->instance != NULL)
        json_write_text(&w, "instance", why->instance);
    if (algorithms_json != NULL && why->code == ERR_BAD_SIGNATURE_ALGORITHM)
        json_write_raw(&w, "algorithms", span_of(algorithms_json));
    if (why->subproblems != NULL)
        json_write_raw(&w, "subproblems", span_of(why->subproblems));
    json_write_end_object(&w);
}

int problem_status(const struct err_info *why)
{
    return why->http_status != 0 ? why->http_status : err_http_status(why->code);
}

void problem_write(struct buf *b, const struct err_info *why, const char *algorithms_json)
{
    write_document(b, why, problem_status(why), algorithms_json);
}

char *problem_text(struct arena *a, const struct err_info *why)
{
    return problem_text_with_status(a, why, problem_status(why));
}

char *problem_text_with_status(struct arena *a, const struct err_info *why, int status)
{
    AUTO(buf) struct buf b = buf_make(PROBLEM_MAX);

    write_document(&b, why, status, NULL);
    return arena_string_of(a, buf_span(&b));
}

/* What each subproblem says (RFC 8555 6.7.1): "; NAME: detail" for every one that does
 * not only say again what the whole says. */
static char *subproblems(struct arena *a, const struct json *document, const char *whole)
{
    AUTO(buf) struct buf b = buf_make(ERR_DETAIL_MAX);
    const struct json *list = json_member(document, "subproblems");

    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *sub = json_element(list, i);
        const char *name =
            json_text(json_member(json_member(sub, "identifier"), "value"));
        const char *detail = json_text(json_member(sub, "detail"));
        if (detail != NULL && whole != NULL && strcmp(detail, whole) == 0)
            continue;
        buf_printf(&b, "; %s: %s", name != NULL ? name : "the order",
                   detail != NULL ? detail : "no detail given");
    }
    return arena_string_of(a, buf_span(&b));
}

/* Which algorithms a CA takes that does not take ours (RFC 8555 6.2), and where a person
 * finds more (RFC 9457 3.1.5: userActionRequired says what is to be done there). */
static char *what_helps(struct arena *a, const struct json *document, enum err code)
{
    AUTO(buf) struct buf b = buf_make(ERR_DETAIL_MAX);
    const struct json *list = json_member(document, "algorithms");
    const char *instance = json_text(json_member(document, "instance"));
    size_t said = 0;

    for (size_t i = 0; code == ERR_BAD_SIGNATURE_ALGORITHM && i < json_count(list); i++) {
        const char *name = json_text(json_element(list, i));
        if (name != NULL)
            buf_printf(&b, "%s%.20s", said++ == 0 ? "; it takes " : ", ", name);
    }
    if (instance != NULL &&
        (strncmp(instance, "https://", 8) == 0 || strncmp(instance, "http://", 7) == 0))
        buf_printf(&b, "; see %s", instance);
    return arena_string_of(a, buf_span(&b));
}

enum err problem_read(struct arena *a, int http_status, struct span body,
                      struct err_info *why)
{
    const struct json *document;
    struct err_info ignored = {0};

    if (json_read(a, body, &document, &ignored) != ERR_OK || !json_is_object(document))
        return err_set(why, ERR_PROTOCOL, "the CA answered %d without a problem document",
                       http_status);
    const char *type = json_text(json_member(document, "type"));
    const char *detail = json_text(json_member(document, "detail"));
    enum err code = ERR_REFUSED;
    if (type != NULL && strncmp(type, PROBLEM_URN, strlen(PROBLEM_URN)) == 0) {
        type += strlen(PROBLEM_URN);
        code = err_from_acme_type(type, strlen(type));
    }
    return err_set(why, code, "%s (%s, HTTP %d)%s%s",
                   detail != NULL ? detail : "no detail given",
                   type != NULL ? type : "no type", http_status,
                   what_helps(a, document, code), subproblems(a, document, detail));
}
