/* The store's contract on renewal (RFC 9773): what certificates are replaced, and
 * incidents. */
#pragma once

#include "server/store/store.h"
#include "server/store/store_reuse.h"

/* What says when a certificate is to be renewed. */
struct store_renewal {
    struct store_issuance issuance; /* with its certificate, without the issuers */
    struct store_revocation revocation;
    const struct store_identifier *identifiers; /* of its order */
    size_t identifier_count;
    const char *profile; /* of its order, "" if none was asked for */
    bool replaced;       /* an order that replaces it has its certificate */
    bool is_star;        /* its order is renewed by the CA itself (RFC 8739) */
};

/* The finished issuance with that serial, in one look; ERR_NOT_FOUND. */
MUST_CHECK enum err store_renewal_by_serial(struct store_session *s, struct arena *a,
                                            struct span serial,
                                            struct store_renewal **row,
                                            struct err_info *why);

/* Finished issuances with ids above `after`, by id, at most `max`. */
MUST_CHECK enum err store_renewals_after(struct store_session *s, struct arena *a,
                                         int64_t after, size_t max,
                                         struct store_renewal **rows, size_t *count,
                                         struct err_info *why);

/* Says of an order, as it is at `now`, whether something is so; quick, and without
 * calling the store. */
typedef bool store_order_judge(const struct store_order *order, int64_t now);

/* What an order replaces. */
struct store_replacing {
    int64_t issuance_id;        /* the certificate of that */
    store_order_judge *is_over; /* did another order that replaces it come to nothing? */
    int64_t now;                /* seconds */
};

/* As store_reuse_order_add (`reuse` NULL: as store_order_add), and the order replaces
 * the certificate of that issuance from now on. ERR_CONFLICT if another order does
 * already, unless is_over() says of that one that it came to nothing: then its place is
 * taken, and nothing is issued for it any more. */
MUST_CHECK enum err store_order_add_replacing(struct store_session *s, struct arena *a,
                                              struct store_order *order,
                                              const struct store_reuse *reuse,
                                              const struct store_replacing *replacing,
                                              struct err_info *why);

#define STORE_INCIDENTS_MAX                                                              \
    100 /* more are refused: each is looked at for each window                           \
         */

/* Certificates that are to be renewed soon, because something happened: those for which
 * everything that is set is so. */
struct store_incident {
    int64_t id;
    int64_t created;         /* seconds: the windows begin then */
    int64_t over;            /* seconds they last */
    const char *explanation; /* URL, or "" */
    int64_t last_issuance;   /* what began later is not concerned; set by the store */
    int64_t account_id;      /* 0: any */
    int64_t begun_from;      /* seconds of the issuance, 0: any */
    int64_t begun_before;    /* 0: any */
    const char *name;        /* an identifier's value; NULL: any */
    const char *profile;     /* NULL: any */
    struct span key_hash;    /* of the subject's SubjectPublicKeyInfo; empty: any */
    struct span issuer;      /* keyIdentifier of the issuer's key; empty: any */
    bool by_serial;          /* only those whose serials were added */
    bool has_serial;         /* the serial that was asked about is among them */
};

/* Add an incident, with these serials if it is by_serial, and set its id and
 * last_issuance. ERR_CONFLICT if there are STORE_INCIDENTS_MAX. */
MUST_CHECK enum err store_incident_add(struct store_session *s,
                                       struct store_incident *incident,
                                       const struct span *serials, size_t count,
                                       struct err_info *why);

/* Add serials to an incident; those it has are passed over. ERR_NOT_FOUND if there is no
 * such incident, ERR_CONFLICT if it is not by_serial. */
MUST_CHECK enum err store_incident_extend(struct store_session *s, int64_t id,
                                          const struct span *serials, size_t count,
                                          struct err_info *why);

/* With its serials; ERR_NOT_FOUND. */
MUST_CHECK enum err store_incident_remove(struct store_session *s, int64_t id,
                                          struct err_info *why);

/* All, oldest first; has_serial is about this serial, which may be empty. */
MUST_CHECK enum err store_incidents(struct store_session *s, struct arena *a,
                                    struct span serial, struct store_incident **rows,
                                    size_t *count, struct err_info *why);
