/* http-01 (RFC 8555 8.3): by a listener of our own, or in a web server's folder. */
#include <string.h>

#include "client/solve/standalone.h"

enum err http_01_open(struct solver *s, struct err_info *why)
{
    static const char webroot[] = "webroot:";
    const char *way = s->options->wanted->certificate->http;

    const struct standalone how = {
        CHALLENGE_HTTP_01, s->options->wanted->certificate->http_port, "",
        "with a web server that runs already, take --http webroot:DIR",
        "stop it, or, if it is a web server, take --http webroot:DIR"};

    if (strcmp(way, "standalone") == 0)
        return standalone_open(s, &how, why);
    if (strncmp(way, webroot, strlen(webroot)) == 0 && way[strlen(webroot)] != '\0')
        return http_webroot_open(s, way + strlen(webroot), why);
    return err_set(why, ERR_USAGE,
                   "--http: \"%.100s\" is neither standalone nor webroot:DIR", way);
}
