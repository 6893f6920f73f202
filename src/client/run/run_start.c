/* From a request to a process. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/run/run_private.h"

enum ends { INPUT, OUTPUT, ERRORS, REPORT, PIPES };

/* What a child that could not become the program says of it. */
struct failure {
    enum { IN_FOLDER, IN_RIGHTS, IN_PROGRAM } step;
    int os_error;
};

/* ---- what it gets ---- */

/* The path of the program; as the shell would find it, but nothing below a folder that
 * the environment names. */
static enum err find_program(struct arena *a, const char *name, const char **path,
                             struct err_info *why)
{
    char *rest = arena_string(a, RUN_PATH);

    if (name[0] == '/') {
        *path = name;
        return ERR_OK;
    }
    if (strchr(name, '/') != NULL)
        return err_set(why, ERR_NOT_FOUND,
                       "%s: write the program's whole path, from / on", name);
    for (const char *one = strsep(&rest, ":"); one != NULL; one = strsep(&rest, ":")) {
        const char *tried = arena_printf(a, "%s/%s", one, name);
        if (access(tried, X_OK) == 0) {
            *path = tried;
            return ERR_OK;
        }
    }
    return err_set(why, ERR_NOT_FOUND, "there is no program %s in %s", name, RUN_PATH);
}

static const char *home_of_user(struct arena *a)
{
    const struct passwd *entry = getpwuid(geteuid());

    return arena_string(a, entry != NULL ? entry->pw_dir : "/");
}

static bool is_named_again(const char *const *list, const char *variable)
{
    size_t len = (size_t)(strchr(variable, '=') - variable) + 1;

    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        if (strncmp(list[i], variable, len) == 0)
            return true;
    return false;
}

/* Ours, unless the request has another value for it. */
static char **environment_of(struct arena *a, const struct run_request *r,
                             const char *folder)
{
    bool confined = r->rights == RUN_CONFINED;
    const char *const ours[] = {
        "PATH=" RUN_PATH, "LANG=C.UTF-8",
        arena_printf(a, "HOME=%s", confined ? folder : home_of_user(a)),
        arena_printf(a, "TMPDIR=%s", confined ? folder : "/tmp")};
    size_t ours_count = confined ? 4 : 3;
    size_t count = 0;

    for (size_t i = 0; r->environment != NULL && r->environment[i] != NULL; i++)
        count++;
    char **made = arena_array(a, count + 5, sizeof *made);
    count = 0;
    for (size_t i = 0; i < ours_count; i++)
        if (!is_named_again(r->environment, ours[i]))
            made[count++] = arena_string(a, ours[i]);
    for (size_t i = 0; r->environment != NULL && r->environment[i] != NULL; i++)
        made[count++] = arena_string(a, r->environment[i]);
    return made;
}

static char **arguments_of(struct arena *a, const struct run_request *r)
{
    size_t count = 0;

    while (r->arguments[count] != NULL)
        count++;
    char **made = arena_array(a, count + 1, sizeof *made);
    for (size_t i = 0; i < count; i++)
        made[i] = arena_string(a, r->arguments[i]);
    return made;
}

/* ---- the child ---- */

/* Descriptors 0, 1 and 2, the one to report failures at 3, nothing else. Those that are
 * given are above, as 0 to 2 are open in every process of cairn. */
static bool take_descriptors(const int ends[PIPES], bool has_input)
{
    int input = has_input ? ends[INPUT] : open("/dev/null", O_RDONLY | O_CLOEXEC);
    int report = fcntl(ends[REPORT], F_DUPFD_CLOEXEC, 10);
    int output = fcntl(ends[OUTPUT], F_DUPFD_CLOEXEC, 10);
    int errors = fcntl(ends[ERRORS], F_DUPFD_CLOEXEC, 10);

    return input >= 0 && report >= 0 && output >= 0 && errors >= 0 &&
           dup2(input, 0) == 0 && dup2(output, 1) == 1 && dup2(errors, 2) == 2 &&
           dup3(report, 3, O_CLOEXEC) == 3 && close_range(4, ~0U, 0) == 0;
}

static void forget_signals(void)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &usual, NULL); /* not all can be changed */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void fail(int step, int os_error)
{
    const struct failure failure = {step, os_error};

    (void)!write(3, &failure, sizeof failure);
    _exit(127);
}

struct becoming {
    const struct run_request *request;
    const struct run_user *user;
    const char *program;
    const char *folder;
    char **arguments;
    char **environment;
};

