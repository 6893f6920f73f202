/* cairn-ca init: a new CA in a folder. Nothing that is there is ever overwritten. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/file_lock.h"
#include "core/json/json_write.h"
#include "core/pkcs11/pkcs11_uri.h"
#include "core/x509/csr.h"
#include "server/command/command.h"
#include "server/command/command_hierarchy.h"
#include "server/command/command_init_make.h"
#include "server/command/passphrase.h"
#include "server/perspective/perspective_key.h"
#include "server/settings/settings.h"
#include "server/settings/settings_files.h"

#define ROOT_KEY_FILE  "root.key"
#define OUTPUTS_MAX    8
#define SETTINGS_MAX   (64 * 1024) /* octets of the file written */
#define NAME_MAX_CHARS 40 /* leaves room for " Intermediate" in 64 (RFC 5280 A.1) */

/* A list as --set takes it, so no element may look like two. */
static enum err join(struct arena *a, const char *option, const struct cli_list *list,
                     const char **set, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(SETTINGS_MAX);

    buf_printf(&b, "%s=", option);
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i][0] == '\0' || strpbrk(list->items[i], " ,") != NULL)
            return err_set(why, ERR_USAGE, "%s: \"%.100s\" is not one of them", option,
                           list->items[i]);
        buf_printf(&b, "%s%s", i > 0 ? "," : "", list->items[i]);
    }
    *set = arena_string_of(a, buf_span(&b));
    return ERR_OK;
}

/* The option of the configuration is relative to the CA's folder, that of the command
 * line to where we are. */
static enum err file_set(struct arena *a, const char *argument, const char *option,
                         const char *file, const char **set, struct err_info *why)
{
    bool credential = strncmp(file, "credential:", strlen("credential:")) == 0;
    char *real = credential ? NULL : realpath(file, NULL);

    if (!credential && real == NULL)
        return err_set_os(why, ERR_CONFIG, errno, "%s \"%s\"", argument, file);
    *set = arena_printf(a, "%s=%s", option, credential ? file : real);
    free(real);
    return ERR_OK;
}

/* The settings of the new CA: defaults, then the short options, then --set. */
static enum err make_settings(const struct command_line *line, struct settings **settings,
                              struct err_info *why)
{
    struct arena *a = line->arena;
    const char *sets[CLI_LIST_MAX + 7];
    size_t count = 0;

    if (line->name != NULL)
        sets[count++] = arena_printf(a, "name=%s", line->name);
    if (line->dns_names.count > 0)
        TRY(join(a, "dns_names", &line->dns_names, &sets[count++], why));
    if (line->listens.count > 0)
        TRY(join(a, "listen", &line->listens, &sets[count++], why));
    if (line->passphrase_file != NULL)
        TRY(file_set(a, "--passphrase-file", "files.passphrase", line->passphrase_file,
                     &sets[count++], why));
    if (line->module != NULL)
        TRY(file_set(a, "--module", "pkcs11.modules", line->module, &sets[count++], why));
    if (line->pin_file != NULL)
        TRY(file_set(a, "--pin-file", "pkcs11.pin", line->pin_file, &sets[count++], why));
    if (line->intermediate_key != NULL && pkcs11_uri_is(line->intermediate_key))
        sets[count++] =
            arena_printf(a, "files.intermediate_key=%s", line->intermediate_key);
    for (size_t i = 0; i < line->sets.count; i++)
        sets[count++] = line->sets.items[i];
    TRY(settings_defaults(a, line->directory, sets, count, settings, why));
    if (strlen((*settings)->name) > NAME_MAX_CHARS || (*settings)->name[0] == '\0')
        return err_set(why, ERR_USAGE, "the name of the CA must have 1 to %d octets",
                       NAME_MAX_CHARS);
    return ERR_OK;
}

struct output {
    const char *name;
    struct span content;
    mode_t mode;
};

/* Look first, so that a folder that is in use is left exactly as it is. */
static enum err refuse_existing(const struct settings *s, struct arena *a,
                                const struct output *outputs, size_t count,
                                struct err_info *why)
{
    for (size_t i = 0; i < count; i++) {
        char *path = settings_path(a, s, outputs[i].name);
        if (!file_exists(path))
            continue;
        if (!file_exists(settings_path(a, s, SETTINGS_FILE)))
            return err_set(why, ERR_EXISTS,
                           "%s is there already, but not %s: an earlier init was "
                           "interrupted. Remove what it left, or choose another folder; "
                           "nothing was changed",
                           path, SETTINGS_FILE);
        return err_set(why, ERR_EXISTS,
                       "%s is there already; nothing was changed. Choose another folder",
                       path);
    }
    return ERR_OK;
}

