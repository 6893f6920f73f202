/* Records that were added to the DNS and are not removed yet, one file each in the state
 * folder: written before the record is added, so that whoever comes next can remove what
 * a run that was killed left behind, whatever the settings say by then.
 *
 *   dns-01/HASH.json   {"dns": the provider's options, "task": the record} */
#pragma once

#include <stdbool.h>

#include "client/dns/dns_provider.h"
#include "core/base/buf.h"

#define DNS_JOURNAL_MAX 10000 /* entries that are looked at in one run */

/* What is needed to remove a record. Options name files with secrets, never secrets. */
struct dns_entry {
    struct settings_dns dns;
    struct dns_task task;
};

/* Write it down, on disk when this returns; again, if its note has changed. ERR_IO. */
MUST_CHECK enum err dns_journal_add(struct arena *a, const char *directory,
                                    const struct dns_entry *e, struct err_info *why);

/* The record is gone: forget it. ERR_IO. */
MUST_CHECK enum err dns_journal_remove(struct arena *a, const char *directory,
                                       const struct dns_entry *e, struct err_info *why);

/* Is there anything at all? */
bool dns_journal_has_entries(const char *directory);

/* Remove what was killed while it wrote one left, which is none. Under state_lock_dns,
 * exclusive. */
void dns_journal_sweep(struct arena *a, const char *directory);

/* All entries, in no order; what is damaged is passed over, and counted. ERR_IO. */
MUST_CHECK enum err dns_journal_list(struct arena *a, const char *directory,
                                     const struct dns_entry **entries, size_t *count,
                                     size_t *damaged, struct err_info *why);

/* The text of an entry, and the other way; `e` must be empty before. ERR_MALFORMED. */
void dns_journal_write(struct buf *b, const struct dns_entry *e);
MUST_CHECK enum err dns_journal_read(struct arena *a, struct span text,
                                     struct dns_entry *e, struct err_info *why);
