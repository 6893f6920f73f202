/* Revocation lists in the making.
 *
 * The file: room for what stands before the entries, the entries, what stands behind
 * them, room for the signature. What is to be signed begins somewhere in the first part,
 * when its length is known. */
#include "server/issue/crl_build.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/file.h"

#define ROOM_BEFORE (2 * (size_t)CRL_PIECE_MAX)
#define ROOM_BEHIND (2 * (size_t)CRL_PIECE_MAX)

static enum err append(struct crl_build *b, struct span octets, struct err_info *why)
{
    if (b->size + octets.len + ROOM_BEHIND > CRL_BUILD_MAX)
        return err_set(why, ERR_TOO_LARGE, "the revocation list would be too large");
    if (!file_write_all(b->fd, octets))
        return err_set_os(why, ERR_IO, errno, "no memory for a revocation list");
    b->size += octets.len;
    return ERR_OK;
}

static enum err append_zeros(struct crl_build *b, size_t len, struct err_info *why)
{
    static const uint8_t zeros[ROOM_BEFORE];

    return append(b, span_make(zeros, len), why);
}

enum err crl_build_begin(struct crl_build *b, struct err_info *why)
{
    b->place = store_crl_start(b->shard);
    b->over = false;
    b->entries = 0;
    b->size = 0;
    b->fd = memfd_create("crl", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (b->fd < 0)
        return err_set_os(why, ERR_IO, errno, "memfd_create");
    return append_zeros(b, ROOM_BEFORE, why);
}

enum err crl_build_step(struct crl_build *b, struct store_session *session,
                        struct err_info *why)
{
    struct store_crl_entry entries[CRL_BUILD_STEP];
    AUTO(buf) struct buf octets = buf_make(CRL_BUILD_STEP * (size_t)CRL_ENTRY_MAX);
    size_t count = 0;

    TRY(store_crl_entries(session, b->head.key_id, b->shard, &b->place, entries,
                          CRL_BUILD_STEP, &count, why));
    for (size_t i = 0; i < count; i++) {
        const struct store_crl_entry *e = &entries[i];
        if (e->not_after < b->gone_before)
            continue; /* a list since then has had it, X-CRL-10 */
        /* a clock that was ahead is not believed: nothing is revoked in a time to come */
        int64_t at = e->revocation.at < b->now ? e->revocation.at : b->now;
        crl_entry_add(&octets, span_make(e->serial, e->serial_len), at,
                      e->revocation.reason);
        b->entries++;
    }
    b->over = count == 0;
    return append(b, buf_span(&octets), why);
}

enum err crl_build_seal(struct crl_build *b, struct err_info *why)
{
    const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    size_t entries = b->size - ROOM_BEFORE;
    struct span front, tail;

    TRY(crl_tail_write(b->arena, &b->head, &tail, why));
    TRY(crl_head_write(b->arena, &b->head, entries, tail.len, &front, why));
    TRY(append(b, tail, why));
    b->offset = ROOM_BEFORE - front.len;
    b->length = b->size - b->offset;
    TRY(append_zeros(b, ROOM_BEHIND, why));
    if (pwrite(b->fd, front.data, front.len, (off_t)b->offset) != (ssize_t)front.len)
        return err_set_os(why, ERR_IO, errno, "no memory for a revocation list");
    if (fcntl(b->fd, F_ADD_SEALS, seals) != 0)
        return err_set_os(why, ERR_IO, errno, "a revocation list cannot be sealed");
    return ERR_OK;
}

/* Pages of the file, those that are written to our own: the frame around what is signed.
 */
static enum err map(struct crl_build *b, struct err_info *why)
{
    void *at = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, b->fd, 0);

    if (at == MAP_FAILED)
        return err_set_os(why, ERR_IO, errno, "no memory for a revocation list");
    b->image.map = at;
    b->image.map_size = b->size;
    return ERR_OK;
}

enum err crl_build_finish(struct crl_build *b, struct span signature,
                          const struct key *issuer, struct err_info *why)
{
    struct span before, behind;

    TRY(crl_frame_write(b->arena, b->length, b->head.signature_kind, signature, &before,
                        &behind, why));
    if (behind.len > ROOM_BEHIND || before.len > b->offset)
        return err_set(why, ERR_TOO_LARGE, "the signature is too large");
    TRY(map(b, why));
    uint8_t *tbs = (uint8_t *)b->image.map + b->offset;
    if (key_verify(issuer, b->head.signature_kind, span_make(tbs, b->length), signature,
                   why) != ERR_OK)
        return err_set(why, ERR_CRYPTO,
                       "the signature of a revocation list does not verify");
    memcpy(tbs - before.len, before.data, before.len);
    memcpy(tbs + b->length, behind.data, behind.len);
    b->image.der = span_make(tbs - before.len, before.len + b->length + behind.len);
    hash_sha256(b->image.der, b->hash);
    (void)mprotect(b->image.map, b->image.map_size, PROT_READ);
    return ERR_OK;
}

struct crl_image crl_build_take(struct crl_build *b)
{
    struct crl_image image = b->image;

    b->image = (struct crl_image){0};
    return image;
}

void crl_build_end(struct crl_build *b)
{
    if (b->fd >= 0)
        (void)close(b->fd);
    b->fd = -1;
    crl_image_free(&b->image);
}

enum err crl_image_make(size_t size, struct crl_image *image, struct err_info *why)
{
    void *at =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        return err_set_os(why, ERR_IO, errno, "no memory for a revocation list");
    *image = (struct crl_image){span_make(at, 0), at, size};
    return ERR_OK;
}

void crl_image_free(struct crl_image *image)
{
    if (image->map != NULL)
        (void)munmap(image->map, image->map_size);
    *image = (struct crl_image){0};
}
