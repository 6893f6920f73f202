/* A ClientHello, read from records. */
#include "core/net/client_hello.h"

#define RECORD_HANDSHAKE 22
#define RECORD_HEAD      5
#define RECORD_MAX       16384
#define HANDSHAKE_HELLO  1
#define HANDSHAKE_HEAD   4
#define RANDOM_SIZE      32
#define EXTENSION_NAME   0
#define EXTENSION_ALPN   16
#define NAME_TYPE_HOST   0

/* A row of values that remembers whether one was missing. */
struct cursor {
    struct span rest;
    bool failed;
};

static size_t take_number(struct cursor *c, size_t octets)
{
    size_t number = 0;

    if (c->rest.len < octets) {
        c->failed = true;
        c->rest.len = 0;
        return 0;
    }
    for (size_t i = 0; i < octets; i++)
        number = number << 8 | c->rest.data[i];
    c->rest = span_slice(c->rest, octets, c->rest.len);
    return number;
}

static struct span take(struct cursor *c, size_t len)
{
    if (c->rest.len < len) {
        c->failed = true;
        c->rest.len = 0;
        return span_make(NULL, 0);
    }
    struct span taken = span_slice(c->rest, 0, len);
    c->rest = span_slice(c->rest, len, c->rest.len);
    return taken;
}

/* A value with its length before it, in so many octets. */
static struct span take_vector(struct cursor *c, size_t length_octets)
{
    return take(c, take_number(c, length_octets));
}

static bool read_name(struct span extension, struct client_hello *h)
{
    struct cursor c = {.rest = extension};
    struct cursor list = {.rest = take_vector(&c, 2)};

    while (list.rest.len > 0 && !list.failed) {
        size_t type = take_number(&list, 1);
        struct span name = take_vector(&list, 2);
        if (type == NAME_TYPE_HOST && h->server_name.len == 0)
            h->server_name = name;
    }
    return !c.failed && !list.failed;
}

static bool read_protocols(struct span extension, struct client_hello *h)
{
    struct cursor c = {.rest = extension};

    h->protocols = take_vector(&c, 2);
    struct cursor list = {.rest = h->protocols};
    while (list.rest.len > 0 && !list.failed)
        (void)take_vector(&list, 1);
    return !c.failed && !list.failed;
}

static bool read_message(struct span message, struct client_hello *h)
{
    struct cursor c = {.rest = message};

    (void)take_number(&c, 2); /* legacy_version */
    (void)take(&c, RANDOM_SIZE);
    (void)take_vector(&c, 1); /* legacy_session_id */
    (void)take_vector(&c, 2); /* cipher_suites */
    (void)take_vector(&c, 1); /* legacy_compression_methods */
    if (c.failed)
        return false;
    if (c.rest.len == 0)
        return true; /* TLS 1.2 without extensions */
    struct cursor extensions = {.rest = take_vector(&c, 2)};
    while (extensions.rest.len > 0 && !extensions.failed) {
        size_t type = take_number(&extensions, 2);
        struct span value = take_vector(&extensions, 2);
        if (extensions.failed || (type == EXTENSION_NAME && !read_name(value, h)) ||
            (type == EXTENSION_ALPN && !read_protocols(value, h)))
            return false;
    }
    return !c.failed && !extensions.failed;
}

enum client_hello_result client_hello_read(struct span octets, struct client_hello *h)
{
    size_t len = 0;

    h->server_name = h->protocols = span_make(NULL, 0);
    for (;;) {
        if (octets.len > 0 && octets.data[0] != RECORD_HANDSHAKE)
            return CLIENT_HELLO_OTHER;
        if (octets.len > 1 && octets.data[1] != 3)
            return CLIENT_HELLO_OTHER;
        if (octets.len < RECORD_HEAD)
            return CLIENT_HELLO_MORE;
        size_t size = (size_t)octets.data[3] << 8 | octets.data[4];
        if (size == 0 || size > RECORD_MAX || size > sizeof h->message - len)
            return CLIENT_HELLO_OTHER;
        struct span part = span_slice(octets, RECORD_HEAD, size);
        if (part.len > 0)
            memcpy(h->message + len, part.data, part.len);
        len += part.len;
        if (len > 0 && h->message[0] != HANDSHAKE_HELLO)
            return CLIENT_HELLO_OTHER;
        if (len >= HANDSHAKE_HEAD) {
            size_t whole =
                (size_t)h->message[1] << 16 | (size_t)h->message[2] << 8 | h->message[3];
            if (whole > sizeof h->message - HANDSHAKE_HEAD)
                return CLIENT_HELLO_OTHER;
            if (len >= HANDSHAKE_HEAD + whole)
                return read_message(span_make(h->message + HANDSHAKE_HEAD, whole), h)
                           ? CLIENT_HELLO_READ
                           : CLIENT_HELLO_OTHER;
        }
        if (part.len < size)
            return CLIENT_HELLO_MORE;
        octets = span_slice(octets, RECORD_HEAD + size, octets.len);
    }
}

bool client_hello_wants_only(const struct client_hello *h, const char *protocol)
{
    size_t len = strlen(protocol);

    return h->protocols.len == len + 1 && h->protocols.data[0] == len &&
           memcmp(h->protocols.data + 1, protocol, len) == 0;
}
