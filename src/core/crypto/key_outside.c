/* Keys whose private half is elsewhere. */
#include "core/crypto/key_private.h"

enum err key_from_outside(struct span spki, const struct key_outside *outside,
                          struct key **k, struct err_info *why)
{
    struct key *made = NULL;

    TRY(key_from_spki(spki, &made, why));
    made->outside = *outside;
    made->is_private = true;
    *k = made;
    return ERR_OK;
}

bool key_is_outside(const struct key *k)
{
    return k->outside.sign != NULL;
}
