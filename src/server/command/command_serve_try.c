/* Would the signer start with other settings? Tried by a process of its own, before the
 * one that serves is ended for them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/file.h"
#include "server/command/command_serve.h"
#include "server/command/passphrase.h"
#include "server/signer/signer_main.h"

#define TRY_MS       20000 /* a token that does not answer must not hold up the house */
#define SENTENCE_MAX 1024  /* octets */

/* In the process of its own: the sentence, if there is something to say. */
static _Noreturn void try_it(const struct settings *settings, int fd)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(secret) struct secret passphrase = {0};
    struct err_info why = {0};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_DUMPABLE, 0); /* no core with keys in it */
    enum err result = passphrase_read(a, settings, &passphrase, &why);
    if (result == ERR_OK)
        result = signer_main_try(settings, &passphrase, &why);
    secret_free(&passphrase);
    if (result != ERR_OK)
        (void)file_write_all(fd, span_of(why.detail));
    _exit(result == ERR_OK ? 0 : 1);
}

/* What it says until it closes its end; false if that takes too long. */
static bool hear(int fd, char sentence[SENTENCE_MAX])
{
    size_t len = 0;

    for (;;) {
        struct pollfd polled = {fd, POLLIN, 0};
        int ready = poll(&polled, 1, TRY_MS);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        ssize_t got = read(fd, sentence + len, SENTENCE_MAX - 1 - len);
        if (got > 0)
            len += (size_t)got;
        sentence[len] = '\0';
        if (got <= 0 || len == SENTENCE_MAX - 1)
            return got >= 0;
    }
}

enum err command_serve_try_signer(const struct settings *settings, struct err_info *why)
{
    char sentence[SENTENCE_MAX] = "";
    int status = 0;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set_os(why, ERR_IO, errno, "pipe");
    pid_t pid = fork();
    if (pid == 0)
        try_it(settings, ends[1]);
    int os_error = errno;
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return err_set_os(why, ERR_IO, os_error, "fork");
    }
    bool heard = hear(ends[0], sentence);
    (void)close(ends[0]);
    if (!heard)
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!heard)
        return err_set(why, ERR_CONFIG,
                       "the keys of the issuers cannot be opened: no answer in %d s",
                       TRY_MS / 1000);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(why, ERR_CONFIG, "%s",
                       sentence[0] != '\0' ? sentence : "the keys cannot be opened");
    return ERR_OK;
}
