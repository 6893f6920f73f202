/* The passphrase of the CA's keys. */
#include "server/command/passphrase.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/base/memory.h"

#define PASSPHRASE_MAX 1024 /* octets */

/* systemd puts credentials into a folder of their own (systemd.exec(5), LoadCredential=).
 */
static enum err credential_path(struct arena *a, const char *name, char **path,
                                struct err_info *why)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");

    if (directory == NULL)
        return err_set(why, ERR_CONFIG,
                       "the credential %s is asked for, but systemd gave none", name);
    if (strchr(name, '/') != NULL)
        return err_set(why, ERR_CONFIG, "a credential's name has no \"/\"");
    *path = file_path(a, directory, name);
    return ERR_OK;
}

static enum err check_mode(const char *path, struct err_info *why)
{
    struct stat status;

    if (stat(path, &status) == 0 && (status.st_mode & 0077) != 0)
        return err_set(why, ERR_CONFIG, "%s can be read by others; give it mode 0600",
                       path);
    return ERR_OK;
}

enum err passphrase_read(struct arena *a, const struct settings *settings,
                         struct secret *passphrase, struct err_info *why)
{
    return passphrase_read_from(a, settings->directory, settings->passphrase_file,
                                passphrase, why);
}

enum err passphrase_read_from(struct arena *a, const char *directory, const char *source,
                              struct secret *passphrase, struct err_info *why)
{
    static const char prefix[] = "credential:";
    struct span content = {0};
    char *path = NULL;

    if (source[0] == '\0')
        return ERR_OK;
    if (strncmp(source, prefix, strlen(prefix)) == 0) {
        TRY(credential_path(a, source + strlen(prefix), &path, why));
    } else {
        path = file_path(a, directory, source);
        TRY(check_mode(path, why));
    }
    if (file_read(a, path, PASSPHRASE_MAX, &content, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "the passphrase");
    }
    struct span line = content;
    if (line.len > 0 && line.data[line.len - 1] == '\n')
        line.len--;
    enum err result = ERR_OK;
    if (line.len == 0)
        result = err_set(why, ERR_CONFIG, "the passphrase in %s is empty", path);
    else
        *passphrase = secret_make(line);
    memory_wipe((void *)(uintptr_t)content.data, content.len);
    return result;
}