static _Noreturn void become(const struct becoming *b, const int ends[PIPES])
{
    bool confined = b->request->rights == RUN_CONFINED;

    if (!take_descriptors(ends, b->request->input.len > 0))
        _exit(127);
    forget_signals();
    (void)umask(confined ? 077 : 022);
    if (setsid() < 0)
        fail(IN_RIGHTS, errno);
    if (confined && !run_confine(b->request, b->program, b->folder, b->user))
        fail(IN_RIGHTS, errno);
    if (chdir(b->folder) != 0)
        fail(IN_FOLDER, errno);
    (void)execve(b->program, b->arguments, b->environment);
    fail(IN_PROGRAM, errno);
}

/* ---- the minder's side ---- */

static void close_both(int ends[PIPES][2], size_t which)
{
    for (size_t i = 0; i < PIPES; i++)
        if (ends[i][which] >= 0)
            (void)close(ends[i][which]);
}

static enum err make_pipes(int ours[PIPES], int theirs[PIPES], struct err_info *why)
{
    int ends[PIPES][2] = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};

    for (size_t i = 0; i < PIPES; i++)
        if (pipe2(ends[i], O_CLOEXEC) != 0) {
            int reason = errno;
            close_both(ends, 0);
            close_both(ends, 1);
            return err_set_os(why, ERR_INTERNAL, reason, "cannot make a pipe");
        }
    for (size_t i = 0; i < PIPES; i++) {
        ours[i] = ends[i][i == INPUT ? 1 : 0];
        theirs[i] = ends[i][i == INPUT ? 0 : 1];
        (void)fcntl(ours[i], F_SETFL, i == REPORT ? 0 : O_NONBLOCK);
    }
    return ERR_OK;
}

/* What is wrong, and what to do. */
static enum err judge(const struct becoming *b, const struct failure *failure,
                      struct err_info *why)
{
    bool confined = b->request->rights == RUN_CONFINED;

    if (failure->step == IN_FOLDER)
        return err_set_os(why, ERR_NOT_FOUND, failure->os_error,
                          "%s cannot be run in the folder %s", b->program, b->folder);
    if (failure->step == IN_RIGHTS)
        return err_set_os(why, ERR_INTERNAL, failure->os_error,
                          "cannot give up rights to run %s", b->program);
    if (failure->os_error == ENOENT && access(b->program, F_OK) == 0)
        return err_set(why, ERR_NOT_FOUND,
                       "%s: the program that its first line names is not there",
                       b->program);
    if (failure->os_error == ENOENT)
        return err_set(why, ERR_NOT_FOUND, "there is no program %s", b->program);
    if (failure->os_error == ENOEXEC)
        return err_set(why, ERR_NOT_FOUND,
                       "%s is no program, nor a script that begins with #!", b->program);
    if (failure->os_error == EACCES && confined && b->user->changes &&
        access(b->program, X_OK) == 0)
        return err_set(why, ERR_NOT_FOUND,
                       "the user %s may not run %s; put it where that user can read it, "
                       "or set hooks.user",
                       b->request->user, b->program);
    return err_set_os(why, ERR_NOT_FOUND, failure->os_error, "cannot run %s", b->program);
}

enum err run_start(struct arena *a, const struct run_request *r,
                   const struct run_user *user, const char *folder, struct run_process *p,
                   struct err_info *why)
{
    struct becoming b = {.request = r, .user = user, .folder = folder};
    struct failure failure;
    int ours[PIPES];
    int theirs[PIPES];

    TRY(find_program(a, r->arguments[0], &b.program, why));
    b.arguments = arguments_of(a, r);
    b.environment = environment_of(a, r, folder);
    TRY(make_pipes(ours, theirs, why));
    pid_t pid = fork();
    int reason = errno;
    if (pid == 0)
        become(&b, theirs);
    for (size_t i = 0; i < PIPES; i++)
        (void)close(theirs[i]);
    *p = (struct run_process){pid, -1, ours[INPUT], ours[OUTPUT], ours[ERRORS], false, 0};
    ssize_t got = pid < 0 ? 0 : read(ours[REPORT], &failure, sizeof failure);
    (void)close(ours[REPORT]);
    if (pid < 0)
        return err_set_os(why, ERR_INTERNAL, reason, "cannot start a process");
    if (got == sizeof failure)
        return judge(&b, &failure, why);
    p->watch = (int)syscall(SYS_pidfd_open, pid, 0);
    return ERR_OK;
}
