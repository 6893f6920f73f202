/* The client's folder: accounts, certificates, and the locks of whoever changes them.
 *
 *   accounts/CA/key.pem, account.json one folder for each CA
 *   accounts/CA/lock                  exclusive: the account's key or URL is changed;
 *                                     shared: they are in use
 *   certificates/NAME/current         symbolic link to versions/N
 *   certificates/NAME/versions/N/     key.pem cert.pem chain.pem fullchain.pem
 *                                     metadata.json
 *   certificates/NAME/lock            this certificate is worked on
 *   dns-01/lock                       shared: records are being added; exclusive: those
 *                                     of runs that have ended are removed
 *   credentials/lock                  an import brings some
 *   ports/lock                        ports of our own are listened on, for challenges
 *   turns/lock                        a device is at work that does one thing at a time
 *
 * Locks are flock(2) on a file that stays: the kernel frees them however a process ends,
 * so none is ever left behind, and each of the same process counts by itself. Taken in
 * this order: credentials, a certificate, an account, the ports, the DNS, a device's
 * turn; the folders web and, of an export, accounts/ID are locked themselves while files
 * in them are written, and nothing else is taken then. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"

/* Where it is unless --dir says otherwise: /var/lib/cairn for root, else
 * $XDG_STATE_HOME/cairn or ~/.local/state/cairn. ERR_USAGE if there is no home. */
MUST_CHECK enum err state_default_directory(struct arena *a, const char **directory,
                                            struct err_info *why);

/* Could nobody but who runs this, and root, have written what is in the folder? Programs
 * that it names are run. One that is not there is fine. ERR_CONFIG. */
MUST_CHECK enum err state_check(struct arena *a, const char *directory,
                                struct err_info *why);

/* Make the folder (0700), with missing parents; nothing in it. One that is there is
 * checked as above. ERR_CONFIG, ERR_IO. */
MUST_CHECK enum err state_make(struct arena *a, const char *directory,
                               struct err_info *why);

/* Make the folder and those in it (0700), with missing parents, as above. */
MUST_CHECK enum err state_prepare(struct arena *a, const char *directory,
                                  struct err_info *why);

/* A lock that is held; {0} is none. */
struct state_lock {
    bool held;
    int fd;
};

enum state_lock_kind {
    STATE_LOCK_SHARED,    /* others may have it, too, if they share it */
    STATE_LOCK_EXCLUSIVE, /* nobody else has it */
};

/* Take the lock of a certificate, whose folder is made if it is not there. Another
 * cairn's is waited for `wait_ms` at most (0: not at all), then ERR_LOCKED, with the
 * number of the process that has it. ERR_INTERRUPTED, ERR_IO. To be released with
 * state_unlock. */
MUST_CHECK enum err state_lock_certificate(struct arena *a, const char *directory,
                                           const char *name, int64_t wait_ms,
                                           struct state_lock *lock, struct err_info *why);

/* As that, the lock of the account in this folder (struct account's). */
MUST_CHECK enum err state_lock_account(struct arena *a, const char *folder,
                                       enum state_lock_kind kind, int64_t wait_ms,
                                       struct state_lock *lock, struct err_info *why);

/* As that, the lock of the journal of DNS records: shared by all who add records. Who
 * gets it exclusively knows that what is in the journal belongs to nobody who is alive.
 */
MUST_CHECK enum err state_lock_dns(struct arena *a, const char *directory,
                                   enum state_lock_kind kind, int64_t wait_ms,
                                   struct state_lock *lock, struct err_info *why);

/* As that, exclusive, of the credentials that imports bring. */
MUST_CHECK enum err state_lock_credentials(struct arena *a, const char *directory,
                                           int64_t wait_ms, struct state_lock *lock,
                                           struct err_info *why);

/* As that, the lock of whoever listens on ports of its own to answer challenges: all
 * ports at once, so that nobody waits for another who waits for him. */
MUST_CHECK enum err state_lock_ports(struct arena *a, const char *directory,
                                     int64_t wait_ms, struct state_lock *lock,
                                     struct err_info *why);

/* As that, the lock of whoever has a device at work that does one thing at a time. */
MUST_CHECK enum err state_lock_device(struct arena *a, const char *directory,
                                      int64_t wait_ms, struct state_lock *lock,
                                      struct err_info *why);

/* Release it; {0} is fine. state_lock_auto is the same for AUTO. */
void state_unlock(struct state_lock *lock);
static inline void state_lock_auto(struct state_lock *lock)
{
    state_unlock(lock);
}
