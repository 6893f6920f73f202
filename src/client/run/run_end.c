/* Ending programs, with all that they have started. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/run/run_private.h"
#include "core/base/clock.h"
#include "core/base/text.h"

#define END_US        10000000 /* how long what must end is looked for */
#define STAT_MAX      4096     /* octets of /proc/PID/stat */
#define PROCESSES_MAX 65536

struct process {
    pid_t pid;
    pid_t parent;
    bool ours; /* descends from this process */
};

void run_reap(struct run_process *p)
{
    int status = 0;

    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0;
         pid = waitpid(-1, &status, WNOHANG))
        if (pid == p->pid) {
            p->ended = true;
            p->status = status;
        }
}

/* "PID (name, which may have anything in it) STATE PARENT ..." */
static bool read_parent(const char *pid, pid_t *parent)
{
    char path[sizeof "/proc//stat" + NAME_MAX];
    char content[STAT_MAX];
    long number = 0;
    char state = 0;

    (void)snprintf(path, sizeof path, "/proc/%s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, content, sizeof content - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    content[got > 0 ? got : 0] = '\0';
    const char *end = strrchr(content, ')');
    if (end == NULL || sscanf(end + 1, " %c %ld", &state, &number) != 2)
        return false;
    *parent = (pid_t)number;
    return true;
}

static size_t list_processes(struct process *list, size_t max)
{
    DIR *d = opendir("/proc");
    struct dirent *entry;
    size_t count = 0;

    while (d != NULL && count < max && (entry = readdir(d)) != NULL) {
        uint64_t pid = 0;
        if (!text_number(span_of(entry->d_name), INT32_MAX, &pid) ||
            !read_parent(entry->d_name, &list[count].parent))
            continue;
        list[count].pid = (pid_t)pid;
        list[count++].ours = false;
    }
    if (d != NULL)
        (void)closedir(d);
    return count;
}

static int by_pid(const void *a, const void *b)
{
    const struct process *one = a;
    const struct process *other = b;

    return one->pid < other->pid ? -1 : one->pid > other->pid;
}

/* This process adopts what loses its parent, so nothing gets away. */
static size_t mark_ours(struct process *list, size_t count)
{
    pid_t self = getpid();
    size_t found = 0;
    size_t before = 1;

    qsort(list, count, sizeof *list, by_pid);
    while (found != before) {
        before = found;
        for (size_t i = 0; i < count; i++) {
            const struct process parent = {.pid = list[i].parent};
            const struct process *known =
                bsearch(&parent, list, count, sizeof *list, by_pid);
            if (list[i].ours || (parent.pid != self && (known == NULL || !known->ours)))
                continue;
            list[i].ours = true;
            found++;
        }
    }
    return found;
}

/* How many there are; each gets the signal. */
static size_t tell_all(int signal_number)
{
    AUTO(arena) struct arena *a = arena_new();
    struct process *list = arena_array(a, PROCESSES_MAX, sizeof *list);
    size_t count = list_processes(list, PROCESSES_MAX);
    size_t found = mark_ours(list, count);

    for (size_t i = 0; i < count; i++)
        if (list[i].ours)
            (void)kill(list[i].pid, signal_number);
    return found;
}

static bool has_children(void)
{
    siginfo_t about;

    return waitid(P_ALL, 0, &about, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Those that are stopped start no others: stop, until no more turn up, then end. */
void run_end_all(struct run_process *p)
{
    int64_t end_us = clock_monotonic_us() + END_US;
    size_t before = 0;

    if (!p->ended)
        (void)kill(-p->pid, SIGKILL);
    run_reap(p);
    if (!has_children())
        return;
    for (size_t found = tell_all(SIGSTOP);
         found > 0 && found != before && clock_monotonic_us() < end_us;
         found = tell_all(SIGSTOP))
        before = found;
    while (tell_all(SIGKILL) > 0 && clock_monotonic_us() < end_us) {
        (void)usleep(2000);
        run_reap(p);
    }
    run_reap(p);
}
