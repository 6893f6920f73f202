/* Tests of client/proc/confine: what the process with the keys can do, and what not. A
 * deed is done by a child that is confined as it would be, whose exit code says what came
 * of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../server/proc/deed.h"
#include "client/proc/confine.h"
#include "core/base/file_tree.h"

#define WENT_WELL DEED_WENT_WELL
#define KILLED    (-SIGSYS)
#define CANNOT    99 /* it could not be confined */
#define PATH_SIZE 96

static char directory[] = "/tmp/cairn-confine-XXXXXX";
static char kept[40];

/* ---- deeds of this process alone ---- */

static int path_in(char path[PATH_SIZE], const char *name)
{
    return snprintf(path, PATH_SIZE, "%s/%s.%ld", kept, name, (long)getpid());
}

static int link_and_folder(void)
{
    char link[PATH_SIZE];
    char folder[PATH_SIZE];

    (void)path_in(link, "link");
    (void)path_in(folder, "folder");
    return symlink("inside", link) == 0 && unlink(link) == 0 &&
                   mkdir(folder, 0700) == 0 && rmdir(folder) == 0
               ? WENT_WELL
               : errno;
}

/* To somebody else, mode and all; root only. */
static int give_to_others(void)
{
    char path[PATH_SIZE];

    (void)path_in(path, "gift");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0 && fchown(fd, 12345, 12345) == 0 && fchmod(fd, 0640) == 0 &&
                   unlink(path) == 0
               ? WENT_WELL
               : errno;
}

static int link_out(void)
{
    char path[PATH_SIZE];

    (void)path_in(path, "out");
    return link(deed_world.outside, path) == 0 ? WENT_WELL : errno;
}

/* Of root's rights those of files only, and no others that could come back. */
static int has_few_rights(void)
{
    static const unsigned int allowed[] = {CAP_CHOWN, CAP_DAC_OVERRIDE,
                                           CAP_DAC_READ_SEARCH, CAP_FOWNER};

    for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++) {
        bool may = geteuid() != 0 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1;
        for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
            may = may || cap == allowed[i];
        if (!may && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
            return (int)cap + 1;
    }
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
                   prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0) == 0
               ? WENT_WELL
               : CANNOT;
}

/* ---- the test ---- */

static int outcome(int (*deed)(void))
{
    const struct jail_path paths[] = {{.path = kept, .access = JAIL_KEEP},
                                      {.path = "/etc", .access = JAIL_READ}};
    struct err_info why = {0};
    int status = 0;

    deed_world.parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        _exit(confine_enter(paths, 2, &why) == ERR_OK ? deed() : CANNOT);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

struct row {
    const char *name;
    int (*deed)(void);
    int expected;
};

#define ROW(what, expected)                                                              \
    {                                                                                    \
#what, deed_##what, expected                                                     \
    }

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int got = outcome(rows[i].deed);
        if (got != rows[i].expected)
            fail_msg("%s: %d, not %d", rows[i].name, got, rows[i].expected);
    }
}

static void no_rights(void **state)
{
    static const struct row rows[] = {
        ROW(nothing, WENT_WELL),
        {"has_few_rights", has_few_rights, WENT_WELL},
        ROW(has_no_dumps, WENT_WELL),
        ROW(have_dumps_again, EPERM),
        ROW(execute, KILLED),
        ROW(trace, KILLED),
        ROW(read_memory_of_parent, KILLED),
        ROW(mount_something, KILLED),
        ROW(change_root, KILLED),
        ROW(leave_namespace, KILLED),
        ROW(make_process, EPERM),
        ROW(kill_parent, EPERM),
        ROW(kill_all, EPERM),
        ROW(change_limits_of_parent, EPERM),
        ROW(get_uid_back, EPERM),
        ROW(get_group_back, EPERM),
        ROW(make_tcp_socket, EPERM),
        ROW(make_udp_socket, EPERM),
        ROW(make_unix_socket, EPERM),
        ROW(make_packet_socket, EPERM),
        ROW(accept_connection, EPERM),
    };

    (void)state;
    check(rows, sizeof rows / sizeof rows[0]);
}

static void files(void **state)
{
    const struct row rows[] = {
        ROW(read_inside, WENT_WELL),
        ROW(write_inside, WENT_WELL),
        ROW(create_inside, WENT_WELL),
        ROW(truncate_inside, WENT_WELL),
        {"link_and_folder", link_and_folder, WENT_WELL},
        {"give_to_others", give_to_others, geteuid() == 0 ? WENT_WELL : EPERM},
        ROW(read_passwd, WENT_WELL),
        ROW(read_outside, EACCES),
        {"link_out", link_out,
         EXDEV}, /* as landlock(7) has it for links from elsewhere */
    };

    (void)state;
    if (jail_landlock_abi() < 2)
        skip();
    check(rows, sizeof rows / sizeof rows[0]);
}

static int set_up(void **state)
{
    char other[40];

    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    (void)snprintf(kept, sizeof kept, "%s/kept", directory);
    (void)snprintf(other, sizeof other, "%s/other", directory);
    (void)snprintf(deed_world.inside, sizeof deed_world.inside, "%s/inside", kept);
    (void)snprintf(deed_world.outside, sizeof deed_world.outside, "%s/outside", other);
    if (mkdir(kept, 0700) != 0 || mkdir(other, 0700) != 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        int fd = open(i == 0 ? deed_world.inside : deed_world.outside,
                      O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || close(fd) != 0)
            return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    struct err_info why = {0};

    (void)state;
    return file_tree_remove(directory, &why) == ERR_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_rights),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
