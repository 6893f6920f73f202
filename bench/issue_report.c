/* What was measured, in words and as JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/json/json_write.h"
#include "issue.h"

#define REPORT_MAX (1024 * 1024)

const char *issue_step_text(enum issue_step step)
{
    static const char *const texts[] = {
#define ISSUE_STEP(NAME, text) text,
#include "issue_steps.def"
#undef ISSUE_STEP
    };

    return texts[step];
}

void issue_counts_error(struct issue_counts *c, const char *type, const char *detail,
                        uint64_t count)
{
    size_t i = 0;

    while (i < c->error_kinds && strcmp(c->errors[i].type, type) != 0)
        i++;
    if (i == ISSUE_ERRORS_MAX)
        i--;
    if (i == c->error_kinds) {
        (void)snprintf(c->errors[i].type, sizeof c->errors[i].type, "%s", type);
        c->error_kinds++;
    }
    (void)snprintf(c->errors[i].detail, sizeof c->errors[i].detail, "%s", detail);
    c->errors[i].count += count;
}

static int compare(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x;
    uint32_t b = *(const uint32_t *)y;

    return a < b ? -1 : a > b;
}

static void add_counts(struct issue_counts *to, const struct issue_counts *c)
{
    to->certificates += c->certificates;
    to->requests += c->requests;
    to->bad_nonces += c->bad_nonces;
    to->polls += c->polls;
    to->challenges_at_once += c->challenges_at_once;
    to->finalized_at_once += c->finalized_at_once;
    to->chains_verified += c->chains_verified;
    for (size_t i = 0; i < c->error_kinds; i++)
        issue_counts_error(to, c->errors[i].type, c->errors[i].detail,
                           c->errors[i].count);
}

void issue_report_gather(const struct issue_client *clients, size_t count,
                         struct issue_result *r)
{
    for (size_t i = 0; i < count; i++) {
        const struct issue_client *c = &clients[i];
        add_counts(&r->counts, &c->counts);
        for (size_t s = 0; s < ISSUE_STEP_COUNT; s++) {
            struct issue_times *t = &r->times[s];
            if (c->times[s].count == 0)
                continue;
            t->us = memory_resize(t->us, (t->count + c->times[s].count) * sizeof *t->us);
            memcpy(t->us + t->count, c->times[s].us, c->times[s].count * sizeof *t->us);
            t->count += c->times[s].count;
        }
    }
    for (size_t s = 0; s < ISSUE_STEP_COUNT; s++)
        if (r->times[s].count > 0)
            qsort(r->times[s].us, r->times[s].count, sizeof *r->times[s].us, compare);
}

/* The nearest-rank percentile in microseconds. */
static uint32_t percentile(const struct issue_times *t, double share)
{
    double rank = ceil((double)t->count * share);

    if (t->count == 0)
        return 0;
    return t->us[rank < 1 ? 0 : (size_t)rank - 1];
}

static double per(double value, uint64_t count)
{
    return count > 0 ? value / (double)count : 0;
}

static double total_cpu_ms(const struct issue_result *r)
{
    double total = 0;

    for (size_t i = 0; i < r->after.count; i++)
        total += issue_process_cpu_ms(&r->before, &r->after, i);
    return total;
}

/* Percent of the server's core: busy at all, and busy with somebody else. */
static void core_load(const struct issue_result *r, double *busy, double *others)
{
    double all = (double)(r->after.core_all - r->before.core_all);
    double used = (double)(r->after.core_busy - r->before.core_busy);

    *busy = all > 0 ? 100 * used / all : 0;
    *others = *busy - total_cpu_ms(r) / r->seconds / 10;
}

static void print_steps(const struct issue_result *r)
{
    printf("%-16s %10s %10s %10s %10s\n", "step", "count", "p50 ms", "p99 ms", "max ms");
    for (size_t s = 0; s < ISSUE_STEP_COUNT; s++)
        if (r->times[s].count > 0)
            printf("%-16s %10zu %10.2f %10.2f %10.2f\n",
                   issue_step_text((enum issue_step)s), r->times[s].count,
                   percentile(&r->times[s], 0.5) / 1000.0,
                   percentile(&r->times[s], 0.99) / 1000.0,
                   percentile(&r->times[s], 1) / 1000.0);
}

static void print_processes(const struct issue_options *o, const struct issue_result *r)
{
    double busy;
    double others;

    for (size_t i = 0; i < r->after.count; i++) {
        double ms = issue_process_cpu_ms(&r->before, &r->after, i);
        printf("cpu %-16s %8.0f ms %8.3f ms each, rss %6.1f MiB, pss %6.1f MiB\n",
               r->after.list[i].name, ms, per(ms, r->counts.certificates),
               (double)r->after.list[i].rss_kib / 1024,
               (double)r->after.list[i].pss_kib / 1024);
    }
    if (r->after.count > 0)
        printf("cpu %-16s %8.0f ms %8.3f ms each\n", "all of the server", total_cpu_ms(r),
               per(total_cpu_ms(r), r->counts.certificates));
    if (o->core >= 0) {
        core_load(r, &busy, &others);
        printf("core %d: %.0f %% busy, %.0f %% not with the server\n", (int)o->core, busy,
               others);
    }
}

