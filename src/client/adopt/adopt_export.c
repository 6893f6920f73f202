/* certbot's layout, written. */
#include "client/adopt/adopt_export.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/store/account_store.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/file_lock.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/crypto/hash_md5.h"
#include "core/jose/jwk_private.h"
#include "core/json/json_write.h"
#include "core/x509/pem.h"

#define PEM_MAX     (4 * 1024 * 1024) /* octets of a file of ours */
#define CONF_MAX    (64 * 1024)
#define NUMBERS_MAX 100000 /* versions in archive/ */
#define MARK        "# Written by cairn export."
#define WEBROOT     "webroot:"

static const struct {
    const char *ours;
    const char *theirs;
    mode_t mode;
} kinds[] = {
    {"cert.pem", "cert", 0644},
    {"chain.pem", "chain", 0644},
    {"fullchain.pem", "fullchain", 0644},
    {"key.pem", "privkey", 0600},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* ---- files and links ---- */

static enum err read_ours(struct arena *a, const struct adopt_export *e, size_t kind,
                          struct span *text, struct err_info *why)
{
    const char *folder = certificate_store_path(a, e->directory, e->name);

    return file_read(a, file_path(a, folder, kinds[kind].ours), PEM_MAX, text, why);
}

static const char *archived(struct arena *a, const struct adopt_export *e, size_t kind,
                            unsigned int number)
{
    return arena_printf(a, "%s/archive/%s/%s%u.pem", e->to, e->name, kinds[kind].theirs,
                        number);
}

/* The last number that is there, 0 if there is none. */
static unsigned int last_number(struct arena *a, const struct adopt_export *e)
{
    unsigned int number = 0;

    while (number < NUMBERS_MAX && file_exists(archived(a, e, 0, number + 1)))
        number++;
    return number;
}

static const char *link_of(struct arena *a, const struct adopt_export *e, size_t kind)
{
    return arena_printf(a, "%s/live/%s/%s.pem", e->to, e->name, kinds[kind].theirs);
}

static const char *target_of(struct arena *a, const struct adopt_export *e, size_t kind,
                             unsigned int number)
{
    return arena_printf(a, "../../archive/%s/%s%u.pem", e->name, kinds[kind].theirs,
                        number);
}

/* Does the link lead there? Who was killed may have left it at the number before. */
static bool is_switched(struct arena *a, const struct adopt_export *e, size_t kind,
                        unsigned int number)
{
    const char *target = target_of(a, e, kind, number);
    size_t len = strlen(target);
    char found[PATH_MAX];

    return readlink(link_of(a, e, kind), found, sizeof found) == (ssize_t)len &&
           memcmp(found, target, len) == 0;
}

static bool is_same(struct arena *a, const struct adopt_export *e, unsigned int number)
{
    struct err_info ignored = {0};

    for (size_t i = 0; i < KINDS; i++) {
        struct span ours;
        struct span theirs;
        if (read_ours(a, e, i, &ours, &ignored) != ERR_OK ||
            file_read(a, archived(a, e, i, number), PEM_MAX, &theirs, &ignored) !=
                ERR_OK ||
            !span_equal(ours, theirs) || !is_switched(a, e, i, number))
            return false;
    }
    return true;
}

static enum err switch_link(struct arena *a, const struct adopt_export *e, size_t kind,
                            unsigned int number, struct err_info *why)
{
    const char *folder = arena_printf(a, "%s/live/%s", e->to, e->name);
    const char *link = link_of(a, e, kind);
    const char *fresh = arena_printf(a, "%s/.%s.new", folder, kinds[kind].theirs);
    const char *target = target_of(a, e, kind, number);

    (void)unlink(fresh);
    if (symlink(target, fresh) != 0 || rename(fresh, link) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot replace %s", link);
    return ERR_OK;
}

static enum err make_folders(struct arena *a, const struct adopt_export *e,
                             struct err_info *why)
{
    TRY(file_make_directory(e->to, 0755, why));
    TRY(file_make_directory(file_path(a, e->to, "archive"), 0700, why));
    TRY(file_make_directory(file_path(a, e->to, "live"), 0700, why));
    TRY(file_make_directory(file_path(a, e->to, "renewal"), 0755, why));
    TRY(file_make_directory(arena_printf(a, "%s/archive/%s", e->to, e->name), 0755, why));
    return file_make_directory(arena_printf(a, "%s/live/%s", e->to, e->name), 0755, why);
}

/* Without the copies, of keys too, that an export left when it was killed: this one has
 * the certificate's lock. */
static enum err put(const char *path, struct span text, mode_t mode, struct err_info *why)
{
    file_sweep(path);
    return file_replace(path, text, mode, why);
}

static enum err write_files(struct arena *a, const struct adopt_export *e,
                            unsigned int number, struct err_info *why)
{
    for (size_t i = KINDS; i > 0; i--) { /* the certificate last: it counts them */
        struct span text;
        TRY(read_ours(a, e, i - 1, &text, why));
        TRY(put(archived(a, e, i - 1, number), text, kinds[i - 1].mode, why));
    }
    return ERR_OK;
}

static enum err switch_links(struct arena *a, const struct adopt_export *e,
                             unsigned int number, struct err_info *why)
{
    for (size_t i = 0; i < KINDS; i++)
        TRY(switch_link(a, e, i, number, why));
    return file_sync_directory(arena_printf(a, "%s/live/%s", e->to, e->name), why);
}

/* ---- account ---- */

/* What certbot calls it: MD5 of the public key in PEM, its last line end included. */
static enum err account_id(struct arena *a, const struct account *account,
                           const char **id, struct err_info *why)
{
    AUTO(buf) struct buf pem = buf_make(CONF_MAX);
    uint8_t digest[HASH_MD5_SIZE];
    char *text = arena_get(a, 2 * HASH_MD5_SIZE + 1);

    pem_add(&pem, "PUBLIC KEY", key_spki(account->key));
    if (!hash_md5(buf_span(&pem), digest))
        return err_set(why, ERR_CRYPTO,
                       "certbot names accounts by MD5, which OpenSSL does not have here");
    text_hex(text, digest, sizeof digest);
    *id = text;
    return ERR_OK;
}

/* As mkdir -p below `to`. */
static enum err make_path(struct arena *a, const char *to, const char *path,
                          struct err_info *why)
{
    char *rest = arena_string(a, path);

    for (char *p = rest; *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        TRY(file_make_directory(file_path(a, to, rest), 0700, why));
        *p = '/';
    }
    return file_make_directory(file_path(a, to, rest), 0700, why);
}

static enum err write_account_files(struct arena *a, const struct account *account,
                                    const char *folder, struct err_info *why)
{
    AUTO(buf) struct buf key = buf_make(CONF_MAX);
    char now[CLOCK_TEXT_SIZE];

    clock_text(now, clock_now());
    const char *registration =
        arena_printf(a, "{\"body\": {}, \"uri\": \"%s\"}", account->url);
    const char *about = arena_printf(a,
                                     "{\"creation_dt\": \"%s\", \"creation_host\": "
                                     "\"cairn\", \"register_to_eff\": null}",
                                     now);
    enum err result = jwk_private_write(&key, account->key, why);
    if (result == ERR_OK)
        result = file_replace(file_path(a, folder, "private_key.json"), buf_span(&key),
                              0400, why);
    if (key.data != NULL)
        memory_wipe(key.data, key.len);
    TRY(result);
    TRY(file_replace(file_path(a, folder, "regr.json"), span_of(registration), 0644,
                     why));
    return file_replace(file_path(a, folder, "meta.json"), span_of(about), 0644, why);
}

/* Several certificates have the same account, and may be exported at once: one after the
 * other, by a lock of the folder, so that none sweeps away what another is writing. Where
 * there are no locks, nothing is swept. */
static enum err write_account_alone(struct arena *a, const struct account *account,
                                    const char *folder, struct err_info *why)
{
    int fd = file_lock_folder(folder, LOCK_EX);

    if (fd >= 0)
        file_sweep_folder(folder);
    enum err result = write_account_files(a, account, folder, why);
    if (fd >= 0)
        (void)close(fd);
    return result;
}

static void add_note(struct adopt_export_notes *notes, const char *sentence)
{
    if (notes->count < ADOPT_EXPORT_NOTES_MAX)
        notes->items[notes->count++] = sentence;
}

/* `*id` is NULL if there is no account whose URL is known, and whose key is in a file. */
static enum err write_account(struct arena *a, const struct adopt_export *e,
                              const char **id, struct adopt_export_notes *notes,
                              struct err_info *why)
{
    struct account account;
    struct err_info ignored = {0};

    *id = NULL;
    if (account_store_find(a, e->directory, e->metadata->ca, &account, &ignored) !=
            ERR_OK ||
        account.url == NULL)
        return ERR_OK;
    if (account.place.device != NULL) {
        add_note(notes, "the account does not go along, as its key stays in its device: "
                        "certbot makes one of its own");
        return ERR_OK;
    }
    TRY(account_id(a, &account, id, why));
    const char *rest = strstr(account.ca, "://");
    const char *path =
        arena_printf(a, "accounts/%s/%s", rest != NULL ? rest + 3 : account.ca, *id);
    TRY(make_path(a, e->to, path, why));
    return write_account_alone(a, &account, file_path(a, e->to, path), why);
}

/* ---- renewal/NAME.conf ---- */

/* The ways of http-01 that certbot has as well. */
static bool has_counterpart(const char *http)
{
    return strcmp(http, "standalone") == 0 ||
           strncmp(http, WEBROOT, strlen(WEBROOT)) == 0 || strcmp(http, "nginx") == 0 ||
           strcmp(http, "apache") == 0;
}

/* How names are proved, as certbot can. */
static void write_authenticator(struct buf *b, const struct adopt_export *e,
                                struct adopt_export_notes *notes)
{
    const struct settings_certificate *c =
        e->wanted != NULL ? e->wanted->certificate : NULL;
    const char *http = c != NULL && c->http != NULL ? c->http : "standalone";
    bool by_http = c == NULL || c->challenges.count == 0 ||
                   strcmp(c->challenges.items[0], "http-01") == 0;

    if (!by_http || (c != NULL && c->dns.count > 0) || !has_counterpart(http))
        add_note(notes, "how its names are proved has no counterpart in certbot: say "
                        "--authenticator there");
    if (by_http && strncmp(http, WEBROOT, strlen(WEBROOT)) == 0)
        buf_printf(b, "authenticator = webroot\nwebroot_path = %s,\n",
                   http + strlen(WEBROOT));
    else if (by_http && (strcmp(http, "nginx") == 0 || strcmp(http, "apache") == 0))
        buf_printf(b, "authenticator = %s\n", http[0] == 'n' ? "nginx" : "apache");
    else
        buf_printf(b, "authenticator = standalone\n");
    if (c != NULL && c->http_port != 80)
        buf_printf(b, "http01_port = %lld\n", (long long)c->http_port);
    if (!by_http || strncmp(http, WEBROOT, strlen(WEBROOT)) != 0)
        return;
    buf_add_text(b, "[[webroot_map]]\n");
    for (size_t i = 0; i < e->metadata->name_count; i++)
        buf_printf(b, "%s = %s\n", e->metadata->names[i], http + strlen(WEBROOT));
}

/* What is told, as nothing there does the same. */
static void tell_of_the_rest(struct arena *a, const struct adopt_export *e,
                             struct adopt_export_notes *notes)
{
    const struct certificate_metadata *m = e->metadata;
    const char *all = "";

    if (m->device[0] != '\0')
        add_note(notes,
                 "its key stays in its device; certbot renews it with one in a file");
    if (m->part_count > 1)
        add_note(notes,
                 arena_printf(a,
                              "of its keys only the first, %s, goes along: certbot "
                              "has one for each certificate",
                              m->parts[0].key_type));
    for (size_t i = 0; e->wanted != NULL && i < e->wanted->deployment_count; i++)
        all = arena_printf(a, "%s%s%s", all, i > 0 ? ", " : "",
                           e->wanted->deployments[i]->name);
    if (all[0] != '\0')
        add_note(
            notes,
            arena_printf(a, "%s (deploy) do not go along: say --deploy-hook there", all));
    if (e->wanted != NULL && e->wanted->certificate->pre_hook[0] != '\0')
        add_note(notes, "its pre_hook does not go along: say --pre-hook there");
    if (e->wanted != NULL && e->wanted->certificate->post_hook[0] != '\0')
        add_note(notes, "its post_hook does not go along: say --post-hook there");
}

static void write_key(struct buf *b, const char *type)
{
    if (strncmp(type, "rsa", 3) == 0)
        buf_printf(b, "key_type = rsa\nrsa_key_size = %s\n", type + 3);
    else
        buf_printf(b, "key_type = ecdsa\nelliptic_curve = %s\n",
                   strcmp(type, "p384") == 0 ? "secp384r1" : "secp256r1");
}

static enum err write_conf(struct arena *a, const struct adopt_export *e, const char *id,
                           struct adopt_export_notes *notes, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(CONF_MAX);
    const char *path = arena_printf(a, "%s/renewal/%s.conf", e->to, e->name);

    buf_printf(&b, MARK "\nversion = 2.0.0\narchive_dir = %s/archive/%s\n", e->to,
               e->name);
    for (size_t i = 0; i < KINDS; i++)
        buf_printf(&b, "%s = %s/live/%s/%s.pem\n", kinds[i].theirs, e->to, e->name,
                   kinds[i].theirs);
    buf_printf(&b, "\n# Options used in the renewal process\n[renewalparams]\n");
    if (id != NULL)
        buf_printf(&b, "account = %s\n", id);
    buf_printf(&b, "server = %s\n", e->metadata->ca);
    write_key(&b, e->metadata->parts[0].key_type);
    if (e->wanted != NULL && e->wanted->certificate->reuse_key)
        buf_add_text(&b, "reuse_key = True\n");
    write_authenticator(&b, e, notes);
    if (b.failed)
        return err_set(why, ERR_IO, "the settings for certbot are too large");
    return put(path, buf_span(&b), 0644, why);
}

/* Nothing is in it, as who was killed leaves it. */
static bool is_empty(const char *folder)
{
    DIR *d = opendir(folder);
    bool empty = d != NULL;

    for (struct dirent *entry = NULL; empty && (entry = readdir(d)) != NULL;)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (d != NULL)
        (void)closedir(d);
    return empty;
}

/* One of that name that certbot or anybody else made stays as it is. */
static enum err check_ours(struct arena *a, const struct adopt_export *e,
                           struct err_info *why)
{
    const char *path = arena_printf(a, "%s/renewal/%s.conf", e->to, e->name);
    const char *live = arena_printf(a, "%s/live/%s", e->to, e->name);
    struct span text;

    enum err result = file_read(a, path, CONF_MAX, &text, why);
    if (result == ERR_NOT_FOUND && (!file_exists(live) || is_empty(live)))
        return ERR_OK;
    if (result == ERR_OK && text.len >= strlen(MARK) &&
        memcmp(text.data, MARK, strlen(MARK)) == 0)
        return ERR_OK;
    if (result != ERR_OK && result != ERR_NOT_FOUND)
        return result;
    return err_set(
        why, ERR_EXISTS,
        "%s has a certificate \"%.200s\" that cairn did not write: take another "
        "folder",
        e->to, e->name);
}

enum err adopt_export_certbot(struct arena *a, const struct adopt_export *e,
                              enum adopt_export_outcome *outcome,
                              struct adopt_export_notes *notes, struct err_info *why)
{
    const char *folder = certificate_store_path(a, e->directory, e->name);
    const char *id = NULL;

    *notes = (struct adopt_export_notes){0};
    if (!file_exists(file_path(a, folder, "key.pem"))) {
        *outcome = ADOPT_EXPORT_WITHOUT;
        return ERR_OK;
    }
    TRY(check_ours(a, e, why));
    unsigned int number = last_number(a, e);
    const char *conf = arena_printf(a, "%s/renewal/%s.conf", e->to, e->name);
    if (number > 0 && is_same(a, e, number) && file_exists(conf)) {
        *outcome = ADOPT_EXPORT_SAME;
        return ERR_OK;
    }
    TRY(make_folders(a, e, why));
    TRY(write_files(a, e, number + 1, why));
    TRY(write_account(a, e, &id, notes, why));
    TRY(write_conf(a, e, id, notes, why)); /* it says whose the links are */
    TRY(switch_links(a, e, number + 1, why));
    tell_of_the_rest(a, e, notes);
    *outcome = ADOPT_EXPORT_WRITTEN;
    return ERR_OK;
}
