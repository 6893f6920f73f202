/* The processes of one run of cairn: this one has the keys and the files; one talks to
 * the CA, one answers on ports, one changes name servers, one uses a device, one runs
 * programs. All are forked before a key is in memory. */
#pragma once

#include "client/proc/child.h"

struct crew {
    struct child network;  /* network.h */
    struct child listener; /* solve/listener.h */
    struct child dns;      /* dns/dns_worker.h */
    struct child runner;   /* run/run.h */
    struct child device;   /* device/device_worker.h; only where one is used */
    enum child_kind device_kind;
};

/* Start those that are not running. Must be called before the first key is read or made.
 * ERR_INTERNAL. */
MUST_CHECK enum err crew_start(struct crew *crew, struct err_info *why);

/* Start the one for a device, which sees files or does not; one that runs with other
 * rights is ended. To be called before the first key, too. ERR_INTERNAL. */
MUST_CHECK enum err crew_start_device(struct crew *crew, bool sees_files,
                                      struct err_info *why);

/* End them. */
void crew_end(struct crew *crew);
static inline void crew_auto(struct crew *crew)
{
    crew_end(crew);
}
