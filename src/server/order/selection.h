/* Which issuances are meant: by an administrator, or by an incident.
 *
 * Names are looked for in what was to be signed, some hundred issuances at a time. An
 * index by name would be paid for by whoever issues, and again for each name. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/x509/certificate.h"
#include "server/store/store_renewal.h"
#include "server/store/store_search.h"

/* Those that meet both, with the serials if there are some. */
struct selection {
    struct store_incident wanted; /* `last_issuance` must be set; not by_serial */
    const struct store_incident *incident; /* NULL: none */
    const struct span *serials;
    size_t serial_count; /* 0: whatever the serial is */
};

/* Some that are meant, in an arena. */
struct selection_found {
    struct store_found **rows;
    size_t count;
    const struct span *unknown; /* serials that were never given */
    size_t unknown_count;
    int64_t after; /* ids up to this one were looked at */
    bool over;     /* there are no others */
};

/* Have those the incident concerns been meant, and no others. ERR_NOT_FOUND. */
MUST_CHECK enum err selection_of_incident(struct store_session *session, struct arena *a,
                                          int64_t id, struct selection *selection,
                                          struct err_info *why);

/* The next ones with ids above `after`, in the order of their ids: what one look at the
 * store gives, perhaps none. With serials all of them at once. */
MUST_CHECK enum err selection_next(struct store_session *session, struct arena *a,
                                   const struct selection *selection, int64_t after,
                                   struct selection_found *found, struct err_info *why);

/* Those with ids above `after` up to `last`, at most STORE_SEARCH_SPAN more; serials are
 * not looked at. */
MUST_CHECK enum err selection_range(struct store_session *session, struct arena *a,
                                    const struct selection *selection, int64_t after,
                                    int64_t last, struct selection_found *found,
                                    struct err_info *why);

/* Is that one meant? */
MUST_CHECK enum err selection_meets(struct store_session *session,
                                    const struct selection *selection,
                                    const struct store_found *row, bool *meets,
                                    struct err_info *why);
