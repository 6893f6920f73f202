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

enum err key_sign_outside(const struct key *k, struct span input, uint8_t *signature,
                          size_t *len, struct err_info *why)
{
    if (!key_is_outside(k))
        return err_set(why, ERR_CRYPTO, "the key is not kept elsewhere");
    return k->outside.sign(k->outside.owner, input, signature, len, why);
}

bool key_is_outside(const struct key *k)
{
    return k->outside.sign != NULL;
}