static int64_t ends(struct arena *a, struct span der)
{
    struct certificate *c = NULL;

    return certificate_read(a, der, &c, NULL) == ERR_OK ? c->not_after : 0;
}

static void print_json(const struct settings *s, const struct command_init_made *made)
{
    AUTO(buf) struct buf b = buf_make(SETTINGS_MAX);
    AUTO(arena) struct arena *a = arena_new();
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "directory",
                    arena_printf(a, "%s/directory", settings_url(a, s, NULL)));
    if (made->root.len > 0) {
        json_write_text(&w, "root", settings_path(a, s, s->root_file));
        json_write_text(&w, "root_fingerprint", hierarchy_fingerprint(a, made->root));
        json_write_time(&w, "root_not_after", ends(a, made->root));
    }
    if (made->intermediate.len > 0)
        json_write_time(&w, "intermediate_not_after", ends(a, made->intermediate));
    if (made->request.len > 0)
        json_write_text(
            &w, "request",
            settings_path(a, s, settings_files_request(a, s->intermediate_file)));
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

static void print_certificate(struct arena *a, const char *file, const char *what,
                              const char *key, struct span der)
{
    char until[CLOCK_TEXT_SIZE];

    clock_text(until, ends(a, der));
    printf("  %-18s %s certificate (%s), until %.10s\n", file, what, key, until);
}

/* What is there now, and what is to be done with it. */
static void print_files(struct arena *a, const struct settings *s,
                        const struct command_init_made *made)
{
    printf("made the CA \"%s\" in %s\n", s->name, s->directory);
    if (made->root.len > 0)
        print_certificate(a, s->root_file, "root", made->root_key_text, made->root);
    if (made->root_key_pem.len > 0)
        printf("  %-18s its key: move it to a safe place, it is not needed to serve\n",
               ROOT_KEY_FILE);
    else if (made->way == COMMAND_INIT_NEW)
        printf("  %-18s its key is in its token; it is not needed to serve\n", "");
    if (made->intermediate.len > 0)
        print_certificate(a, s->intermediate_file, "issuing", made->key_text,
                          made->intermediate);
    if (made->request.len > 0)
        printf("  %-18s request for the issuing certificate (%s)\n",
               settings_files_request(a, s->intermediate_file), made->key_text);
    printf("  %-18s its key\n", s->intermediate_key_file);
    printf("  %-18s by this key its perspectives on other hosts know it\n",
           PERSPECTIVE_KEY_FILE);
    printf("  %-18s every setting, with what it means\n", SETTINGS_FILE);
    if (made->root.len > 0)
        printf("\nSHA-256 of the root: %s\n", hierarchy_fingerprint(a, made->root));
}

static void print_request(struct arena *a, const struct settings *s)
{
    const char *request =
        settings_path(a, s, settings_files_request(a, s->intermediate_file));

    printf("\nNext:\n"
           "  1. Have the root sign %s as a CA, below which there are no\n"
           "     others (path length 0), on the root's machine; one of\n"
           "       cairn-ca intermediate sign --root-cert root.pem --root-key root.key "
           "--csr %s --out signed.pem\n"
           "       openssl x509 -req -in %s -CA root.pem -CAkey root.key -days %d "
           "-copy_extensions copyall -out signed.pem\n"
           "  2. Take in what comes back:\n"
           "       cairn-ca intermediate import --dir %s --certificate signed.pem "
           "--root-cert root.pem\n"
           "  3. Serve:  cairn-ca serve --dir %s\n",
           request, settings_files_request(a, s->intermediate_file),
           settings_files_request(a, s->intermediate_file), HIERARCHY_INTERMEDIATE_DAYS,
           s->directory, s->directory);
}

static void print_text(struct arena *a, const struct settings *s,
                       const struct command_init_made *made)
{
    print_files(a, s, made);
    if (made->way == COMMAND_INIT_REQUEST) {
        print_request(a, s);
        return;
    }
    printf("\nNext:\n"
           "  1. Have your machines trust %s/%s, for instance on Debian:\n"
           "       cp %s/%s /usr/local/share/ca-certificates/cairn-root.crt\n"
           "       update-ca-certificates\n"
           "  2. Serve:  cairn-ca serve --dir %s\n"
           "  3. The directory for clients is %s/directory\n",
           s->directory, s->root_file, s->directory, s->root_file, s->directory,
           settings_url(a, s, NULL));
}

/* All or nothing: what was made before the one that failed is removed again, the settings
 * first, without which nothing is served. Nobody else may be making files there, as what
 * one that was killed left is swept away. */
