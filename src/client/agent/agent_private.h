/* Between agent.c (the loop) and agent_answer.c (what the control socket asks). */
#pragma once

#include "client/agent/agent.h"
#include "client/agent/agent_control.h"
#include "client/agent/agent_table.h"
#include "client/agent/agent_tls.h"
#include "client/proc/child.h"
#include "client/work/work_many.h"
#include "client/work/worker_pool.h"

struct agent {
    const struct agent_options *options;
    const char *config;    /* the file that is read */
    const char *directory; /* state folder */
    struct arena *arena;   /* of the settings in force */
    struct settings *settings;
    int64_t config_changed;           /* when the file was, as it was read */
    struct work_many_context context; /* of the workers */
    struct worker_pool *pool;
    struct agent_table table;
    struct agent_control *control;
    struct child page; /* not started without agent.metrics */
    struct agent_tls *tls;
    struct buf shown; /* of certificates, as the page has it */
    int signals;      /* signalfd */
    int64_t since;    /* seconds */
    int64_t look_us;  /* monotonic: when all certificates are looked at again */
    int64_t drain_us; /* monotonic: when what is under way is interrupted; 0: goes on */
    int64_t end_us;   /* monotonic: when it is killed; 0: not yet */
    bool told_page_end;
};

/* Read the settings again; those in force stay if they are wrong. ERR_CONFIG. */
MUST_CHECK enum err agent_reload(struct agent *g, struct err_info *why);

/* Answer a question of the control socket, or note who asks until the answer is there. */
void agent_answer(void *agent, size_t client, const struct json *question);

/* Tell those who waited for a certificate what became of it. */
void agent_answer_waiting(struct agent *g, struct agent_entry *e,
                          const struct work_many_result *r);
