/* Which serials were signed last, and for what: no serial is used for two certificates
 * (RFC 5280 4.1.2.2), whatever the signer is asked. A precertificate and the certificate
 * made of it are one (RFC 6962 3.1): that certificate is signed only if its
 * precertificate was, and then no other is. Bounded: of what was forgotten, the newest
 * time is kept, and older serials are refused. */
#pragma once

#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"
#include "server/issue/serial.h"

#define SERIAL_BOOK_MAX 65536 /* serials remembered */

/* Octets of a journal's end from which a book is read: each serial has two lines at most,
 * of less than 128 octets each. So whenever a longer journal is cut, the book is full,
 * and knows a time before which it has forgotten. */
#define SERIAL_BOOK_JOURNAL_MAX (SERIAL_BOOK_MAX * 2 * 128)

struct serial_book;

/* An empty book. */
struct serial_book *serial_book_new(void);

/* NULL is fine. */
void serial_book_free(struct serial_book *book);

/* What is signed. */
enum serial_book_step {
    SERIAL_BOOK_SIGN,  /* a certificate that never was a precertificate */
    SERIAL_BOOK_PRE,   /* a precertificate */
    SERIAL_BOOK_FINAL, /* the certificate of a precertificate */
};

/* One signature: digests are SHA-256 of what is signed. */
struct serial_book_entry {
    struct span serial;
    enum serial_book_step step;
    uint8_t digest[HASH_SHA256_SIZE];
    uint8_t
        precertificate[HASH_SHA256_SIZE]; /* of SERIAL_BOOK_FINAL: its precertificate's */
};

/* May it be signed? ERR_OK if the serial is new (the precertificate known, and no other
 * certificate of it), or known with the same digest: a question may be asked twice.
 * ERR_LINT: the serial is not of this CA's form. ERR_CONFLICT: known with another digest,
 * or older than what is remembered, or its precertificate was not signed. */
MUST_CHECK enum err serial_book_check(const struct serial_book *book,
                                      const struct serial_book_entry *entry,
                                      struct err_info *why);

/* Was just that signed before? */
bool serial_book_has(const struct serial_book *book,
                     const struct serial_book_entry *entry);

/* Remember it; the oldest serial makes room. What is known, or of another form, is passed
 * over. */
void serial_book_add(struct serial_book *book, const struct serial_book_entry *entry);

/* Append the journal's line for a signature to `line` and read one back into the book.
 * Lines of another form are passed over. */
struct buf;
void serial_book_write(struct buf *line, int64_t now,
                       const struct serial_book_entry *entry);
void serial_book_read(struct serial_book *book, struct span line);

/* Read such a line: the serial goes into `serial`, which the entry points to. False if it
 * has another form. */
bool serial_book_line(struct span line, uint8_t serial[SERIAL_SIZE],
                      struct serial_book_entry *entry);
