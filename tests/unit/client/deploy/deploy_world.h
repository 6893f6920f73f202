/* A state folder with a certificate, settings with deployments, and a runner that notes
 * what it would run. */
#pragma once

#include <stdbool.h>

#include "client/deploy/deploy.h"
#include "client/settings/settings.h"

#define DEPLOY_WORLD_SERIAL "ff01" /* of pem_leaf */

struct world {
    struct arena *arena;
    char directory[64];
    struct err_info why;
    struct settings settings;
    struct settings_certificate certificate;
    struct settings_deployment deployments[3];
    struct wanted wanted;
    struct report report;
    struct deploy_outcome outcome;
};

struct deploy_world_runner {
    char lines[1024];       /* what was run, a line each */
    char environment[4096]; /* of the last */
    const char *failing;    /* a program or command line that fails */
    const char *missing[4]; /* programs that are not there */
    bool timed_out;
};

extern struct deploy_world_runner runner;

/* For cmocka. */
int deploy_world_set_up(void **state);
int deploy_world_tear_down(void **state);

/* deploy_run in it; the outcome and the reason stand in the world. */
enum err deploy_world_run(struct world *w, bool forced);
