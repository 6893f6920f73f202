/* The agent's page of metrics: kept up to date, and kept alive. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/agent/agent_metrics.h"
#include "client/agent/agent_page.h"
#include "client/agent/agent_private.h"
#include "client/agent/agent_survey.h"
#include "core/base/clock.h"
#include "core/base/memory.h"

#define AGAIN_US 1000000LL /* between its end and its next start */

enum err agent_show_begin(struct agent *g, struct err_info *why)
{
    const char *address = g->settings->agent_metrics;

    if (address[0] == '\0')
        return ERR_OK;
    TRY(agent_page_start(address, &g->page, why));
    g->page_address = memory_copy_string(address);
    return ERR_OK;
}

void agent_show_end(struct agent *g)
{
    child_end(&g->page);
    buf_free(&g->shown);
    free((void *)(uintptr_t)g->page_address);
}

void agent_show_let_go(struct agent *g)
{
    if (g->page.pid != 0)
        (void)close(g->page.fd);
}

static enum err show_page(struct agent *g, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(AGENT_METRICS_MAX);

    buf_add_span(&b, buf_span(&g->shown));
    agent_tls_metrics(g->tls, &b);
    return agent_page_show(&g->page, buf_span(&b), why);
}

void agent_show_again(struct agent *g)
{
    struct err_info ignored = {0};

    if (g->page.pid != 0 && g->shown.len > 0)
        (void)!show_page(g,
                         &ignored); /* if it has ended, that is seen by the next poll */
}

void agent_show(struct agent *g)
{
    AUTO(arena) struct arena *a = arena_new();
    struct agent_metrics_row *rows = NULL;
    struct err_info why = {0};
    int64_t now = clock_now();
    size_t count = 0;

    agent_survey_keep(g->directory, g->settings);
    if (g->page.pid == 0)
        return;
    enum err result =
        agent_survey(a, g->directory, g->settings, now, &rows, &count, &why);
    if (result == ERR_OK) {
        buf_clear(&g->shown);
        agent_metrics_write(&g->shown, rows, count, now);
        agent_show_again(g);
    } else if (!g->told_page) {
        report_warning("agent.metrics: %s", why.detail);
    }
    g->told_page = result != ERR_OK;
}

/* ---- kept alive ---- */

/* Nothing is ever sent by it: what can be read is its end. */
size_t agent_show_poll(const struct agent *g, struct pollfd *polled)
{
    if (g->page.pid == 0)
        return 0;
    *polled = (struct pollfd){.fd = g->page.fd, .events = POLLIN};
    return 1;
}

static bool has_ended(const struct agent *g)
{
    struct pollfd polled;

    return agent_show_poll(g, &polled) > 0 && poll(&polled, 1, 0) > 0;
}

static void start_again(struct agent *g)
{
    struct err_info why = {0};

    if (agent_page_start(g->page_address, &g->page, &why) != ERR_OK) {
        if (!g->told_page)
            report_warning("agent.metrics: %s", why.detail);
        g->told_page = true;
        g->page_us = clock_monotonic_us() + AGAIN_US;
        return;
    }
    g->page_us = 0;
    agent_show(g);
}

void agent_show_tend(struct agent *g)
{
    if (has_ended(g)) {
        report_warning("agent.metrics: the process that shows them has ended; it is "
                       "started again");
        child_end(&g->page);
        g->page = (struct child){0};
        g->page_us = clock_monotonic_us() + AGAIN_US;
    }
    if (g->page_us != 0 && g->drain_us == 0 && clock_monotonic_us() >= g->page_us)
        start_again(g);
}
