/* Problem documents (RFC 9457, RFC 8555 6.7). The one place where an error becomes one.
 */
#pragma once

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/json/json_write.h"

#define PROBLEM_URN "urn:ietf:params:acme:error:"

/* The HTTP status an error is answered with. */
int problem_status(const struct err_info *why);

/* Append the problem document of an error: type, detail, status; `algorithms` for
 * badSignatureAlgorithm when `algorithms_json` is given (else NULL), instance and
 * subproblems if the error has some. Internal codes are
 * shown as serverInternal with their default sentence: detail stays in the log. */
void problem_write(struct buf *b, const struct err_info *why,
                   const char *algorithms_json);

/* Append a subproblem (RFC 8555 6.7.1) to an array that is being written: what is wrong
 * with one identifier, given as its type and value came. */
void problem_add_subproblem(struct json_writer *w, const struct err_info *why,
                            const char *type, const char *value);

/* The same as NUL-terminated text in the arena, for storing. */
char *problem_text(struct arena *a, const struct err_info *why);

/* The same where HTTP itself asks for another status than the error has (RFC 9457 3.1.2:
 * the document says the status that was used). */
char *problem_text_with_status(struct arena *a, const struct err_info *why, int status);

/* Read a problem document sent by a CA into `why` (code by type, detail, status kept in
 * the sentence); always returns an error code: what the CA said, or ERR_PROTOCOL if it is
 * no problem document. */
enum err problem_read(struct arena *a, int http_status, struct span body,
                      struct err_info *why);
