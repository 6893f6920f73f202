/* http-01 by a web server that answers for all names by itself, as it has the thumbprint
 * of the account's key in its configuration: nothing is put anywhere. */
#include <string.h>

#include "client/solve/solve_private.h"

/* Say what the server must answer with, once: the thumbprint is what stands behind the
 * token. */
static enum err present(struct solver *s, const struct solve_task *task,
                        struct err_info *why)
{
    const char *thumbprint = strchr(task->key_authorization, '.');

    if (s->state != NULL)
        return ERR_OK;
    if (thumbprint == NULL)
        return err_set(why, ERR_INTERNAL, "a key authorization has no thumbprint");
    s->state = s;
    report_step(
        s->options->report, "server",
        "must have: location ~ ^/\\.well-known/acme-challenge/([-_a-zA-Z0-9]+)$ { "
        "default_type text/plain; return 200 \"$1%s\"; } (nginx; others: see "
        "WITHOUT TOKENS in cairn(1))",
        thumbprint);
    return ERR_OK;
}

enum err http_stateless_open(struct solver *s, struct err_info *why)
{
    (void)why;
    s->present = present;
    s->description = "answered by the web server, from the account's thumbprint";
    return ERR_OK;
}
