/* CPU and memory of the server's processes, out of /proc. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/base/text.h"
#include "issue.h"

#define SYSTEM_MAX 4096 /* processes of the machine that are looked at */

static size_t read_text(const char *path, char *to, size_t room)
{
    FILE *f = fopen(path, "re");
    size_t len = f != NULL ? fread(to, 1, room - 1, f) : 0;

    if (f != NULL)
        (void)fclose(f);
    to[len] = '\0';
    return len;
}

static bool read_one(int pid, struct issue_process *p)
{
    char path[64];
    char text[1024];
    unsigned long user;
    unsigned long kernel;
    long pages = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    (void)read_text(path, text, sizeof text);
    const char *end = strrchr(text, ')');
    if (end == NULL || sscanf(end + 2,
                              "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d "
                              "%*d %*d %*d %*d %*d %*u %*u %ld",
                              &p->parent, &user, &kernel, &pages) < 4)
        return false;
    p->pid = pid;
    p->ticks = user + kernel;
    p->rss_kib = pages * (sysconf(_SC_PAGESIZE) / 1024);
    return true;
}

static void read_pss(struct issue_process *p)
{
    char path[64];
    char text[4096];

    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", p->pid);
    (void)read_text(path, text, sizeof text);
    const char *line = strstr(text, "\nPss:");
    if (line == NULL || sscanf(line, "\nPss: %ld", &p->pss_kib) != 1)
        p->pss_kib = -1;
}

/* "PROGRAM --role NAME" is called NAME, others by their program. */
static void read_name(struct issue_process *p)
{
    char path[64];
    char text[1024];

    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", p->pid);
    size_t len = read_text(path, text, sizeof text);
    const char *second = text + strlen(text) + 1;
    const char *name = text;
    if (second < text + len && strcmp(second, "--role") == 0)
        name = second + strlen(second) + 1;
    const char *slash = strrchr(name, '/');
    (void)text_copy(p->name, sizeof p->name, slash != NULL ? slash + 1 : name);
}

static size_t read_all(struct issue_process *all)
{
    struct dirent *entry;
    size_t count = 0;
    DIR *d = opendir("/proc");

    while (d != NULL && count < SYSTEM_MAX && (entry = readdir(d)) != NULL) {
        int pid = (int)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && read_one(pid, &all[count]))
            count++;
    }
    if (d != NULL)
        (void)closedir(d);
    return count;
}

static bool has(const struct issue_usage *usage, int pid)
{
    for (size_t i = 0; i < usage->count; i++)
        if (usage->list[i].pid == pid)
            return true;
    return false;
}

static bool is_root(const struct cli_list *roots, int pid)
{
    for (size_t i = 0; i < roots->count; i++)
        if (strtol(roots->items[i], NULL, 10) == pid)
            return true;
    return false;
}

static void read_core(int64_t core, struct issue_usage *usage)
{
    char text[16384];
    char name[32];
    uint64_t t[8]; /* user nice system idle iowait irq softirq steal, see proc(5) */

    (void)read_text("/proc/stat", text, sizeof text);
    (void)snprintf(name, sizeof name, "\ncpu%lld ", (long long)core);
    const char *line = strstr(text, name);
    if (line == NULL ||
        sscanf(line + strlen(name),
               "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
               " %" SCNu64 " %" SCNu64,
               &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) != 8)
        return;
    for (size_t i = 0; i < 8; i++)
        usage->core_all += t[i];
    usage->core_busy = usage->core_all - t[3] - t[4];
}

void issue_process_read(const struct cli_list *roots, int64_t core,
                        struct issue_usage *usage)
{
    struct issue_process *all = memory_get_zeroed(SYSTEM_MAX, sizeof *all);
    size_t count = roots->count > 0 ? read_all(all) : 0;

    memset(usage, 0, sizeof *usage);
    for (bool more = true; more;) { /* children of children, until there are no more */
        more = false;
        for (size_t i = 0; i < count; i++) {
            bool wanted = is_root(roots, all[i].pid) || has(usage, all[i].parent);
            if (!wanted || has(usage, all[i].pid) || usage->count == ISSUE_PROCESSES_MAX)
                continue;
            read_name(&all[i]);
            read_pss(&all[i]);
            usage->list[usage->count++] = all[i];
            more = true;
        }
    }
    free(all);
    if (core >= 0)
        read_core(core, usage);
}

double issue_process_cpu_ms(const struct issue_usage *before,
                            const struct issue_usage *after, size_t index)
{
    const struct issue_process *p = &after->list[index];
    uint64_t was = 0;

    for (size_t i = 0; i < before->count; i++)
        if (before->list[i].pid == p->pid)
            was = before->list[i].ticks;
    return (double)(p->ticks - was) * 1000.0 / (double)sysconf(_SC_CLK_TCK);
}
