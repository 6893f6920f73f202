/* http-01 (RFC 8555 8.3): by a listener of our own, in a web server's folder, or by a web
 * server whose configuration is changed for a while. */
#include <string.h>

#include "client/solve/standalone.h"
#include "client/solve/web_server.h"

enum err http_01_open(struct solver *s, struct err_info *why)
{
    static const char webroot[] = "webroot:";
    static const char hook[] = "hook:";
    static const char uacme[] = "uacme:";
    static const char tokens[] = "tokens:";
    const char *way = s->options->wanted->certificate->http;
    const struct web_server_kind *kind = NULL;
    const char *config = NULL;

    const struct standalone how = {
        CHALLENGE_HTTP_01, s->options->wanted->certificate->http_port, "",
        "with a web server that runs already, take --http nginx, --http apache or --http "
        "webroot:DIR",
        "stop it, or, if it is a web server, take --http nginx, --http apache or --http "
        "webroot:DIR"};

    if (strcmp(way, "standalone") == 0)
        return standalone_open(s, &how, why);
    if (strcmp(way, "stateless") == 0)
        return http_stateless_open(s, why);
    if (strncmp(way, webroot, strlen(webroot)) == 0 && way[strlen(webroot)] != '\0')
        return http_webroot_open(s, way + strlen(webroot), "/.well-known/acme-challenge",
                                 why);
    if (strncmp(way, tokens, strlen(tokens)) == 0 && way[strlen(tokens)] != '\0')
        return http_webroot_open(s, way + strlen(tokens), "", why);
    if (strncmp(way, hook, strlen(hook)) == 0)
        return http_hook_open(s, way + strlen(hook), false, why);
    if (strncmp(way, uacme, strlen(uacme)) == 0)
        return http_hook_open(s, way + strlen(uacme), true, why);
    if (web_server_read(way, &kind, &config))
        return http_web_open(s, way, why);
    return err_set(
        why, ERR_USAGE,
        "http: \"%.100s\" is none of standalone, webroot:DIR, tokens:DIR, nginx, "
        "apache, hook:PROGRAM, uacme:PROGRAM, stateless",
        way);
}
