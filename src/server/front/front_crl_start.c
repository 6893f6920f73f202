/* Revocation lists at the start and at the end of the process: what was made before is
 * taken up if it is still what it should be. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/crypto/hash.h"
#include "server/front/front_crl_private.h"
#include "server/issue/publication.h"

/* Is it the list that was recorded, with the URLs it would have today? */
static bool is_current(struct front_crl *c, const struct issuer *issuer,
                       const struct front_crl_scope *s, struct span der)
{
    uint8_t digest[HASH_SHA256_SIZE];
    struct crl crl = {0};

    hash_sha256(der, digest);
    if (memcmp(digest, s->row.hash, sizeof digest) != 0 ||
        crl_read(der, &crl, NULL) != ERR_OK)
        return false;
    front_crl_scope_prepare(c, issuer, s, clock_now());
    const struct crl_head *head = &c->build.head;
    if (crl.url_count != head->url_count)
        return false;
    for (size_t i = 0; i < crl.url_count; i++)
        if (!span_is(crl.urls[i], head->urls[i]))
            return false;
    return true;
}

static void take_up(struct front_crl *c, const struct issuer *issuer,
                    struct front_crl_scope *s)
{
    AUTO(arena) struct arena *a = arena_new();
    struct crl_image image = {0};

    if (s->row.number == 0 ||
        front_crl_read(c->folder,
                       publication_crl_path(a, issuer->template.key_id, s->row.shard),
                       &image, NULL) != ERR_OK) {
        crl_image_free(&image);
        return;
    }
    if (is_current(c, issuer, s, image.der))
        front_crl_scope_shelve(c, s, image);
    else
        crl_image_free(&image);
}

enum err front_crl_open(struct front *f, struct err_info *why)
{
    struct front_crl *c = f->crl;

    c->build = (struct crl_build){.arena = arena_new(), .fd = -1};
    c->settings = f->settings;
    store_session_begin(f->session);
    for (size_t i = 0; c->settings->crl_enabled && i < f->issuers.count; i++) {
        const struct issuer *issuer = &f->issuers.issuers[i];
        TRY(front_crl_scopes_read(c, f->session, issuer, why));
        for (struct front_crl_scope *s = c->scopes; s != NULL; s = s->next)
            if (!s->published &&
                span_equal(span_make(s->key_id, s->key_id_len), issuer->template.key_id))
                take_up(c, issuer, s);
    }
    front_crl_watch(c);
    return ERR_OK;
}

void front_crl_close(struct front *f)
{
    struct front_crl *c = f->crl;

    loop_timer_free(c->timer);
    crl_build_end(&c->build);
    arena_free(c->build.arena);
    while (c->scopes != NULL) {
        struct front_crl_scope *s = c->scopes;
        c->scopes = s->next;
        free(s);
    }
    if (c->folder >= 0)
        (void)close(c->folder);
    free(c);
    f->crl = NULL;
}

void front_crl_new(struct front *f)
{
    f->crl = memory_get_zeroed(1, sizeof *f->crl);
    f->crl->front = f;
    f->crl->folder = -1;
}
