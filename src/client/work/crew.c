/* The processes of one run. */
#include "client/work/crew.h"

#include "client/device/device_worker.h"
#include "client/dns/dns_worker.h"
#include "client/run/run.h"
#include "client/run/run_crew.h"
#include "client/solve/listener.h"
#include "client/work/network.h"

enum { NETWORK, LISTENER, DNS, DEVICE, MODULE, MEMBERS };

static const struct run_member members[MEMBERS] = {
    [NETWORK] = {CHILD_STRANGER, network_run},
    [LISTENER] = {CHILD_LISTENER, listener_run},
    [DNS] = {CHILD_STRANGER, dns_worker_run},
    [DEVICE] = {CHILD_DEVICE, device_worker_run},
    [MODULE] = {CHILD_MODULE, device_worker_run},
};

enum err crew_start_runner(struct crew *crew, struct err_info *why)
{
    if (crew->runner.pid != 0)
        return ERR_OK;
    run_crew_members(members, MEMBERS);
    return child_start(CHILD_RUNNER, runner_run, &crew->runner, why);
}

static enum err start(struct crew *crew, size_t which, struct child *c,
                      struct err_info *why)
{
    return c->pid != 0 ? ERR_OK : child_start_by(crew->runner.fd, which, c, why);
}

enum err crew_start(struct crew *crew, struct err_info *why)
{
    TRY(crew_start_runner(crew, why));
    TRY(start(crew, NETWORK, &crew->network, why));
    TRY(start(crew, LISTENER, &crew->listener, why));
    return start(crew, DNS, &crew->dns, why);
}

enum err crew_start_device(struct crew *crew, enum crew_device which, bool sees_files,
                           struct err_info *why)
{
    enum child_kind kind = sees_files ? CHILD_MODULE : CHILD_DEVICE;
    struct child *child = &crew->devices[which].child;

    TRY(crew_start_runner(crew, why));
    if (child->pid != 0 && crew->devices[which].kind != kind)
        child_end(child);
    crew->devices[which].kind = kind;
    return start(crew, sees_files ? MODULE : DEVICE, child, why);
}

void crew_renew(struct crew *crew)
{
    child_end(&crew->network);
    child_end_gently(&crew->listener); /* connections may be passed on by it */
    child_end(&crew->dns);
    for (size_t i = 0; i < CREW_DEVICE_COUNT; i++)
        child_end(&crew->devices[i].child);
}

void crew_end(struct crew *crew)
{
    crew_renew(crew);
    child_end(&crew->runner);
}
