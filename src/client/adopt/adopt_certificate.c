/* What is set for a certificate that is taken over: where it goes, who adds records. */
#include <stdio.h>
#include <string.h>

#include "client/adopt/adopt.h"

/* A member of a family, whose options are set by `path`.OPTION. */
static const char *member(struct adopt *found, struct adopt_certificate *c,
                          const char *family, const char *name, const char *option,
                          const char *value)
{
    const char *path = arena_printf(found->arena, "%s.%s", family, name);

    adopt_set(found, c, arena_printf(found->arena, "%s.%s", path, option), value);
    return path;
}

const char *adopt_deploy_target(struct adopt *found, struct adopt_certificate *c,
                                const char *target)
{
    const char *name =
        adopt_member_name(found->arena, arena_printf(found->arena, "%zu-%.24s",
                                                     c->want->deploy.count + 1, c->name));

    (void)member(found, c, "deployments", name, "target", target);
    adopt_list_add(found, &c->want->deploy, name);
    return name;
}

void adopt_deploy_command(struct adopt *found, struct adopt_certificate *c,
                          const char *command)
{
    if (command == NULL || command[0] == '\0')
        return;
    const char *name = adopt_deploy_target(found, c, "hook");
    (void)member(found, c, "deployments", name, "command", command);
}

void adopt_keep_paths(struct adopt *found, struct adopt_certificate *c,
                      const char *key_file, const char *certificate_file,
                      const char *chain_file, const char *fullchain_file)
{
    const struct {
        const char *option;
        const char *path;
    } files[] = {
        {"key_file", key_file},
        {"certificate_file", certificate_file},
        {"chain_file", chain_file},
        {"fullchain_file", fullchain_file},
    };

    if (!found->keep_paths) {
        c->read_there = fullchain_file != NULL ? fullchain_file : certificate_file;
        return;
    }
    const char *name = adopt_deploy_target(found, c, "files");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (files[i].path != NULL && files[i].path[0] != '\0')
            (void)member(found, c, "deployments", name, files[i].option,
                         adopt_whole_path(found->arena, files[i].path));
}

void adopt_ask_way(struct adopt *found, struct adopt_certificate *c)
{
    c->asks = true;
    if (found->http != NULL)
        c->want->http = found->http;
    if (found->http_port != 0)
        c->want->http_port = found->http_port;
    if (found->http == NULL && found->http_port == 0)
        adopt_remark(found, c->file,
                     "%s does not keep how names are proved, and nothing on this system "
                     "calls it: cairn answers http-01 by a listener on port 80. Another "
                     "way is set by: cairn import %s %s --http %s",
                     found->from, found->from, found->folder,
                     strcmp(found->from, "uacme") == 0 ? "uacme:HOOK" : "webroot:DIR");
}

const char *adopt_dns(struct adopt *found, struct adopt_certificate *c,
                      const char *provider)
{
    const char *name = adopt_member_name(found->arena, provider);

    adopt_list_add(found, &c->want->dns, name);
    return member(found, c, "dns", name, "provider", provider);
}
