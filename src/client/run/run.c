/* Asking the runner. */
#include "client/run/run.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/proc/wire.h"
#include "client/run/run_private.h"
#include "core/base/clock.h"
#include "core/base/text.h"

#define ANSWER_MARGIN_US                                                                 \
    30000000                /* beyond a program's timeout: its end takes a while         \
                             */
#define LINE_MAX_OCTETS 300 /* of a line in a sentence */

enum { CODE, TIMED_OUT, OUTPUT, ERRORS, ANSWER_FIELDS };

static enum err read_answer(const struct wire_message *m, struct run_result *result,
                            struct err_info *why)
{
    uint64_t code = 0;

    if (m->type != WIRE_ANSWER)
        return wire_failure(m, why);
    if (m->count != ANSWER_FIELDS || !text_number(m->fields[CODE], 255, &code))
        return err_set(why, ERR_PROTOCOL, "a message between processes is malformed");
    result->code = (int)code;
    result->timed_out = span_is(m->fields[TIMED_OUT], "yes");
    result->output = m->fields[OUTPUT];
    result->errors = m->fields[ERRORS];
    return ERR_OK;
}

static enum err converse(int channel, struct arena *a, const struct run_request *request,
                         struct run_result *result, struct err_info *why)
{
    int64_t timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : RUN_TIMEOUT_MS;
    int64_t end_us = clock_monotonic_us() + timeout_ms * 1000 + ANSWER_MARGIN_US;
    struct wire_message m = {.type = WIRE_RUN, .count = WIRE_FIELDS_MAX};
    struct wire_message answer;

    run_call_write(a, request, m.fields);
    TRY(wire_send(channel, &m, why));
    TRY(wire_receive_until(a, channel, &answer, end_us, why));
    return read_answer(&answer, result, why);
}

/* What goes over the runner's own socket is one small message, so callers need not wait
 * for each other; the rest has a socket of its own, and who closes that ends the
 * program. */
enum err run_program(int runner, struct arena *a, const struct run_request *request,
                     struct run_result *result, struct err_info *why)
{
    const struct wire_message m = {.type = WIRE_RUN};
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set_os(why, ERR_INTERNAL, errno, "cannot make a socket");
    enum err code = wire_send_descriptor(runner, &m, ends[1], why);
    (void)close(ends[1]);
    if (code == ERR_OK)
        code = converse(ends[0], a, request, result, why);
    (void)close(ends[0]);
    return code;
}

const char *run_last_line(struct arena *a, struct span output)
{
    struct span rest = text_trim(output);
    size_t begin = rest.len;

    while (begin > 0 && rest.data[begin - 1] != '\n')
        begin--;
    char *line = arena_string_of(a, text_trim(span_slice(rest, begin, LINE_MAX_OCTETS)));
    text_make_printable(line);
    return line;
}

enum err run_or_fail(int runner, struct arena *a, const struct run_request *request,
                     enum err failure, const char *what, struct run_result *result,
                     struct err_info *why)
{
    struct run_result r = {0};
    const char *called =
        request->called != NULL ? request->called : request->arguments[0];

    enum err code = run_program(runner, a, request, &r, why);
    if (code != ERR_OK)
        return err_prefix(why, "%s", what);
    *result = r;
    if (r.code == 0 && !r.timed_out)
        return ERR_OK;
    const char *line = run_last_line(a, r.errors);
    if (line[0] == '\0')
        line = run_last_line(a, r.output);
    const char *colon = line[0] == '\0' ? "" : ": ";
    if (r.timed_out)
        return err_set(
            why, failure, "%s: %s took longer than %lld s and was ended%s%s", what,
            called,
            (long long)(request->timeout_ms > 0 ? request->timeout_ms : RUN_TIMEOUT_MS) /
                1000,
            colon, line);
    if (r.code > 128)
        return err_set(why, failure, "%s: %s was ended by signal %d%s%s", what, called,
                       r.code - 128, colon, line);
    return err_set(why, failure, "%s: %s ended with exit code %d%s%s", what, called,
                   r.code, colon, line);
}
