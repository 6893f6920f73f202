/* What commands of deployments find in their environment:
 *   CAIRN_NAME, CAIRN_DIR, CAIRN_CERTIFICATE, CAIRN_KEY, CAIRN_CHAIN, CAIRN_FULLCHAIN,
 *   CAIRN_NAMES, CAIRN_SERIAL, CAIRN_NOT_AFTER, CAIRN_KEY_TYPES, CAIRN_DEPLOYMENT
 * and, so that deploy hooks of certbot run as they are, RENEWED_LINEAGE (a folder called
 * as the certificate, with privkey.pem, cert.pem, chain.pem, fullchain.pem) and
 * RENEWED_DOMAINS. */
#pragma once

#include "client/deploy/deploy_material.h"

/* Make it, and certbot's folder in that of the certificate. Ends with NULL. ERR_IO. */
MUST_CHECK enum err deploy_environment_make(struct arena *a, const char *directory,
                                            const struct settings_deployment *d,
                                            const struct deploy_material *m,
                                            const char *const **environment,
                                            struct err_info *why);
