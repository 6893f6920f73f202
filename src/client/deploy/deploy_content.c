/* Options to files. */
#include "client/deploy/deploy_content.h"

#include <ctype.h>
#include <string.h>

#include "client/deploy/deploy_access.h"
#include "core/base/memory.h"
#include "core/base/secret.h"
#include "core/base/secret_file.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/x509/certificate.h"
#include "core/x509/pkcs12.h"

#define PASSWORD_MAX 1024        /* octets of a password file */
#define DIGEST_SHOWN 8           /* octets */
#define OPTIONS_MAX  (64 * 1024) /* octets of all options */

enum kind {
    KEY,
    CERTIFICATE,
    CHAIN,
    FULLCHAIN,
    COMBINED,
    DER,
    PKCS12,
    KIND_COUNT,
};

static const char *const option_names[KIND_COUNT] = {
    "key_file",      "certificate_file", "chain_file",  "fullchain_file",
    "combined_file", "der_file",         "pkcs12_file",
};

static bool has_key(enum kind kind)
{
    return kind == KEY || kind == COMBINED || kind == PKCS12;
}

/* ---- paths ---- */

/* Words that stand for the key that a file is of. */
#define KEY_TYPE  "KEY"       /* p256, rsa2048 ... */
#define ALGORITHM "ALGORITHM" /* ecdsa, rsa ..., as haproxy calls the files of a name */

/* A word of its own: "site.KEY.pem", and not "KEYS/site.pem". */
static const char *find_word(const char *path, const char *word)
{
    for (const char *at = strstr(path, word); at != NULL; at = strstr(at + 1, word)) {
        char before = at > path ? at[-1] : '/';
        if (!isalnum((unsigned char)before) && !isalnum((unsigned char)at[strlen(word)]))
            return at;
    }
    return NULL;
}

static bool is_for_each(const char *path)
{
    return find_word(path, KEY_TYPE) != NULL || find_word(path, ALGORITHM) != NULL;
}

static const char *algorithm_of(const char *key_type)
{
    return key_type[0] == 'p'                 ? "ecdsa"
           : strncmp(key_type, "rsa", 3) == 0 ? "rsa"
                                              : key_type;
}

static const char *put(struct arena *a, const char *path, const char *word,
                       const char *value)
{
    const char *at = find_word(path, word);

    return at == NULL ? path
                      : arena_printf(a, "%.*s%s%s", (int)(at - path), path, value,
                                     at + strlen(word));
}

static const char *path_for(struct arena *a, const char *path, const char *key_type)
{
    return put(a, put(a, path, KEY_TYPE, key_type), ALGORITHM, algorithm_of(key_type));
}

/* ---- content ---- */

static void drop_secret(void *object)
{
    secret_free(object);
}

struct making {
    struct arena *arena;
    const struct settings_deployment *d;
    const struct deploy_material *m;
    struct deploy_content *content;
    const char *password; /* of PKCS #12 */
};

static enum err read_password(struct making *k, struct err_info *why)
{
    struct span text;

    k->password = "";
    if (k->d->pkcs12_password_file[0] == '\0' || k->d->pkcs12_file[0] == '\0')
        return ERR_OK;
    TRY(secret_file_read(k->arena, "pkcs12_password_file", k->d->pkcs12_password_file,
                         PASSWORD_MAX, &text, why));
    struct secret *kept = arena_get(k->arena, sizeof *kept);
    *kept = secret_make(span_make(text.data, text.len + 1)); /* with its NUL */
    memory_wipe((void *)(uintptr_t)text.data, text.len);
    arena_own(k->arena, kept, drop_secret);
    char *line = (char *)kept->data;
    line[strcspn(line, "\r\n")] = '\0';
    k->password = line;
    return ERR_OK;
}

static enum err make_pkcs12(struct making *k, const struct deploy_part *part,
                            struct deploy_file *f, struct err_info *why)
{
    AUTO(buf)
    struct buf chain = buf_make(part->certificate_pem.len + part->chain_pem.len);
    struct buf *made = &k->content->pkcs12[k->content->pkcs12_count];

