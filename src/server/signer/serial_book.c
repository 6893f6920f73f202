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
#define TIME_LEN 20 /* octets of "2026-11-23T21:38:00Z" */
#define MARK_LEN 6
#define HEX_SIZE (2 * SERIAL_SIZE + 1 + 2 * HASH_SHA256_SIZE)

/* By enum serial_book_step. */
static const char marks[][MARK_LEN + 1] = {" sign ", " prec ", " last "};

#define MARKS (sizeof marks / sizeof marks[0])

struct entry {
    uint8_t serial[SERIAL_SIZE];
    uint8_t digest[HASH_SHA256_SIZE]; /* of what was signed first */
    uint8_t final[HASH_SHA256_SIZE];  /* of the certificate of a precertificate */
    bool is_pre;
    bool has_final;
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

static struct entry *find(struct serial_book *book, const uint8_t *serial)
{
    uint32_t at = book->buckets[bucket_of(serial)];

    while (at != NOBODY && memcmp(book->entries[at].serial, serial, SERIAL_SIZE) != 0)
        at = book->entries[at].next;
    return at == NOBODY ? NULL : &book->entries[at];
}

static const struct entry *known(const struct serial_book *book, const uint8_t *serial)
{
    return find((struct serial_book *)(uintptr_t)book, serial);
}

static bool same(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, HASH_SHA256_SIZE) == 0;
}

/* The certificate of a precertificate; nothing was signed, or `e`. */
static enum err check_final(const struct entry *e, const struct serial_book_entry *entry,
                            struct err_info *why)
{
    if (e == NULL || !e->is_pre || !same(e->digest, entry->precertificate))
        return err_set(why, ERR_CONFLICT,
                       "no precertificate of that certificate was signed here (RFC 6962 "
                       "3.1)");
    if (e->has_final && !same(e->final, entry->digest))
        return err_set(
            why, ERR_CONFLICT,
            "another certificate was made of its precertificate (RFC 6962 3.1)");
    return ERR_OK;
}

enum err serial_book_check(const struct serial_book *book,
                           const struct serial_book_entry *entry, struct err_info *why)
{
    const bool is_pre = entry->step == SERIAL_BOOK_PRE;
    uint32_t time = 0;

    if (!serial_read_time(entry->serial, &time))
        return err_set(why, ERR_LINT, "the serial is not of this CA's form");
    const struct entry *e = known(book, entry->serial.data);
    if (e == NULL && time <= book->forgotten)
        return err_set(why, ERR_CONFLICT,
                       "the serial is older than those that are remembered");
    if (entry->step == SERIAL_BOOK_FINAL)
        return check_final(e, entry, why);
    if (e != NULL && (e->is_pre != is_pre || !same(e->digest, entry->digest)))
        return err_set(why, ERR_CONFLICT,
                       "the serial was used for another certificate (RFC 5280 4.1.2.2)");
    return ERR_OK;
}

bool serial_book_has(const struct serial_book *book,
                     const struct serial_book_entry *entry)
{
    const struct entry *e = known(book, entry->serial.data);

    if (e == NULL)
        return false;
    return entry->step == SERIAL_BOOK_FINAL
               ? e->has_final && same(e->final, entry->digest)
               : e->is_pre == (entry->step == SERIAL_BOOK_PRE) &&
                     same(e->digest, entry->digest);
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

/* A certificate whose precertificate is forgotten is known by itself: nothing else is
 * signed for its serial. */
void serial_book_add(struct serial_book *book, const struct serial_book_entry *entry)
{
    uint32_t time = 0;

    if (!serial_read_time(entry->serial, &time))
        return;
    struct entry *e = find(book, entry->serial.data);
    if (e != NULL) {
        if (entry->step == SERIAL_BOOK_FINAL && e->is_pre && !e->has_final) {
            memcpy(e->final, entry->digest, HASH_SHA256_SIZE);
            e->has_final = true;
        }
        return;
    }
    if (book->count == SERIAL_BOOK_MAX)
        forget_oldest(book);
    size_t at = (book->oldest + book->count++) % SERIAL_BOOK_MAX;
    uint32_t *bucket = &book->buckets[bucket_of(entry->serial.data)];
    e = &book->entries[at];
    *e = (struct entry){.is_pre = entry->step == SERIAL_BOOK_PRE, .next = *bucket};
    memcpy(e->serial, entry->serial.data, SERIAL_SIZE);
    memcpy(e->digest, entry->digest, HASH_SHA256_SIZE);
    *bucket = (uint32_t)at;
}

void serial_book_write(struct buf *line, int64_t now,
                       const struct serial_book_entry *entry)
{
    char time[CLOCK_TEXT_SIZE];
    char serial_hex[2 * SERIAL_SIZE + 1];
    char digest_hex[2 * HASH_SHA256_SIZE + 1];

    clock_text(time, now);
    text_hex(serial_hex, entry->serial.data,
             entry->serial.len < SERIAL_SIZE ? entry->serial.len : SERIAL_SIZE);
    text_hex(digest_hex, entry->digest, HASH_SHA256_SIZE);
    buf_printf(line, "%s%s%s %s\n", time, marks[entry->step], serial_hex, digest_hex);
}

static bool read_step(struct span text, enum serial_book_step *step)
{
    for (size_t i = 0; i < MARKS; i++) {
        if (span_is(text, marks[i])) {
            *step = (enum serial_book_step)i;
            return true;
        }
    }
    return false;
}

bool serial_book_line(struct span line, uint8_t serial[SERIAL_SIZE],
                      struct serial_book_entry *entry)
{
    size_t start = TIME_LEN + MARK_LEN;
    size_t len = 0;

    *entry = (struct serial_book_entry){.serial = span_make(serial, SERIAL_SIZE)};
    /* what stands before it on the line was cut off by a full disk */
    if (line.len > start + HEX_SIZE)
        line = span_slice(line, line.len - start - HEX_SIZE, line.len);
    return line.len == start + HEX_SIZE &&
           read_step(span_slice(line, TIME_LEN, MARK_LEN), &entry->step) &&
           text_unhex(span_slice(line, start, 2 * (size_t)SERIAL_SIZE), serial,
                      SERIAL_SIZE, &len) &&
           text_unhex(span_slice(line, start + 2 * SERIAL_SIZE + 1,
                                 2 * (size_t)HASH_SHA256_SIZE),
                      entry->digest, sizeof entry->digest, &len);
}

void serial_book_read(struct serial_book *book, struct span line)
{
    uint8_t serial[SERIAL_SIZE];
    struct serial_book_entry entry;

    if (serial_book_line(line, serial, &entry))
        serial_book_add(book, &entry);
}
