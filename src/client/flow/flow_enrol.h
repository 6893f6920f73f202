/* A certificate for a device's attestation key, from an attestation CA: two requests of
 * plain JSON, and credential activation between them (docs/devices.md, AK enrolment). In
 * the process with the network. */
#pragma once

#include "client/report/report.h"
#include "client/request/keeper.h"
#include "core/base/arena.h"
#include "core/base/err.h"

struct flow_enrol_options {
    const char *ca;             /* directory URL */
    const char *attestation_ca; /* base URL; NULL: as the directory says */
    struct span roots;          /* PEM; empty: the system's certificates */
    struct span request;        /* JSON, as the device gave it */
};

/* `*pem` gets what the CA sent, the attestation key's certificate first; whether it is
 * for that key is not judged here. ERR_REFUSED if the directory says nothing of
 * enrolment; the CA's errors; ERR_PROTOCOL; what the device fails with. */
MUST_CHECK enum err flow_enrol(const struct flow_enrol_options *options,
                               const struct keeper *keeper, const struct report *report,
                               struct arena *a, struct span *pem, struct err_info *why);