static enum err create_all(const struct settings *s, struct arena *a,
                           const struct output *outputs, size_t count,
                           struct err_info *why)
{
    int lock = file_lock_folder(s->directory, LOCK_EX | LOCK_NB);
    enum err result = ERR_OK;
    size_t made = 0;

    if (lock < 0)
        return err_set(why, ERR_LOCKED, "another cairn-ca makes a CA in %s",
                       s->directory);
    while (made < count && result == ERR_OK) {
        const char *path = settings_path(a, s, outputs[made].name);
        file_sweep(path);
        result = file_create(path, outputs[made].content, outputs[made].mode, why);
        made += result != ERR_EXISTS; /* it may be there, and not be synced */
    }
    while (result != ERR_OK && made > 0)
        (void)unlink(settings_path(a, s, outputs[--made].name));
    (void)close(lock);
    return result;
}

/* What there is to be written, the settings last: with them the CA is complete. */
static size_t list_outputs(const struct settings *s, struct arena *a,
                           const struct command_init_made *made,
                           const struct perspective_key *key, struct span settings,
                           struct output *outputs)
{
    AUTO(buf) struct buf request = buf_make(CSR_MAX * 2);
    size_t count = 0;

    if (made->request.len > 0)
        csr_pem_add(&request, made->request);
    const struct output all[] = {
        {PERSPECTIVE_KEY_FILE, span_make(key->key_pem.data, key->key_pem.len), 0600},
        {PERSPECTIVE_CERTIFICATE_FILE, key->certificate_pem, 0644},
        {ROOT_KEY_FILE, span_make(made->root_key_pem.data, made->root_key_pem.len), 0600},
        {s->intermediate_key_file, span_make(made->key_pem.data, made->key_pem.len),
         0600},
        {s->root_file,
         made->root.len > 0 ? hierarchy_pem(a, made->root) : span_make(NULL, 0), 0644},
        {settings_files_request(a, s->intermediate_file),
         arena_span(a, buf_span(&request)), 0644},
        {s->intermediate_file, made->intermediate_pem, 0644},
        {SETTINGS_FILE, settings, 0644},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].content.len > 0)
            outputs[count++] = all[i];
    return count;
}

/* What has to be said together, to be copied into profiles and directories above. */
static const char example[] =
    "\n"
    "# For devices that prove what they are (device-attest-01, cairn-ca.yaml(5)):\n"
    "# profiles:\n"
    "#   device:\n"
    "#     description: Devices, 45 days\n"
    "#     lifetime: 45d\n"
    "#     usages: client\n"
    "#     key_usages: digitalSignature\n"
    "#     identifiers: permanent-identifier\n"
    "# directories:\n"
    "#   devices:\n"
    "#     profiles: device\n"
    "#     identifiers: permanent-identifier\n"
    "#     challenges: device-attest-01\n"
    "#     external_account: required\n";

static enum err write_all(const struct settings *s, struct arena *a,
                          const struct command_init_made *made, struct err_info *why)
{
    AUTO(buf) struct buf text = buf_make(SETTINGS_MAX);
    struct output outputs[OUTPUTS_MAX];

    settings_write(&text, s);
    buf_add_text(&text, example);
    AUTO(perspective_key) struct perspective_key key = {0};
    TRY(perspective_key_make(a, s->name, &key, why));
    size_t count = list_outputs(s, a, made, &key, buf_span(&text), outputs);
    TRY(refuse_existing(s, a, outputs, count, why));
    if (file_exists(settings_path(a, s, s->store_file)))
        return err_set(why, ERR_EXISTS, "%s is there already; nothing was changed",
                       settings_path(a, s, s->store_file));
    bool fresh = !file_exists(s->directory);
    enum err result = file_make_directory(s->directory, 0711, why);
    if (result == ERR_OK)
        result = create_all(s, a, outputs, count, why);
    if (result != ERR_OK && fresh)
        (void)rmdir(s->directory);
    return result;
}

enum err command_init(const struct command_line *line, struct err_info *why)
{
    AUTO(command_init_made) struct command_init_made made = {0};
    AUTO(secret) struct secret passphrase = {0};
    struct settings *s = NULL;

    TRY(make_settings(line, &s, why));
    if (file_exists(settings_path(line->arena, s, SETTINGS_FILE)))
        return err_set(why, ERR_EXISTS,
                       "%s is there already; nothing was changed. Choose another folder",
                       settings_path(line->arena, s, SETTINGS_FILE));
    TRY(passphrase_read(line->arena, s, &passphrase, why));
    TRY(command_init_make(line, s, &passphrase, &made, why));
    TRY(write_all(s, line->arena, &made, why));
    if (line->json)
        print_json(s, &made);
    else
        print_text(line->arena, s, &made);
    return ERR_OK;
}
