/* Keys in tokens, as the configuration names them. */
#pragma once

#include "server/settings/settings.h"

/* Sockets a PKCS #11 module may open: pkcs11.sockets. */
enum settings_sockets {
    SETTINGS_SOCKETS_NONE,
    SETTINGS_SOCKETS_LOCAL,   /* of this machine (AF_UNIX), such as pcscd's */
    SETTINGS_SOCKETS_NETWORK, /* these, and TCP and UDP to anywhere */
};

/* Is there an issuer whose key is in a token? */
bool settings_pkcs11_is_used(const struct settings *settings);

/* Check pkcs11.* and the URIs of keys. ERR_CONFIG with the option. */
MUST_CHECK enum err settings_pkcs11_check(struct arena *a, struct settings *s,
                                          struct err_info *why);
