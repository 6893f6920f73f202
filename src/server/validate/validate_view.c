/* How the directories see the world: resolvers, ports, networks. */
#include <string.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "server/validate/validate_private.h"

#define TRUST_ANCHOR_FILE "/usr/share/dns/root.key" /* Debian's dns-root-data */

/* One for each server that is asked, and one for each way to resolve from the root. */
struct validate_resolver {
    struct validate_resolver *next;
    struct resolver_options options;
    struct resolver *resolver;
};

static bool has_zones(const struct resolver_options *o, const struct validate_view *view)
{
    if (o->insecure_zone_count != view->insecure_zone_count)
        return false;
    for (size_t i = 0; i < view->insecure_zone_count; i++)
        if (strcmp(o->insecure_zones[i], view->insecure_zones[i]) != 0)
            return false;
    return true;
}

/* Who asks another server leaves DNSSEC to it. */
static bool serves(const struct resolver_options *o, const struct validate_view *view)
{
    const struct address *server = &view->resolver;

    if (o->server.family != server->family)
        return false;
    return server->family == ADDRESS_NONE
               ? has_zones(o, view)
               : address_equal(&o->server, server) && o->server.port == server->port;
}

static struct resolver *find(const struct validator *v, const struct validate_view *view)
{
    for (const struct validate_resolver *r = v->resolvers; r != NULL; r = r->next)
        if (serves(&r->options, view))
            return r->resolver;
    return NULL;
}

/* Options that live as long as the validator. */
static struct resolver_options options_for(struct arena *a,
                                           const struct validate_view *view)
{
    const char **zones = arena_array(a, view->insecure_zone_count, sizeof *zones);

    for (size_t i = 0; i < view->insecure_zone_count; i++)
        zones[i] = arena_string(a, view->insecure_zones[i]);
    return (struct resolver_options){.server = view->resolver,
                                     .trust_anchor_file = TRUST_ANCHOR_FILE,
                                     .insecure_zones = zones,
                                     .insecure_zone_count = view->insecure_zone_count};
}

static enum err open_resolver(struct validator *v, const struct validate_view *view,
                              struct resolver **resolver, struct err_info *why)
{
    struct validate_resolver *made = arena_get(v->arena, sizeof *made);

    if (view->resolver.family == ADDRESS_NONE && !file_exists(TRUST_ANCHOR_FILE))
        log_event(LOG_LEVEL_WARNING, "validator.no_dnssec",
                  "why=\"there is no " TRUST_ANCHOR_FILE "\"");
    made->options = options_for(v->arena, view);
    TRY(resolver_new(v->loop, &made->options, &made->resolver, why));
    made->next = v->resolvers;
    v->resolvers = made;
    *resolver = made->resolver;
    return ERR_OK;
}

/* What the view of that name was served by so far. */
static struct resolver *former(const struct validator *v, const char *directory)
{
    const struct validate_place *place =
        v->place_count > 0 ? validate_view_of(v, directory) : NULL;

    return place != NULL && (directory == NULL || place->view.directory != NULL)
               ? place->resolver
               : NULL;
}

enum err validate_view_set(struct validator *v, const struct validate_options *options,
                           bool open, bool *complete, struct err_info *why)
{
    struct validate_place *places =
        arena_array(v->arena, options->view_count, sizeof *places);

    *complete = true;
    for (size_t i = 0; i < options->view_count; i++) {
        const struct validate_view *from = &options->views[i];
        struct validate_place *to = &places[i];
        to->view = *from;
        if (from->directory != NULL)
            to->view.directory = arena_string(v->arena, from->directory);
        struct span networks =
            span_make(from->allowed, from->allowed_count * sizeof *from->allowed);
        to->view.allowed = (const void *)arena_span(v->arena, networks).data;
        to->view.insecure_zones = NULL; /* the resolver has them */
        to->view.insecure_zone_count = 0;
        to->resolver = find(v, from);
        if (to->resolver == NULL && open)
            TRY(open_resolver(v, from, &to->resolver, why));
        if (to->resolver == NULL) {
            *complete = false;
            to->resolver = former(v, from->directory);
        }
    }
    v->places = places;
    v->place_count = options->view_count;
    return ERR_OK;
}

const struct validate_place *validate_view_of(const struct validator *v,
                                              const char *directory)
{
    for (size_t i = 1; directory != NULL && i < v->place_count; i++)
        if (strcmp(v->places[i].view.directory, directory) == 0)
            return &v->places[i];
    return &v->places[0];
}

void validate_view_free(struct validator *v)
{
    for (struct validate_resolver *r = v->resolvers; r != NULL; r = r->next)
        resolver_free(r->resolver);
    v->resolvers = NULL;
}

/* ---- where it may go ---- */

bool validate_may_connect(const struct validate_check *c, const struct address *a)
{
    const struct validate_view *view = &c->place->view;

    if (!address_is_special(a))
        return true;
    for (size_t i = 0; i < view->allowed_count; i++)
        if (address_network_has(&view->allowed[i], a))
            return true;
    return false;
}
