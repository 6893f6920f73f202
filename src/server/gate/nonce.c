/* Anti-replay nonces: minute (4 octets), number in that minute (4), HMAC cut to 16. The
 * HMAC covers the salt of the minute's slot too: a clock that comes back to a minute
 * after its slot stood for another makes other nonces, so that none is given twice. */
#include "server/gate/nonce.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/base/secret.h"
#include "core/crypto/hash.h"

#define NONCE_MAGIC      0x32656e6f6e6e7263ULL /* "crnnone2" */
#define NONCE_PER_MINUTE (1u << 22)
#define NONCE_SLOTS                                                                      \
    (NONCE_LIFETIME_SECONDS / 60 + 2) /* minutes kept, and the two at the ends */
#define NONCE_MAC_SIZE 16
#define NONCE_RAW_SIZE (8 + NONCE_MAC_SIZE)
#define BOOT_ID_SIZE   36
#define BOOT_ID_FILE   "/proc/sys/kernel/random/boot_id"

struct slot {
    _Atomic uint32_t minute; /* minutes since 1970 this slot stands for */
    _Atomic uint32_t given;  /* numbers handed out */
    _Atomic uint64_t salt;   /* of this minute's nonces */
    _Atomic uint8_t used[NONCE_PER_MINUTE / 8];
};

/* The mapped file; sparse, so it takes the room of the nonces in use. */
struct image {
    uint64_t magic;
    uint8_t key[32];
    char boot_id[BOOT_ID_SIZE];
    uint32_t clean;
    struct slot slots[NONCE_SLOTS];
};

struct nonce_jar {
    struct image *image;
    pthread_mutex_t turning; /* held while a slot is given to another minute */
};

static uint32_t this_minute(void)
{
    return (uint32_t)(clock_now() / 60);
}

static void read_boot_id(char boot_id[BOOT_ID_SIZE])
{
    int fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);

    memset(boot_id, '0', BOOT_ID_SIZE);
    if (fd < 0)
        return;
    if (read(fd, boot_id, BOOT_ID_SIZE) != BOOT_ID_SIZE)
        memset(boot_id, '0', BOOT_ID_SIZE);
    (void)close(fd);
}

/* Empty octets and a new key: every earlier nonce is invalid. */
static enum err start_afresh(int fd, const char *path, struct image *image,
                             struct err_info *why)
{
    /* not by writing zeros: that would be all of it */
    if (ftruncate(fd, 0) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot empty %s", path);
    int reserved = posix_fallocate(fd, 0, (off_t)sizeof *image);
    if (reserved != 0)
        return err_set_os(why, ERR_IO, reserved, "cannot reserve %s", path);
    random_fill(image->key, sizeof image->key);
    image->magic = NONCE_MAGIC;
    return ERR_OK;
}

static enum err map_file(int fd, const char *path, struct image **image,
                         struct err_info *why)
{
    struct stat status;
    void *memory;

