/* What tests of client/run share: a runner, and a folder. Included by one source each. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/proc/child.h"
#include "client/run/run.h"
#include "core/base/file.h"

struct world {
    struct arena *arena;
    struct child runner;
    struct err_info why;
    struct run_result result;
    char folder[64]; /* 0700 */
};

int run_world_set_up(void **state);
int run_world_tear_down(void **state);

/* The script by /bin/sh, which may take some seconds; "$1" is the folder. */
enum err run_world_shell(struct world *w, enum run_rights rights, const char *script);

/* As that, and it must end and print as expected. */
void run_world_check(struct world *w, enum run_rights rights, const char *script,
                     int code, const char *output);

/* A file in the folder; its path. */
const char *run_world_file(struct world *w, const char *name, const char *content,
                           mode_t mode);

/* Is there a process with that argument (a regular expression that does not match
 * itself)? */
bool run_world_is_running(struct world *w, const char *argument);
