/* URLs of revocation lists and issuer certificates: plain HTTP (RFC 5280 4.2.1.13 and 8:
 * a list that is fetched by HTTPS may need itself). */
#include "server/settings/settings_publish.h"

#include <string.h>

/* http://HOST[:PORT] and perhaps a path; no slash at the end, nothing behind. */
static enum err check_base(const char *option, const char *url, struct err_info *why)
{
    size_t len = strlen(url);

    if (len > SETTINGS_PUBLISH_URL_MAX)
        return err_set(why, ERR_CONFIG, "%s: more than %d octets", option,
                       SETTINGS_PUBLISH_URL_MAX);
    if (strncmp(url, "https://", 8) == 0)
        return err_set(
            why, ERR_CONFIG,
            "%s: revocation lists are fetched by plain http (RFC 5280 8), such "
            "as http://ca.example.test",
            option);
    if (strncmp(url, "http://", 7) != 0 || len == 7 || url[7] == '/' ||
        url[len - 1] == '/' || strpbrk(url, "?#@") != NULL || !settings_is_web_url(url))
        return err_set(why, ERR_CONFIG,
                       "%s: \"%s\" is not http://HOST[:PORT], perhaps with a path",
                       option, url);
    return ERR_OK;
}

static enum err check_listen(const struct settings *s, struct err_info *why)
{
    if (s->publish_listen.count > SETTINGS_LISTEN_MAX)
        return err_set(why, ERR_CONFIG, "publish.listen: at most %d addresses",
                       SETTINGS_LISTEN_MAX);
    for (size_t i = 0; i < s->publish_listen.count; i++) {
        const char *item = s->publish_listen.items[i];
        struct address address;
        if (!address_parse_with_port(span_of(item), 0, &address) || address.port == 0)
            return err_set(why, ERR_CONFIG,
                           "publish.listen: \"%s\" is not ADDRESS:PORT, such as "
                           "0.0.0.0:80 or [::]:80",
                           item);
        for (size_t k = 0; k < s->listen.count; k++)
            if (strcmp(item, s->listen.items[k]) == 0)
                return err_set(why, ERR_CONFIG,
                               "publish.listen: HTTPS is served on %s (listen)", item);
    }
    return ERR_OK;
}

/* http:// and the first name, with the port of the first listener unless it is 80. */
static const char *default_base(struct arena *a, const struct settings *s)
{
    if (s->publish_listen.count == 0)
        return NULL;
    const char *port = strrchr(s->publish_listen.items[0], ':');
    if (strcmp(port, ":80") == 0)
        port = "";
    return arena_printf(a, "http://%s%s", s->dns_names.items[0], port);
}

enum err settings_publish_check(struct arena *a, struct settings *s, struct err_info *why)
{
    TRY(check_listen(s, why));
    if (s->publish_url[0] != '\0')
        TRY(check_base("publish.url", s->publish_url, why));
    if (s->publish_former_urls.count > SETTINGS_FORMER_URLS_MAX)
        return err_set(why, ERR_CONFIG, "publish.former_urls: at most %d",
                       SETTINGS_FORMER_URLS_MAX);
    for (size_t i = 0; i < s->publish_former_urls.count; i++)
        TRY(check_base("publish.former_urls", s->publish_former_urls.items[i], why));
    s->publish_base = s->publish_url[0] != '\0' ? s->publish_url : default_base(a, s);
    if (s->crl_directory[0] == '\0')
        return err_set(why, ERR_CONFIG, "crl.directory: a folder is needed");
    if (s->crl_interval >= s->crl_lifetime)
        return err_set(why, ERR_CONFIG,
                       "crl.interval must be shorter than crl.lifetime, or there are "
                       "times without a list");
    if (s->crl_shards > 1 && s->publish_base == NULL)
        return err_set(
            why, ERR_CONFIG,
            "crl.shards: the parts of a list are told apart by their URLs (RFC "
            "5280 5.2.5); set publish.listen or publish.url");
    return ERR_OK;
}
