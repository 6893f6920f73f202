/* Certificates in a token. */
#include "core/pkcs11/pkcs11_private.h"

#define OBJECTS_MAX 128 /* certificates that are looked at */

static enum err list(struct arena *a, struct pkcs11_token *t, struct pkcs11_lease *lease,
                     struct span *ders, size_t max, size_t *count, struct err_info *why)
{
    static const struct pkcs11_object all = {.class = CKO_CERTIFICATE};
    ck_object_handle_t found[OBJECTS_MAX];
    size_t objects = 0;
    size_t got = 0;

    TRY(pkcs11_object_find(t, lease, &all, found, OBJECTS_MAX, &objects, why));
    for (size_t i = 0; i < objects && got < max; i++) {
        struct span der = pkcs11_object_value(a, t, lease->session, found[i], CKA_VALUE);
        if (der.len > 0)
            ders[got++] = der;
    }
    *count = got;
    return ERR_OK;
}

enum err pkcs11_certificate_list(struct arena *a, struct pkcs11 *p,
                                 const struct pkcs11_uri *uri,
                                 const struct pkcs11_access *access, struct span *ders,
                                 size_t max, size_t *count, struct err_info *why)
{
    struct pkcs11_token *t = NULL;
    struct pkcs11_lease lease = {0};

    TRY(pkcs11_token_get(p, uri, access, &t, why));
    TRY(pkcs11_token_borrow(t, &lease, why));
    enum err result = list(a, t, &lease, ders, max, count, why);
    (void)pkcs11_token_return(t, &lease, result == ERR_OK);
    return result;
}
