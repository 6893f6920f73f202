/* The request of a command, and its answer: one JSON object each.
 *
 *     {"command": "account show", "arguments": {"id": 17}}
 *     {"result": {...}}   or   {"error": {"code": "NOT_FOUND", "detail": "..."}}
 */
#pragma once

#include "core/base/buf.h"
#include "server/admin/admin.h"

/* What every answer with a result begins with; the result ends before the last octet. */
#define ADMIN_REQUEST_RESULT "{\"result\":"

/* Read a request and check its arguments against the table: sets command, arguments and
 * `now` of the call, in its arena. ERR_MALFORMED if it is no request; ERR_USAGE if the
 * command or an argument is unknown, missing, or out of bounds. */
MUST_CHECK enum err admin_request_read(struct admin_call *call, struct span request,
                                       struct err_info *why);

/* Read a request and run it: append the answer, which is never empty. Everything it says
 * is on disk. `call` has arena, settings, session and services; its `command` stays NULL
 * if the request is not acceptable. Returns what the answer says. */
enum err admin_request_run(struct admin_call *call, struct store *store,
                           struct span request, struct buf *answer);

/* Append the answer that says why something failed. */
void admin_request_error(struct buf *answer, enum err code, const struct err_info *why);

/* Read an answer. Its failure is returned as it was; ERR_PROTOCOL if it is no answer.
 * `value` is the result, `text` its JSON, a part of `answer`. */
MUST_CHECK enum err admin_request_answer(struct arena *a, struct span answer,
                                         const struct json **value, struct span *text,
                                         struct err_info *why);

/* Seconds since 1970 of a TIME argument: RFC 3339, or a duration from `now`. False if it
 * is neither. */
bool admin_request_time(const char *text, int64_t now, int64_t *seconds);

/* The same of a PAST argument: RFC 3339, or a duration before `now`. */
bool admin_request_past(const char *text, int64_t now, int64_t *seconds);
