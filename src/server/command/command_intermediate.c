/* cairn-ca intermediate new, intermediate import: in the folder of a CA. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/json/json_write.h"
#include "core/pkcs11/pkcs11_uri.h"
#include "core/x509/csr.h"
#include "server/command/command_hierarchy.h"
#include "server/command/passphrase.h"
#include "server/perspective/perspective_key.h"

#define KEY_TYPE   "p256"
#define NAME_MAX_C 40 /* characters of an issuer's name */
#define OUTPUT_MAX (64 * 1024)
#define CHAIN_MAX  (256 * 1024)

/* Names of the files of one issuer, relative to the CA's folder. */
struct files {
    const char *certificate;
    const char *key;
    const char *request;
    const char *root; /* "": that of files.root */
};

static enum err check_name(const char *name, struct err_info *why)
{
    size_t len = strlen(name);
    bool good = len > 0 && len <= NAME_MAX_C && name[0] != '-';

    for (size_t i = 0; i < len; i++)
        good = good && strchr("abcdefghijklmnopqrstuvwxyz0123456789-", name[i]) != NULL;
    if (!good)
        return err_set(
            why, ERR_USAGE,
            "--issuer: \"%.60s\" is no name of an issuer, which has 1 to %d of "
            "a-z, 0-9 and hyphens, such as r2",
            name, NAME_MAX_C);
    return ERR_OK;
}

static struct files files_of(struct arena *a, const struct settings *s,
                             const char *issuer)
{
    if (issuer == NULL)
        return (struct files){.certificate = s->intermediate_file,
                              .key = s->intermediate_key_file,
                              .root = ""};
    return (struct files){.certificate = arena_printf(a, "%s.pem", issuer),
                          .key = arena_printf(a, "%s.key", issuer),
                          .request = arena_printf(a, "%s.csr", issuer),
                          .root = ""};
}

static enum err refuse_existing(struct arena *a, const struct settings *s,
                                const char *file, struct err_info *why)
{
    if (file_exists(settings_path(a, s, file)))
        return err_set(why, ERR_EXISTS, "%s is there already; nothing was changed",
                       settings_path(a, s, file));
    return ERR_OK;
}

/* One file of a result. */
struct output {
    const char *name;
    struct span content;
    mode_t mode;
};

/* All or nothing; they belong to the folder's owner. */
static enum err write_all(struct arena *a, const struct settings *s,
                          const struct output *outputs, size_t count,
                          struct err_info *why)
{
    enum err result = ERR_OK;
    size_t made = 0;

    for (size_t i = 0; i < count; i++)
        TRY(refuse_existing(a, s, outputs[i].name, why));
    while (made < count && result == ERR_OK) {
        const char *path = settings_path(a, s, outputs[made].name);
        result = file_create(path, outputs[made].content, outputs[made].mode, why);
        if (result == ERR_OK)
            perspective_key_hand_over(s->directory, path);
        made += result != ERR_EXISTS;
    }
    while (result != ERR_OK && made > 0)
        (void)unlink(settings_path(a, s, outputs[--made].name));
    return result;
}

/* ---- what is to be done next ---- */

static void print_root_line(const struct files *f)
{
    if (f->root[0] != '\0')
        printf("            root: %s\n", f->root);
}

/* The old one stays an issuer: it is asked for its revocation lists until all that it
 * certified has expired. */
static void print_next(const struct settings *s, const char *issuer,
                       const struct files *f)
{
    printf("\nNext: name it in %s/%s; one of\n"
           "  - all certificates from it, the old one stays for its revocation lists:\n"
           "      files:\n"
           "        intermediate: %s\n"
           "        intermediate_key: %s\n",
           s->directory, SETTINGS_FILE, f->certificate, f->key);
    if (f->root[0] != '\0')
        printf("        root: %s\n", f->root);
    printf("      issuers:\n"
           "        before-%s:\n"
           "            certificate: %s\n"
           "            key: %s\n",
           issuer, s->intermediate_file, s->intermediate_key_file);
    if (f->root[0] != '\0')
        printf("            root: %s\n", s->root_file);
    printf("  - only those of a directory, of a profile or for a type of key (option "
           "issuer or\n    issuers there):\n"
           "      issuers:\n"
           "        %s:\n"
           "            certificate: %s\n"
           "            key: %s\n",
           issuer, f->certificate, f->key);
    print_root_line(f);
    printf("Then:  cairn-ca check-config --dir %s\n"
           "and make it known to the running CA: systemctl reload cairn-ca, or SIGHUP\n",
           s->directory);
}

static void print_json(struct arena *a, const struct settings *s, const struct files *f,
                       struct span certificate)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);
    struct certificate *c = NULL;

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "key", f->key);
    if (certificate.len == 0) {
        json_write_text(&w, "request", settings_path(a, s, f->request));
    } else if (certificate_read(a, certificate, &c, NULL) == ERR_OK) {
        json_write_text(&w, "certificate", f->certificate);
        json_write_text(&w, "fingerprint", hierarchy_fingerprint(a, certificate));
        json_write_time(&w, "not_after", c->not_after);
        if (f->root[0] != '\0')
            json_write_text(&w, "root", f->root);
    }
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

