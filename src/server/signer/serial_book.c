/* A ring of entries, found by a hash table. */
#include "server/signer/serial_book.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "server/issue/serial.h"

#define NOBODY   UINT32_MAX
#define MARK     " sign "
#define TIME_LEN 20 /* octets of "2026-11-23T21:38:00Z" */
#define HEX_SIZE (2 * SERIAL_SIZE + 1 + 2 * HASH_SHA256_SIZE)

struct entry {
    uint8_t serial[SERIAL_SIZE];
    uint8_t digest[HASH_SHA256_SIZE];
    uint32_t next; /* in its bucket */
};

struct serial_book {
    size_t count;
    size_t oldest;
    uint32_t forgotten; /* newest time of a serial that was forgotten */
    uint32_t buckets[SERIAL_BOOK_MAX];
    struct entry entries[SERIAL_BOOK_MAX];
};

struct serial_book *serial_book_new(void)
{
    struct serial_book *book = memory_get_zeroed(1, sizeof *book);

    memset(book->buckets, 0xff, sizeof book->buckets);
    return book;
}

void serial_book_free(struct serial_book *book)
{
    free(book);
}

/* The last octets of a serial are random. */
static size_t bucket_of(const uint8_t serial[SERIAL_SIZE])
{
    return ((size_t)serial[SERIAL_SIZE - 2] << 8 | serial[SERIAL_SIZE - 1]) %
           SERIAL_BOOK_MAX;
}

static const struct entry *find(const struct serial_book *book, const uint8_t *serial)
{
    uint32_t at = book->buckets[bucket_of(serial)];

    while (at != NOBODY && memcmp(book->entries[at].serial, serial, SERIAL_SIZE) != 0)
        at = book->entries[at].next;
    return at == NOBODY ? NULL : &book->entries[at];
}

enum err serial_book_check(const struct serial_book *book, struct span serial,
                           const uint8_t digest[HASH_SHA256_SIZE], struct err_info *why)
{
    uint32_t time = 0;

    if (!serial_read_time(serial, &time))
        return err_set(why, ERR_LINT, "the serial is not of this CA's form");
    const struct entry *e = find(book, serial.data);
    if (e != NULL && memcmp(e->digest, digest, HASH_SHA256_SIZE) != 0)
        return err_set(why, ERR_CONFLICT,
                       "the serial was used for another certificate (RFC 5280 4.1.2.2)");
    if (e == NULL && time <= book->forgotten)
        return err_set(why, ERR_CONFLICT,
                       "the serial is older than those that are remembered");
    return ERR_OK;
}

/* Take the oldest entry out of its bucket. */
static void forget_oldest(struct serial_book *book)
{
    struct entry *e = &book->entries[book->oldest];
    uint32_t *link = &book->buckets[bucket_of(e->serial)];
    uint32_t time = 0;

    while (*link != book->oldest)
        link = &book->entries[*link].next;
    *link = e->next;
    if (serial_read_time(span_make(e->serial, SERIAL_SIZE), &time) &&
        time > book->forgotten)
        book->forgotten = time;
    book->oldest = (book->oldest + 1) % SERIAL_BOOK_MAX;
    book->count--;
}

void serial_book_add(struct serial_book *book, struct span serial,
                     const uint8_t digest[HASH_SHA256_SIZE])
{
    uint32_t time = 0;

    if (!serial_read_time(serial, &time) || find(book, serial.data) != NULL)
        return;
    if (book->count == SERIAL_BOOK_MAX)
        forget_oldest(book);
    size_t at = (book->oldest + book->count++) % SERIAL_BOOK_MAX;
    uint32_t *bucket = &book->buckets[bucket_of(serial.data)];
    memcpy(book->entries[at].serial, serial.data, SERIAL_SIZE);
    memcpy(book->entries[at].digest, digest, HASH_SHA256_SIZE);
    book->entries[at].next = *bucket;
    *bucket = (uint32_t)at;
}

void serial_book_write(struct buf *line, int64_t now, struct span serial,
                       const uint8_t digest[HASH_SHA256_SIZE])
{
    char time[CLOCK_TEXT_SIZE];
    char serial_hex[2 * SERIAL_SIZE + 1];
    char digest_hex[2 * HASH_SHA256_SIZE + 1];

    clock_text(time, now);
    text_hex(serial_hex, serial.data,
             serial.len < SERIAL_SIZE ? serial.len : SERIAL_SIZE);
    text_hex(digest_hex, digest, HASH_SHA256_SIZE);
    buf_printf(line, "%s" MARK "%s %s\n", time, serial_hex, digest_hex);
}

void serial_book_read(struct serial_book *book, struct span line)
{
    size_t start = TIME_LEN + sizeof MARK - 1;
    uint8_t serial[SERIAL_SIZE];
    uint8_t digest[HASH_SHA256_SIZE];
    size_t len = 0;

    /* what stands before it on the line was cut off by a full disk */
    if (line.len > start + HEX_SIZE)
        line = span_slice(line, line.len - start - HEX_SIZE, line.len);
    if (line.len != start + HEX_SIZE ||
        !span_is(span_slice(line, TIME_LEN, sizeof MARK - 1), MARK))
        return;
    if (!text_unhex(span_slice(line, start, 2 * (size_t)SERIAL_SIZE), serial,
                    sizeof serial, &len) ||
        !text_unhex(
            span_slice(line, start + 2 * SERIAL_SIZE + 1, 2 * (size_t)HASH_SHA256_SIZE),
            digest, sizeof digest, &len))
        return;
    serial_book_add(book, span_make(serial, sizeof serial), digest);
}
