/* Before a CA is asked: would it work? Everything that makes an order fail is looked at
 * from here, as a CA will look, and nothing is spent there but a GET of its directory. */
#pragma once

#include "client/dns/dns_line.h"
#include "client/report/report.h"
#include "client/settings/settings.h"
#include "client/work/crew.h"
#include "core/net/address.h"

enum preflight_level {
    PREFLIGHT_GOOD,
    PREFLIGHT_NOTE,  /* worth knowing; it may be as it should be */
    PREFLIGHT_WRONG, /* the CA will refuse, or not be reached */
};

struct preflight_finding {
    enum preflight_level level;
    const char *part;     /* "ca", "clock", "dns", "caa", "port 80" ... */
    const char *about;    /* a name, or the CA's */
    const char *sentence; /* what is so */
    const char *advice;   /* what to do, or to type; "" for nothing */
};

/* Addresses of this host. */
struct preflight_host {
    const struct address *addresses;
    size_t count;
};

/* Look them up; which takes a socket, that a confined process cannot open. */
struct preflight_host preflight_this_host(struct arena *a);

struct preflight {
    struct arena *arena; /* of all findings */
    const struct wanted *wanted;
    const char *directory; /* state folder */
    struct crew *crew;     /* started */
    struct preflight_host host;

    /* filled by preflight_run: */
    struct preflight_finding *findings;
    size_t count;
    size_t room;
    size_t wrong; /* how many of them are */
};

/* Look at everything for the certificate. ERR_INTERRUPTED, ERR_INTERNAL, ERR_IO: it could
 * not be looked; what is wrong is a finding. */
MUST_CHECK enum err preflight_run(struct preflight *p, struct err_info *why);
