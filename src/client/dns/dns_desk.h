/* Records of challenges, from the process with the files: where they go, who adds them,
 * whether they are seen, and that they are removed. Whatever is added is in the journal
 * first, and leaves it when it is gone. */
#pragma once

#include "client/dns/dns_journal.h"
#include "client/store/state.h"
#include "core/base/buf.h"

struct dns_desk {
    struct dns_line worker; /* to the process that uses the network (dns_worker.h) */
    int runner;             /* socket to the process that runs programs (run/run.h) */
    const char *directory;  /* state folder */
    const struct settings *settings;
    const struct report *report;
    struct state_lock lock; /* of the journal, shared, while records are there */
    bool is_blind; /* nobody can see whether one of the records is there, though that was
                      wanted */
};

/* Add the record that `asked` names (owner, zone, primary and note are found here) where
 * the name's aliases lead, and look for it from now on. `e` is what to remove later, in
 * the arena; it is set (task.name is not NULL) if the record may be there, also if this
 * fails. ERR_VALIDATION: its place is not found, or the provider refuses; ERR_NETWORK,
 * ERR_TIMEOUT: somebody does not answer; ERR_CONFIG; what the provider fails with. */
MUST_CHECK enum err dns_desk_add(struct dns_desk *d, struct arena *a,
                                 const struct settings_dns *dns,
                                 const struct dns_task *asked, struct dns_entry *e,
                                 struct err_info *why);

/* Whoever changes records or what providers keep has the lock of the journal, shared,
 * until dns_desk_close; dns_desk_begin takes it, too. ERR_LOCKED, ERR_INTERRUPTED,
 * ERR_IO. */
MUST_CHECK enum err dns_desk_hold(struct dns_desk *d, struct arena *a,
                                  struct err_info *why);

/* The three parts of dns_desk_add. First: find its place; `e` is set. What is in the DNS
 * and in the journal is as it was. Failures as of dns_desk_add. */
MUST_CHECK enum err dns_desk_begin(struct dns_desk *d, struct arena *a,
                                   const struct settings_dns *dns,
                                   const struct dns_task *asked, struct dns_entry *e,
                                   struct err_info *why);

/* Second: write it down and add it; `*is_there` if it may be there afterwards, also if
 * this fails. Several threads may do this, each with a copy of the desk that has a line
 * of its own. */
MUST_CHECK enum err dns_desk_put(struct dns_desk *d, struct arena *a, struct dns_entry *e,
                                 bool *is_there, struct err_info *why);

/* Third: look for it from now on. */
MUST_CHECK enum err dns_desk_watch(struct dns_desk *d, struct arena *a,
                                   const struct dns_entry *e, struct err_info *why);

/* What a failure of dns_desk_put is to who has a certificate issued: a refusal of a name
 * server or a service is none of a CA's. Returns the code, which `why` gets as well. */
enum err dns_desk_blame(enum err failure, struct err_info *why);

/* Where would the record `task->name` go? Owner, zone and primary are found as by
 * dns_desk_add, and what the provider needs is looked at; nothing is added. */
MUST_CHECK enum err dns_desk_find(struct dns_desk *d, struct arena *a,
                                  const struct settings_dns *dns, struct dns_task *task,
                                  struct err_info *why);

/* A record of dns-persist-01, which its owner adds. */
struct dns_desk_persist {
    const char *name;    /* _validation-persist.example.org */
    const char *issuers; /* names of the CA, blanks between */
    const char *account_uri;
    bool wildcard;
};

/* Look for a record that grants that from now on, as `dns` says (its provider is not
 * used). ERR_NETWORK, ERR_DNS: its place is not found. */
MUST_CHECK enum err dns_desk_watch_persist(struct dns_desk *d, struct arena *a,
                                           const struct settings_dns *dns,
                                           const struct dns_desk_persist *persist,
                                           struct err_info *why);

/* Is nobody asked whether records are there? */
bool dns_desk_is_unchecked(const struct settings_dns *dns);

/* Remove it; an interrupt that came before does not keep this from being done. ERR_OK
 * means that the record is gone and the journal knows. */
MUST_CHECK enum err dns_desk_remove(struct dns_desk *d, const struct dns_entry *e,
                                    struct err_info *why);

/* Look once for all that was added or is looked for. `missing` gets where it is not seen
 * yet, in words, nothing if it is everywhere; `names`, unless it is NULL, the names of
 * those records, a line each. */
MUST_CHECK enum err dns_desk_look(struct dns_desk *d, struct buf *missing,
                                  struct buf *names, struct err_info *why);

/* Have the process forget what it looks for; what was not removed belongs to nobody who
 * is alive from here on. */
void dns_desk_close(struct dns_desk *d);

/* Remove what earlier runs left behind, and say so; what cannot be removed stays in the
 * journal, with a warning. While another cairn has records of its own there, nothing is
 * done: the next run will. ERR_INTERRUPTED; ERR_IO if the process is gone. */
MUST_CHECK enum err dns_desk_clean(struct dns_desk *d, struct err_info *why);
