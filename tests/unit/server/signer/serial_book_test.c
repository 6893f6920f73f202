/* Tests of server/signer/serial_book. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/buf.h"
#include "server/issue/serial.h"
#include "server/signer/serial_book.h"

static const uint8_t first[HASH_SHA256_SIZE] = {1};
static const uint8_t second[HASH_SHA256_SIZE] = {2};

/* A serial of that time, different for each `number`. */
static struct span serial_of(uint8_t room[SERIAL_SIZE], int64_t time, uint32_t number)
{
    serial_make(time, room);
    memcpy(room + SERIAL_SIZE - sizeof number, &number, sizeof number);
    return span_make(room, SERIAL_SIZE);
}

static struct serial_book_entry entry_of(struct span serial, enum serial_book_step step,
                                         const uint8_t *digest)
{
    struct serial_book_entry e = {.serial = serial, .step = step};

    memcpy(e.digest, digest, HASH_SHA256_SIZE);
    return e;
}

static enum err check(const struct serial_book *book, struct span serial,
                      const uint8_t *digest)
{
    const struct serial_book_entry e = entry_of(serial, SERIAL_BOOK_SIGN, digest);

    return serial_book_check(book, &e, NULL);
}

static void add(struct serial_book *book, struct span serial, const uint8_t *digest)
{
    const struct serial_book_entry e = entry_of(serial, SERIAL_BOOK_SIGN, digest);

    serial_book_add(book, &e);
}

static void write_line(struct buf *line, struct span serial, const uint8_t *digest)
{
    const struct serial_book_entry e = entry_of(serial, SERIAL_BOOK_SIGN, digest);

    serial_book_write(line, 1800000000, &e);
}

static void once(void **state)
{
    struct serial_book *book = serial_book_new();
    uint8_t room[SERIAL_SIZE];
    struct span serial = serial_of(room, 1800000000, 1);

    (void)state;
    assert_int_equal(check(book, serial, first), ERR_OK);
    add(book, serial, first);
    assert_int_equal(check(book, serial, first), ERR_OK);
    assert_int_equal(check(book, serial, second), ERR_CONFLICT);
    add(book, serial, second); /* what is known stays */
    assert_int_equal(check(book, serial, second), ERR_CONFLICT);
    assert_int_equal(check(book, span_of("sixteen octets.."), first), ERR_LINT);
    assert_int_equal(check(book, span_slice(serial, 0, 15), first), ERR_LINT);
    serial_book_free(book);
    serial_book_free(NULL);
}

/* What is forgotten leaves its time behind: no serial as old as that is signed again. */
static void bounded(void **state)
{
    struct serial_book *book = serial_book_new();
    uint8_t room[SERIAL_SIZE];

    (void)state;
    for (uint32_t i = 0; i < SERIAL_BOOK_MAX + 10; i++)
        add(book, serial_of(room, 1800000000 + i, i), first);
    /* 0 to 9 are forgotten, the rest is known */
    uint32_t fresh = SERIAL_BOOK_MAX + 11;
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(check(book, serial_of(room, 1800000000 + i, fresh), first),
                         ERR_CONFLICT);
    assert_int_equal(check(book, serial_of(room, 1800000010, fresh), first), ERR_OK);
    assert_int_equal(check(book, serial_of(room, 1900000000, fresh), first), ERR_OK);
    serial_book_free(book);
}

/* All the serials of one bucket, and the ring turned over several times. */
static void turned_over(void **state)
{
    struct serial_book *book = serial_book_new();
    static uint8_t rooms[3][SERIAL_SIZE];

    (void)state;
    for (uint32_t i = 0; i < 3 * SERIAL_BOOK_MAX; i++) {
        /* the last two octets, the bucket, are 0 for all */
        uint8_t room[SERIAL_SIZE];
        serial_make(1800000000 + i, room);
        if (i % 64 == 0)
            memset(room + SERIAL_SIZE - 2, 0, 2);
        add(book, span_make(room, SERIAL_SIZE), first);
        memcpy(rooms[i % 3], room, SERIAL_SIZE);
    }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(check(book, span_make(rooms[i], SERIAL_SIZE), second),
                         ERR_CONFLICT);
    serial_book_free(book);
}

