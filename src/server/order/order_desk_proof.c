/* What the validator is asked about an authorization. */
#include "core/acme/key_authorization.h"
#include "server/order/order_desk_private.h"
#include "server/order/order_persist.h"
#include "server/order/order_state.h"
#include "server/settings/settings.h"

/* With spaces between; none of a directory that is gone: its accounts get nothing any
 * more. */
static const char *caa_identities(struct arena *a, const struct order_desk_prover *prover)
{
    const struct settings_directory *directory =
        settings_directory(prover->settings, prover->directory);
    const char *text = "";

    for (size_t i = 0; directory != NULL && i < directory->caa_identities.count; i++)
        text = arena_printf(a, "%s%s%s", text, i > 0 ? " " : "",
                            directory->caa_identities.items[i]);
    return text;
}

static bool looks_at_caa(const struct order_desk_prover *prover)
{
    const struct settings_directory *directory =
        settings_directory(prover->settings, prover->directory);

    return directory != NULL && directory->check_caa;
}

/* CAA of a name says nothing about those below it that have records of their own, and
 * only names have any. */
static enum validate_purpose purpose_of(const struct store_authz *authz,
                                        const struct order_desk_prover *prover)
{
    return authz->subdomains || authz->identifier.type != (int)IDENTIFIER_DNS ||
                   !looks_at_caa(prover)
               ? VALIDATE_CONTROL_ONLY
               : VALIDATE_CONTROL;
}

/* What must be found. */
static void set_proof(struct order_desk_question *q, const struct store_authz *authz,
                      const struct order_desk_prover *prover)
{
    const struct settings_directory *directory =
        settings_directory(prover->settings, prover->directory);
    const struct order_persist_account account = {prover->account_id, prover->thumbprint};

    if (q->check.type != CHALLENGE_DNS_PERSIST_01) {
        q->check.token = order_state_token(q->arena, authz, q->check.type);
        q->check.key_authorization =
            key_authorization_text(q->arena, q->check.token, prover->thumbprint);
        return;
    }
    q->check.token = "";
    q->check.key_authorization =
        directory == NULL ? ""
                          : order_persist_uri(q->arena, prover->settings, directory,
                                              &account, q->check.identifier);
}

void order_desk_proof_asker(struct order_desk_question *q,
                            const struct order_desk_prover *prover)
{
    q->check.directory = arena_string(q->arena, prover->directory);
    q->check.account_uri = settings_account_url(q->arena, prover->settings,
                                                prover->directory, prover->account_id);
    q->check.caa_identities = caa_identities(q->arena, prover);
}

void order_desk_proof_set(struct order_desk_question *q, const struct store_authz *authz,
                          const struct order_desk_prover *prover)
{
    q->check.purpose = purpose_of(authz, prover);
    q->check.identifier_type = (enum identifier_type)authz->identifier.type;
    q->check.identifier = arena_string(q->arena, authz->identifier.value);
    q->check.wildcard = authz->wildcard;
    order_desk_proof_asker(q, prover);
    set_proof(q, authz, prover);
}
