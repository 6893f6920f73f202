/* bench/issue: how fast is an ACME server? Complete flows by N concurrent subscribers. */
#include "issue.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/cli/cli.h"
#include "core/http/url.h"

#define PROCESSES_MAX 64
#define NAME_ROOM     32

static const char *const step_texts[] = {
#define ISSUE_STEP(NAME, text) text,
#include "issue_steps.def"
#undef ISSUE_STEP
};

struct line {
    struct issue_options o;
    struct cli_list pids;
    bool help;
};

static const struct cli_option options[] = {
    {"--directory", CLI_TEXT, "URL", offsetof(struct line, o.directory), 0, 0, "issue",
     "of the server"},
    {"--ca-file", CLI_TEXT, "PEM", offsetof(struct line, o.ca_file), 0, 0, "issue",
     "root of its HTTPS certificate"},
    {"--clients", CLI_NUMBER, "N", offsetof(struct line, o.clients), 1, 4096, "issue",
     "concurrent subscribers (1)"},
    {"--seconds", CLI_NUMBER, "S", offsetof(struct line, o.seconds), 1, 86400, "issue",
     "measure so long (10)"},
    {"--warmup", CLI_NUMBER, "S", offsetof(struct line, o.warmup), 0, 3600, "issue",
     "unmeasured before (1)"},
    {"--certificates", CLI_NUMBER, "N", offsetof(struct line, o.certificates), 1,
     INT32_MAX, "issue", "stop after so many instead"},
    {"--http-port", CLI_NUMBER, "PORT", offsetof(struct line, o.http_port), 1, 65535,
     "issue", "of the built-in http-01 responder (5002)"},
    {"--dns-port", CLI_NUMBER, "PORT", offsetof(struct line, o.dns_port), 1, 65535,
     "issue", "of the built-in DNS stub (5353)"},
    {"--pid", CLI_LIST, "PID", offsetof(struct line, pids), 0, 0, "issue",
     "server process whose CPU, and its children's, is counted"},
    {"--only-nonces", CLI_FLAG, "", offsetof(struct line, o.only_nonces), 0, 0, "issue",
     "HEAD newNonce instead of flows"},
    {"--json", CLI_FLAG, "", offsetof(struct line, o.json), 0, 0, "issue",
     "one JSON object"},
    {"--help", CLI_FLAG, "", offsetof(struct line, help), 0, 0, "issue", "this"},
};
static const struct cli_table table = {options, sizeof options / sizeof options[0]};

/* ---- the server's processes ---- */

struct process {
    int pid;
    char name[NAME_ROOM];
    uint64_t ticks;
    long rss_kib;
};

struct processes {
    struct process list[PROCESSES_MAX];
    size_t count;
};

static bool read_process(int pid, struct process *p, int *parent)
{
    char path[64];
    char text[1024];
    unsigned long user;
    unsigned long kernel;
    long pages = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    size_t len = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[len] = '\0';
    const char *end = strrchr(text, ')');
    if (end == NULL || sscanf(end + 2,
                              "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d "
                              "%*d %*d %*d %*d %*d %*u %*u %ld",
                              parent, &user, &kernel, &pages) < 3)
        return false;
    p->pid = pid;
    p->ticks = user + kernel;
    p->rss_kib = pages * (sysconf(_SC_PAGESIZE) / 1024);
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    f = fopen(path, "re");
    len = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f != NULL)
        (void)fclose(f);
    text[len] = '\0';
    /* PROGRAM --role NAME: the name says more */
    const char *second = text + strlen(text) + 1;
    const char *name = text;
    if (second < text + len && strcmp(second, "--role") == 0)
        name = second + strlen(second) + 1;
    const char *slash = strrchr(name, '/');
    (void)text_copy(p->name, sizeof p->name, slash != NULL ? slash + 1 : name);
    return true;
}

