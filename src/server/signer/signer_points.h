/* Where certificates and revocation lists point to, as the signer's own settings say:
 * whoever has the front must not have relying parties ask somebody else. */
#pragma once

#include "core/base/span.h"
#include "server/lint/lint.h"
#include "server/settings/settings.h"

/* What a certificate is held against. */
struct signer_points {
    const struct settings *settings;
    const struct settings_profile *profile; /* NULL: the server's own certificate */
};

/* Are these the URLs of that kind, all of them and no other? `issuer` is the key
 * identifier, `context` a struct signer_points; it is struct lint_profile's `pointers`.
 */
bool signer_points_certificate(const void *context, enum lint_point kind,
                               struct span issuer, const struct span *urls, size_t count);

/* Is that the URL of a part of the issuer's revocation list, of any number of parts? */
bool signer_points_part(const struct settings *settings, struct span issuer,
                        struct span url);