void issue_report_text(const struct issue_options *o, const struct issue_result *r)
{
    const struct issue_counts *c = &r->counts;

    print_steps(r);
    printf("%s: %" PRIu64 " in %.1f s = %.1f/s with %d clients\n",
           o->only_nonces ? "nonces" : "certificates", c->certificates, r->seconds,
           (double)c->certificates / r->seconds, (int)o->clients);
    if (!o->only_nonces)
        printf(
            "each: %.2f requests, %.2f polls; final state in the answer to %.0f %% of "
            "the challenges, %.0f %% of finalize\n",
            per((double)c->requests, c->certificates),
            per((double)c->polls, c->certificates),
            per(100.0 * (double)c->challenges_at_once, r->times[ISSUE_CHALLENGE].count),
            per(100.0 * (double)c->finalized_at_once, r->times[ISSUE_FINALIZE].count));
    printf("bad nonces: %" PRIu64 "; chains verified: %" PRIu64 "\n", c->bad_nonces,
           c->chains_verified);
    for (size_t i = 0; i < c->error_kinds; i++)
        printf("error %s: %" PRIu64 " times, last: %.600s\n", c->errors[i].type,
               c->errors[i].count, c->errors[i].detail);
    print_processes(o, r);
}

static void write_steps(struct json_writer *w, const struct issue_result *r)
{
    json_write_begin_array(w, "steps");
    for (size_t s = 0; s < ISSUE_STEP_COUNT; s++) {
        if (r->times[s].count == 0)
            continue;
        json_write_begin_object(w, NULL);
        json_write_text(w, "step", issue_step_text((enum issue_step)s));
        json_write_number(w, "count", (int64_t)r->times[s].count);
        json_write_number(w, "p50_us", percentile(&r->times[s], 0.5));
        json_write_number(w, "p99_us", percentile(&r->times[s], 0.99));
        json_write_number(w, "max_us", percentile(&r->times[s], 1));
        json_write_end_object(w);
    }
    json_write_end_array(w);
}

static void write_processes(struct json_writer *w, const struct issue_options *o,
                            const struct issue_result *r)
{
    double busy;
    double others;

    json_write_begin_array(w, "processes");
    for (size_t i = 0; i < r->after.count; i++) {
        json_write_begin_object(w, NULL);
        json_write_text(w, "name", r->after.list[i].name);
        json_write_number(
            w, "cpu_us",
            (int64_t)(1000 * issue_process_cpu_ms(&r->before, &r->after, i)));
        json_write_number(w, "rss_kib", r->after.list[i].rss_kib);
        json_write_number(w, "pss_kib", r->after.list[i].pss_kib);
        json_write_end_object(w);
    }
    json_write_end_array(w);
    json_write_number(w, "cpu_us", (int64_t)(1000 * total_cpu_ms(r)));
    if (o->core < 0)
        return;
    core_load(r, &busy, &others);
    json_write_number(w, "core_busy_percent", (int64_t)lround(busy));
    json_write_number(w, "core_others_percent", (int64_t)lround(others));
}

void issue_report_json(const struct issue_options *o, const struct issue_result *r)
{
    AUTO(buf) struct buf b = buf_make(REPORT_MAX);
    struct json_writer w = json_writer_make(&b);
    const struct issue_counts *c = &r->counts;

    json_write_begin_object(&w, NULL);
    json_write_number(&w, "clients", o->clients);
    json_write_number(&w, o->only_nonces ? "nonces" : "certificates",
                      (int64_t)c->certificates);
    json_write_number(&w, "elapsed_us", (int64_t)(r->seconds * 1e6));
    json_write_number(&w, "requests", (int64_t)c->requests);
    json_write_number(&w, "polls", (int64_t)c->polls);
    json_write_number(&w, "challenges_at_once", (int64_t)c->challenges_at_once);
    json_write_number(&w, "finalized_at_once", (int64_t)c->finalized_at_once);
    json_write_number(&w, "bad_nonces", (int64_t)c->bad_nonces);
    json_write_number(&w, "chains_verified", (int64_t)c->chains_verified);
    json_write_begin_array(&w, "errors");
    for (size_t i = 0; i < c->error_kinds; i++) {
        json_write_begin_object(&w, NULL);
        json_write_text(&w, "type", c->errors[i].type);
        json_write_number(&w, "count", (int64_t)c->errors[i].count);
        json_write_text(&w, "last", c->errors[i].detail);
        json_write_end_object(&w);
    }
    json_write_end_array(&w);
    write_steps(&w, r);
    write_processes(&w, o, r);
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}
