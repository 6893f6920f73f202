/* Paths and URLs of what is published. */
#include "server/issue/publication.h"

#include "core/base/text.h"

#define KEY_ID_MAX 64 /* octets that stand in a path */
#define TAIL       4  /* octets at the end of a serial, which are random */

int64_t publication_shard(const struct settings *settings, struct span serial)
{
    uint32_t tail = 0;

    if (settings->crl_shards <= 1 || !settings->crl_enabled)
        return 0;
    for (size_t i = serial.len > TAIL ? serial.len - TAIL : 0; i < serial.len; i++)
        tail = tail << 8 | serial.data[i];
    return 1 + (int64_t)(tail % (uint64_t)settings->crl_shards);
}

static const char *name_of(struct arena *a, struct span issuer)
{
    size_t len = issuer.len < KEY_ID_MAX ? issuer.len : KEY_ID_MAX;
    char *hex = arena_get(a, 2 * len + 1);

    text_hex(hex, issuer.data, len);
    return hex;
}

char *publication_crl_path(struct arena *a, struct span issuer, int64_t shard)
{
    const char *name = name_of(a, issuer);

    if (shard == 0)
        return arena_printf(a, "/crl/%s.crl", name);
    return arena_printf(a, "/crl/%s/%lld.crl", name, (long long)shard);
}

char *publication_issuer_path(struct arena *a, struct span issuer)
{
    return arena_printf(a, "/ca/%s.cer", name_of(a, issuer));
}

char *publication_crl_url(struct arena *a, const struct settings *settings,
                          struct span issuer, int64_t shard)
{
    if (settings->publish_base == NULL || !settings->crl_enabled)
        return NULL;
    return arena_printf(a, "%s%s", settings->publish_base,
                        publication_crl_path(a, issuer, shard));
}

char *publication_issuer_url(struct arena *a, const struct settings *settings,
                             struct span issuer)
{
    if (settings->publish_base == NULL)
        return NULL;
    return arena_printf(a, "%s%s", settings->publish_base,
                        publication_issuer_path(a, issuer));
}

char *publication_ocsp_url(struct arena *a, const struct settings *settings,
                           struct span issuer)
{
    (void)issuer; /* one answers for all */
    if (settings->publish_base == NULL || !settings->ocsp_enabled)
        return NULL;
    return arena_printf(a, "%s/ocsp", settings->publish_base);
}
