/* Numbers of revocation lists, in memory and in a file of records:
 * "list NUMBER SCOPE CHECK\n", padded; the digest in memory only, as a list that is asked
 * for again after a restart gets a new number. */
#include "server/signer/list_book.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/base/text.h"

#define BUCKETS   4096
#define LISTS_MAX (LIST_BOOK_FILE_MAX / (2 * LIST_BOOK_RECORD))
#define MARK      "list "
#define DIGITS    16 /* of a number, hexadecimal */
#define CHECK     8  /* octets */

struct list {
    uint8_t scope[HASH_SHA256_SIZE];
    uint8_t digest[HASH_SHA256_SIZE];
    uint64_t number;
    size_t place; /* of its pair of records */
    int next;     /* which of the two is written next */
    struct list *following;
};

struct list_book {
    int fd;
    size_t places;
    struct list *buckets[BUCKETS];
};

static struct list **bucket_of(struct list_book *book, const uint8_t *scope)
{
    return &book->buckets[((size_t)scope[0] << 8 | scope[1]) % BUCKETS];
}

static struct list *find(const struct list_book *book, const uint8_t *scope)
{
    struct list *l = book->buckets[((size_t)scope[0] << 8 | scope[1]) % BUCKETS];

    while (l != NULL && memcmp(l->scope, scope, HASH_SHA256_SIZE) != 0)
        l = l->following;
    return l;
}

static struct list *add(struct list_book *book, const uint8_t *scope, size_t place)
{
    struct list *l = memory_get_zeroed(1, sizeof *l);
    struct list **bucket = bucket_of(book, scope);

    memcpy(l->scope, scope, HASH_SHA256_SIZE);
    l->place = place;
    l->following = *bucket;
    *bucket = l;
    return l;
}

/* ---- records ---- */

/* "list NUMBER SCOPE" and the beginning of its hash. */
static void write_record(char record[LIST_BOOK_RECORD], const uint8_t *scope,
                         uint64_t number)
{
    char scope_hex[2 * HASH_SHA256_SIZE + 1];
    char check_hex[2 * CHECK + 1];
    char text[LIST_BOOK_RECORD + 1];
    uint8_t digest[HASH_SHA256_SIZE];

    text_hex(scope_hex, scope, HASH_SHA256_SIZE);
    int len = snprintf(text, sizeof text, MARK "%016llx %s ", (unsigned long long)number,
                       scope_hex);
    hash_sha256(span_make(text, (size_t)len), digest);
    text_hex(check_hex, digest, CHECK);
    memset(record, ' ', LIST_BOOK_RECORD);
    memcpy(record, text, (size_t)len);
    memcpy(record + len, check_hex, 2 * CHECK);
    record[LIST_BOOK_RECORD - 1] = '\n';
}

static bool read_record(struct span record, uint8_t scope[HASH_SHA256_SIZE],
                        uint64_t *number)
{
    uint8_t octets[DIGITS / 2];
    char again[LIST_BOOK_RECORD];
    uint64_t value = 0;
    size_t len = 0;
    size_t at = sizeof MARK - 1;

    if (!text_unhex(span_slice(record, at, DIGITS), octets, sizeof octets, &len) ||
        len != sizeof octets)
        return false;
    for (size_t i = 0; i < sizeof octets; i++)
        value = value << 8 | octets[i];
    at += DIGITS + 1;
    if (!text_unhex(span_slice(record, at, 2 * (size_t)HASH_SHA256_SIZE), scope,
                    HASH_SHA256_SIZE, &len) ||
        len != HASH_SHA256_SIZE)
        return false;
    write_record(again, scope, value);
    *number = value;
    return span_equal(record, span_make(again, sizeof again));
}

static void read_file(struct list_book *book, struct span content)
{
    uint8_t scope[HASH_SHA256_SIZE];
    uint64_t number = 0;

    for (size_t at = 0; at + LIST_BOOK_RECORD <= content.len; at += LIST_BOOK_RECORD) {
        size_t place = at / (2 * (size_t)LIST_BOOK_RECORD);
        int which = (int)(at / LIST_BOOK_RECORD % 2);
        if (!read_record(span_slice(content, at, LIST_BOOK_RECORD), scope, &number))
            continue;
        struct list *l = find(book, scope);
        if (l == NULL)
            l = add(book, scope, place);
        if (number < l->number)
            continue;
        l->number = number;
        l->next = 1 - which;
    }
    book->places =
        (content.len + 2 * (size_t)LIST_BOOK_RECORD - 1) / (2 * (size_t)LIST_BOOK_RECORD);
}

struct list_book *list_book_new(int fd, struct span content)
{
    struct list_book *book = memory_get_zeroed(1, sizeof *book);

    book->fd = fd;
    read_file(book, content);
    return book;
}

void list_book_free(struct list_book *book)
{
    for (size_t i = 0; book != NULL && i < BUCKETS; i++) {
        while (book->buckets[i] != NULL) {
            struct list *l = book->buckets[i];
            book->buckets[i] = l->following;
            free(l);
        }
    }
    free(book);
}

void list_book_scope(struct span key_id, struct span point,
                     uint8_t scope[HASH_SHA256_SIZE])
{
    uint8_t parts[2 * HASH_SHA256_SIZE];

    hash_sha256(key_id, parts);
    hash_sha256(point, parts + HASH_SHA256_SIZE);
    hash_sha256(span_make(parts, sizeof parts), scope);
}

uint64_t list_book_last(const struct list_book *book,
                        const uint8_t scope[HASH_SHA256_SIZE])
{
    const struct list *l = find(book, scope);

    return l != NULL ? l->number : 0;
}

enum err list_book_check(const struct list_book *book,
                         const uint8_t scope[HASH_SHA256_SIZE], uint64_t number,
                         const uint8_t digest[HASH_SHA256_SIZE], struct err_info *why)
{
    const struct list *l = find(book, scope);

    if (l == NULL || number > l->number)
        return ERR_OK;
    if (number == l->number && memcmp(l->digest, digest, HASH_SHA256_SIZE) == 0)
        return ERR_OK;
    return err_set(why, ERR_CONFLICT,
                   "the CRL number %llu is not above %llu, the last one that was signed "
                   "(RFC 5280 5.2.3)",
                   (unsigned long long)number, (unsigned long long)l->number);
}

enum err list_book_note(struct list_book *book, const uint8_t scope[HASH_SHA256_SIZE],
                        uint64_t number, const uint8_t digest[HASH_SHA256_SIZE],
                        struct err_info *why)
{
    struct list *l = find(book, scope);
    char record[LIST_BOOK_RECORD];

    if (l == NULL && book->places == LISTS_MAX)
        return err_set(why, ERR_UNAVAILABLE, "too many revocation lists");
    if (l == NULL)
        l = add(book, scope, book->places++);
    write_record(record, scope, number);
    off_t at = (off_t)((2 * l->place + (size_t)l->next) * LIST_BOOK_RECORD);
    if (book->fd >= 0 && pwrite(book->fd, record, sizeof record, at) != sizeof record)
        return err_set_os(why, ERR_IO, errno,
                          "the numbers of revocation lists cannot be written");
    l->number = number;
    l->next = 1 - l->next;
    memcpy(l->digest, digest, HASH_SHA256_SIZE);
    return ERR_OK;
}
