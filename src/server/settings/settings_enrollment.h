/* Enrolment of attestation keys of TPMs (attest.ek_roots, attest.ak_*): docs/devices.md.
 */
#pragma once

#include "server/settings/settings.h"

#define SETTINGS_EK_ROOTS_MAX  (1024 * 1024) /* octets of one of attest.ek_roots */
#define SETTINGS_EK_ROOTS_MOST 1000          /* certificates in it */

/* Check the options against each other. ERR_CONFIG. */
MUST_CHECK enum err settings_enrollment_check(struct settings *settings,
                                              struct err_info *why);

/* Does any directory offer it? */
bool settings_enrollment_is_on(const struct settings *settings);

/* The content of one of attest.ek_roots, by the name that the settings have for it, from
 * disk: a file, or all files of a folder whose names end in .pem or .crt, in the order of
 * their names. In the arena. ERR_NOT_FOUND, ERR_IO, ERR_TOO_LARGE. */
MUST_CHECK enum err settings_enrollment_read(struct arena *a,
                                             const struct settings *settings,
                                             const char *name, struct span *content,
                                             struct err_info *why);

/* Are all of them there, with certificates in them? ERR_CONFIG. */
MUST_CHECK enum err settings_enrollment_files(struct arena *a,
                                              const struct settings *settings,
                                              struct err_info *why);

/* All of them as one PEM text, out of the bundle (settings_bundle.h) or from disk; in the
 * arena. */
MUST_CHECK enum err settings_enrollment_roots(struct arena *a,
                                              const struct settings *settings,
                                              struct span *pem, struct err_info *why);
