/* Keys and certificates of a new CA. */
#include "server/command/command_init_make.h"

#include "core/base/clock.h"
#include "core/pkcs11/pkcs11_uri.h"
#include "server/command/command_hierarchy.h"

#define KEY_TYPE      "p256"
#define ROOT_KEY_TYPE "p384"
#define CHAIN_MAX     (256 * 1024)

/* Without certificates, URIs name keys that are to be made. */
static bool makes_in_token(const struct command_line *line)
{
    return line->intermediate_cert == NULL && line->intermediate_key != NULL &&
           pkcs11_uri_is(line->intermediate_key);
}

static bool makes_root_in_token(const struct command_line *line)
{
    return line->root_cert == NULL && line->root_key != NULL &&
           pkcs11_uri_is(line->root_key);
}

/* A new key, in the token a URI names (NULL: in none). */
static enum err make_key(const struct command_line *line, const char *uri,
                         const char *type, struct key **key, struct err_info *why)
{
    const struct command_token token = command_hierarchy_token(line);

    if (uri == NULL)
        return hierarchy_key_make(type, key, why);
    return command_token_make(line->arena, uri, &token, type, key, why);
}

static enum err find_way(const struct command_line *line, enum command_init_way *way,
                         struct err_info *why)
{
    bool import = line->intermediate_cert != NULL ||
                  (line->intermediate_key != NULL && !makes_in_token(line));
    bool new_root = makes_root_in_token(line);

    if (import + (line->root_key != NULL) + line->root_csr > 1)
        return err_set(
            why, ERR_USAGE,
            "--root-key, --root-csr and --intermediate-key exclude each other: "
            "they say where the intermediate comes from");
    if (import && (line->intermediate_cert == NULL || line->intermediate_key == NULL ||
                   line->root_cert == NULL))
        return err_set(why, ERR_USAGE,
                       "an intermediate that exists needs --intermediate-cert, "
                       "--intermediate-key and --root-cert");
    if (line->root_key != NULL && line->root_cert == NULL && !new_root)
        return err_set(why, ERR_USAGE, "--root-key needs --root-cert");
    if (line->root_cert != NULL && !import && line->root_key == NULL && !line->root_csr)
        return err_set(why, ERR_USAGE,
                       "--root-cert needs --root-key, or --root-csr where the key is "
                       "elsewhere");
    bool own_root = line->root_key_type != NULL || line->root_days != 0;
    *way = import                                ? COMMAND_INIT_IMPORT
           : line->root_csr                      ? COMMAND_INIT_REQUEST
           : line->root_key != NULL && !new_root ? COMMAND_INIT_BELOW
                                                 : COMMAND_INIT_NEW;
    if (own_root && *way != COMMAND_INIT_NEW)
        return err_set(why, ERR_USAGE,
                       "--root-key-type and --root-days are for a root that is made");
    bool asks = line->permits.count + line->excludes.count + line->usages.count +
                    line->policies.count + line->crl_urls.count +
                    line->issuer_urls.count + line->ocsp_urls.count >
                0;
    if ((asks || line->days != 0) &&
        (*way == COMMAND_INIT_IMPORT || *way == COMMAND_INIT_REQUEST))
        return err_set(why, ERR_USAGE,
                       "what the intermediate's certificate says is decided where it is "
                       "signed (see: cairn-ca help intermediate sign)");
    if (*way == COMMAND_INIT_IMPORT && line->key_type != NULL)
        return err_set(why, ERR_USAGE, "--key-type: the intermediate's key is there");
    return ERR_OK;
}

/* This server's own certificate is to come from the new intermediate, too. */
static enum err check_server(const struct settings *s, const struct hierarchy_wish *wish,
                             struct err_info *why)
{
    for (size_t i = 0; wish->constraints != NULL && i < s->dns_names.count; i++) {
        const char *name = s->dns_names.items[i];
        const char *refusal =
            name_constraints_refuse_dns(wish->constraints, span_of(name));
        if (refusal != NULL)
            return err_set(
                why, ERR_USAGE,
                "the name of this server, \"%s\" (--dns-name), %s: --permit or "
                "--exclude must leave it",
                name, refusal);
    }
    return ERR_OK;
}

/* Keys in tokens stay when something later fails: so what can be seen before is. */
static enum err check_tokens(const struct command_line *line, struct err_info *why)
{
    const struct command_token token = command_hierarchy_token(line);

    if (makes_root_in_token(line))
        TRY(command_token_is_free(line->arena, line->root_key, &token, why));
    if (makes_in_token(line))
        TRY(command_token_is_free(line->arena, line->intermediate_key, &token, why));
    return ERR_OK;
}

/* `now` is that of the intermediate: it would begin before its root otherwise, and be
 * cut. */
static enum err make_root(const struct command_line *line, const char *name, int64_t now,
                          struct key **key, struct command_init_made *made,
                          struct err_info *why)
{
    struct arena *a = line->arena;
    struct hierarchy_wish wish = {.now = now, .days = line->root_days, .path_length = -1};

    TRY(command_hierarchy_subject(line, arena_printf(a, "%s Root", name), &wish.subject,
                                  why));
    TRY(make_key(line, makes_root_in_token(line) ? line->root_key : NULL,
                 line->root_key_type != NULL ? line->root_key_type : ROOT_KEY_TYPE, key,
                 why));
    return hierarchy_root(a, *key, &wish, &made->root, why);
}

/* The intermediate's key, and what its certificate is to say. */
static enum err prepare(const struct command_line *line, const struct settings *s,
                        struct key **key, struct hierarchy_wish *wish,
                        struct err_info *why)
{
    struct arena *a = line->arena;

