/* Issuers: those that are configured, and others that certificates name. */
#include <string.h>

#include "core/crypto/der_read.h"
#include "core/x509/certificate.h"
#include "server/check/check_private.h"

static struct check_issuer *add(struct check_run *run, struct span key_id)
{
    struct check_issuer *made = arena_get(run->arena, sizeof *made);

    made->key_id_len =
        key_id.len < sizeof made->key_id ? key_id.len : sizeof made->key_id;
    memcpy(made->key_id, key_id.data, made->key_id_len);
    made->next = run->issuers;
    run->issuers = made;
    return made;
}

/* With all that binds it, as the signer has it. */
static enum err as_lint(struct arena *a, struct span ders, struct lint_issuer *issuer,
                        struct err_info *why)
{
    struct der_reader r = der_read_start(ders, 1);
    struct span own = der_read_element(&r);

    TRY(lint_issuer_read(a, own, issuer, why));
    TRY(lint_issuer_bind(a, own, issuer, why));
    while (der_read_more(&r))
        TRY(lint_issuer_bind(a, der_read_element(&r), issuer, why));
    return ERR_OK;
}

enum err check_issuers_read(struct check_run *run, struct err_info *why)
{
    TRY(issuer_set_read(run->arena, run->check->settings, &run->set, why));
    for (size_t i = 0; i < run->set.count; i++) {
        const struct issuer *from = &run->set.issuers[i];
        struct lint_issuer *issuer = arena_get(run->arena, sizeof *issuer);
        TRY(as_lint(run->arena, from->chain_der, issuer, why));
        struct check_issuer *made = add(run, from->template.key_id);
        made->configured = from;
        made->issuer = issuer;
    }
    return ERR_OK;
}

/* Its certificate, as it is kept with those it signed; NULL: it is not. */
static const struct lint_issuer *kept(struct check_run *run, struct span key_id,
                                      int64_t issuance_id)
{
    struct store_issuance *row = NULL;
    struct lint_issuer read = {0};

    if (store_certificate_by_id(run->check->session, run->step, issuance_id, &row,
                                NULL) != ERR_OK ||
        as_lint(run->step, row->issuers, &read, NULL) != ERR_OK ||
        !span_equal(read.key_id, key_id))
        return NULL;
    struct lint_issuer *issuer = arena_get(run->arena, sizeof *issuer);
    return as_lint(run->arena, arena_span(run->arena, row->issuers), issuer, NULL) ==
                   ERR_OK
               ? issuer
               : NULL;
}

enum err check_issuer_find(struct check_run *run, struct span key_id, int64_t issuance_id,
                           struct check_issuer **issuer, struct err_info *why)
{
    struct check_issuer *at = run->issuers;

    if (key_id.len == 0 || key_id.len > STORE_HASH_SIZE)
        return err_set(why, ERR_NOT_FOUND, "it does not say by which key it is signed");
    while (at != NULL && !span_equal(span_make(at->key_id, at->key_id_len), key_id))
        at = at->next;
    if (at == NULL)
        at = add(run, key_id);
    if (at->issuer == NULL)
        at->issuer = kept(run, key_id, issuance_id);
    *issuer = at;
    return ERR_OK;
}
