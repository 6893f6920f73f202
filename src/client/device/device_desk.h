/* Calls to the process that opens a device (device_worker.h), from the one with the
 * files. */
#pragma once

#include "client/device/device.h"
#include "client/proc/child.h"

#define DEVICE_DESK_WAIT_S     180 /* for one call: slow chips need a minute for a key */
#define DEVICE_DESK_WAIT_MAX_S 3600

struct device_desk {
    struct child *worker;
    const char *directory;   /* state folder, whose lock those take who take turns */
    bool takes_turns;        /* set when it is opened */
    const char *description; /* what was opened, as a phrase; in the arena of that call */
    enum device_enrolment_need enrolment;
};

/* Have it open a device: `worker` and `directory` are set. ERR_TIMEOUT if it does not
 * answer for DEVICE_DESK_WAIT_S (or as many seconds as the environment says,
 * CAIRN_DEVICE_TIMEOUT): that process is then ended, in whatever code of others it hangs,
 * and so it is by every call; ERR_IO if it is gone; else as struct device says. */
MUST_CHECK enum err device_desk_open(struct device_desk *d, struct arena *a,
                                     const struct device_options *options,
                                     struct err_info *why);

/* The functions of struct device, each answered in the arena. */
MUST_CHECK enum err device_desk_enrol(struct device_desk *d, struct arena *a,
                                      struct device_enrolment *e, struct err_info *why);
MUST_CHECK enum err device_desk_activate(struct device_desk *d, struct arena *a,
                                         struct span credential, struct span secret,
                                         struct span *answer, struct err_info *why);
MUST_CHECK enum err device_desk_certify(struct device_desk *d, struct span chain,
                                        struct err_info *why);
MUST_CHECK enum err device_desk_attest(struct device_desk *d, struct arena *a,
                                       const char *key_authorization, struct span *object,
                                       struct err_info *why);

/* What the device says that it is: lines TYPE:VALUE, none at all if it says nothing. */
MUST_CHECK enum err device_desk_identify(struct device_desk *d, struct arena *a,
                                         const char **lines, struct err_info *why);

/* The key for the certificate, which signs there; `*text` is what becomes key.pem. The
 * desk must outlive it. Free with key_free. */
MUST_CHECK enum err device_desk_key(struct device_desk *d, struct arena *a,
                                    const char *type, struct key **key, struct span *text,
                                    struct err_info *why);

/* The key that is there, by the text that became of it. */
MUST_CHECK enum err device_desk_load(struct device_desk *d, struct arena *a,
                                     struct span kept, struct key **key,
                                     struct span *text, struct err_info *why);

/* Have it close the device. One that is gone is fine. */
void device_desk_close(struct device_desk *d);
