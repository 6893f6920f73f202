/* Keys of buckets. All are in the arena. */
#pragma once

#include "core/net/address.h"
#include "server/limit/limit.h"
#include "server/store/store.h"

/* The network of so many bits an address is in; a whole address without its length. */
char *limit_key_network(struct arena *a, const struct address *peer, unsigned int v4,
                        unsigned int v6);

/* What stands for an identifier in buckets and pauses: its value, of a device
 * "TYPE:VALUE". */
const char *limit_key_text(struct arena *a, const struct store_identifier *identifier);

/* The same as a person writes it: names in lower case. */
char *limit_key_canonical(struct arena *a, const char *text);

/* What the limits per domain count the text of an identifier by: its registered domain;
 * an address, or the /64 of one of IPv6; a device by itself. */
const char *limit_key_domain(const struct limit *l, struct arena *a, const char *value);

/* A hash of a set of identifiers, whatever their order. */
void limit_key_hash(struct arena *a, const struct store_identifier *identifiers,
                    size_t count, uint8_t hash[STORE_HASH_SIZE]);

/* The key of a set, and the first few of it for people. */
const char *limit_key_set(struct arena *a, const struct store_identifier *identifiers,
                          size_t count, const char **shown);

/* The key of a bucket as a person writes it: an address, a number of an account, the
 * identifier of an external account key, a domain or a name below it, ACCOUNT/IDENTIFIER,
 * or identifiers with commas between. In the arena. ERR_USAGE with a sentence. */
MUST_CHECK enum err limit_key_read(const struct limit *l, struct arena *a,
                                   enum rate_kind kind, const char *text,
                                   const char **key, struct err_info *why);
