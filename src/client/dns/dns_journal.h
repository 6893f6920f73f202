/* Records that were added to name servers and are not removed yet, one file each in the
 * state folder: written before the record is added, so that whoever comes next can remove
 * what a run that was killed left behind.
 *
 *   dns-01/HASH.json   owner, zone, servers, value, key_file */
#pragma once

#include <stdbool.h>

#include "core/base/arena.h"
#include "core/base/err.h"

#define DNS_JOURNAL_MAX 10000 /* entries that are looked at in one run */

struct dns_entry {
    const char *owner;    /* name of the TXT record */
    const char *zone;     /* that has it */
    const char *servers;  /* addresses with port of the primary server, a blank between */
    const char *value;    /* of the record */
    const char *key_file; /* path */
};

/* Write it down, on disk when this returns. ERR_IO. */
MUST_CHECK enum err dns_journal_add(struct arena *a, const char *directory,
                                    const struct dns_entry *e, struct err_info *why);

/* The record is gone: forget it. ERR_IO. */
MUST_CHECK enum err dns_journal_remove(struct arena *a, const char *directory,
                                       const struct dns_entry *e, struct err_info *why);

/* Is there anything at all? */
bool dns_journal_has_entries(const char *directory);

/* All entries, in no order; what is damaged is passed over, and counted. ERR_IO. */
MUST_CHECK enum err dns_journal_list(struct arena *a, const char *directory,
                                     const struct dns_entry **entries, size_t *count,
                                     size_t *damaged, struct err_info *why);