/* The named processes and all below them. */
static void read_processes(const struct cli_list *roots, struct processes *all)
{
    struct process list[4096];
    int parents[4096];
    size_t count = 0;
    struct dirent *entry;
    DIR *d = opendir("/proc");

    all->count = 0;
    while (d != NULL && (entry = readdir(d)) != NULL && count < 4096) {
        int pid = (int)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && read_process(pid, &list[count], &parents[count]))
            count++;
    }
    if (d != NULL)
        (void)closedir(d);
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            bool in = false;
            bool wanted = false;
            for (size_t k = 0; k < all->count; k++) {
                in = in || all->list[k].pid == list[i].pid;
                wanted = wanted || all->list[k].pid == parents[i];
            }
            for (size_t k = 0; k < roots->count; k++)
                wanted = wanted || strtol(roots->items[k], NULL, 10) == list[i].pid;
            if (wanted && !in && all->count < PROCESSES_MAX) {
                all->list[all->count++] = list[i];
                more = true;
            }
        }
    }
}

static uint64_t ticks_of(const struct processes *all, int pid)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].pid == pid)
            return all->list[i].ticks;
    return 0;
}

/* ---- results ---- */

struct result {
    double seconds;
    uint64_t certificates;
    uint64_t errors;
    uint64_t bad_nonces;
    uint64_t polls;
    const char *last_error;
    struct issue_times times[ISSUE_STEP_COUNT];
    struct processes before;
    struct processes after;
};

static int compare(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x;
    uint32_t b = *(const uint32_t *)y;

    return a < b ? -1 : a > b;
}

static double percentile(const struct issue_times *t, double share)
{
    if (t->count == 0)
        return 0;
    return (double)t->us[(size_t)((double)(t->count - 1) * share)] / 1000.0;
}

