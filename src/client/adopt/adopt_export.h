/* Certificates of ours, laid out as another client has them, for programs that look for
 * them there. */
#pragma once

#include "client/settings/settings.h"
#include "client/store/certificate_store.h"
#include "core/base/arena.h"
#include "core/base/err.h"

struct adopt_export {
    const char *directory;       /* our state folder */
    const char *to;              /* folder to be filled, absolute */
    const char *name;            /* of the certificate */
    const struct wanted *wanted; /* what its renewals want; NULL: not known */
    const struct certificate_metadata *metadata;
};

enum adopt_export_outcome {
    ADOPT_EXPORT_WRITTEN,
    ADOPT_EXPORT_SAME, /* what is in force is there already */
};

/* As certbot: archive/NAME/KINDn.pem, live/NAME/KIND.pem as links to them,
 * renewal/NAME.conf, and the account in accounts/. New files have the next number; links
 * are switched when all are there. `*note` is what its renewal by certbot would lack, a
 * sentence, or NULL. ERR_EXISTS: there is one of that name that cairn did not write.
 * ERR_IO, ERR_CRYPTO. */
MUST_CHECK enum err adopt_export_certbot(struct arena *a, const struct adopt_export *e,
                                         enum adopt_export_outcome *outcome,
                                         const char **note, struct err_info *why);