    *made = buf_make(PKCS12_MAX);
    k->content->pkcs12_count++;
    buf_add_span(&chain, part->certificate_pem);
    buf_add_span(&chain, part->chain_pem);
    const struct pkcs12_content content = {.key_pem = part->key_pem,
                                           .chain_pem = buf_span(&chain),
                                           .password = k->password,
                                           .name = k->m->certificate};
    TRY(pkcs12_write(made, &content, why));
    f->pieces[f->piece_count++] = buf_span(made);
    return ERR_OK;
}

static enum err make_der(struct making *k, const struct deploy_part *part,
                         struct deploy_file *f, struct err_info *why)
{
    size_t count = 0;

    TRY(certificate_from_pem(k->arena, part->certificate_pem, &f->pieces[0], 1, &count,
                             why));
    f->piece_count = count;
    return ERR_OK;
}

static enum err fill(struct making *k, enum kind kind, const struct deploy_part *part,
                     struct deploy_file *f, struct err_info *why)
{
    if (kind == PKCS12)
        return make_pkcs12(k, part, f, why);
    if (kind == DER)
        return make_der(k, part, f, why);
    if (has_key(kind))
        f->pieces[f->piece_count++] = part->key_pem;
    if (kind == CERTIFICATE || kind == FULLCHAIN || kind == COMBINED)
        f->pieces[f->piece_count++] = part->certificate_pem;
    if (kind == CHAIN || kind == FULLCHAIN || kind == COMBINED)
        f->pieces[f->piece_count++] = part->chain_pem;
    return ERR_OK;
}

static enum err add(struct making *k, enum kind kind, const char *path,
                    const struct deploy_part *part, struct err_info *why)
{
    struct deploy_content *c = k->content;

    if (c->count == DEPLOY_FILES_MAX)
        return err_set(why, ERR_CONFIG, "there are more than %d files", DEPLOY_FILES_MAX);
    if (has_key(kind) && part->key_pem.len == 0)
        return err_set(why, ERR_CONFIG,
                       "%s: there is no key to write, as it is not kept here",
                       option_names[kind]);
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->files[i].path, path) == 0)
            return err_set(why, ERR_CONFIG, "%s and %s are both %s; say two files",
                           c->files[i].option, option_names[kind], path);
    struct deploy_file *f = &c->files[c->count++];
    *f = (struct deploy_file){
        .option = option_names[kind], .path = path, .has_key = has_key(kind)};
    if (fill(k, kind, part, f, why) != ERR_OK)
        return err_prefix(why, "%s", option_names[kind]);
    return ERR_OK;
}

/* The part that files without the placeholder are of. */
static enum err choose(const struct making *k, const struct deploy_part **part,
                       struct err_info *why)
{
    *part = &k->m->parts[0];
    if (k->d->key[0] == '\0')
        return ERR_OK;
    for (size_t i = 0; i < k->m->count; i++) {
        if (strcmp(k->d->key, k->m->parts[i].key_type) != 0)
            continue;
        *part = &k->m->parts[i];
        return ERR_OK;
    }
    return err_set(why, ERR_CONFIG, "key: the certificate has no key of type \"%.50s\"",
                   k->d->key);
}

static void list_paths(const struct settings_deployment *d,
                       const char *paths[static KIND_COUNT])
{
    paths[KEY] = d->key_file;
    paths[CERTIFICATE] = d->certificate_file;
    paths[CHAIN] = d->chain_file;
    paths[FULLCHAIN] = d->fullchain_file;
    paths[COMBINED] = d->combined_file;
    paths[DER] = d->der_file;
    paths[PKCS12] = d->pkcs12_file;
}

enum err deploy_content_check(const struct settings_deployment *d, struct err_info *why)
{
    const char *paths[KIND_COUNT];

