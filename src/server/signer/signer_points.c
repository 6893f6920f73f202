/* URLs held against those that are published. */
#include "server/signer/signer_points.h"

#include <string.h>

#include "core/base/text.h"
#include "server/issue/publication.h"

#define PARTS_MOST 1000 /* of crl.shards in any settings */

/* What stands behind one of the URLs at which this CA publishes, or did so before: only
 * that can be in the path of a certificate that was begun then. */
static bool behind_base(const struct settings *s, struct span url, struct span *path)
{
    for (size_t i = 0; i <= s->publish_former_urls.count; i++) {
        const struct span base =
            span_of(i == 0 ? s->publish_base : s->publish_former_urls.items[i - 1]);
        if (url.len > base.len && memcmp(url.data, base.data, base.len) == 0) {
            *path = span_slice(url, base.len, url.len);
            return true;
        }
    }
    return false;
}

static bool is_at(const struct settings *s, struct span url, const char *path)
{
    struct span behind = {0};

    return s->publish_base != NULL && behind_base(s, url, &behind) &&
           span_is(behind, path);
}

bool signer_points_part(const struct settings *settings, struct span issuer,
                        struct span url)
{
    AUTO(arena) struct arena *a = arena_new();
    const uint8_t *slash = memrchr(url.data, '/', url.len);
    uint64_t number = 0;

    if (slash == NULL || !settings->crl_enabled)
        return false;
    struct span name = span_slice(url, (size_t)(slash - url.data) + 1, url.len);
    const uint8_t *point = memchr(name.data, '.', name.len);
    if (point == NULL ||
        !text_number(span_slice(name, 0, (size_t)(point - name.data)), PARTS_MOST,
                     &number) ||
        number == 0)
        return false;
    /* octet by octet what this CA writes: no zeros in front */
    return is_at(settings, url, publication_crl_path(a, issuer, (int64_t)number));
}

static bool are(const struct settings_urls *allowed, const struct span *urls,
                size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < allowed->count && !span_is(urls[i], allowed->list[j]))
            j++;
        if (j == allowed->count)
            return false;
    }
    return count == allowed->count; /* none is there twice: rules of their own */
}

static bool is_list(const struct settings *s, struct span issuer, struct span url)
{
    AUTO(arena) struct arena *a = arena_new();

    return is_at(s, url, publication_crl_path(a, issuer, 0)) ||
           signer_points_part(s, issuer, url);
}

/* Where this CA publishes by itself. */
static bool is_own(const struct settings *s, enum lint_point kind, struct span issuer,
                   const struct span *urls, size_t count)
{
    AUTO(arena) struct arena *a = arena_new();

    switch (kind) {
    case LINT_POINT_LIST:
        if (publication_crl_url(a, s, issuer, 0) == NULL)
            return count == 0;
        return count == 1 && is_list(s, issuer, urls[0]);
    case LINT_POINT_ISSUER:
        if (publication_issuer_url(a, s, issuer) == NULL)
            return count == 0;
        return count == 1 && is_at(s, urls[0], publication_issuer_path(a, issuer));
    case LINT_POINT_OCSP:
        break;
    }
    if (publication_ocsp_url(a, s, issuer) == NULL)
        return count == 0;
    return count == 1 && is_at(s, urls[0], "/ocsp");
}

bool signer_points_certificate(const void *context, enum lint_point kind,
                               struct span issuer, const struct span *urls, size_t count)
{
    const struct signer_points *points = context;
    const struct settings_profile *p = points->profile;
    const struct settings_urls *allowed = NULL;

    if (p == NULL) /* its list only */
        return kind == LINT_POINT_LIST
                   ? is_own(points->settings, kind, issuer, urls, count)
                   : count == 0;
    allowed = kind == LINT_POINT_LIST     ? &p->crl
              : kind == LINT_POINT_ISSUER ? &p->issuers
                                          : &p->ocsp;
    return allowed->own ? is_own(points->settings, kind, issuer, urls, count)
                        : are(allowed, urls, count);
}
