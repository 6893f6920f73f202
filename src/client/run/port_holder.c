/* Who listens on a port: the kernel's table names the socket, a process has it open. */
#include "client/run/port_holder.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/span.h"
#include "core/base/text.h"

#define LINE_SIZE   512 /* octets of a line of that table */
#define LINK_MAX    64  /* octets of "socket:[4294967295]" */
#define PATH_SIZE   64  /* octets of a path below /proc */
#define FIELD_LOCAL 1   /* columns of the table, from 0 */
#define FIELD_STATE 3
#define FIELD_INODE 9
#define LISTENING   "0A" /* TCP_LISTEN, hexadecimal as there */

uint64_t port_holder_inode(const char *line, uint16_t port)
{
    char copy[LINE_SIZE];
    char wanted[8];
    char *rest = copy;
    uint64_t inode = 0;
    int n = 0;

    if (!text_copy(copy, sizeof copy, line))
        return 0;
    (void)snprintf(wanted, sizeof wanted, ":%04X", port);
    for (char *word = strsep(&rest, " \n"); word != NULL; word = strsep(&rest, " \n")) {
        size_t len = strlen(word);
        if (len == 0)
            continue; /* columns are filled up with spaces */
        if ((n == FIELD_LOCAL && (len < strlen(wanted) ||
                                  strcmp(word + len - strlen(wanted), wanted) != 0)) ||
            (n == FIELD_STATE && strcmp(word, LISTENING) != 0))
            return 0;
        if (n++ == FIELD_INODE)
            return text_number(span_of(word), UINT64_MAX, &inode) ? inode : 0;
    }
    return 0;
}

/* A file of the kernel tells no size, so it is read line by line. */
static uint64_t find_inode(const char *table, uint16_t port)
{
    FILE *in = fopen(table, "re");
    char line[LINE_SIZE];
    uint64_t inode = 0;

    if (in == NULL)
        return 0;
    while (inode == 0 && fgets(line, sizeof line, in) != NULL)
        inode = port_holder_inode(line, port);
    (void)fclose(in);
    return inode;
}

static bool has_open(const char *process, const char *socket)
{
    char path[PATH_SIZE];
    bool found = false;

    if (snprintf(path, sizeof path, "/proc/%.20s/fd", process) >= (int)sizeof path)
        return false;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false;
    for (struct dirent *e = readdir(folder); e != NULL && !found; e = readdir(folder)) {
        char target[LINK_MAX];
        ssize_t len = readlinkat(dirfd(folder), e->d_name, target, sizeof target - 1);
        if (len < 0)
            continue;
        target[len] = '\0';
        found = strcmp(target, socket) == 0;
    }
    (void)closedir(folder);
    return found;
}

static const char *describe(struct arena *a, const char *process)
{
    FILE *in = fopen(arena_printf(a, "/proc/%s/comm", process), "re");
    char name[LINE_SIZE] = "a program";

    if (in != NULL && fgets(name, sizeof name, in) != NULL)
        name[strcspn(name, "\n")] = '\0';
    if (in != NULL)
        (void)fclose(in);
    text_make_printable(name);
    return arena_printf(a, "%s (process %s)", name, process);
}

static uint64_t inode_of(uint16_t port)
{
    uint64_t inode = find_inode("/proc/net/tcp6", port);

    return inode != 0 ? inode : find_inode("/proc/net/tcp", port);
}

bool port_holder_is_used(uint16_t port)
{
    return inode_of(port) != 0;
}

const char *port_holder_find(struct arena *a, uint16_t port)
{
    uint64_t inode = inode_of(port);
    char *socket = arena_printf(a, "socket:[%" PRIu64 "]", inode);
    DIR *processes = inode != 0 ? opendir("/proc") : NULL;
    const char *found = NULL;

    if (processes == NULL)
        return NULL;
    for (struct dirent *e = readdir(processes); e != NULL && found == NULL;
         e = readdir(processes)) {
        uint64_t number;
        if (text_number(span_of(e->d_name), INT32_MAX, &number) &&
            has_open(e->d_name, socket))
            found = describe(a, e->d_name);
    }
    (void)closedir(processes);
    return found;
}