    TRY(command_hierarchy_wish(line, wish, why));
    TRY(check_server(s, wish, why));
    TRY(command_hierarchy_subject(line, arena_printf(a, "%s Intermediate", s->name),
                                  &wish->subject, why));
    TRY(check_tokens(line, why));
    return make_key(line, makes_in_token(line) ? line->intermediate_key : NULL,
                    line->key_type != NULL ? line->key_type : KEY_TYPE, key, why);
}

static enum err certify(struct arena *a, const struct key *root_key,
                        const struct key *key, const struct hierarchy_wish *wish,
                        struct command_init_made *made, struct err_info *why)
{
    struct span tbs = {0};

    TRY(hierarchy_intermediate(a, made->root, key_spki(key), wish, &tbs, why));
    TRY(hierarchy_sign(a, root_key, made->root, tbs, wish->now, &made->intermediate,
                       why));
    made->intermediate_pem = hierarchy_pem(a, made->intermediate);
    return ERR_OK;
}

/* The chain as it is served: without the root, should that stand at its end. */
static struct span chain_pem(struct arena *a, const struct span *chain, size_t count,
                             struct span root)
{
    AUTO(buf) struct buf b = buf_make(CHAIN_MAX);

    for (size_t i = 0; i < count; i++)
        if (i == 0 || !span_equal(chain[i], root))
            certificate_pem_add(&b, chain[i]);
    return arena_span(a, buf_span(&b));
}

static enum err import(const struct command_line *line, struct key **key,
                       struct command_init_made *made, struct err_info *why)
{
    struct arena *a = line->arena;
    struct span *chain = arena_array(a, CERTIFICATE_CHAIN_MAX, sizeof *chain);
    struct hierarchy_claim claim = {.chain = chain};

    TRY(command_hierarchy_certificates(a, line->intermediate_cert, chain, &claim.count,
                                       why));
    const struct command_token token = command_hierarchy_token(line);
    TRY(command_hierarchy_key(a, line->intermediate_key, line->key_passphrase_file,
                              &token, key, why));
    claim.root = made->root;
    claim.key = *key;
    if (hierarchy_check(a, &claim, clock_now(), why) != ERR_OK)
        return err_prefix(why, "%s", line->intermediate_cert);
    made->intermediate = chain[0];
    made->intermediate_pem = chain_pem(a, chain, claim.count, made->root);
    return ERR_OK;
}

/* A root that is given must be one. */
static enum err read_root(const struct command_line *line, struct command_init_made *made,
                          struct err_info *why)
{
    struct hierarchy_claim claim = {.chain = &made->root, .count = 1};

    TRY(command_hierarchy_certificate(line->arena, line->root_cert, &made->root, why));
    claim.root = made->root;
    if (hierarchy_check(line->arena, &claim, clock_now(), why) != ERR_OK)
        return err_prefix(why, "%s", line->root_cert);
    return ERR_OK;
}

static enum err make(const struct command_line *line, const struct settings *s,
                     struct key **root_key, struct key **key,
                     struct command_init_made *made, struct err_info *why)
{
    struct arena *a = line->arena;
    struct hierarchy_wish wish = {0};

    if (line->root_cert != NULL)
        TRY(read_root(line, made, why));
    switch (made->way) {
    case COMMAND_INIT_NEW:
        TRY(prepare(line, s, key, &wish, why));
        TRY(make_root(line, s->name, wish.now, root_key, made, why));
        return certify(a, *root_key, *key, &wish, made, why);
    case COMMAND_INIT_BELOW:
        TRY(command_hierarchy_root_key(line, made->root, line->root_cert, root_key, why));
        TRY(prepare(line, s, key, &wish, why));
        return certify(a, *root_key, *key, &wish, made, why);
    case COMMAND_INIT_REQUEST:
        TRY(prepare(line, s, key, &wish, why));
        return hierarchy_request(a, *key, wish.subject, &made->request, why);
    case COMMAND_INIT_IMPORT:
        break;
    }
    return import(line, key, made, why);
}

static const char *root_text(struct arena *a, struct span root)
{
    AUTO(key) struct key *key = NULL;
    struct certificate *c = NULL;

    if (root.len == 0 || certificate_read(a, root, &c, NULL) != ERR_OK ||
        key_from_spki(c->spki, &key, NULL) != ERR_OK)
        return NULL;
    return hierarchy_key_text(a, key);
}

enum err command_init_make(const struct command_line *line, const struct settings *s,
                           const struct secret *passphrase,
                           struct command_init_made *made, struct err_info *why)
{
    AUTO(key) struct key *root_key = NULL;
    AUTO(key) struct key *key = NULL;
    AUTO(command_init_made) struct command_init_made m = {0};
    const struct secret *seal = passphrase->len > 0 ? passphrase : NULL;

    TRY(find_way(line, &m.way, why));
    TRY(make(line, s, &root_key, &key, &m, why));
    m.root_key_text = root_text(line->arena, m.root);
    m.key_text = hierarchy_key_text(line->arena, key);
    if (!key_is_outside(key))
        TRY(key_to_pem(key, seal, &m.key_pem, why));
    if (m.way == COMMAND_INIT_NEW && !key_is_outside(root_key))
        TRY(key_to_pem(root_key, seal, &m.root_key_pem, why));
    *made = m;
    m = (struct command_init_made){0};
    return ERR_OK;
}

void command_init_made_free(struct command_init_made *made)
{
    secret_free(&made->root_key_pem);
    secret_free(&made->key_pem);
}
