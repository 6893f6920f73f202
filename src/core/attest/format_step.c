/* Format "step": a YubiKey's PIV application, or another token with an attestation
 * certificate for its key. The certificate says that the key was made in the token, "sig"
 * that whoever asks can use it now. */
#include "core/attest/attest_private.h"
#include "core/attest/step_identity.h"

#define OID_FIRMWARE    "1.3.6.1.4.1.41482.3.3"
#define OID_POLICY      "1.3.6.1.4.1.41482.3.8"
#define OID_FORM_FACTOR "1.3.6.1.4.1.41482.3.9"

/* Yubico's numbers of PIN and touch policies. */
enum { PIN_NEVER = 1, PIN_ONCE = 2, PIN_ALWAYS = 3 };
enum { TOUCH_NEVER = 1, TOUCH_ALWAYS = 2, TOUCH_CACHED = 3 };

/* In this format the signature is in one more byte string. */
static enum err unwrap(const struct attest_case *c, struct span *signature,
                       struct err_info *why)
{
    struct span outer;
    const struct attest_cbor *inner = NULL;

    TRY(attest_statement_octets(c, "sig", &outer, why));
    if (attest_cbor_read(c->arena, outer, &inner, why) != ERR_OK ||
        inner->kind != ATTEST_CBOR_OCTETS)
        return err_set(why, ERR_MALFORMED,
                       "\"sig\" does not hold exactly one more CBOR byte string");
    *signature = inner->octets;
    return ERR_OK;
}

static enum err check_presence(const struct attest_case *c, struct err_info *why)
{
    enum attest_presence wanted = c->rules->presence;
    struct span policy;
    int pin = 0;
    int touch = 0;

    if (attest_leaf_extension(c, OID_POLICY, &policy)) {
        if (policy.len != 2)
            return err_set(why, ERR_MALFORMED,
                           "the PIN and touch policy is not two octets");
        pin = policy.data[0];
        touch = policy.data[1];
        json_write_number(c->facts, "pinPolicy", pin);
        json_write_number(c->facts, "touchPolicy", touch);
    }
    if ((wanted == ATTEST_PRESENCE_PIN || wanted == ATTEST_PRESENCE_BOTH) &&
        pin != PIN_ONCE && pin != PIN_ALWAYS)
        return err_set(why, ERR_UNAUTHORIZED, "the key can be used without a PIN");
    if ((wanted == ATTEST_PRESENCE_TOUCH || wanted == ATTEST_PRESENCE_BOTH) &&
        touch != TOUCH_ALWAYS && touch != TOUCH_CACHED)
        return err_set(why, ERR_UNAUTHORIZED, "the key can be used without a touch");
    return ERR_OK;
}

static void write_facts(const struct attest_case *c)
{
    struct span value;

    if (attest_leaf_extension(c, OID_FIRMWARE, &value) && value.len == 3)
        json_write_text(c->facts, "firmware",
                        arena_printf(c->arena, "%u.%u.%u", value.data[0], value.data[1],
                                     value.data[2]));
    if (attest_leaf_extension(c, OID_FORM_FACTOR, &value) && value.len == 1)
        json_write_number(c->facts, "formFactor", value.data[0]);
}

enum err format_step(struct attest_case *c, struct err_info *why)
{
    struct span signature;
    struct span id;

    TRY(unwrap(c, &signature, why));
    TRY(attest_statement_signed(c, signature, why));
    TRY(step_identity_read(c->arena, c->certificates[0], &id, why));
    if (id.data != NULL)
        TRY(attest_identity_add(c, id, why));
    write_facts(c);
    TRY(check_presence(c, why));
    c->spki = key_spki(c->leaf_key);
    return ERR_OK;
}