static void lines(void **state)
{
    struct serial_book *book = serial_book_new();
    AUTO(buf) struct buf line = buf_make(1000);
    uint8_t room[SERIAL_SIZE];
    struct span serial = serial_of(room, 1800000000, 5);

    (void)state;
    buf_add_text(&line, "cut off 2026"); /* of a line before that did not fit */
    write_line(&line, serial, first);
    assert_int_equal(line.data[line.len - 1], '\n');
    for (size_t len = 0; len < line.len - 1; len++)
        serial_book_read(book, span_make(line.data, len));
    assert_int_equal(check(book, serial, second), ERR_OK);
    serial_book_read(book, span_make(line.data, line.len - 1));
    assert_int_equal(check(book, serial, second), ERR_CONFLICT);
    assert_int_equal(check(book, serial, first), ERR_OK);
    serial_book_free(book);
    book = serial_book_new();
    buf_clear(&line);
    write_line(&line, serial, first);
    serial_book_read(book, span_make(line.data, line.len - 1));
    assert_int_equal(check(book, serial, second), ERR_CONFLICT);
    serial_book_read(book, span_of(""));
    serial_book_read(book, span_of("2027-01-15T08:00:00Z sign zz"));
    serial_book_free(book);
}

/* X-CT-1: one precertificate, and one certificate of just that; also by the journal. */
static void pairs(void **state)
{
    static const uint8_t third[HASH_SHA256_SIZE] = {3};
    uint8_t room[SERIAL_SIZE];
    struct span serial = serial_of(room, 1800000000, 7);
    const struct serial_book_entry pre = entry_of(serial, SERIAL_BOOK_PRE, first);
    const struct serial_book_entry other = entry_of(serial, SERIAL_BOOK_PRE, second);
    struct serial_book_entry final = entry_of(serial, SERIAL_BOOK_FINAL, second);
    struct serial_book_entry again = entry_of(serial, SERIAL_BOOK_FINAL, third);
    struct serial_book_entry wrong = entry_of(serial, SERIAL_BOOK_FINAL, second);
    struct serial_book *book = serial_book_new();

    (void)state;
    memcpy(final.precertificate, first, HASH_SHA256_SIZE);
    memcpy(again.precertificate, first, HASH_SHA256_SIZE);
    memcpy(wrong.precertificate, third, HASH_SHA256_SIZE);
    assert_int_equal(serial_book_check(book, &final, NULL), ERR_CONFLICT);
    assert_int_equal(serial_book_check(book, &pre, NULL), ERR_OK);
    for (int restart = 0; restart < 2; restart++) {
        AUTO(buf) struct buf line = buf_make(1000);
        serial_book_write(&line, 1800000000, &pre);
        serial_book_read(book, span_make(line.data, line.len - 1));
        assert_int_equal(serial_book_check(book, &pre, NULL), ERR_OK);
        assert_int_equal(serial_book_check(book, &other, NULL), ERR_CONFLICT);
        assert_int_equal(check(book, serial, first),
                         ERR_CONFLICT); /* not as a whole one */
        assert_int_equal(check(book, serial, second), ERR_CONFLICT);
        assert_int_equal(serial_book_check(book, &final, NULL), ERR_OK);
        assert_int_equal(serial_book_check(book, &wrong, NULL), ERR_CONFLICT);
        assert_int_equal(serial_book_check(book, &again, NULL), ERR_OK); /* not yet */
        buf_clear(&line);
        serial_book_write(&line, 1800000000, &final);
        serial_book_read(book, span_make(line.data, line.len - 1));
        assert_int_equal(serial_book_check(book, &final, NULL), ERR_OK);
        assert_int_equal(serial_book_check(book, &again, NULL), ERR_CONFLICT);
        assert_int_equal(serial_book_check(book, &pre, NULL), ERR_OK);
        serial_book_free(book);
        book = serial_book_new();
    }
    /* its precertificate is not in the part of the journal that is read */
    serial_book_add(book, &final);
    assert_int_equal(check(book, serial, third), ERR_CONFLICT);
    assert_int_equal(serial_book_check(book, &pre, NULL), ERR_CONFLICT);
    assert_int_equal(serial_book_check(book, &again, NULL), ERR_CONFLICT);
    serial_book_free(book);
    /* a certificate that never was one has none */
    book = serial_book_new();
    add(book, serial, first);
    assert_int_equal(serial_book_check(book, &pre, NULL), ERR_CONFLICT);
    assert_int_equal(serial_book_check(book, &final, NULL), ERR_CONFLICT);
    serial_book_free(book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once),  cmocka_unit_test(bounded), cmocka_unit_test(turned_over),
        cmocka_unit_test(lines), cmocka_unit_test(pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
