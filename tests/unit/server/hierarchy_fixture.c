/* A root and an intermediate for tests. */
#include "hierarchy_fixture.h"

static enum err make(struct arena *a, const char *name, int64_t now,
                     const struct key *root_key, const struct key *key,
                     struct hierarchy *h, struct err_info *why)
{
    const struct template_name names[] = {
        {.common_name = arena_printf(a, "%s Root", name)},
        {.common_name = arena_printf(a, "%s Intermediate", name)}};
    struct hierarchy_wish wish = {.now = now, .path_length = -1};
    struct span root = {0};
    struct span tbs = {0};
    struct span der = {0};

    TRY(template_name_write(a, &names[0], &wish.subject, why));
    TRY(hierarchy_root(a, root_key, &wish, &root, why));
    TRY(template_name_write(a, &names[1], &wish.subject, why));
    wish.path_length = 0;
    TRY(hierarchy_intermediate(a, root, key_spki(key), &wish, &tbs, why));
    TRY(hierarchy_sign(a, root_key, root, tbs, now, &der, why));
    h->root_pem = hierarchy_pem(a, root);
    h->intermediate_pem = hierarchy_pem(a, der);
    return ERR_OK;
}

enum err hierarchy_make(struct arena *a, const char *name, int64_t now,
                        const struct secret *passphrase, struct hierarchy *made,
                        struct err_info *why)
{
    AUTO(key) struct key *root_key = NULL;
    AUTO(key) struct key *key = NULL;
    AUTO(hierarchy) struct hierarchy h = {0};

    TRY(hierarchy_key_make("p384", &root_key, why));
    TRY(hierarchy_key_make("p256", &key, why));
    TRY(make(a, name, now, root_key, key, &h, why));
    TRY(key_to_pem(root_key, passphrase, &h.root_key_pem, why));
    TRY(key_to_pem(key, passphrase, &h.intermediate_key_pem, why));
    *made = h;
    h = (struct hierarchy){0};
    return ERR_OK;
}

void hierarchy_free(struct hierarchy *h)
{
    secret_free(&h->root_key_pem);
    secret_free(&h->intermediate_key_pem);
}
