/* An account as the process with the keys has it: it signs for the process with the
 * network, and keeps what that learns. */
#pragma once

#include "client/flow/flow_options.h"
#include "client/proc/wire.h"
#include "client/report/report.h"
#include "client/settings/settings.h"
#include "client/store/account_store.h"
#include "client/work/crew.h"

/* Filled by account_desk_open. */
struct account_desk {
    struct arena *arena;
    struct crew *crew; /* opens the devices of keys; NULL: keys in devices do not sign */
    const char *directory; /* state folder */
    const struct settings_ca *ca;
    struct account account;
    struct span roots;         /* PEM; empty: the system's */
    const char *const *emails; /* contacts; the first is kept with the account */
    size_t email_count;
    const struct key *certificate; /* a certificate's key, to revoke it with; or NULL */
};

/* Open the account at a CA; one is made on disk if there is none. It is in use until the
 * lock is released (account_store_use). The contact is that of the CA's settings, else
 * that of all. A key in a device is opened there by a process of the crew: to be called
 * before any other key is in memory. ERR_CONFIG, ERR_IO, ERR_LOCKED, and what the device
 * fails with. */
MUST_CHECK enum err account_desk_open(struct arena *a, struct crew *crew,
                                      const char *directory,
                                      const struct settings *settings,
                                      const struct settings_ca *ca,
                                      enum state_lock_kind kind, struct state_lock *lock,
                                      struct account_desk *desk, struct err_info *why);

/* As that, with a crew or without, of an account that is there:
 * ERR_ACCOUNT_DOES_NOT_EXIST if there is none. */
MUST_CHECK enum err account_desk_find(struct arena *a, struct crew *crew,
                                      const char *directory,
                                      const struct settings *settings,
                                      const struct settings_ca *ca,
                                      enum state_lock_kind kind, struct state_lock *lock,
                                      struct account_desk *desk, struct err_info *why);

/* The certificates of a CA's ca_file, empty for the system's. ERR_CONFIG. */
MUST_CHECK enum err account_desk_roots(struct arena *a, const struct settings_ca *ca,
                                       struct span *roots, struct err_info *why);

/* What of a job the desk knows: the CA, the account. `agree_terms`: whatever the settings
 * say. */
struct session_options account_desk_session(const struct account_desk *desk,
                                            const struct settings *settings,
                                            bool agree_terms);

/* Answer a call that is about the account; false if it is about something else. Requests
 * are signed for URLs of the CA's origin only. */
bool account_desk_serve(struct account_desk *desk, struct arena *a,
                        const struct wire_message *m, struct span *answer,
                        enum err *result, struct err_info *why);

/* Send a job. ERR_IO. */
MUST_CHECK enum err account_desk_send(int network, const struct flow_options *o,
                                      struct span roots, struct err_info *why);

/* Have a task done for which the account is all that is needed. `*known` is what it gave
 * back. */
MUST_CHECK enum err account_desk_run(struct account_desk *desk, struct crew *crew,
                                     const struct report *report,
                                     const struct flow_options *o, struct span *known,
                                     struct err_info *why);
