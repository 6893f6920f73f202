/* Between the parts of the runner. All of it happens in a process of its own for each
 * program, the minder, which the runner forks. */
#pragma once

#include <sys/types.h>

#include "client/run/run.h"

#define RUN_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Who a confined program runs as. */
struct run_user {
    bool changes; /* this is root, and the program will not be */
    uid_t uid;
    gid_t gid;
};

/* A program that runs. */
struct run_process {
    pid_t pid; /* of its session and process group, too */
    int watch; /* becomes readable when it has ended; -1 if the kernel cannot do that */
    int input; /* our ends; -1: closed */
    int output;
    int errors;
    bool ended;
    int status; /* as waitpid has it, once it has ended */
};

/* The call between run_program and the minder: what it is to run, and how it went. */
void run_call_write(struct arena *a, const struct run_request *r, struct span fields[8]);
MUST_CHECK enum err run_call_read(struct arena *a, const struct span fields[8],
                                  struct run_request *r, struct err_info *why);

/* Start it; `folder` is where, `user` who. ERR_NOT_FOUND, ERR_INTERNAL. */
MUST_CHECK enum err run_start(struct arena *a, const struct run_request *r,
                              const struct run_user *user, const char *folder,
                              struct run_process *p, struct err_info *why);

/* The user of a confined program. ERR_CONFIG if there is none of that name, or it is
 * root. */
MUST_CHECK enum err run_user_find(const char *name, struct run_user *user,
                                  struct err_info *why);

/* In the process that becomes the program: give up all rights but those of RUN_CONFINED.
 * False with errno set. */
bool run_confine(const struct run_request *r, const char *program, const char *folder,
                 const struct run_user *user);

/* Become that user, for good. False with errno set. */
bool run_become(const struct run_user *user);

/* Collect what has ended: the program, and what it left to this process. */
void run_reap(struct run_process *p);

/* End the program and all that descends from this process, whatever it does to live on,
 * as long as it takes or some seconds. */
void run_end_all(struct run_process *p);

/* Make a folder for a program of that user / remove it with all that is in it, once
 * nothing of the program runs any more. */
MUST_CHECK enum err run_folder_make(struct arena *a, const struct run_user *user,
                                    char **folder, struct err_info *why);
void run_folder_remove(const char *folder, const struct run_user *user);

/* In the runner: answer a START, STOP or BIND_PORT; `fd` came with it, -1: none. ERR_IO
 * if nobody is there to be answered. */
struct wire_message;
MUST_CHECK enum err run_crew_serve(struct arena *a, int runner,
                                   const struct wire_message *m, int fd,
                                   struct err_info *why);

/* In the runner, before each of those: collect what has ended. A process of cairn among
 * them is forgotten with that, so no STOP can mean whoever gets its number next, unless
 * that is one of ours, too. */
void run_crew_reap(void);

/* In a process that the runner has started: signals are what they were before it was one.
 */
void run_crew_restore_signals(void);

/* The minder: run what is asked for on `channel`, answer, and end. Returns an exit code.
 */
int run_mind(int channel);
