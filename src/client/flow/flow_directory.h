/* What a CA's directory says, for who only wants to know that: one GET, nothing else. */
#pragma once

#include "client/proc/wire.h"

/* Obey a DIRECTORY call; in the process with the network. ERR_NETWORK, ERR_TLS,
 * ERR_UNAVAILABLE, ERR_PROTOCOL. */
MUST_CHECK enum err flow_directory_serve(struct arena *a, const struct wire_message *m,
                                         struct wire_message *answer,
                                         struct err_info *why);

/* What comes back. */
struct flow_directory {
    int64_t date;             /* of the answer, seconds; 0: it had none */
    const char *terms;        /* URL; "" for none */
    const char *caa_identity; /* "" if it does not say */
    bool needs_external;
    const char *profiles; /* a line each: name, tab, what the CA says of it */
};

/* Ask the CA with that directory URL, by the process with the network at `fd`; roots as
 * flow_renewal_info_ask has them. */
MUST_CHECK enum err flow_directory_ask(int fd, struct arena *a, const char *ca,
                                       struct span roots, struct flow_directory *d,
                                       struct err_info *why);
