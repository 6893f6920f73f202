/* New keys, made in the token and never outside of it. */
#include "core/base/random.h"
#include "core/pkcs11/pkcs11_private.h"

#define ID_SIZE       16 /* octets of an id that we choose */
#define ATTRIBUTE_MAX 12

/* What differs between the types. */
struct recipe {
    ck_mechanism_type_t mechanism;
    ck_key_type_t key_type;
    struct span parameters;       /* CKA_EC_PARAMS */
    struct span other_parameters; /* the same as older versions have it */
    unsigned long bits;           /* CKA_MODULUS_BITS */
};

static enum err recipe_of(enum key_type type, int rsa_bits, struct recipe *r,
                          struct err_info *why)
{
    static const uint8_t p256[] = {0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
    static const uint8_t p384[] = {0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x22};
    /* PKCS #11 3.0 2.3.10: the name; later ones and some modules: the OID of RFC 8410 */
    static const uint8_t ed25519[] = {0x13, 12,  'e', 'd', 'w', 'a', 'r',
                                      'd',  's', '2', '5', '5', '1', '9'};
    static const uint8_t ed25519_oid[] = {0x06, 3, 0x2b, 0x65, 0x70};

    *r = (struct recipe){.mechanism = CKM_EC_KEY_PAIR_GEN, .key_type = CKK_EC};
    switch (type) {
    case KEY_P256:
        r->parameters = span_make(p256, sizeof p256);
        return ERR_OK;
    case KEY_P384:
        r->parameters = span_make(p384, sizeof p384);
        return ERR_OK;
    case KEY_ED25519:
        *r = (struct recipe){.mechanism = CKM_EC_EDWARDS_KEY_PAIR_GEN,
                             .key_type = CKK_EC_EDWARDS,
                             .parameters = span_make(ed25519, sizeof ed25519),
                             .other_parameters =
                                 span_make(ed25519_oid, sizeof ed25519_oid)};
        return ERR_OK;
    case KEY_RSA:
        *r = (struct recipe){.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN,
                             .key_type = CKK_RSA,
                             .bits = (unsigned long)rsa_bits};
        if (rsa_bits == 2048 || rsa_bits == 3072 || rsa_bits == 4096)
            return ERR_OK;
        break;
    case KEY_P521:
    case KEY_MLDSA44:
    case KEY_MLDSA65:
    case KEY_MLDSA87:
        break;
    }
    return err_set(why, ERR_CONFIG,
                   "keys are made in tokens as RSA 2048, 3072, 4096, P-256, P-384 and "
                   "Ed25519 only");
}

struct template
{
    struct ck_attribute attributes[ATTRIBUTE_MAX];
    unsigned long count;
};

static void add(struct template *t, ck_attribute_type_t type, const void *value,
                size_t len)
{
    t->attributes[t->count++] =
        (struct ck_attribute){type, (void *)(uintptr_t)value, len};
}

static ck_rv_t make_pair(struct pkcs11_token *t, ck_session_handle_t session,
                         const struct recipe *r, struct span parameters,
                         const struct pkcs11_uri *uri, ck_object_handle_t *pair)
{
    static const unsigned char yes = PKCS11_TRUE;
    static const unsigned char no = PKCS11_FALSE;
    static const uint8_t exponent[] = {1, 0, 1};
    struct ck_mechanism mechanism = {r->mechanism, NULL, 0};
    struct template public = {0};
    struct template private = {0};
    struct template *both[] = {&public, &private};

    for (size_t i = 0; i < 2; i++) {
        add(both[i], CKA_KEY_TYPE, &r->key_type, sizeof r->key_type);
        add(both[i], CKA_TOKEN, &yes, sizeof yes);
        add(both[i], CKA_ID, uri->id.data, uri->id.len);
        if (uri->object != NULL)
            add(both[i], CKA_LABEL, uri->object, strlen(uri->object));
    }
    add(&public, CKA_PRIVATE, &no, sizeof no);
    add(&public, CKA_VERIFY, &yes, sizeof yes);
    if (r->bits > 0) {
        add(&public, CKA_MODULUS_BITS, &r->bits, sizeof r->bits);
        add(&public, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
    } else {
        add(&public, CKA_EC_PARAMS, parameters.data, parameters.len);
        add(&private, CKA_DERIVE, &no, sizeof no);
    }
    add(&private, CKA_DECRYPT, &no, sizeof no); /* a key for signatures only */
    add(&private, CKA_UNWRAP, &no, sizeof no);
    add(&private, CKA_PRIVATE, &yes, sizeof yes);
    add(&private, CKA_SENSITIVE, &yes, sizeof yes);
    add(&private, CKA_EXTRACTABLE, &no, sizeof no);
    add(&private, CKA_SIGN, &yes, sizeof yes);
    return t->module->call->C_GenerateKeyPair(session, &mechanism, public.attributes,
                                              public.count, private.attributes,
                                              private.count, &pair[0], &pair[1]);
}

/* One that could leave the token is none that was asked for. */
static enum err check_pair(struct pkcs11_token *t, ck_session_handle_t session,
                           const ck_object_handle_t *pair, struct err_info *why)
{
    if (pkcs11_object_flag(t, session, pair[1], CKA_SENSITIVE) &&
        !pkcs11_object_flag(t, session, pair[1], CKA_EXTRACTABLE))
        return ERR_OK;
    for (size_t i = 0; i < 2; i++)
        (void)t->module->call->C_DestroyObject(session, pair[i]);
    return err_set(why, ERR_CRYPTO,
                   "%s makes keys that could be copied out of it; the new one was "
                   "removed again",
                   t->name);
}

static enum err refuse_existing(struct pkcs11_token *t, struct pkcs11_lease *lease,
                                const struct pkcs11_uri *uri, struct err_info *why)
{
    const struct pkcs11_object wanted[] = {
        {CKO_PRIVATE_KEY, uri->object, {0}},
        {CKO_PRIVATE_KEY, NULL, uri->id},
    };
    ck_object_handle_t found = 0;

    for (size_t i = 0; i < 2; i++) {
        size_t count = 0;
        if (wanted[i].label == NULL && wanted[i].id.len == 0)
            continue;
        TRY(pkcs11_object_find(t, lease, &wanted[i], &found, 1, &count, why));
        if (count > 0)
            return err_set(why, ERR_EXISTS,
                           "%s has a private key %s already; nothing was changed",
                           t->name, i == 0 ? uri->object : "with that id");
    }
    return ERR_OK;
}

static enum err generate(struct pkcs11_token *t, struct pkcs11_lease *lease,
                         const struct recipe *r, const struct pkcs11_uri *uri,
                         struct err_info *why)
{
    ck_session_handle_t session = 0;
    ck_object_handle_t pair[2] = {0};

    TRY(refuse_existing(t, lease, uri, why));
    TRY(pkcs11_token_open_writer(t, &session, why));
    ck_rv_t answer = make_pair(t, session, r, r->parameters, uri, pair);
    if (answer != CKR_OK && r->other_parameters.len > 0)
        answer = make_pair(t, session, r, r->other_parameters, uri, pair);
    enum err result = answer == CKR_OK
                          ? check_pair(t, session, pair, why)
                          : pkcs11_module_failed(why, answer, "%s makes no key", t->name);
    pkcs11_token_close_writer(t, session);
    return result;
}

enum err pkcs11_key_is_free(struct pkcs11 *p, const struct pkcs11_uri *uri,
                            const struct pkcs11_access *access, struct err_info *why)
{
    struct pkcs11_token *t = NULL;
    struct pkcs11_lease lease = {0};

    TRY(pkcs11_token_get(p, uri, access, &t, why));
    TRY(pkcs11_token_borrow(t, &lease, why));
    enum err result = refuse_existing(t, &lease, uri, why);
    (void)pkcs11_token_return(t, &lease, result == ERR_OK || result == ERR_EXISTS);
    return result;
}

enum err pkcs11_key_generate(struct arena *a, struct pkcs11 *p,
                             const struct pkcs11_uri *uri,
                             const struct pkcs11_access *access, enum key_type type,
                             int rsa_bits, struct key **k, struct pkcs11_uri *named,
                             struct err_info *why)
{
    struct pkcs11_uri full = *uri;
    struct pkcs11_token *t = NULL;
    struct pkcs11_lease lease = {0};
    struct recipe r;

    TRY(recipe_of(type, rsa_bits, &r, why));
    if (full.id.len == 0) {
        uint8_t *id = arena_get(a, ID_SIZE);
        random_fill(id, ID_SIZE);
        full.id = span_make(id, ID_SIZE);
    }
    TRY(pkcs11_token_get(p, uri, access, &t, why));
    TRY(pkcs11_token_borrow(t, &lease, why));
    enum err result = generate(t, &lease, &r, &full, why);
    (void)pkcs11_token_return(t, &lease, result == ERR_OK);
    TRY(result);
    TRY(pkcs11_key_open(p, &full, access, span_make(NULL, 0), k, why));
    *named = full;
    return ERR_OK;
}