    list_paths(d, paths);
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (paths[i][0] != '\0' &&
            (paths[i][0] != '/' || paths[i][strlen(paths[i]) - 1] == '/'))
            return err_set(why, ERR_CONFIG,
                           "%s: %.200s is not the absolute path of a file",
                           option_names[i], paths[i]);
    return deploy_access_check(&(struct deploy_access){d->owner, d->group, d->mode}, why);
}

size_t deploy_content_list(struct arena *a, const struct settings_deployment *d,
                           const struct config_list *key_types,
                           struct deploy_content_place places[static DEPLOY_FILES_MAX])
{
    const char *first = d->key[0] != '\0' ? d->key : key_types->items[0];
    const char *paths[KIND_COUNT];
    size_t count = 0;

    list_paths(d, paths);
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        bool for_each = is_for_each(paths[kind]);
        if (paths[kind][0] == '\0')
            continue;
        for (size_t i = 0; i < (for_each ? key_types->count : 1); i++) {
            const char *type = for_each ? key_types->items[i] : first;
            if (count < DEPLOY_FILES_MAX)
                places[count++] = (struct deploy_content_place){
                    option_names[kind], path_for(a, paths[kind], type), type};
        }
    }
    return count;
}

bool deploy_content_has_all(const struct settings_deployment *d)
{
    const char *paths[KIND_COUNT];
    bool any = false;

    list_paths(d, paths);
    for (size_t i = 0; i < KIND_COUNT; i++)
        any = any || is_for_each(paths[i]);
    return any;
}

enum err deploy_content_make(struct arena *a, const struct settings_deployment *d,
                             const struct deploy_material *m,
                             struct deploy_content *content, struct err_info *why)
{
    const char *paths[KIND_COUNT];
    struct making k = {.arena = a, .d = d, .m = m, .content = content};
    const struct deploy_part *chosen = NULL;

    content->count = 0;
    content->pkcs12_count = 0;
    list_paths(d, paths);
    TRY(choose(&k, &chosen, why));
    TRY(read_password(&k, why));
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        const char *path = paths[kind];
        bool for_each = is_for_each(path);
        if (path[0] == '\0')
            continue;
        if (!for_each)
            TRY(add(&k, (enum kind)kind, path, chosen, why));
        for (size_t i = 0; i < m->count && for_each; i++)
            TRY(add(&k, (enum kind)kind, path_for(a, path, m->parts[i].key_type),
                    &m->parts[i], why));
    }
    return ERR_OK;
}

const char *deploy_content_path(struct arena *a, const char *path, const char *key_type)
{
    return path_for(a, path, key_type);
}

void deploy_content_remember_owner(const struct settings_deployment *d)
{
    deploy_access_remember(&(struct deploy_access){d->owner, d->group, d->mode});
}

void deploy_content_free(struct deploy_content *content)
{
    for (size_t i = 0; i < content->pkcs12_count; i++) {
        struct buf *b = &content->pkcs12[i];
        if (b->data != NULL)
            memory_wipe(b->data, b->room);
        buf_free(b);
    }
    content->pkcs12_count = 0;
}

const char *deploy_content_digest(struct arena *a, const struct settings_deployment *d)
{
    AUTO(buf) struct buf b = buf_make(OPTIONS_MAX);
    uint8_t digest[HASH_SHA256_SIZE];
    char *text = arena_get(a, 2 * DIGEST_SHOWN + 1);

#define DIGEST_TEXT(value)     buf_printf(&b, "%s%c", value, '\0')
#define DIGEST_DURATION(value) buf_printf(&b, "%lld%c", (long long)(value), '\0')
#define OPTION(path, kind, member, fallback, least, most, sentence)                      \
    DIGEST_##kind(d->member);
#include "client/settings/deployment_options.def"
#undef OPTION
#undef DIGEST_TEXT
#undef DIGEST_DURATION
    hash_sha256(buf_span(&b), digest);
    text_hex(text, digest, DIGEST_SHOWN);
    return text;
}
