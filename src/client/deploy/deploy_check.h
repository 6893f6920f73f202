/* Does a server show the certificate that it was given? Asked by the process with the
 * network. */
#pragma once

#include "client/deploy/deploy_material.h"
#include "client/proc/wire.h"

/* Where to look: HOST:PORT, [ADDRESS]:PORT, with /starttls-PROTOCOL perhaps. */
struct deploy_check {
    const char *host;
    uint16_t port;
    const char *starttls; /* "": TLS from the start */
};

/* Read the option. ERR_CONFIG. */
MUST_CHECK enum err deploy_check_parse(struct arena *a, const char *text,
                                       struct deploy_check *check, struct err_info *why);

/* Look again and again until the server shows the certificate of the part, or of each
 * part if that is NULL, at most that long. ERR_DEPLOY with what it shows,
 * ERR_INTERRUPTED.
 */
MUST_CHECK enum err deploy_check_wait(int network, const struct deploy_check *check,
                                      const struct deploy_material *m,
                                      const struct deploy_part *part, int64_t timeout_ms,
                                      struct err_info *why);

/* In the process with the network: serve a call SEE. Errors as tls_look. */
MUST_CHECK enum err deploy_check_serve(struct arena *a, const struct wire_message *m,
                                       struct span *certificate, struct err_info *why);
