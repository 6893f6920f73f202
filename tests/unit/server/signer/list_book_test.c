/* Tests of server/signer/list_book: numbers only grow, whatever was written last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/file.h"
#include "server/signer/list_book.h"

static char path[64];
static struct arena *arena;
static int fd = -1;

static struct list_book *reopened(struct list_book *book)
{
    struct span content = {0};

    list_book_free(book);
    assert_int_equal(file_read(arena, path, LIST_BOOK_FILE_MAX, &content, NULL), ERR_OK);
    return list_book_new(fd, content);
}

static const uint8_t *digest_of(uint8_t mark)
{
    static uint8_t digest[HASH_SHA256_SIZE];

    memset(digest, mark, sizeof digest);
    return digest;
}

static void scope_of(int number, uint8_t scope[HASH_SHA256_SIZE])
{
    char url[32];

    (void)snprintf(url, sizeof url, "http://ca.test/%d.crl", number);
    list_book_scope(span_of("key"), span_of(url), scope);
}

/* X-CRL-2: never the same or a lower number, also after a restart. */
static void numbers_grow(void **state)
{
    struct list_book *book = reopened(NULL);
    uint8_t first[HASH_SHA256_SIZE], second[HASH_SHA256_SIZE];

    (void)state;
    scope_of(1, first);
    scope_of(2, second);
    for (uint64_t n = 10; n < 20; n++) {
        assert_int_equal(list_book_check(book, first, n, digest_of(1), NULL), ERR_OK);
        assert_int_equal(list_book_note(book, first, n, digest_of(1), NULL), ERR_OK);
        /* the same list may be asked for again, another one not */
        assert_int_equal(list_book_check(book, first, n, digest_of(1), NULL), ERR_OK);
        assert_int_equal(list_book_check(book, first, n, digest_of(2), NULL),
                         ERR_CONFLICT);
        assert_int_equal(list_book_check(book, first, n - 1, digest_of(1), NULL),
                         ERR_CONFLICT);
        book = reopened(book);
        assert_int_equal(list_book_check(book, first, n, digest_of(1), NULL),
                         ERR_CONFLICT);
        assert_int_equal(list_book_check(book, second, 1, digest_of(1), NULL), ERR_OK);
    }
    list_book_free(book);
}

/* A record that was cut off or damaged leaves the one before it. */
static void damage(void **state)
{
    struct list_book *book = reopened(NULL);
    uint8_t scope[HASH_SHA256_SIZE];
    struct span content = {0};

    (void)state;
    scope_of(3, scope);
    assert_int_equal(list_book_note(book, scope, 100, digest_of(1), NULL), ERR_OK);
    assert_int_equal(list_book_note(book, scope, 200, digest_of(1), NULL), ERR_OK);
    assert_int_equal(file_read(arena, path, LIST_BOOK_FILE_MAX, &content, NULL), ERR_OK);
    assert_int_equal(content.len % LIST_BOOK_RECORD, 0);
    off_t last = (off_t)content.len - LIST_BOOK_RECORD + 10;
    assert_int_equal(pwrite(fd, "x", 1, last), 1);
    book = reopened(book);
    assert_int_equal(list_book_check(book, scope, 100, digest_of(1), NULL), ERR_CONFLICT);
    assert_int_equal(list_book_check(book, scope, 101, digest_of(1), NULL), ERR_OK);
    /* and the damaged place is the one that is written next */
    assert_int_equal(list_book_note(book, scope, 300, digest_of(1), NULL), ERR_OK);
    book = reopened(book);
    assert_int_equal(list_book_check(book, scope, 300, digest_of(1), NULL), ERR_CONFLICT);
    assert_int_equal(list_book_note(book, scope, 400, digest_of(1), NULL), ERR_OK);
    assert_int_equal(ftruncate(fd, (off_t)content.len - 1), 0);
    book = reopened(book);
    assert_int_equal(list_book_check(book, scope, 400, digest_of(1), NULL), ERR_CONFLICT);
    list_book_free(book);
}

static void many(void **state)
{
    struct list_book *book = reopened(NULL);
    uint8_t scope[HASH_SHA256_SIZE];

    (void)state;
    for (int i = 10; i < 5000; i++) {
        scope_of(i, scope);
        assert_int_equal(list_book_note(book, scope, (uint64_t)i, digest_of(1), NULL),
                         ERR_OK);
    }
    book = reopened(book);
    for (int i = 10; i < 5000; i++) {
        scope_of(i, scope);
        assert_int_equal(list_book_check(book, scope, (uint64_t)i, digest_of(1), NULL),
                         ERR_CONFLICT);
        assert_int_equal(
            list_book_check(book, scope, (uint64_t)i + 1, digest_of(1), NULL), ERR_OK);
    }
    list_book_free(book);
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    (void)snprintf(path, sizeof path, "/tmp/cairn-lists.%ld", (long)getpid());
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    return fd >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    (void)close(fd);
    (void)unlink(path);
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_grow),
        cmocka_unit_test(damage),
        cmocka_unit_test(many),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
