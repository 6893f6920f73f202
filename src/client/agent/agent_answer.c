/* What the control socket asks: {"command":"status"}, {"command":"renew","name":NAME},
 * {"command":"reload"}, {"command":"answer","port":PORT} (agent_tls_askers.c has what
 * follows). */
#include <string.h>
#include <unistd.h>

#include "client/agent/agent_private.h"
#include "client/deploy/deploy.h"
#include "client/renewal/renewal_when.h"
#include "client/work/work_look.h"
#include "core/base/clock.h"
#include "core/json/json_write.h"

static void answer(struct agent *g, size_t client, struct buf *b)
{
    buf_add_octet(b, '\n');
    agent_control_answer(g->control, client, buf_span(b));
}

static void refuse(struct agent *g, size_t client, enum err code, const char *detail)
{
    AUTO(buf) struct buf b = buf_make(AGENT_CONTROL_ANSWER_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "error", err_name(code));
    json_write_text(&w, "detail", detail);
    json_write_end_object(&w);
    answer(g, client, &b);
}

/* ---- status ---- */

static void write_entry(struct json_writer *w, const struct agent *g,
                        const struct agent_entry *e, int64_t now)
{
    AUTO(arena) struct arena *a = arena_new();
    struct work_look look = {0};
    struct err_info why = {0};
    struct wanted wanted;

    json_write_begin_object(w, NULL);
    json_write_text(w, "name", e->name);
    bool known =
        work_find(a, g->directory, g->settings, e->name, &wanted, &why) == ERR_OK;
    if (known)
        work_look(a, g->directory, &wanted, now, &look);
    json_write_text(w, "state",
                    e->busy                         ? "working"
                    : !known                        ? "unknown"
                    : look.plan.waits               ? "waiting"
                    : e->next <= now                ? "due"
                    : e->next == RENEWAL_WHEN_NEVER ? "never"
                                                    : "idle");
    if (look.there)
        json_write_time(w, "not_after", look.metadata.parts[0].not_after);
    if (e->next != RENEWAL_WHEN_NEVER)
        json_write_time(w, "next", e->next);
    if (look.plan.attempt != RENEWAL_WHEN_NEVER && known)
        json_write_time(w, "renewal", look.plan.attempt);
    if (look.state.failure.count > 0) {
        json_write_number(w, "failures", look.state.failure.count);
        json_write_text(w, "error", look.state.failure.detail);
    }
    const char *rest = known ? deploy_why_waits(a, g->directory, &wanted) : NULL;
    if (rest != NULL)
        json_write_text(w, "not_deployed", rest);
    if (!known)
        json_write_text(w, "error", why.detail);
    json_write_end_object(w);
}

static void status(struct agent *g, size_t client)
{
    AUTO(buf) struct buf b = buf_make(AGENT_CONTROL_ANSWER_MAX);
    struct json_writer w = json_writer_make(&b);
    int64_t now = clock_now();

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "version", CAIRN_VERSION);
    json_write_number(&w, "pid", getpid());
    json_write_time(&w, "since", g->since);
    json_write_text(&w, "config", g->config);
    json_write_text(&w, "directory", g->directory);
    json_write_bool(&w, "ending", g->drain_us != 0);
    json_write_number(&w, "working", (int64_t)worker_pool_busy(g->pool));
    agent_tls_status(g->tls, &w);
    json_write_begin_array(&w, "certificates");
    for (size_t i = 0; i < g->table.count; i++)
        write_entry(&w, g, &g->table.entries[i], now);
    json_write_end_array(&w);
    json_write_end_object(&w);
    answer(g, client, &b);
}

/* ---- renew ---- */

static void renew(struct agent *g, size_t client, const char *name, bool forced)
{
    struct agent_entry *e = name != NULL ? agent_table_find(&g->table, name) : NULL;

    if (e == NULL) {
        refuse(g, client, ERR_NOT_FOUND, "the agent knows no such certificate");
        return;
    }
    if (g->drain_us != 0) {
        refuse(g, client, ERR_UNAVAILABLE, "the agent is about to end");
        return;
    }
    /* one that is worked on is as good, unless it may end with the certificate it has */
    bool is_good = e->busy && (e->forcing || !forced);
    e->asked = e->asked || !is_good;
    e->forced = e->forced || (forced && !is_good);
    e->waiting |= 1ULL << client;
}

void agent_answer_waiting(struct agent *g, struct agent_entry *e,
                          const struct work_many_result *r)
{
    AUTO(buf) struct buf b = buf_make(AGENT_CONTROL_ANSWER_MAX);
    struct json_writer w = json_writer_make(&b);

    if (e->waiting == 0)
        return;
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "name", e->name);
    json_write_text(&w, "outcome", work_many_outcome(r));
    if (r->result != ERR_OK) {
        json_write_text(&w, "error", err_name(r->result));
        json_write_text(&w, "detail", r->why.detail);
        json_write_number(&w, "retry_after", r->why.retry_after_seconds);
    }
    if (r->result == ERR_OK && r->reason[0] != '\0')
        json_write_text(&w, "reason", r->reason);
    if (r->not_after != 0)
        json_write_time(&w, "not_after", r->not_after);
    json_write_end_object(&w);
    buf_add_octet(&b, '\n');
    for (size_t client = 0; client < AGENT_CONTROL_CLIENTS; client++)
        if ((e->waiting & 1ULL << client) != 0)
            agent_control_answer(g->control, client, buf_span(&b));
    e->waiting = 0;
}

/* ---- challenges ---- */

/* The line stays open for what is to be answered. */
static void take(struct agent *g, size_t client, int64_t port)
{
    if (agent_tls_holds(g->tls, port))
        agent_tls_take(g->tls, agent_control_keep(g->control, client));
    else
        refuse(g, client, ERR_NOT_FOUND, "the agent does not hold that port");
}

void agent_answer(void *agent, size_t client, const struct json *question)
{
    struct agent *g = agent;
    const char *command = json_text(json_member(question, "command"));
    struct err_info why = {0};

    if (command != NULL && strcmp(command, "status") == 0) {
        status(g, client);
    } else if (command != NULL && strcmp(command, "renew") == 0) {
        renew(g, client, json_text(json_member(question, "name")),
              json_is_true(json_member(question, "force")));
    } else if (command != NULL && strcmp(command, "reload") == 0) {
        if (agent_reload(g, &why) == ERR_OK)
            status(g, client);
        else
            refuse(g, client, why.code, why.detail);
    } else if (command != NULL && strcmp(command, "answer") == 0) {
        take(g, client, json_whole(json_member(question, "port")));
    } else {
        refuse(g, client, ERR_MALFORMED, "the agent has no such command");
    }
}
