/* Evidence, for people and programs. */
#include "server/admin/admin_evidence.h"

#include <string.h>

#include "core/base/text.h"
#include "core/json/json_copy.h"
#include "server/order/evidence.h"

enum err admin_evidence_id(const char *text, const char *const *places, const char *what,
                           int64_t *id, struct err_info *why)
{
    const char *digits = text;
    uint64_t number = 0;

    for (size_t i = 0; places[i] != NULL; i++) {
        const char *found = strstr(text, places[i]);
        if (found != NULL)
            digits = found + strlen(places[i]);
    }
    size_t len = digits == text ? strlen(text) : strcspn(digits, "/");
    if (!text_number(span_make(digits, len), INT64_MAX, &number) || number == 0)
        return err_set(why, ERR_USAGE, "\"%.200s\" is neither %s", text, what);
    *id = (int64_t)number;
    return ERR_OK;
}

void admin_evidence_time(struct json_writer *w, const char *name, int64_t seconds)
{
    if (seconds != 0)
        json_write_time(w, name, seconds);
    else
        json_write_text(w, name, NULL);
}

/* Each member is always there: a list is a table. */
static void write_perspective(struct json_writer *w, const struct json *document,
                              size_t i)
{
    static const char *const members[] = {"region", "verdict", "begun",
                                          "ended",  "away",    "problem"};
    const struct json *p = json_element(json_member(document, "perspectives"), i);
    const char *name = evidence_name(document, i);

    json_write_begin_object(w, NULL);
    json_write_text(w, "name", name != NULL ? name : EVIDENCE_LOCAL);
    for (size_t m = 0; m < sizeof members / sizeof members[0]; m++)
        json_copy_value(w, members[m], json_member(p, members[m]));
    if (json_member(p, "cut") != NULL || json_member(p, "unreadable") != NULL)
        json_write_bool(w, "incomplete", true);
    json_copy_value(w, "steps", evidence_steps(document, i));
    json_write_end_object(w);
}

enum err admin_evidence_write(const struct admin_call *call, const char *record,
                              struct err_info *why)
{
    struct json_writer *w = call->result;
    const struct json *document = NULL;

    TRY(evidence_read(call->arena, record, &document, why));
    if (json_member(document, "quorum") != NULL)
        json_copy_value(w, "quorum", json_member(document, "quorum"));
    json_write_begin_array(w, "perspectives");
    for (size_t i = 0; i < evidence_count(document); i++)
        write_perspective(w, document, i);
    json_write_end_array(w);
    return ERR_OK;
}