/* ---- new ---- */

static enum err load(const struct command_line *line, const struct settings **s,
                     struct err_info *why)
{
    TRY(settings_load(line->arena, line->directory, NULL, 0, s, why));
    if (line->issuer != NULL)
        TRY(check_name(line->issuer, why));
    return ERR_OK;
}

/* The root that is given, or the CA's own; another one is kept beside it. */
static enum err find_root(const struct command_line *line, const struct settings *s,
                          struct files *f, struct span *root, bool *is_new,
                          struct err_info *why)
{
    struct arena *a = line->arena;
    const char *own = settings_path(a, s, s->root_file);
    bool have_own = file_exists(own);
    struct span own_root = {0};

    if (line->root_cert == NULL && !have_own)
        return err_set(why, ERR_USAGE,
                       "--root-cert is missing: the certificate of the root, which this "
                       "CA has not got yet");
    if (have_own)
        TRY(command_hierarchy_certificate(a, own, &own_root, why));
    *root = own_root;
    *is_new = !have_own;
    if (line->root_cert == NULL)
        return ERR_OK;
    TRY(command_hierarchy_certificate(a, line->root_cert, root, why));
    if (!have_own || span_equal(*root, own_root))
        return ERR_OK;
    if (line->issuer == NULL)
        return err_set(why, ERR_CONFIG, "%s is not the root that this CA has, %s",
                       line->root_cert, own);
    f->root = arena_printf(a, "%s-root.pem", line->issuer);
    *is_new = true;
    return ERR_OK;
}

/* Its certificate, signed here. */
static enum err certify(const struct command_line *line, const struct settings *s,
                        struct span root, const struct key *key,
                        const struct hierarchy_wish *wish, struct span *der,
                        struct err_info *why)
{
    AUTO(key) struct key *root_key = NULL;
    struct arena *a = line->arena;
    struct hierarchy_claim claim = {.chain = der, .count = 1, .root = root, .key = key};
    struct span tbs = {0};

    TRY(command_hierarchy_root_key(
        line, root,
        line->root_cert != NULL ? line->root_cert : settings_path(a, s, s->root_file),
        &root_key, why));
    TRY(hierarchy_intermediate(a, root, key_spki(key), wish, &tbs, why));
    TRY(hierarchy_sign(a, root_key, root, tbs, wish->now, der, why));
    return hierarchy_check(a, &claim, wish->now, why);
}

static enum err seal(struct arena *a, const struct settings *s, const struct key *key,
                     struct secret *pem, struct err_info *why)
{
    AUTO(secret) struct secret passphrase = {0};

    TRY(passphrase_read(a, s, &passphrase, why));
    return key_to_pem(key, passphrase.len > 0 ? &passphrase : NULL, pem, why);
}

static struct span request_pem(struct arena *a, struct span der)
{
    AUTO(buf) struct buf b = buf_make(2 * CSR_MAX);

    csr_pem_add(&b, der);
    return arena_span(a, buf_span(&b));
}

static enum err check_new(const struct command_line *line, struct err_info *why)
{
    if (line->issuer == NULL)
        return err_set(why, ERR_USAGE,
                       "--issuer is missing: what the intermediate is to be called");
    if ((line->root_key != NULL) == line->root_csr)
        return err_set(why, ERR_USAGE,
                       "give --root-key, the root's key; or --root-csr, if that is "
                       "elsewhere");
    return ERR_OK;
}

/* Key and certificate, or request. */
static enum err make(const struct command_line *line, const struct settings *s,
                     struct files *f, struct span *certificate, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    AUTO(secret) struct secret key_pem = {0};
    struct arena *a = line->arena;
    struct hierarchy_wish wish = {0};
    struct output outputs[3];
    size_t count = 0;
    struct span root = {0};
    struct span request = {0};
    bool is_new = false;

    TRY(command_hierarchy_wish(line, &wish, why));
    TRY(command_hierarchy_subject(
        line,
        line->common_name != NULL
            ? line->common_name
            : arena_printf(a, "%s Intermediate %s", s->name, line->issuer),
        &wish.subject, why));
    TRY(hierarchy_key_make(line->key_type != NULL ? line->key_type : KEY_TYPE, &key,
                           why));
    if (line->root_csr) {
        TRY(hierarchy_request(a, key, wish.subject, &request, why));
    } else {
        TRY(find_root(line, s, f, &root, &is_new, why));
        TRY(certify(line, s, root, key, &wish, certificate, why));
    }
    TRY(seal(a, s, key, &key_pem, why));
    outputs[count++] =
        (struct output){f->key, span_make(key_pem.data, key_pem.len), 0600};
    if (is_new)
        outputs[count++] = (struct output){f->root, hierarchy_pem(a, root), 0644};
    if (line->root_csr)
        outputs[count++] = (struct output){f->request, request_pem(a, request), 0644};
    else
        outputs[count++] =
            (struct output){f->certificate, hierarchy_pem(a, *certificate), 0644};
    TRY(refuse_existing(a, s, f->certificate, why));
    return write_all(a, s, outputs, count, why);
}

