/* Calls to the process that changes name servers (dns_worker.h), from the one with the
 * files: whatever is added is in the journal first, and leaves it when it is gone. */
#pragma once

#include "client/dns/dns_journal.h"
#include "client/report/report.h"
#include "core/base/buf.h"

struct dns_desk {
    int fd;                /* socket to the process */
    const char *directory; /* state folder */
    size_t unanswered;     /* calls that an interrupt left */
};

/* How a zone is found, changed and looked at: the options of the command line. */
struct dns_desk_options {
    const char *key_file;
    const char *server;   /* "": as the zone says */
    const char *resolver; /* "": the system's */
    const char *check;    /* "authoritative", "resolver" or "none" */
};

/* Is that a file for the eyes of its owner only? What is in it is not read. ERR_CONFIG.
 */
MUST_CHECK enum err dns_desk_check_key(const char *path, struct err_info *why);

/* Hand the key file over; it must be for the eyes of its owner only. What was opened
 * before is forgotten. ERR_CONFIG. */
MUST_CHECK enum err dns_desk_open(struct dns_desk *d,
                                  const struct dns_desk_options *options,
                                  struct err_info *why);

/* Add a TXT record of that name and value where the name's aliases lead. `e` is what to
 * remove later, in the arena; it is set (its owner is not NULL) if the record may be
 * there, also if this fails. */
MUST_CHECK enum err dns_desk_add(struct dns_desk *d, struct arena *a, const char *name,
                                 const char *value, const char *key_file,
                                 struct dns_entry *e, struct err_info *why);

/* Remove it; an interrupt that came before does not keep this from being done. ERR_OK
 * means that the record is gone and the journal knows. */
MUST_CHECK enum err dns_desk_remove(struct dns_desk *d, const struct dns_entry *e,
                                    struct err_info *why);

/* Look once for all that was added. `missing` gets where it is not seen yet, in words;
 * nothing if it is everywhere. */
MUST_CHECK enum err dns_desk_look(struct dns_desk *d, struct buf *missing,
                                  struct err_info *why);

/* Have the process forget key and records. */
void dns_desk_close(struct dns_desk *d);

/* Remove what earlier runs left behind, and say so; what cannot be removed stays in the
 * journal, with a warning. ERR_INTERRUPTED; ERR_IO if the process is gone. */
MUST_CHECK enum err dns_desk_clean(struct dns_desk *d, const struct report *report,
                                   struct err_info *why);
