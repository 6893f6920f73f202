/* Precertificates (RFC 6962 3.1): a to-be-signed certificate in its three forms, which
 * differ in one extension and nothing else: with the poison, with the list of timestamps
 * in its place, and without either, which is what logs sign. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define PRECERTIFICATE_EXTENSIONS_MAX 32 /* extensions of one certificate */

enum precertificate_mark {
    PRECERTIFICATE_NONE,
    PRECERTIFICATE_POISON,
    PRECERTIFICATE_TIMESTAMPS,
};

/* Which of the two extensions is there? ERR_MALFORMED: no TBSCertificate with extensions,
 * or both, or one of them twice, or a poison that is not critical and NULL. */
MUST_CHECK enum err precertificate_mark(struct span tbs, enum precertificate_mark *mark,
                                        struct err_info *why);

/* The octets logs sign: without either extension (RFC 6962 3.2); in the arena.
 * ERR_MALFORMED also if there is none of them. */
MUST_CHECK enum err precertificate_entry(struct arena *a, struct span tbs,
                                         struct span *entry, struct err_info *why);

/* The certificate of a precertificate: `list` (a whole SignedCertificateTimestampList) in
 * the poison's place. ERR_MALFORMED; ERR_TOO_LARGE. */
MUST_CHECK enum err precertificate_stamp(struct arena *a, struct span tbs,
                                         struct span list, struct span *stamped,
                                         struct err_info *why);

/* The precertificate a certificate with timestamps was made of: the poison in their
 * place. ERR_MALFORMED. */
MUST_CHECK enum err precertificate_of(struct arena *a, struct span tbs,
                                      struct span *precertificate, struct err_info *why);