enum err command_intermediate_new(const struct command_line *line, struct err_info *why)
{
    struct arena *a = line->arena;
    const struct settings *s = NULL;
    struct span certificate = {0};

    TRY(check_new(line, why));
    TRY(load(line, &s, why));
    struct files f = files_of(a, s, line->issuer);
    TRY(make(line, s, &f, &certificate, why));
    if (line->json) {
        print_json(a, s, &f, certificate);
        return ERR_OK;
    }
    if (line->root_csr) {
        printf("made the key of the intermediate \"%s\" in %s, and a request for its "
               "certificate, %s\n\nNext: have the root sign that (cairn-ca intermediate "
               "sign), and take in what comes back:\n"
               "  cairn-ca intermediate import --dir %s --issuer %s --certificate "
               "signed.pem\n",
               line->issuer, s->directory, f.request, s->directory, line->issuer);
        return ERR_OK;
    }
    printf("made the intermediate \"%s\" in %s: %s, its key %s\n", line->issuer,
           s->directory, f.certificate, f.key);
    command_hierarchy_print(a, certificate);
    print_next(s, line->issuer, &f);
    return ERR_OK;
}

/* ---- import ---- */

static struct span chain_pem(struct arena *a, const struct hierarchy_claim *claim)
{
    AUTO(buf) struct buf b = buf_make(CHAIN_MAX);

    for (size_t i = 0; i < claim->count; i++)
        if (i == 0 || !span_equal(claim->chain[i], claim->root))
            certificate_pem_add(&b, claim->chain[i]);
    return arena_span(a, buf_span(&b));
}

/* The key that waits for its certificate. */
static enum err read_key(struct arena *a, const struct settings *s, const char *file,
                         struct key **key, struct err_info *why)
{
    const char *path = pkcs11_uri_is(file) ? file : settings_path(a, s, file);
    const struct command_token token = {
        .module = s->pkcs11_modules.count > 0 ? s->pkcs11_modules.items[0] : NULL,
        .directory = s->directory,
        .pin = s->pkcs11_pin};

    if (!pkcs11_uri_is(file) && !file_exists(path))
        return err_set(why, ERR_CONFIG,
                       "there is no key %s that the certificate could be for", path);
    const char *source = s->passphrase_file;
    bool is_file =
        source[0] != '\0' && strncmp(source, "credential:", strlen("credential:"));
    return command_hierarchy_key(a, path,
                                 source[0] == '\0' ? NULL
                                 : is_file         ? settings_path(a, s, source)
                                                   : source,
                                 &token, key, why);
}

static enum err take_in(const struct command_line *line, const struct settings *s,
                        struct files *f, struct span *certificate, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    struct arena *a = line->arena;
    struct span *chain = arena_array(a, CERTIFICATE_CHAIN_MAX, sizeof *chain);
    struct hierarchy_claim claim = {.chain = chain};
    struct output outputs[2];
    size_t count = 0;
    bool is_new = false;

    TRY(refuse_existing(a, s, f->certificate, why));
    TRY(command_hierarchy_certificates(a, line->certificate, chain, &claim.count, why));
    TRY(find_root(line, s, f, &claim.root, &is_new, why));
    TRY(read_key(a, s, f->key, &key, why));
    claim.key = key;
    if (hierarchy_check(a, &claim, clock_now(), why) != ERR_OK)
        return err_prefix(why, "%s", line->certificate);
    if (is_new)
        outputs[count++] = (struct output){f->root[0] != '\0' ? f->root : s->root_file,
                                           hierarchy_pem(a, claim.root), 0644};
    outputs[count++] = (struct output){f->certificate, chain_pem(a, &claim), 0644};
    TRY(write_all(a, s, outputs, count, why));
    *certificate = chain[0];
    return ERR_OK;
}

enum err command_intermediate_import(const struct command_line *line,
                                     struct err_info *why)
{
    struct arena *a = line->arena;
    const struct settings *s = NULL;
    struct span certificate = {0};

    if (line->certificate == NULL)
        return err_set(why, ERR_USAGE, "--certificate is missing: what the root signed");
    TRY(load(line, &s, why));
    struct files f = files_of(a, s, line->issuer);
    TRY(take_in(line, s, &f, &certificate, why));
    if (line->json) {
        print_json(a, s, &f, certificate);
        return ERR_OK;
    }
    printf("took in %s/%s:\n", s->directory, f.certificate);
    command_hierarchy_print(a, certificate);
    if (line->issuer != NULL)
        print_next(s, line->issuer, &f);
    else
        printf("\nNext:\n"
               "  1. Have your machines trust %s/%s\n"
               "  2. Serve:  cairn-ca serve --dir %s\n"
               "  3. The directory for clients is %s/directory\n",
               s->directory, s->root_file, s->directory, settings_url(a, s, NULL));
    return ERR_OK;
}
