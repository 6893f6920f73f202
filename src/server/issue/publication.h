/* Where the CA publishes: URLs that stand in certificates and lists, and the paths at
 * their ends, which are also those of the files in crl.directory.
 *
 * An issuer is named by its key identifier (content octets). A certificate is in the part
 * `shard` of its issuer's revocation list for ever, counted from 1; 0 is the whole list,
 * which also has what is in the parts. So there may be more parts later, or fewer. */
#pragma once

#include "core/base/arena.h"
#include "core/base/span.h"
#include "server/settings/settings.h"

/* The part for a new certificate with that serial: 0, or 1 to crl.shards. */
int64_t publication_shard(const struct settings *settings, struct span serial);

/* "/crl/ISSUER.crl", or "/crl/ISSUER/SHARD.crl" of a part; in the arena. */
char *publication_crl_path(struct arena *a, struct span issuer, int64_t shard);

/* "/ca/ISSUER.cer"; in the arena. */
char *publication_issuer_path(struct arena *a, struct span issuer);

/* The URL of a revocation list for the distribution points of a certificate (RFC 5280
 * 4.2.1.13) and of the list itself (5.2.5), octet by octet the same. NULL: there is none.
 */
char *publication_crl_url(struct arena *a, const struct settings *settings,
                          struct span issuer, int64_t shard);

/* The URL of the issuer's certificate (DER; RFC 5280 4.2.2.1, id-ad-caIssuers). NULL:
 * there is none. */
char *publication_issuer_url(struct arena *a, const struct settings *settings,
                             struct span issuer);

/* The URL OCSP is asked at (RFC 5280 4.2.2.1, id-ad-ocsp). NULL: nobody answers. */
char *publication_ocsp_url(struct arena *a, const struct settings *settings,
                           struct span issuer);
