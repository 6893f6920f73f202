/* Between agent.c (the loop), agent_answer.c (what the control socket asks) and
 * agent_show.c (what monitoring sees). */
#pragma once

#include <poll.h>

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
    struct child page;        /* not started without agent.metrics */
    const char *page_address; /* NULL: there is none; owned */
    int64_t page_us;          /* monotonic: when it is to be started again; 0: it runs */
    struct agent_tls *tls;
    struct buf shown; /* of certificates, as the page has it */
    int signals;      /* signalfd */
    int64_t since;    /* seconds */
    int64_t look_us;  /* monotonic: when all certificates are looked at again */
    int64_t drain_us; /* monotonic: when what is under way is interrupted; 0: goes on */
    int64_t end_us;   /* monotonic: when it is killed; 0: not yet */
    bool told_page;   /* that there is something wrong with it */
};

/* Read the settings again; those in force stay if they are wrong. ERR_CONFIG. */
MUST_CHECK enum err agent_reload(struct agent *g, struct err_info *why);

/* Answer a question of the control socket, or note who asks until the answer is there. */
void agent_answer(void *agent, size_t client, const struct json *question);

/* Tell those who waited for a certificate what became of it. */
void agent_answer_waiting(struct agent *g, struct agent_entry *e,
                          const struct work_many_result *r);

/* The page of metrics, if the settings want one. ERR_CONFIG, ERR_NETWORK. */
MUST_CHECK enum err agent_show_begin(struct agent *g, struct err_info *why);
void agent_show_end(struct agent *g);

/* In a worker: close what is the agent's. */
void agent_show_let_go(struct agent *g);

/* Something has become of certificates: keep what is known of all of them, and show it.
 */
void agent_show(struct agent *g);

/* Of certificates nothing has changed. */
void agent_show_again(struct agent *g);

/* What is to be polled, one at most; returns how many. */
size_t agent_show_poll(const struct agent *g, struct pollfd *polled);

/* After a poll: a page that has ended is started again, though not all the time. */
void agent_show_tend(struct agent *g);
