/* Submissions to logs, between the front's messages and checks. */
#include "server/validate/validator_log.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/http/http_fetch.h"
#include "server/validate/validator_main.h"

#define NAME_MAX_LEN 64 /* octets of a log's name, as in messages.def */

/* A submission and the question it answers; one allocation, as checks are dropped by
 * free. */
struct job {
    struct ipc_channel *front;
    uint64_t id;
    uint64_t final;
    char log[NAME_MAX_LEN + 1];
};

static const char *roots_file(struct arena *a, const struct settings *s)
{
    const char *system = http_fetch_system_roots();

    if (s->ct_logs.count == 0)
        return "";
    if (s->ct_ca_file[0] != '\0')
        return settings_path(a, s, s->ct_ca_file);
    return system != NULL ? system : "";
}

enum err validator_log_open(struct arena *a, const struct settings *s,
                            struct validator_log *log, struct err_info *why)
{
    log->settings = s;
    log->roots_file = roots_file(a, s);
    if (log->roots_file[0] == '\0')
        return ERR_OK;
    enum err result =
        file_read(a, log->roots_file, VALIDATOR_LOG_ROOTS_MAX, &log->roots, why);
    if (result == ERR_OK || s->ct_ca_file[0] != '\0')
        return result;
    log_event(LOG_LEVEL_WARNING, "validator.no_roots",
              "why=" LOG_QUOTE " hint=\"logs cannot be verified: set ct.ca_file, or "
              "install ca-certificates\"",
              why->detail);
    return ERR_OK;
}

bool validator_log_reload(struct validator_log *log, struct arena *a,
                          const struct settings *s)
{
    const bool same = strcmp(roots_file(a, s), log->roots_file) == 0;

    arena_free(log->arena);
    log->arena = a;
    log->settings = s;
    return same || s->ct_logs.count == 0;
}

void validator_log_close(struct validator_log *log)
{
    arena_free(log->arena);
    log->arena = NULL;
}

static void answer(const struct job *job, enum err code, const char *detail,
                   struct span timestamp)
{
    const struct message_log_answered m = {.id = job->id,
                                           .log = span_of(job->log),
                                           .final = job->final,
                                           .code = (int64_t)code,
                                           .detail = span_of(detail),
                                           .timestamp = timestamp};
    struct err_info why = {0};

    /* a front that is gone asks again when it is back */
    if (ipc_channel_send_log_answered(job->front, &m, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "validator.timestamp_lost",
                  "id=%llu log=%s why=" LOG_QUOTE, (unsigned long long)job->id, job->log,
                  why.detail);
}

static void on_done(void *argument, const struct validate_verdict *verdict)
{
    struct job *job = argument;

    answer(job, verdict->valid ? ERR_OK : verdict->code, verdict->detail,
           verdict->answer);
    free(job);
}

static const char *url_of(struct arena *a, const struct settings_log *log, bool final)
{
    size_t len = strlen(log->url);

    while (len > 0 && log->url[len - 1] == '/')
        len--;
    return arena_printf(a, "%.*s/ct/v1/add-%schain", (int)len, log->url,
                        final ? "" : "pre-");
}

void validator_log_submit(const struct validator_log *log, struct validator *v,
                          struct ipc_channel *front, const struct message_log_submit *m)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct settings_log *to =
        settings_log(log->settings, arena_string_of(a, m->log));
    struct job *job = memory_get_zeroed(1, sizeof *job);

    job->front = front;
    job->id = m->id;
    job->final = m->final;
    (void)text_copy(job->log, sizeof job->log, arena_string_of(a, m->log));
    if (to == NULL || validate_running(v) >= VALIDATOR_CHECKS_MAX) {
        answer(job, ERR_UNAVAILABLE,
               to == NULL ? "there is no such log" : "the validator has too much to do",
               span_make(NULL, 0));
        free(job);
        return;
    }
    const struct validate_submission submission = {.url = url_of(a, to, m->final != 0),
                                                   .is_static = to->is_static,
                                                   .chain = m->chain,
                                                   .trust = log->roots,
                                                   .timeout_ms =
                                                       log->settings->ct_timeout};
    const struct validate_question question = {.purpose = VALIDATE_SUBMISSION,
                                               .submission = &submission};
    const struct validate_listener listener = {NULL, on_done, job};
    validate_start(v, &question, &listener);
}
