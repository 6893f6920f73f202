/* Choosing a way to answer. */
#include "client/solve/solve.h"

#include <stdlib.h>
#include <string.h>

#include "client/solve/solve_private.h"
#include "core/base/memory.h"

#define TOKEN_MAX 512 /* octets */

enum err solve_open(const struct solve_options *options, struct solver **s,
                    struct err_info *why)
{
    static const char webroot[] = "webroot:";
    struct solver *made = memory_get_zeroed(1, sizeof *made);
    enum err result;

    made->arena = arena_new();
    made->type = CHALLENGE_HTTP_01;
    if (strcmp(options->http, "standalone") == 0)
        result = http_standalone_open(made, options->listener, options->http_port, why);
    else if (strncmp(options->http, webroot, strlen(webroot)) == 0 &&
             options->http[strlen(webroot)] != '\0')
        result = http_webroot_open(made, options->http + strlen(webroot), why);
    else
        result = err_set(why, ERR_USAGE,
                         "--http: \"%.100s\" is neither standalone nor webroot:DIR",
                         options->http);
    if (result != ERR_OK) {
        solve_close(made);
        return result;
    }
    *s = made;
    return ERR_OK;
}

enum challenge_type solve_type(const struct solver *s)
{
    return s->type;
}

const char *solve_description(const struct solver *s)
{
    return s->description;
}

enum err solve_add(struct solver *s, const char *token, const char *key_authorization,
                   struct err_info *why)
{
    size_t len = strlen(token);

    if (len == 0 || len > TOKEN_MAX ||
        strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                      "-_") != len)
        return err_set(why, ERR_MALFORMED, "the CA sent a token that is not base64url");
    return s->add(s, token, key_authorization, why);
}

void solve_close(struct solver *s)
{
    if (s == NULL)
        return;
    if (s->close != NULL)
        s->close(s);
    arena_free(s->arena);
    free(s);
}
