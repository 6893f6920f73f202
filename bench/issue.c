/* bench/issue: how fast is an ACME server? Complete flows by N concurrent subscribers,
 * each with an account and a kept-alive connection of its own, one order after the other.
 */
#include "issue.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/http/url.h"

#define ROOTS_MAX (1024 * 1024)

struct line {
    struct issue_options o;
    struct cli_list pids;
    bool help;
};

static const struct cli_option options[] = {
    {"--directory", CLI_TEXT, "URL", offsetof(struct line, o.directory), 0, 0, "issue",
     "of the server, on this machine"},
    {"--ca-file", CLI_TEXT, "PEM", offsetof(struct line, o.ca_file), 0, 0, "issue",
     "root of its HTTPS certificate"},
    {"--issuing-root", CLI_TEXT, "PEM", offsetof(struct line, o.issuing_root), 0, 0,
     "issue", "root of what it issues: verify one chain of 64"},
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
    {"--pin", CLI_NUMBER, "CORE", offsetof(struct line, o.pin), 0, 1023, "issue",
     "run on this core only"},
    {"--core", CLI_NUMBER, "CORE", offsetof(struct line, o.core), 0, 1023, "issue",
     "the server's core: say how busy it was, and with whom"},
    {"--only-nonces", CLI_FLAG, "", offsetof(struct line, o.only_nonces), 0, 0, "issue",
     "HEAD newNonce instead of flows"},
    {"--json", CLI_FLAG, "", offsetof(struct line, o.json), 0, 0, "issue",
     "one JSON object"},
    {"--help", CLI_FLAG, "", offsetof(struct line, help), 0, 0, "issue", "this"},
};
static const struct cli_table table = {options, sizeof options / sizeof options[0]};

static void sleep_seconds(int64_t seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds};

    while (nanosleep(&left, &left) != 0)
        continue;
}

/* The clock starts when every client has its account. */
static void measure(const struct line *line, struct issue_run *run,
                    struct issue_client *clients, struct issue_result *r)
{
    bool by_time = run->options.certificates == 0;

    (void)pthread_barrier_wait(&run->registered);
    if (by_time) {
        sleep_seconds(run->options.warmup);
        issue_process_read(&line->pids, run->options.core, &r->before);
        atomic_store(&run->measuring, true);
    }
    int64_t begun = clock_monotonic_us();
    if (by_time) {
        sleep_seconds(run->options.seconds);
        atomic_store(&run->measuring, false);
        r->seconds = (double)(clock_monotonic_us() - begun) / 1e6;
        issue_process_read(&line->pids, run->options.core, &r->after);
        atomic_store(&run->stopping, true);
    }
    for (size_t i = 0; i < (size_t)run->options.clients; i++)
        (void)pthread_join(clients[i].thread, NULL);
    if (!by_time) {
        r->seconds = (double)(clock_monotonic_us() - begun) / 1e6;
        issue_process_read(&line->pids, run->options.core, &r->after);
    }
}

static enum err start(const struct line *line, struct issue_run *run,
                      struct issue_client *clients, struct issue_result *r,
                      struct err_info *why)
{
    size_t count = (size_t)run->options.clients;

    random_fill(&run->salt, sizeof run->salt);
    atomic_store(&run->left, (long)run->options.certificates);
    atomic_store(&run->measuring, run->options.certificates > 0);
    pthread_barrier_init(&run->registered, NULL, (unsigned int)count + 1);
    issue_process_read(&line->pids, run->options.core, &r->before);
    for (size_t i = 0; i < count; i++) {
        clients[i].run = run;
        clients[i].index = (int)i;
        if (pthread_create(&clients[i].thread, NULL, issue_client_main, &clients[i]) != 0)
            return err_set(why, ERR_INTERNAL, "cannot start a thread");
    }
    return ERR_OK;
}

static enum err pin(int64_t core, struct err_info *why)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        return err_set(why, ERR_USAGE, "cannot run on core %d", (int)core);
    return ERR_OK;
}

static enum err prepare(struct arena *a, struct issue_run *run, struct err_info *why)
{
    const struct issue_options *o = &run->options;
    struct tls_client_options tls = {.ca_file = o->ca_file, .alpn = {TLS_ALPN_HTTP_1_1}};
    struct url url;

    if (o->directory == NULL)
        return err_set(why, ERR_USAGE, "--directory is missing");
    if (o->pin >= 0)
        TRY(pin(o->pin, why));
    if (o->issuing_root != NULL)
        TRY(file_read(a, o->issuing_root, ROOTS_MAX, &run->issuing_roots, why));
    TRY(url_parse(a, span_of(o->directory), &url, why));
    run->host = url.host;
    run->port = url.port;
    run->directory_path = url.path;
    TRY(tls_context_client(&tls, &run->tls_context, why));
    TRY(issue_world_start(o->http_port, o->dns_port, &run->world, why));
    return issue_client_directory(run, why);
}

static int run_line(const struct line *line)
{
    AUTO(arena) struct arena *a = arena_new();
    struct issue_client *clients =
        memory_get_zeroed((size_t)line->o.clients, sizeof *clients);
    static struct issue_run run;
    static struct issue_result result;
    struct err_info why = {0};

    run.options = line->o;
    if (prepare(a, &run, &why) != ERR_OK ||
        start(line, &run, clients, &result, &why) != ERR_OK) {
        (void)fprintf(stderr, "issue: %s\n", why.detail);
        return 1;
    }
    measure(line, &run, clients, &result);
    issue_report_gather(clients, (size_t)run.options.clients, &result);
    if (run.options.json)
        issue_report_json(&run.options, &result);
    else
        issue_report_text(&run.options, &result);
    return result.counts.error_kinds > 0 || result.counts.certificates == 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    AUTO(buf) struct buf help = buf_make(8192);
    struct line line = {.o = {.clients = 1,
                              .seconds = 10,
                              .warmup = 1,
                              .http_port = 5002,
                              .dns_port = 5353,
                              .pin = -1,
                              .core = -1}};
    struct err_info why = {0};

    if (cli_read(&table, "issue", argc - 1, argv + 1, &line, NULL, &why) != ERR_OK) {
        (void)fprintf(stderr, "issue: %s\n", why.detail);
        return 64;
    }
    if (line.help) {
        cli_help(&help, &table, "issue");
        printf("usage: issue --directory URL [OPTION]...\n%.*s", (int)help.len,
               (const char *)help.data);
        return 0;
    }
    return run_line(&line);
}
