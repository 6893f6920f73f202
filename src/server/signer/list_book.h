/* Which revocation lists were signed last: numbers only grow (RFC 5280 5.2.3), whatever
 * the signer is asked, and also when the rest of the CA comes back from a backup.
 *
 * Each list (by its issuer and distribution point) has two places in the file, which are
 * written in turn, so that one is whole whenever the process ends. */
#pragma once

#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"

#define LIST_BOOK_RECORD   128 /* octets of a place in the file */
#define LIST_BOOK_FILE_MAX (64 * 1024 * 1024)

struct list_book;

/* A book that goes on with `content` of the file behind `fd` (not owned; -1: none); what
 * is damaged is passed over. */
struct list_book *list_book_new(int fd, struct span content);

/* NULL is fine. */
void list_book_free(struct list_book *book);

/* What a list is known by: SHA-256 of its issuer's key identifier and of its distribution
 * point. */
void list_book_scope(struct span key_id, struct span point,
                     uint8_t scope[HASH_SHA256_SIZE]);

/* The last number of that list; 0: there was none. */
uint64_t list_book_last(const struct list_book *book,
                        const uint8_t scope[HASH_SHA256_SIZE]);

/* May a list of that number be signed with octets of that digest? ERR_CONFLICT if the
 * number is not above the last one; the last list may be signed again. */
MUST_CHECK enum err list_book_check(const struct list_book *book,
                                    const uint8_t scope[HASH_SHA256_SIZE],
                                    uint64_t number,
                                    const uint8_t digest[HASH_SHA256_SIZE],
                                    struct err_info *why);

/* Write it down, before it is signed. ERR_IO; ERR_UNAVAILABLE if there are too many
 * lists.
 */
MUST_CHECK enum err list_book_note(struct list_book *book,
                                   const uint8_t scope[HASH_SHA256_SIZE], uint64_t number,
                                   const uint8_t digest[HASH_SHA256_SIZE],
                                   struct err_info *why);
