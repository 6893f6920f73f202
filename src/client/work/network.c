/* The process that talks to CAs. */
#include "client/work/network.h"

#include <stdlib.h>
#include <string.h>

#include "client/deploy/deploy_check.h"
#include "client/flow/flow_directory.h"
#include "client/flow/flow_enrol.h"
#include "client/flow/flow_job.h"
#include "client/flow/flow_renewal_info.h"
#include "client/proc/wire.h"
#include "client/work/steps.h"

#define ANSWER_MAX   4096 /* octets of an answer about renewals */
#define JOB_FIELDS   2
#define INFO_FIELDS  3
#define ENROL_FIELDS 4

static const char *text_or_null(struct span field)
{
    return field.len > 0 ? (const char *)field.data : NULL;
}

static enum err do_job(struct arena *a, const struct wire_message *m, int fd,
                       struct span *answer, struct err_info *why)
{
    const struct keeper keeper = {fd};
    struct flow_options options = {0};

    if (m->type != WIRE_JOB || m->count != JOB_FIELDS)
        return err_set(why, ERR_PROTOCOL, "that is no job");
    TRY(flow_options_read(a, m->fields[0], &options, why));
    options.session.roots = m->fields[1];
    const struct report report = {.tell = steps_tell, .context = &fd};
    return flow_job(&options, &keeper, &report, a, answer, why);
}

static enum err do_enrolment(struct arena *a, const struct wire_message *m, int fd,
                             struct span *pem, struct err_info *why)
{
    const struct keeper keeper = {fd};

    if (m->count != ENROL_FIELDS)
        return err_set(why, ERR_PROTOCOL, "that is no job");
    const struct report report = {.tell = steps_tell, .context = &fd};
    const struct flow_enrol_options options = {.ca = (const char *)m->fields[0].data,
                                               .roots = m->fields[1],
                                               .attestation_ca =
                                                   text_or_null(m->fields[2]),
                                               .request = m->fields[3]};
    return flow_enrol(&options, &keeper, &report, a, pem, why);
}

/* Several questions about certificates of one CA in a row keep its connection. */
static enum err do_question(struct arena *a, const struct wire_message *m,
                            struct flow_renewal_asker *asker, struct span *text,
                            struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(ANSWER_MAX);
    const struct report report = {.quiet = true};
    struct flow_renewal_info info = {0};

    if (m->count != INFO_FIELDS)
        return err_set(why, ERR_PROTOCOL, "that is no job");
    TRY(flow_renewal_info_ask(asker, (const char *)m->fields[0].data, m->fields[1],
                              (const char *)m->fields[2].data, &report, a, &info, why));
    flow_renewal_info_write(&b, &info);
    *text = arena_span(a, buf_span(&b));
    return ERR_OK;
}

/* A job ends with FINISH; to see a server is a call. */
static enum err do_one(struct arena *a, const struct wire_message *m, int fd,
                       struct flow_renewal_asker *asker, struct wire_message *back,
                       struct err_info *why)
{
    *back = (struct wire_message){WIRE_FINISH, {span_of("")}, 1};
    switch (m->type) {
    case WIRE_SEE:
        back->type = WIRE_ANSWER;
        return deploy_check_serve(a, m, &back->fields[0], why);
    case WIRE_DIRECTORY:
        back->type = WIRE_ANSWER;
        return flow_directory_serve(a, m, back, why);
    case WIRE_RENEWAL_INFO:
        return do_question(a, m, asker, &back->fields[0], why);
    case WIRE_ENROL:
        return do_enrolment(a, m, fd, &back->fields[0], why);
    default:
        return do_job(a, m, fd, &back->fields[0], why);
    }
}

int network_run(int fd)
{
    struct flow_renewal_asker asker = {0};

    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message m;
        struct err_info why = {0};
        struct wire_message back;

        if (wire_receive(a, fd, &m, NULL, &why) != ERR_OK)
            return EXIT_SUCCESS; /* no more work */
        enum err result = do_one(a, &m, fd, &asker, &back, &why);
        if ((result == ERR_OK ? wire_send(fd, &back, &why)
                              : wire_send_failure(fd, &why, &why)) != ERR_OK)
            return EXIT_FAILURE;
    }
}
