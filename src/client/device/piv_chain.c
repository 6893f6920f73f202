/* Certificates that speak for a key. */
#include "client/device/piv_chain.h"

#include "core/attest/step_identity.h"

/* One of either heap. */
struct candidate {
    struct span der;
    const struct attest_certificate *read;
    bool is_of_file;
};

static size_t gather(struct arena *a, const struct span *ders, size_t count,
                     bool is_of_file, struct candidate *to)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct attest_certificate *read = NULL;
        struct err_info unsaid = {0};
        if (attest_certificate_read(a, ders[i], &read, &unsaid) == ERR_OK)
            to[kept++] = (struct candidate){
                .der = ders[i], .read = read, .is_of_file = is_of_file};
    }
    return kept;
}

/* Of this key; the best is one that says that it attests. */
static const struct candidate *find_leaf(const struct candidate *all, size_t count,
                                         struct span spki)
{
    const struct candidate *second = NULL;

    for (size_t i = 0; i < count; i++) {
        if (!span_equal(all[i].read->spki, spki))
            continue;
        if (step_identity_is_attestation(all[i].read))
            return &all[i];
        if (all[i].is_of_file && second == NULL)
            second = &all[i];
    }
    return second;
}

static bool has(const struct piv_chain *c, struct span der)
{
    for (size_t i = 0; i < c->count; i++)
        if (span_equal(c->chain[i], der))
            return true;
    return false;
}

/* Those of the name above; several may have it, as each token has its own. */
static void take_issuers(struct piv_chain *c, const struct candidate *all, size_t count,
                         struct span name)
{
    for (size_t i = 0; i < count && c->count < ATTEST_CHAIN_MAX; i++)
        if (span_equal(all[i].read->subject, name) &&
            !span_equal(all[i].read->issuer, name) && !has(c, all[i].der))
            c->chain[c->count++] = all[i].der;
}

enum err piv_chain_find(struct arena *a, struct span spki, const struct span *file,
                        size_t file_count, const struct span *token, size_t token_count,
                        struct piv_chain *found, struct err_info *why)
{
    struct candidate *all = arena_array(a, file_count + token_count + 1, sizeof *all);
    size_t count = gather(a, file, file_count, true, all);

    count += gather(a, token, token_count, false, all + count);
    const struct candidate *leaf = find_leaf(all, count, spki);
    if (leaf == NULL)
        return err_set(why, ERR_NOT_FOUND,
                       "there is no attestation certificate for this key: a key that was "
                       "not made in the token has none, and for a token that does not "
                       "show it, it comes from a file (--attestation-chain)");
    *found = (struct piv_chain){.leaf = leaf->read, .chain = {leaf->der}, .count = 1};
    for (size_t i = 0; i < found->count; i++) {
        struct attest_certificate *above = NULL;
        TRY(attest_certificate_read(a, found->chain[i], &above, why));
        take_issuers(found, all, count, above->issuer);
    }
    return ERR_OK;
}
