/* Certificates of ours, laid out as another client has them, for programs that look for
 * them there. */
#pragma once

#include "client/settings/settings.h"
#include "client/store/certificate_store.h"
#include "core/base/arena.h"
#include "core/base/err.h"

#define ADOPT_EXPORT_NOTES_MAX 8

struct adopt_export {
    const char *directory;       /* our state folder */
    const char *to;              /* folder to be filled, absolute, without a last slash */
    const char *name;            /* of the certificate */
    const struct wanted *wanted; /* what its renewals want; NULL: not known */
    const struct certificate_metadata *metadata;
};

enum adopt_export_outcome {
    ADOPT_EXPORT_WRITTEN,
    ADOPT_EXPORT_SAME,    /* what is in force is there already */
    ADOPT_EXPORT_WITHOUT, /* its key is not kept here: nothing was made */
};

/* What its renewal by certbot would lack: sentences. */
struct adopt_export_notes {
    const char *items[ADOPT_EXPORT_NOTES_MAX];
    size_t count;
};

/* As certbot: archive/NAME/KINDn.pem, live/NAME/KIND.pem as links to them,
 * renewal/NAME.conf, and the account in accounts/. New files have the next number; links
 * are switched when all are there. ERR_EXISTS: there is one of that name that cairn did
 * not write. ERR_IO, ERR_CRYPTO. */
MUST_CHECK enum err adopt_export_certbot(struct arena *a, const struct adopt_export *e,
                                         enum adopt_export_outcome *outcome,
                                         struct adopt_export_notes *notes,
                                         struct err_info *why);
