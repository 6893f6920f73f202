/* Which lists there are, and when each is due. */
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "server/exchange/shelf.h"
#include "server/front/front_crl_private.h"
#include "server/issue/publication.h"

#define SECOND_US     INT64_C(1000000)
#define BACKDATE_PART 10 /* of the interval, at most: for clocks that are slow */
#define CLOCK_NOISE   5  /* seconds a list may be ahead of the clock */
#define ETAG_HASH     16 /* octets */
#define RETRY_LOOK_US (60 * SECOND_US)

static struct span key_of(const struct front_crl_scope *s)
{
    return span_make(s->key_id, s->key_id_len);
}

struct front_crl_scope *front_crl_scope_of(struct front_crl *c, struct span key_id,
                                           int64_t shard)
{
    for (struct front_crl_scope *s = c->scopes; s != NULL; s = s->next)
        if (s->row.shard == shard && span_equal(key_of(s), key_id))
            return s;
    struct front_crl_scope *s = memory_get_zeroed(1, sizeof *s);
    s->row.shard = shard;
    s->key_id_len = key_id.len < sizeof s->key_id ? key_id.len : sizeof s->key_id;
    memcpy(s->key_id, key_id.data, s->key_id_len);
    s->next = c->scopes;
    c->scopes = s;
    return s;
}

enum err front_crl_scopes_read(struct front_crl *c, struct store_session *session,
                               const struct issuer *issuer, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span key_id = issuer->template.key_id;
    struct store_crl *rows = NULL;
    size_t count = 0;

    TRY(store_crl_list(session, a, key_id, FRONT_CRL_LISTS_MAX, &rows, &count, why));
    (void)front_crl_scope_of(c, key_id, 0);
    for (int64_t shard = 1;
         shard <= c->settings->crl_shards && c->settings->crl_shards > 1; shard++)
        (void)front_crl_scope_of(c, key_id, shard);
    for (size_t i = 0; i < count; i++)
        front_crl_scope_of(c, key_id, rows[i].shard)->row = rows[i];
    return ERR_OK;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool front_crl_scope_is_due(const struct front_crl *c, const struct front_crl_scope *s,
                            int64_t now, int64_t now_us, int64_t *due_us)
{
    const struct store_crl *row = &s->row;
    int64_t next = row->this_update + c->settings->crl_interval / 1000;
    bool due = row->number == 0 || !s->published || s->stale ||
               row->changed != row->covers || now >= next || now >= row->next_update ||
               row->this_update > now + CLOCK_NOISE; /* made by a clock that was wrong */

    if (due && now_us >= s->not_before_us)
        return true;
    int64_t at = due ? s->not_before_us : now_us + (next - now) * SECOND_US;
    *due_us = earlier(*due_us, earlier(at, now_us + RETRY_LOOK_US));
    return false;
}

/* The URLs that may stand in certificates of this part, the newest first. */
static void set_urls(struct front_crl *c, struct arena *a,
                     const struct front_crl_scope *s, struct crl_head *head)
{
    const struct settings *settings = c->settings;
    size_t former = settings->publish_former_urls.count;
    const char **urls = arena_array(a, former + 1, sizeof *urls);

    if (s->row.shard == 0 || settings->publish_base == NULL)
        return; /* the whole list is for every certificate */
    urls[head->url_count++] = publication_crl_url(a, settings, key_of(s), s->row.shard);
    for (size_t i = 0; i < former; i++)
        urls[head->url_count++] =
            arena_printf(a, "%s%s", settings->publish_former_urls.items[i],
                         publication_crl_path(a, key_of(s), s->row.shard));
    head->urls = urls;
    head->only_user_certificates = true;
}

static uint64_t next_number(const struct front_crl_scope *s)
{
    /* the time, so that a store from a backup does not lead to numbers that were used */
    uint64_t number = (uint64_t)clock_now_ms();

    if (number <= (uint64_t)s->row.number)
        number = (uint64_t)s->row.number + 1;
    return number <= s->floor ? s->floor + 1 : number;
}

void front_crl_scope_prepare(struct front_crl *c, const struct issuer *issuer,
                             const struct front_crl_scope *s, int64_t now)
{
    const struct settings *settings = c->settings;
    int64_t interval = settings->crl_interval / 1000;
    int64_t backdate =
        earlier(settings->certificate_backdate / 1000, interval / BACKDATE_PART);
    struct crl_head *head = &c->build.head;

    *head =
        (struct crl_head){.issuer = arena_span(c->build.arena, issuer->template.name),
                          .key_id = key_of(s),
                          .signature_kind = issuer->template.signature_kind,
                          .this_update = now - backdate,
                          .next_update = now - backdate + settings->crl_lifetime / 1000,
                          .number = next_number(s)};
    set_urls(c, c->build.arena, s, head);
    c->build.shard = s->row.shard;
    c->build.now = now;
    /* For an interval after its end it is on every list, and so on a regular one (RFC
     * 5280 3.3). A clock that ran ahead lets nothing go that is still valid. */
    c->build.gone_before =
        s->row.number == 0 ? 0 : earlier(s->row.this_update, now) - interval;
    c->covers = s->row.changed;
}

static void drop_image(void *object)
{
    crl_image_free(object);
    free(object);
}

void front_crl_scope_shelve(struct front_crl *c, struct front_crl_scope *s,
                            struct crl_image image)
{
    AUTO(arena) struct arena *a = arena_new();
    struct crl_image *kept = memory_get_zeroed(1, sizeof *kept);
    char hex[2 * ETAG_HASH + 1];

    *kept = image;
    text_hex(hex, s->row.hash, ETAG_HASH);
    const struct shelf_document document = {.content_type = "application/pkix-crl",
                                            .octets = image.der,
                                            .modified = s->row.this_update,
                                            .expires = s->row.next_update,
                                            .etag = arena_printf(a, "\"%s\"", hex)};
    shelf_put(c->front->services.published,
              publication_crl_path(a, key_of(s), s->row.shard), &document, drop_image,
              kept);
    s->published = true;
}
