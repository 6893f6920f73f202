/* Where a check connects to. A host is looked up once; of its addresses that may be
 * connected to, the first IPv6 one is tried, and one IPv4 address if dialling that
 * failed. An identifier that is an address is where to connect (RFC 8738 4). What is
 * dialled is what was checked: nothing is looked up again in between (RFC 8555 10.4). */
#pragma once

#include "core/net/address.h"

struct validate_check;

#define VALIDATE_TARGETS_MAX 2 /* one IPv6, one IPv4 */

/* Part of a check; only validate_target.c writes to it. */
struct validate_target {
    const char *host;   /* a name; NULL: an address was given */
    const char *led_by; /* what led there, in front of every refusal; or "" */
    uint16_t port;
    struct address addresses[VALIDATE_TARGETS_MAX]; /* in the order they are tried */
    size_t count;
    size_t now;                 /* being tried */
    char at[ADDRESS_TEXT_SIZE]; /* that one, with its port */
    void (*found)(struct validate_check *c);
};

/* Find addresses of a host name, which must live as long as the check, or check the one
 * that is given; then call `found`, with c->target standing at the first. Without any the
 * attempt has ended with a sentence that begins with `led_by`. */
void validate_target_find_name(struct validate_check *c, const char *host, uint16_t port,
                               const char *led_by,
                               void (*found)(struct validate_check *c));
void validate_target_find_address(struct validate_check *c, const struct address *a,
                                  uint16_t port, const char *led_by,
                                  void (*found)(struct validate_check *c));

/* The address that is tried now, with its port. */
struct address validate_target_address(const struct validate_check *c);

/* How long dialling it may take (ms): half of what is left while another one follows. */
int64_t validate_target_dial_ms(const struct validate_check *c);

/* Dialling failed: go on to the next address; false if there is none. */
bool validate_target_next(struct validate_check *c);
