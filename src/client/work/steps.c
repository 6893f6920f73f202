/* Steps from one process to the other. */
#include "client/work/steps.h"

void steps_tell(void *context, const char *verb, const char *line)
{
    const int *fd = context;
    const struct wire_message m = {WIRE_STEP, {span_of(verb), span_of(line)}, 2};
    struct err_info ignored = {0};

    (void)(wire_send(*fd, &m, &ignored) == ERR_OK); /* what follows fails, too */
}

bool steps_take(const struct report *report, const struct wire_message *m)
{
    if (m->type != WIRE_STEP || m->count != 2)
        return false;
    report_take(report, (const char *)m->fields[0].data, (const char *)m->fields[1].data);
    return true;
}
