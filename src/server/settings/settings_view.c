/* How the validator sees the world: resolver, ports, networks. Checked where settings are
 * read: a mistake is better found before the validator starts. */
#include "server/settings/settings_view.h"

#include "core/dns/dns_name.h"

#define DNS_PORT 53

static enum err read_resolver(const char *option, const char *text,
                              struct address *resolver, struct err_info *why)
{
    if (text[0] != '\0' && !address_parse_with_port(span_of(text), DNS_PORT, resolver))
        return err_set(why, ERR_CONFIG, "%s: \"%s\" is not ADDRESS or ADDRESS:PORT",
                       option, text);
    return ERR_OK;
}

static enum err read_networks(struct arena *a, const char *option,
                              const struct config_list *list, struct settings_view *view,
                              struct err_info *why)
{
    if (list->count > SETTINGS_NETWORKS_MAX)
        return err_set(why, ERR_CONFIG, "%s: at most %d networks", option,
                       SETTINGS_NETWORKS_MAX);
    struct address_network *networks = arena_array(a, list->count, sizeof *networks);
    for (size_t i = 0; i < list->count; i++)
        if (!address_network_parse(span_of(list->items[i]), &networks[i]))
            return err_set(why, ERR_CONFIG,
                           "%s: \"%s\" is no network, such as 10.0.0.0/8 or fd00::/8",
                           option, list->items[i]);
    view->allowed = networks;
    view->allowed_count = list->count;
    return ERR_OK;
}

static enum err read_zones(struct arena *a, const char *option,
                           const struct config_list *list, struct settings_view *view,
                           struct err_info *why)
{
    if (list->count > SETTINGS_INSECURE_ZONES_MAX)
        return err_set(why, ERR_CONFIG, "%s: at most %d zones", option,
                       SETTINGS_INSECURE_ZONES_MAX);
    const char **zones = arena_array(a, list->count, sizeof *zones);
    for (size_t i = 0; i < list->count; i++) {
        char name[DNS_NAME_MAX + 1];
        if (!dns_name_read(span_of(list->items[i]), name))
            return err_set(why, ERR_CONFIG,
                           "%s: \"%s\" is no name of a zone, such as corp.example.com; "
                           "the root is none of your own",
                           option, list->items[i]);
        zones[i] = arena_string(a, name);
    }
    view->insecure_zones = zones;
    view->insecure_zone_count = list->count;
    return ERR_OK;
}

enum err settings_view_general(struct arena *a, const struct settings *s,
                               struct settings_view *view, struct err_info *why)
{
    TRY(read_resolver("validation.resolver", s->resolver, &view->resolver, why));
    TRY(read_networks(a, "validation.allow_networks", &s->allow_networks, view, why));
    TRY(read_zones(a, "validation.insecure_zones", &s->insecure_zones, view, why));
    view->http_port = (uint16_t)s->http_port;
    view->tls_port = (uint16_t)s->tls_port;
    return ERR_OK;
}

enum err settings_view_directory(struct arena *a, const struct settings *s,
                                 struct settings_directory *directory,
                                 struct err_info *why)
{
    struct settings_view *view = &directory->view;

    *view = s->view;
    TRY(read_resolver("resolver", directory->resolver, &view->resolver, why));
    if (directory->allow_networks.count > 0)
        TRY(read_networks(a, "allow_networks", &directory->allow_networks, view, why));
    if (directory->insecure_zones.count > 0)
        TRY(read_zones(a, "insecure_zones", &directory->insecure_zones, view, why));
    if (directory->http_port != 0)
        view->http_port = (uint16_t)directory->http_port;
    if (directory->tls_port != 0)
        view->tls_port = (uint16_t)directory->tls_port;
    directory->has_view = directory->resolver[0] != '\0' || directory->http_port != 0 ||
                          directory->tls_port != 0 ||
                          directory->allow_networks.count > 0 ||
                          directory->insecure_zones.count > 0;
    return ERR_OK;
}
