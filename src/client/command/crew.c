/* The processes of one run. */
#include "client/command/crew.h"

#include "client/command/network.h"
#include "client/dns/dns_worker.h"
#include "client/solve/listener.h"

enum err crew_start(struct crew *crew, struct err_info *why)
{
    if (crew->network.pid == 0)
        TRY(child_start(network_run, &crew->network, why));
    if (crew->listener.pid == 0)
        TRY(child_start(listener_run, &crew->listener, why));
    if (crew->dns.pid == 0)
        TRY(child_start(dns_worker_run, &crew->dns, why));
    return ERR_OK;
}

void crew_end(struct crew *crew)
{
    child_end(&crew->network);
    child_end(&crew->listener);
    child_end(&crew->dns);
}
