/* The processes of one run of cairn: this one has the keys and the files; one talks to
 * the CA, one answers on ports, one changes name servers, one uses a device. The runner
 * runs programs and starts the others, so it is the only one that is forked from here,
 * before a key is in memory; then this process can do without all that takes rights
 * (work_confine.h). */
#pragma once

#include "client/proc/child.h"

/* What a device is opened for: each has a process of its own. */
enum crew_device {
    CREW_DEVICE_CERTIFICATE, /* the key of the certificate */
    CREW_DEVICE_ACCOUNT,     /* the account's */
    CREW_DEVICE_NEXT,        /* the account's next one, while it is changed */
    CREW_DEVICE_COUNT,
};

struct crew {
    struct child runner;   /* run/run.h, run/run_crew.h */
    struct child network;  /* network.h */
    struct child listener; /* solve/listener.h */
    struct child dns;      /* dns/dns_worker.h */
    struct {               /* device/device_worker.h; only where one is used */
        struct child child;
        enum child_kind kind;
    } devices[CREW_DEVICE_COUNT];
    bool confined; /* this process has given up its rights */
};

/* Start the runner if it is not there. Must be called before the first key is read or
 * made, as must crew_start if this was not. ERR_INTERNAL. */
MUST_CHECK enum err crew_start_runner(struct crew *crew, struct err_info *why);

/* Start those that are not running. ERR_INTERNAL, ERR_IO if the runner has ended. */
MUST_CHECK enum err crew_start(struct crew *crew, struct err_info *why);

/* Start the one for a device, which sees files or does not; one that runs with other
 * rights is ended. As crew_start. */
MUST_CHECK enum err crew_start_device(struct crew *crew, enum crew_device which,
                                      bool sees_files, struct err_info *why);

/* End all but the runner: they may be in the middle of something. */
void crew_renew(struct crew *crew);

/* End them. */
void crew_end(struct crew *crew);
static inline void crew_auto(struct crew *crew)
{
    crew_end(crew);
}
