/* Attestation objects of a client, by libcbor's encoders (which allocate nothing). */
#include "core/attest/attest_write.h"

#include <cbor.h>
#include <string.h>

#define HEAD_MAX 9 /* octets: the type and a length of 8 */

static void add_head(struct buf *b, size_t (*encode)(size_t, unsigned char *, size_t),
                     size_t number)
{
    unsigned char head[HEAD_MAX];

    buf_add(b, head, encode(number, head, sizeof head));
}

static void add_text(struct buf *b, const char *text)
{
    add_head(b, cbor_encode_string_start, strlen(text));
    buf_add_text(b, text);
}

static void add_octets(struct buf *b, const char *name, struct span octets)
{
    if (name != NULL)
        add_text(b, name);
    add_head(b, cbor_encode_bytestring_start, octets.len);
    buf_add_span(b, octets);
}

static void add_number(struct buf *b, const char *name, int64_t number)
{
    unsigned char head[HEAD_MAX];

    add_text(b, name);
    buf_add(b, head,
            number < 0 ? cbor_encode_negint((uint64_t)(-1 - number), head, sizeof head)
                       : cbor_encode_uint((uint64_t)number, head, sizeof head));
}

static void add_chain(struct buf *b, const struct span *chain, size_t count)
{
    add_text(b, "x5c");
    add_head(b, cbor_encode_array_start, count);
    for (size_t i = 0; i < count; i++)
        add_octets(b, NULL, chain[i]);
}

/* Up to and with the head of the statement, which has that many members. */
static void begin(struct buf *b, const char *format, size_t members)
{
    add_head(b, cbor_encode_map_start, 2);
    add_text(b, "fmt");
    add_text(b, format);
    add_text(b, "attStmt");
    add_head(b, cbor_encode_map_start, members);
}

void attest_write_tpm(struct buf *b, const struct attest_write_tpm *what)
{
    begin(b, "tpm", 6);
    add_number(b, "alg", what->algorithm);
    add_octets(b, "sig", what->signature);
    add_text(b, "ver");
    add_text(b, "2.0");
    add_chain(b, what->chain, what->chain_count);
    add_octets(b, "pubArea", what->pub_area);
    add_octets(b, "certInfo", what->cert_info);
}

void attest_write_step(struct buf *b, const struct attest_write_step *what)
{
    unsigned char head[HEAD_MAX];
    size_t head_len =
        cbor_encode_bytestring_start(what->signature.len, head, sizeof head);

    begin(b, "step", 3);
    add_number(b, "alg", what->algorithm);
    add_text(b, "sig");
    add_head(b, cbor_encode_bytestring_start, head_len + what->signature.len);
    buf_add(b, head, head_len);
    buf_add_span(b, what->signature);
    add_chain(b, what->chain, what->chain_count);
}
