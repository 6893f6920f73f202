/* Keys in tokens: opened, and used as any other key. */
#include <stdlib.h>

#include "core/base/memory.h"
#include "core/pkcs11/pkcs11_private.h"

#define ATTEMPTS 3 /* as it is; with new sessions; with the module started anew */

/* What stands behind a struct key. */
struct stub {
    struct pkcs11_token *token;
    char *label; /* owned; NULL: any */
    uint8_t *id; /* owned */
    size_t id_len;
    enum key_type type;
    pthread_mutex_t lock; /* of all below */
    uint64_t connection;  /* of the handle */
    ck_object_handle_t handle;
    bool asks_each_time; /* CKA_ALWAYS_AUTHENTICATE */
};

static void drop(void *owner)
{
    struct stub *s = owner;

    (void)pthread_mutex_destroy(&s->lock);
    free(s->label);
    free(s->id);
    free(s);
}

static struct stub *make_stub(struct pkcs11_token *t, const struct pkcs11_uri *uri)
{
    struct stub *s = memory_get_zeroed(1, sizeof *s);

    s->token = t;
    s->label = uri->object != NULL ? memory_copy_string(uri->object) : NULL;
    s->id = memory_get(uri->id.len + 1);
    s->id_len = uri->id.len;
    if (uri->id.len > 0)
        memcpy(s->id, uri->id.data, uri->id.len);
    (void)pthread_mutex_init(&s->lock, NULL);
    return s;
}

/* ---- finding ---- */

static enum err find(const struct stub *s, struct pkcs11_lease *lease,
                     ck_object_handle_t *handle, struct err_info *why)
{
    struct pkcs11_object wanted = {
        .class = CKO_PRIVATE_KEY, .label = s->label, .id = span_make(s->id, s->id_len)};
    ck_object_handle_t found[2];
    size_t count = 0;

    TRY(pkcs11_object_find(s->token, lease, &wanted, found, 2, &count, why));
    if (count == 1) {
        *handle = found[0];
        return ERR_OK;
    }
    lease->is_lost = count == 0; /* of a token that is going, it goes first */
    return err_set(why, pkcs11_token_code(s->token, ERR_NOT_FOUND),
                   count == 0 ? "%s has no private key %s%s%s"
                              : "%s has several private keys %s%s%s; name the id, too",
                   s->token->name, s->label != NULL ? "called \"" : "of that id",
                   s->label != NULL ? s->label : "", s->label != NULL ? "\"" : "");
}

/* The handle, which holds as long as the connection. */
static enum err handle_of(struct stub *s, struct pkcs11_lease *lease,
                          ck_object_handle_t *handle, bool *asks_each_time,
                          struct err_info *why)
{
    enum err result = ERR_OK;

    (void)pthread_mutex_lock(&s->lock);
    if (s->connection != lease->connection) {
        result = find(s, lease, &s->handle, why);
        if (result == ERR_OK) {
            s->connection = lease->connection;
            s->asks_each_time = pkcs11_object_flag(s->token, lease->session, s->handle,
                                                   CKA_ALWAYS_AUTHENTICATE);
        }
    }
    *handle = s->handle;
    *asks_each_time = s->asks_each_time;
    (void)pthread_mutex_unlock(&s->lock);
    return result;
}

/* ---- signing ---- */

static ck_mechanism_type_t mechanism_of(enum key_type type)
{
    if (type == KEY_RSA)
        return CKM_RSA_PKCS;
    return type == KEY_ED25519 ? CKM_EDDSA : CKM_ECDSA;
}

static enum err sign_once(struct stub *s, struct pkcs11_lease *lease, struct span input,
                          uint8_t *signature, size_t *len, struct err_info *why)
{
    const struct ck_function_list *call = s->token->module->call;
    struct ck_mechanism mechanism = {mechanism_of(s->type), NULL, 0};
    ck_object_handle_t handle = 0;
    unsigned long made = KEY_SIGNATURE_MAX;
    bool asks_each_time = false;

    TRY(handle_of(s, lease, &handle, &asks_each_time, why));
    lease->answer = call->C_SignInit(lease->session, &mechanism, handle);
    if (lease->answer == CKR_OK && asks_each_time)
        lease->answer = call->C_Login(lease->session, CKU_CONTEXT_SPECIFIC,
                                      s->token->pin.data, s->token->pin.len);
    if (lease->answer == CKR_OK)
        lease->answer =
            call->C_Sign(lease->session, (unsigned char *)(uintptr_t)input.data,
                         input.len, signature, &made);
    if (lease->answer != CKR_OK)
        return pkcs11_module_failed(why, lease->answer, "%s does not sign",
                                    s->token->name);
    *len = made;
    return ERR_OK;
}

static enum err sign(void *owner, struct span input, uint8_t *signature, size_t *len,
                     struct err_info *why)
{
    struct stub *s = owner;
    enum err result = ERR_OK;
    bool is_lost = true;

    for (int i = 0; i < ATTEMPTS && is_lost; i++) {
        struct pkcs11_lease lease = {0};
        TRY(pkcs11_token_borrow(s->token, &lease, why));
        result = sign_once(s, &lease, input, signature, len, why);
        is_lost = pkcs11_token_return(s->token, &lease, result == ERR_OK);
    }
    return result;
}

/* ---- opening ---- */

/* Its public half as the token has it; empty if it has none. */
static enum err read_public(struct arena *a, struct stub *s, struct span *spki,
                            struct err_info *why)
{
    struct pkcs11_lease lease = {0};
    ck_object_handle_t handle = 0;
    bool unused = false;

    TRY(pkcs11_token_borrow(s->token, &lease, why));
    enum err result = handle_of(s, &lease, &handle, &unused, why);
    if (result == ERR_OK)
        result = pkcs11_public_read(a, s->token, &lease, handle, spki, why);
    (void)pkcs11_token_return(s->token, &lease, result == ERR_OK);
    return result;
}

/* A token can hold any two halves, and keys that may not sign. */
static enum err try_out(const struct key *k, struct err_info *why)
{
    static const uint8_t probe[] = "do the halves belong together?";
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    return key_sign(k, key_x509_signature(k), span_make(probe, sizeof probe), signature,
                    &len, why);
}

static enum err open_stub(struct arena *a, struct stub *s, struct span fallback,
                          struct key **k, struct err_info *why)
{
    const struct key_outside outside = {.sign = sign, .drop = drop, .owner = s};
    struct span spki = {0};

    TRY(read_public(a, s, &spki, why));
    if (spki.len == 0)
        spki = fallback;
    if (spki.len == 0)
        return err_set(why, ERR_CRYPTO,
                       "%s has neither a public key nor a certificate beside the private "
                       "key, and none is known from elsewhere",
                       s->token->name);
    TRY(key_from_outside(spki, &outside, k, why));
    s->type = key_type(*k);
    return ERR_OK;
}

enum err pkcs11_key_open(struct pkcs11 *p, const struct pkcs11_uri *uri,
                         const struct pkcs11_access *access, struct span spki,
                         struct key **k, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(key) struct key *made = NULL;
    struct pkcs11_token *t = NULL;

    TRY(pkcs11_token_get(p, uri, access, &t, why));
    struct stub *s = make_stub(t, uri);
    enum err result = open_stub(a, s, spki, &made, why);
    if (result != ERR_OK) {
        drop(s);
        return result;
    }
    if (p->pin_option == NULL)
        TRY(try_out(made, why));
    *k = made;
    made = NULL;
    return ERR_OK;
}
