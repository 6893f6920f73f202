/* The files of a version, read again. */
#pragma once

#include "client/store/certificate_store.h"
#include "core/x509/certificate.h"

/* Read the certificate of a part of the version in `folder`. ERR_NOT_FOUND: the file is
 * not there; ERR_MALFORMED: there is something else in it; ERR_IO. */
MUST_CHECK enum err certificate_files_read(struct arena *a, const char *folder,
                                           const struct certificate_metadata *m,
                                           size_t part, struct certificate **certificate,
                                           struct err_info *why);

/* What is wrong with the certificates of the version in `folder`, whose metadata is `m`:
 * a phrase in the arena, such as "its file cert.pem is damaged"; NULL: nothing, or they
 * may not be read, or another version has taken the place of that one meanwhile. Keys are
 * not looked at. */
const char *certificate_files_damage(struct arena *a, const char *folder,
                                     const struct certificate_metadata *m);

/* Has a certificate of one version the key of one of the other? What cannot be read has
 * none. */
bool certificate_files_share_key(struct arena *a, const char *folder,
                                 const struct certificate_metadata *m, const char *other,
                                 const struct certificate_metadata *other_m);
