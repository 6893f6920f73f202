/* haproxy without systemd: the process in its pidfile reads its files anew, or another
 * takes its place. */
#pragma once

#include "client/deploy/deploy_target.h"

#define DEPLOY_HAPROXY_CONFIG  "/etc/haproxy/haproxy.cfg"
#define DEPLOY_HAPROXY_PIDFILE "/run/haproxy.pid" /* unless the configuration says */

/* A master (-W, -Ws) is asked to with SIGUSR2; of one without, another process takes the
 * sockets over and it ends with its last connection (-sf). ERR_DEPLOY: it does not run,
 * or what it said. */
MUST_CHECK enum err deploy_haproxy_reload(const struct deploy_target *t,
                                          struct err_info *why);

/* The file with the number of the process that runs, as that configuration says ("": the
 * usual one). */
const char *deploy_haproxy_pidfile(struct arena *a, const char *config);
