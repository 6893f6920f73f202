/* Environment of commands. */
#include "client/deploy/deploy_environment.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/file.h"

#define VARIABLES_MAX 16
#define NAMES_MAX     (SETTINGS_NAMES_MAX * 300) /* octets of all names */

/* Certbot's names for the files; links that show what is in force. */
static const struct {
    const char *name;
    const char *aim;
} links[] = {
    {"privkey.pem", "../../current/key.pem"},
    {"cert.pem", "../../current/cert.pem"},
    {"chain.pem", "../../current/chain.pem"},
    {"fullchain.pem", "../../current/fullchain.pem"},
};

static enum err make_lineage(struct arena *a, const char *directory, const char *name,
                             const char **lineage, struct err_info *why)
{
    char *outer = arena_printf(a, "%s/certificates/%s/certbot", directory, name);
    char *inner = file_path(a, outer, name);

    TRY(file_make_directory(outer, 0700, why));
    TRY(file_make_directory(inner, 0700, why));
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        char *path = file_path(a, inner, links[i].name);
        if (symlink(links[i].aim, path) != 0 && errno != EEXIST)
            return err_set_os(why, ERR_IO, errno, "cannot make %s", path);
    }
    *lineage = inner;
    return ERR_OK;
}

static const char *join_names(struct arena *a, const struct deploy_material *m)
{
    AUTO(buf) struct buf b = buf_make(NAMES_MAX);

    for (size_t i = 0; i < m->name_count; i++)
        buf_printf(&b, "%s%s", i > 0 ? " " : "", m->names[i]);
    return arena_string_of(a, buf_span(&b));
}

static const char *join_key_types(struct arena *a, const struct deploy_material *m)
{
    const char *text = "";

    for (size_t i = 0; i < m->count; i++)
        text = arena_printf(a, "%s%s%s", text, i > 0 ? " " : "", m->parts[i].key_type);
    return text;
}

enum err deploy_environment_make(struct arena *a, const char *directory,
                                 const struct settings_deployment *d,
                                 const struct deploy_material *m,
                                 const char *const **environment, struct err_info *why)
{
    const char **list = arena_array(a, VARIABLES_MAX, sizeof *list);
    const char *names = join_names(a, m);
    const char *lineage = NULL;
    char until[CLOCK_TEXT_SIZE];
    size_t count = 0;

    TRY(make_lineage(a, directory, m->certificate, &lineage, why));
    clock_text(until, m->not_after);
    const struct {
        const char *name;
        const char *value;
    } variables[] = {
        {"CAIRN_NAME", m->certificate},
        {"CAIRN_DEPLOYMENT", d->name},
        {"CAIRN_DIR", m->folder},
        {"CAIRN_KEY", file_path(a, m->folder, "key.pem")},
        {"CAIRN_CERTIFICATE", file_path(a, m->folder, "cert.pem")},
        {"CAIRN_CHAIN", file_path(a, m->folder, "chain.pem")},
        {"CAIRN_FULLCHAIN", file_path(a, m->folder, "fullchain.pem")},
        {"CAIRN_NAMES", names},
        {"CAIRN_SERIAL", m->parts[0].serial},
        {"CAIRN_NOT_AFTER", until},
        {"CAIRN_KEY_TYPES", join_key_types(a, m)},
        {"RENEWED_LINEAGE", lineage},
        {"RENEWED_DOMAINS", names},
    };
    _Static_assert(sizeof variables / sizeof variables[0] < VARIABLES_MAX, "room");
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        list[count++] = arena_printf(a, "%s=%s", variables[i].name, variables[i].value);
    *environment = list;
    return ERR_OK;
}
