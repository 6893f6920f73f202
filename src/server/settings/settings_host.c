/* A perspective's settings, bound to its own rows and to those it shares with a CA. */
#include "server/settings/settings_host.h"

#include <string.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "server/settings/settings_family.h"
#include "server/settings/settings_perspective.h"
#include "server/settings/settings_table.h"
#include "server/settings/settings_view.h"

static const struct config_option own[] = {
#define OPTION(path, kind, member, fallback, least, most, sentence)                      \
    {path, CONFIG_##kind, offsetof(struct settings, host.member), fallback, least,       \
     most, sentence},
#include "server/settings/host_options.def"
#undef OPTION
};

#define OWN_COUNT (sizeof own / sizeof own[0])

/* Beginnings of paths in options.def, in the order of the file; the first one goes on
 * with the section that the own rows end with. */
static const char *const shared[] = {"processes.validator_user", "validation.",
                                     "log.level"};

/* Options of directories.NAME that say how the validator sees the world. */
static const char *const of_directories[] = {"resolver", "http_port", "tls_port",
                                             "allow_networks", "insecure_zones"};

static bool is_of_directories(const char *path)
{
    for (size_t i = 0; i < sizeof of_directories / sizeof of_directories[0]; i++)
        if (strcmp(path, of_directories[i]) == 0)
            return true;
    return false;
}

static struct config_family directories(struct arena *a)
{
    struct config_family family = settings_families[SETTINGS_FAMILY_DIRECTORIES];
    struct config_option *kept = arena_array(a, family.option_count, sizeof *kept);
    size_t count = 0;

    for (size_t i = 0; i < family.option_count; i++)
        if (is_of_directories(family.options[i].path))
            kept[count++] = family.options[i];
    family.options = kept;
    family.option_count = count;
    family.sentence = "What is different for a directory of the CA, as its own "
                      "configuration says.";
    return family;
}

static struct config_table make_table(struct arena *a)
{
    const struct config_table *all = settings_table();
    struct config_option *options =
        arena_array(a, OWN_COUNT + all->count, sizeof *options);
    struct config_family *family = arena_get(a, sizeof *family);
    struct config_table table = {
        .options = options, .families = family, .family_count = 1};

    memcpy(options, own, sizeof own);
    table.count = OWN_COUNT;
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++)
        for (size_t j = 0; j < all->count; j++)
            if (strncmp(all->options[j].path, shared[i], strlen(shared[i])) == 0)
                options[table.count++] = all->options[j];
    *family = directories(a);
    return table;
}

/* ---- checking ---- */

static enum err check_listen(const struct settings_host *h, struct err_info *why)
{
    struct address address;

    if (h->listens.count == 0 || h->listens.count > SETTINGS_LISTEN_MAX)
        return err_set(why, ERR_CONFIG, "listen: 1 to %d addresses", SETTINGS_LISTEN_MAX);
    for (size_t i = 0; i < h->listens.count; i++)
        if (!address_parse_with_port(span_of(h->listens.items[i]), 0, &address) ||
            address.port == 0)
            return err_set(why, ERR_CONFIG,
                           "listen: \"%s\" is not ADDRESS:PORT, such as 0.0.0.0:8443 or "
                           "[::]:8443",
                           h->listens.items[i]);
    return ERR_OK;
}

static enum err check(struct arena *a, struct settings *s, struct err_info *why)
{
    enum log_level level;

    TRY(settings_perspective_check_region(s->host.region, why));
    TRY(check_listen(&s->host, why));
    TRY(settings_perspective_pins(a, "ca", &s->host.ca, &s->host.pins, why));
    s->host.pin_count = s->host.ca.count;
    if (settings_perspective_check_name(s->host.name, why) != ERR_OK)
        return err_prefix(why, "name");
    TRY(settings_view_general(a, s, &s->view, why));
    for (size_t i = 0; i < s->directories.count; i++) {
        struct settings_directory *directory = s->directories.members[i];
        if (settings_view_directory(a, s, directory, why) != ERR_OK)
            return err_prefix(why, "directories.%s", directory->name);
    }
    if (!log_level_read(s->log_level, &level))
        return err_set(why, ERR_CONFIG,
                       "log.level: \"%s\" is none of debug, info, notice, warning, error",
                       s->log_level);
    return ERR_OK;
}

/* ---- reading and writing ---- */

static enum err begin(struct arena *a, const char *directory,
                      const struct config_table *table, struct settings **settings,
                      struct err_info *why)
{
    struct settings *s = arena_get(a, sizeof *s);

    TRY(config_defaults(a, settings_table(), s, why)); /* nothing is NULL */
    TRY(config_defaults(a, table, s, why));
    s->is_host = true;
    s->directory = arena_string(a, directory);
    s->base = "";
    *settings = s;
    return ERR_OK;
}

static enum err finish(struct arena *a, const struct config_table *table,
                       const char *const *sets, size_t set_count, struct settings *s,
                       struct err_info *why)
{
    const char **kept = arena_array(a, set_count + 1, sizeof *kept);

    for (size_t i = 0; i < set_count; i++) {
        TRY(config_set(a, table, sets[i], s, why));
        kept[i] = arena_string(a, sets[i]);
    }
    s->sets = kept;
    s->set_count = set_count;
    return check(a, s, why);
}

enum err settings_host_text(struct arena *a, const char *directory, struct span *text,
                            struct err_info *why)
{
    const char *file = file_path(a, directory, SETTINGS_HOST_FILE);
    enum err result = file_read(a, file, CONFIG_FILE_MAX, text, why);

    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_CONFIG,
                       "%s is not there; make it with: cairn-ca perspective init --dir "
                       "%s",
                       file, directory);
    return result;
}

enum err settings_host_read(struct arena *a, const char *directory, struct span text,
                            const char *const *sets, size_t set_count,
                            const struct settings **settings, struct err_info *why)
{
    const struct config_table table = make_table(a);
    const char *file = file_path(a, directory, SETTINGS_HOST_FILE);
    struct settings *s = NULL;

    TRY(begin(a, directory, &table, &s, why));
    TRY(config_read(a, &table, file, text, s, why));
    enum err result = finish(a, &table, sets, set_count, s, why);
    if (result != ERR_OK && why != NULL && strncmp(why->detail, "--set", 5) != 0)
        return config_place(a, file, text, why);
    if (result != ERR_OK)
        return result;
    *settings = s;
    return ERR_OK;
}

enum err settings_host_defaults(struct arena *a, const char *directory,
                                const char *const *sets, size_t set_count,
                                struct settings **settings, struct err_info *why)
{
    const struct config_table table = make_table(a);
    struct settings *s = NULL;

    TRY(begin(a, directory, &table, &s, why));
    TRY(finish(a, &table, sets, set_count, s, why));
    *settings = s;
    return ERR_OK;
}

enum err settings_host_write(struct arena *a, struct buf *b,
                             const struct settings *settings, struct err_info *why)
{
    const struct config_table table = make_table(a);

    buf_add_text(
        b, "# Settings of this perspective. Durations are written 15m, 20s, 250ms.\n"
           "# Check a change with: cairn-ca perspective check-config; make it known to\n"
           "# the running one with SIGHUP. The manual is cairn-perspective.yaml(5).\n");
    config_write(b, &table, settings);
    if (b->failed)
        return err_set(why, ERR_TOO_LARGE, "the settings are too large");
    return ERR_OK;
}
