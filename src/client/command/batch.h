/* Many certificates, one after the other, each as it is wanted; one failure stops no
 * other. What renew and apply have in common. */
#pragma once

#include "client/command/place.h"
#include "client/report/report.h"
#include "core/base/buf.h"
#include "core/json/json_write.h"

struct batch {
    const struct client_command *c;
    const struct place *place;
    struct place_names names;
    const char *verb;         /* what it does, for the last line: "renewed" */
    bool careful;             /* struct work */
    bool skips_left_over;     /* those that nothing says anything about are no failure */
    struct json_writer *json; /* of an array that is open: an object for each */
};

/* Do it. If something failed, the code and sentence of how many did, when all have had
 * their turn; `*changed` is how many were changed. ERR_LOCKED, ERR_IO. */
MUST_CHECK enum err batch_run(const struct batch *b, size_t *changed,
                              struct err_info *why);
