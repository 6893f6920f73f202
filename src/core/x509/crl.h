/* Certificate revocation lists, version 2 (RFC 5280 5): read strictly, written in pieces.
 *
 * A list may have millions of entries, so nothing here holds it as objects. Written, it
 * is
 *
 *     outer header | head | entries ... | tail | signature
 *                   \____ to be signed ______/
 *
 * where the entries come first and the pieces before and behind them are made when their
 * length is known. Read, its entries are one span, to be walked through. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/key.h"
#include "core/x509/oid.h"

#define CRL_EXTENSIONS_MAX 8     /* of one list */
#define CRL_URLS_MAX       16    /* of one distribution point */
#define CRL_ENTRY_MAX      128   /* octets of an entry that is written */
#define CRL_PIECE_MAX      16384 /* octets of head, tail or signature */
#define CRL_NUMBER_MAX     20    /* octets, RFC 5280 5.2.3 */
#define CRL_NO_REASON      (-1)

/* ---- writing ---- */

struct crl_head {
    struct span issuer; /* whole Name element */
    struct span key_id; /* of the issuer's key, content octets */
    enum key_signature signature_kind;
    int64_t this_update; /* seconds */
    int64_t next_update;
    uint64_t number;
    const char *const *urls; /* of the issuing distribution point; none: there is none */
    size_t url_count;
    bool only_user_certificates; /* where there is an issuing distribution point */
};

/* Append one entry; without a reason, or with unspecified (0), it has no extension (RFC
 * 5280 5.3.1). */
void crl_entry_add(struct buf *b, struct span serial, int64_t revoked_at, int reason);

/* What stands behind the entries of the to-be-signed list; in the arena. ERR_TOO_LARGE.
 */
MUST_CHECK enum err crl_tail_write(struct arena *a, const struct crl_head *head,
                                   struct span *tail, struct err_info *why);

/* What stands before `entries` octets of entries (0: the list is empty) and a tail of
 * that length; in the arena. ERR_TOO_LARGE. */
MUST_CHECK enum err crl_head_write(struct arena *a, const struct crl_head *head,
                                   size_t entries, size_t tail, struct span *octets,
                                   struct err_info *why);

/* What stands around a signed list of `tbs` octets: before and behind it; in the arena.
 */
MUST_CHECK enum err crl_frame_write(struct arena *a, size_t tbs, enum key_signature kind,
                                    struct span signature, struct span *before,
                                    struct span *behind, struct err_info *why);

/* ---- reading ---- */

struct crl_extension {
    struct span id;
    bool critical;
    struct span value;
};

/* Spans point into the octets read. */
struct crl {
    struct span tbs;    /* the whole TBSCertList element */
    struct span issuer; /* whole Name element */
    enum key_signature signature_kind;
    int64_t this_update;
    int64_t next_update;
    bool has_next_update;
    bool has_revoked;    /* there is a list of entries, which may be empty */
    struct span revoked; /* the entries, for crl_entry_next */
    struct crl_extension extensions[CRL_EXTENSIONS_MAX];
    size_t extension_count;
    bool has_number;
    struct span number; /* magnitude */
    struct span key_id; /* of the authority key identifier, empty if there is none */
    bool has_point;     /* an issuing distribution point (RFC 5280 5.2.5) */
    struct span urls[CRL_URLS_MAX];
    size_t url_count;
    bool only_user_certificates;
    bool only_ca_certificates;
    bool only_attribute_certificates;
    bool only_some_reasons;
    bool indirect;
    struct span signature; /* of crl_read only */
};

/* Read a TBSCertList of version 2, all but its entries. ERR_MALFORMED. */
MUST_CHECK enum err crl_read_tbs(struct span tbs, struct crl *crl, struct err_info *why);

/* Read a signed list: as above, and that both algorithms are the same. */
MUST_CHECK enum err crl_read(struct span der, struct crl *crl, struct err_info *why);

/* The extension of that kind; NULL if there is none. */
const struct crl_extension *crl_find(const struct crl *crl, enum oid oid);

struct crl_entry {
    struct span serial; /* content octets of the INTEGER */
    int64_t revoked_at;
    int reason;      /* CRL_NO_REASON: there is none */
    bool has_others; /* extensions other than a reason that is not critical */
};

/* Walk through the entries with a reader of crl_entries; false at their end, or if they
 * are malformed, which der_read_finish(r, ...) then says. */
struct der_reader crl_entries(const struct crl *crl);
bool crl_entry_next(struct der_reader *r, struct crl_entry *entry);
