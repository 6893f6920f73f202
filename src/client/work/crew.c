/* The processes of one run. */
#include "client/work/crew.h"

#include "client/device/device_worker.h"
#include "client/dns/dns_worker.h"
#include "client/run/run.h"
#include "client/solve/listener.h"
#include "client/work/network.h"

enum err crew_start(struct crew *crew, struct err_info *why)
{
    if (crew->network.pid == 0)
        TRY(child_start(CHILD_STRANGER, network_run, &crew->network, why));
    if (crew->listener.pid == 0)
        TRY(child_start(CHILD_LISTENER, listener_run, &crew->listener, why));
    if (crew->runner.pid == 0)
        TRY(child_start(CHILD_RUNNER, runner_run, &crew->runner, why));
    if (crew->dns.pid == 0)
        TRY(child_start(CHILD_STRANGER, dns_worker_run, &crew->dns, why));
    return ERR_OK;
}

enum err crew_start_device(struct crew *crew, enum crew_device which, bool sees_files,
                           struct err_info *why)
{
    enum child_kind kind = sees_files ? CHILD_MODULE : CHILD_DEVICE;
    struct child *child = &crew->devices[which].child;

    if (child->pid != 0 && crew->devices[which].kind != kind)
        child_end(child);
    crew->devices[which].kind = kind;
    if (child->pid == 0)
        TRY(child_start(kind, device_worker_run, child, why));
    return ERR_OK;
}

void crew_end(struct crew *crew)
{
    child_end(&crew->network);
    child_let_go(&crew->listener); /* connections may be passed on by it */
    child_end(&crew->dns);
    child_end(&crew->runner);
    for (size_t i = 0; i < CREW_DEVICE_COUNT; i++)
        child_end(&crew->devices[i].child);
}