    if (fstat(fd, &status) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot read %s", path);
    if (status.st_size != (off_t)sizeof **image && ftruncate(fd, 0) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot size %s", path);
    /* the room is taken now: a full disk is an error here, not a signal at some store */
    int reserved = posix_fallocate(fd, 0, (off_t)sizeof **image);
    if (reserved != 0)
        return err_set_os(why, ERR_IO, reserved, "cannot reserve %s", path);
    memory = mmap(NULL, sizeof **image, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return err_set_os(why, ERR_IO, errno, "cannot map %s", path);
    *image = memory;
    return ERR_OK;
}

enum err nonce_jar_open(const char *path, struct nonce_jar **jar, struct err_info *why)
{
    char boot_id[BOOT_ID_SIZE];
    struct image *image = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_set_os(why, ERR_IO, errno, "cannot open %s", path);
    enum err result = map_file(fd, path, &image, why);
    if (result != ERR_OK) {
        (void)close(fd);
        return result;
    }
    read_boot_id(boot_id);
    if (image->magic != NONCE_MAGIC ||
        (image->clean == 0 && memcmp(image->boot_id, boot_id, BOOT_ID_SIZE) != 0))
        result = start_afresh(fd, path, image, why);
    (void)close(fd);
    if (result != ERR_OK) {
        (void)munmap(image, sizeof *image);
        return result;
    }
    memcpy(image->boot_id, boot_id, BOOT_ID_SIZE);
    image->clean = 0;
    struct nonce_jar *j = memory_get_zeroed(1, sizeof *j);
    j->image = image;
    pthread_mutex_init(&j->turning, NULL);
    *jar = j;
    return ERR_OK;
}

void nonce_jar_close(struct nonce_jar *jar)
{
    if (jar == NULL)
        return;
    jar->image->clean = 1;
    (void)msync(jar->image, sizeof *jar->image, MS_SYNC);
    (void)munmap(jar->image, sizeof *jar->image);
    pthread_mutex_destroy(&jar->turning);
    free(jar);
}

/* The slot of a minute, turned over to it if it stood for another: an older one, or one
 * that lay ahead before the clock was set back. */
static struct slot *slot_of(struct nonce_jar *jar, uint32_t minute)
{
    struct slot *s = &jar->image->slots[minute % NONCE_SLOTS];

    if (atomic_load(&s->minute) == minute)
        return s;
    pthread_mutex_lock(&jar->turning);
    if (atomic_load(&s->minute) != minute) {
        uint64_t salt;
        random_fill(&salt, sizeof salt);
        memset((void *)(uintptr_t)s->used, 0, (atomic_load(&s->given) + 7) / 8);
        atomic_store(&s->given, 0);
        atomic_store(&s->salt, salt);
        atomic_store(&s->minute, minute);
    }
    pthread_mutex_unlock(&jar->turning);
    return s;
}

static void put_number(uint8_t *to, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(number >> (24 - 8 * i));
}

static uint32_t get_number(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 |
           from[3];
}

static void seal(const struct nonce_jar *jar, const struct slot *s,
                 const uint8_t *numbers, uint8_t mac[NONCE_MAC_SIZE])
{
    uint8_t whole[HASH_SHA256_SIZE];
    uint8_t sealed[16];
    uint64_t salt = atomic_load(&s->salt);

    memcpy(sealed, numbers, 8);
    memcpy(sealed + 8, &salt, sizeof salt);
    hash_hmac_sha256(span_make(jar->image->key, sizeof jar->image->key),
                     span_make(sealed, sizeof sealed), whole);
    memcpy(mac, whole, NONCE_MAC_SIZE);
}

enum err nonce_give(struct nonce_jar *jar, char text[NONCE_TEXT_SIZE],
                    struct err_info *why)
{
    uint8_t raw[NONCE_RAW_SIZE];
    uint32_t minute = this_minute();
    struct slot *s = slot_of(jar, minute);
    uint32_t number = atomic_fetch_add(&s->given, 1);

    if (number >= NONCE_PER_MINUTE) {
        atomic_store(&s->given, NONCE_PER_MINUTE);
        (void)err_set(why, ERR_UNAVAILABLE, "no nonce is left for this minute");
        why->retry_after_seconds = 60;
        return ERR_UNAVAILABLE;
    }
    put_number(raw, minute);
    put_number(raw + 4, number);
    seal(jar, s, raw, raw + 8);
    AUTO(buf) struct buf b = buf_make(NONCE_TEXT_SIZE);
    base64url_add(&b, span_make(raw, sizeof raw));
    memcpy(text, b.data, NONCE_TEXT_SIZE - 1);
    text[NONCE_TEXT_SIZE - 1] = '\0';
    return ERR_OK;
}

enum err nonce_take(struct nonce_jar *jar, struct arena *a, const char *text,
                    struct err_info *why)
{
    uint8_t mac[NONCE_MAC_SIZE];
    struct span raw;
    uint32_t now = this_minute();

    if (!base64url_decode(a, span_of(text), &raw) || raw.len != NONCE_RAW_SIZE)
        return err_set(why, ERR_BAD_NONCE, "the nonce was not made by this server");
    uint32_t minute = get_number(raw.data);
    uint32_t number = get_number(raw.data + 4);
    struct slot *s = &jar->image->slots[minute % NONCE_SLOTS];
    if (atomic_load(&s->minute) != minute)
        return err_set(why, ERR_BAD_NONCE,
                       "the nonce is too old, or was not made by this server");
    seal(jar, s, raw.data, mac);
    if (!secret_equal(span_make(mac, sizeof mac), span_slice(raw, 8, NONCE_MAC_SIZE)))
        return err_set(why, ERR_BAD_NONCE, "the nonce was not made by this server");
    /* a clock set back leaves nonces of the near future; they are as good until they are
     * old */
    if (minute + NONCE_LIFETIME_SECONDS / 60 < now || minute > now + 1 ||
        number >= NONCE_PER_MINUTE)
        return err_set(why, ERR_BAD_NONCE, "the nonce is too old");
    uint8_t bit = (uint8_t)(1u << number % 8);
    if ((atomic_fetch_or(&s->used[number / 8], bit) & bit) != 0)
        return err_set(why, ERR_BAD_NONCE, "the nonce was used before");
    return ERR_OK;
}