static void gather(struct issue_client *clients, size_t count, struct result *r)
{
    for (size_t i = 0; i < count; i++) {
        struct issue_client *c = &clients[i];
        r->certificates += c->certificates;
        r->errors += c->errors;
        r->bad_nonces += c->bad_nonces;
        r->polls += c->polls;
        if (c->last_error[0] != '\0')
            r->last_error = c->last_error;
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

static double cpu_ms(const struct result *r, const struct process *p)
{
    return (double)(p->ticks - ticks_of(&r->before, p->pid)) * 1000.0 /
           (double)sysconf(_SC_CLK_TCK);
}

static void print_text(const struct issue_options *o, const struct result *r)
{
    double total = 0;

    printf("%-16s %10s %10s %10s %10s\n", "step", "count", "p50 ms", "p99 ms", "max ms");
    for (size_t s = 0; s < ISSUE_STEP_COUNT; s++)
        if (r->times[s].count > 0)
            printf("%-16s %10zu %10.2f %10.2f %10.2f\n", step_texts[s], r->times[s].count,
                   percentile(&r->times[s], 0.5), percentile(&r->times[s], 0.99),
                   percentile(&r->times[s], 1));
    printf("%s: %" PRIu64 " in %.1f s = %.1f/s; errors %" PRIu64 ", bad nonces %" PRIu64
           ", polls %" PRIu64 "\n",
           o->only_nonces ? "nonces" : "certificates", r->certificates, r->seconds,
           (double)r->certificates / r->seconds, r->errors, r->bad_nonces, r->polls);
    if (r->last_error != NULL)
        printf("last error: %.600s\n", r->last_error);
    for (size_t i = 0; i < r->after.count; i++) {
        double ms = cpu_ms(r, &r->after.list[i]);
        total += ms;
        printf("cpu %-16s %8.0f ms  rss %ld KiB\n", r->after.list[i].name, ms,
               r->after.list[i].rss_kib);
    }
    if (r->after.count > 0 && r->certificates > 0)
        printf("server CPU: %.3f ms each\n", total / (double)r->certificates);
}

static void print_json(const struct result *r)
{
    double total = 0;
    long rss = 0;

    for (size_t i = 0; i < r->after.count; i++) {
        total += cpu_ms(r, &r->after.list[i]);
        rss += r->after.list[i].rss_kib;
    }
    printf("{\"certificates\":%" PRIu64
           ",\"seconds\":%.3f,\"per_second\":%.1f,\"errors\":%" PRIu64
           ",\"polls\":%" PRIu64 ",\"cpu_ms_each\":%.3f,\"rss_kib\":%ld,\"steps\":{",
           r->certificates, r->seconds, (double)r->certificates / r->seconds, r->errors,
           r->polls, r->certificates > 0 ? total / (double)r->certificates : 0.0, rss);
    bool first = true;
    for (size_t s = 0; s < ISSUE_STEP_COUNT; s++) {
        if (r->times[s].count == 0)
            continue;
        printf("%s\"%s\":{\"count\":%zu,\"p50_ms\":%.2f,\"p99_ms\":%.2f}",
               first ? "" : ",", step_texts[s], r->times[s].count,
               percentile(&r->times[s], 0.5), percentile(&r->times[s], 0.99));
        first = false;
    }
    printf("}}\n");
}

/* ---- the run ---- */

static void sleep_seconds(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds,
                            .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

    while (nanosleep(&left, &left) != 0)
        continue;
}

static enum err measure(const struct line *line, struct issue_run *run, struct result *r,
                        struct err_info *why)
{
    size_t count = (size_t)run->options.clients;
    struct issue_client *clients = memory_get_zeroed(count, sizeof *clients);

    random_fill(&run->salt, sizeof run->salt);
    atomic_store(&run->left, (long)run->options.certificates);
    atomic_store(&run->measuring, run->options.certificates > 0);
    read_processes(&line->pids, &r->before);
    int64_t begun = clock_monotonic_us();
    for (size_t i = 0; i < count; i++) {
        clients[i].run = run;
        clients[i].index = (int)i;
        if (pthread_create(&clients[i].thread, NULL, issue_client_main, &clients[i]) != 0)
            return err_set(why, ERR_INTERNAL, "cannot start a thread");
    }
    if (run->options.certificates == 0) {
        sleep_seconds((double)run->options.warmup);
        read_processes(&line->pids, &r->before);
        begun = clock_monotonic_us();
        atomic_store(&run->measuring, true);
        sleep_seconds((double)run->options.seconds);
        atomic_store(&run->measuring, false);
        r->seconds = (double)(clock_monotonic_us() - begun) / 1e6;
        read_processes(&line->pids, &r->after);
        atomic_store(&run->stopping, true);
    }
    for (size_t i = 0; i < count; i++)
        (void)pthread_join(clients[i].thread, NULL);
    if (run->options.certificates > 0) {
        r->seconds = (double)(clock_monotonic_us() - begun) / 1e6;
        read_processes(&line->pids, &r->after);
    }
    gather(clients, count, r);
    return ERR_OK;
}

static enum err prepare(struct arena *a, struct issue_run *run, struct err_info *why)
{
    struct tls_client_options tls = {.ca_file = run->options.ca_file,
                                     .alpn = {TLS_ALPN_HTTP_1_1}};
    struct url url;

    if (run->options.directory == NULL)
        return err_set(why, ERR_USAGE, "--directory is missing");
    TRY(url_parse(a, span_of(run->options.directory), &url, why));
    run->host = url.host;
    run->port = url.port;
    run->directory_path = url.path;
    TRY(tls_context_client(&tls, &run->tls_context, why));
    TRY(issue_world_start(run->options.http_port, run->options.dns_port, &run->world,
                          why));
    return issue_client_directory(run, why);
}

int main(int argc, char **argv)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf help = buf_make(8192);
    struct line line = {.o = {.clients = 1,
                              .seconds = 10,
                              .warmup = 1,
                              .http_port = 5002,
                              .dns_port = 5353}};
    static struct issue_run run;
    static struct result result;
    struct err_info why = {0};

    if (cli_read(&table, "issue", argc - 1, argv + 1, &line, NULL, &why) != ERR_OK) {
        fprintf(stderr, "issue: %s\n", why.detail);
        return 64;
    }
    if (line.help) {
        cli_help(&help, &table, "issue");
        printf("usage: issue --directory URL [OPTION]...\n%.*s", (int)help.len,
               (const char *)help.data);
        return 0;
    }
    run.options = line.o;
    if (prepare(a, &run, &why) != ERR_OK ||
        measure(&line, &run, &result, &why) != ERR_OK) {
        fprintf(stderr, "issue: %s\n", why.detail);
        return 1;
    }
    if (run.options.json)
        print_json(&result);
    else
        print_text(&run.options, &result);
    return result.errors > 0 || result.certificates == 0 ? 1 : 0;
}
