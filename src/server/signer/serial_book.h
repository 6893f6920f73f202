/* Which serials were signed last, and for what: no serial is used for two certificates
 * (RFC 5280 4.1.2.2), whatever the signer is asked. Bounded: of what was forgotten, the
 * newest time is kept, and older serials are refused. */
#pragma once

#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"

#define SERIAL_BOOK_MAX 65536 /* serials remembered */

struct serial_book;

/* An empty book. */
struct serial_book *serial_book_new(void);

/* NULL is fine. */
void serial_book_free(struct serial_book *book);

/* May this serial be signed with octets of that digest? ERR_OK if it is new, or known
 * with the same digest: a question may be asked twice. ERR_LINT: not of this CA's form.
 * ERR_CONFLICT: known with another digest, or older than what is remembered. */
MUST_CHECK enum err serial_book_check(const struct serial_book *book, struct span serial,
                                      const uint8_t digest[HASH_SHA256_SIZE],
                                      struct err_info *why);

/* Remember it; the oldest entry makes room. Known ones and those of another form are
 * passed over. */
void serial_book_add(struct serial_book *book, struct span serial,
                     const uint8_t digest[HASH_SHA256_SIZE]);

/* Append the journal's line for a signature to `line` and read one back into the book.
 * Lines of another form are passed over. */
struct buf;
void serial_book_write(struct buf *line, int64_t now, struct span serial,
                       const uint8_t digest[HASH_SHA256_SIZE]);
void serial_book_read(struct serial_book *book, struct span line);
