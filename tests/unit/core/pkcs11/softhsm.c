/* Tokens of SoftHSM for tests. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "softhsm.h"

static char folder[64];
#define FOLDER "/tmp/softhsm-test-XXXXXX"

/* SoftHSM does not free all points of Edwards keys; to know whose a leak is, stacks must
 * be whole. Called by the sanitizers, if there are any. */
const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}

__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
    return "leak:libsofthsm2\n";
}

bool softhsm_run(const char *command)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

bool softhsm_begin(void)
{
    char configuration[128];

    memcpy(folder, FOLDER, sizeof FOLDER);
    if (mkdtemp(folder) == NULL)
        return false;
    (void)setenv("D", folder, 1);
    (void)snprintf(configuration, sizeof configuration, "%s/softhsm2.conf", folder);
    (void)setenv("SOFTHSM2_CONF", configuration, 1);
    return softhsm_run(
        "mkdir $D/tokens && printf 'directories.tokendir = %s\\nlog.level = ERROR\\n' "
        "$D/tokens > $D/softhsm2.conf && test -f " SOFTHSM_MODULE);
}

void softhsm_end(void)
{
    (void)softhsm_run("rm -rf \"$D\"");
}

bool softhsm_token(const char *label)
{
    char command[512];

    (void)snprintf(command, sizeof command,
                   "softhsm2-util --init-token --free --label '%s' --so-pin 314159 "
                   "--pin " SOFTHSM_PIN " > $D/log 2>&1 || { cat $D/log; false; }",
                   label);
    return softhsm_run(command);
}

bool softhsm_tool(const char *label, const char *arguments)
{
    char command[1024];

    (void)snprintf(command, sizeof command,
                   "pkcs11-tool --module " SOFTHSM_MODULE " --token-label '%s' --login "
                   "--pin " SOFTHSM_PIN " %s > $D/log 2>&1 || { cat $D/log; false; }",
                   label, arguments);
    return softhsm_run(command);
}

const char *softhsm_folder(void)
{
    return folder;
}
