/* Timestamps as TLS structures (RFC 5246 4): big-endian, lengths in front. */
#include "server/transparency/sct.h"

#include "core/base/buf.h"

#define VERSION_1             0
#define CERTIFICATE_TIMESTAMP 0 /* SignatureType */
#define X509_ENTRY            0 /* LogEntryType */
#define PRECERT_ENTRY         1
#define HASH_SHA256           4 /* RFC 5246 7.4.1.4.1 */
#define SIGNATURE_RSA         1
#define SIGNATURE_ECDSA       3
#define LEAF_INDEX            0 /* CtExtensionType of static-ct-api */
#define LEAF_INDEX_SIZE       5
#define ENTRY_MAX             (1 << 24)

/* A cursor that remembers when it ran out of octets. */
struct cursor {
    struct span left;
    bool failed;
};

static struct span take(struct cursor *c, size_t len)
{
    const struct span taken = span_slice(c->left, 0, len);

    if (c->failed || taken.len < len) {
        c->failed = true;
        return span_make(NULL, 0);
    }
    c->left = span_slice(c->left, len, c->left.len);
    return taken;
}

static uint64_t take_number(struct cursor *c, size_t octets)
{
    const struct span s = take(c, octets);
    uint64_t number = 0;

    for (size_t i = 0; s.data != NULL && i < s.len; i++)
        number = number << 8 | s.data[i];
    return number;
}

static void add_number(struct buf *b, uint64_t number, unsigned int octets)
{
    while (octets-- > 0)
        buf_add_octet(b, (uint8_t)(number >> 8 * octets));
}

enum err sct_read(struct span octets, struct sct *sct, struct err_info *why)
{
    struct cursor c = {octets, false};
    struct sct s = {0};

    const uint64_t version = take_number(&c, 1);
    if (!c.failed && version != VERSION_1)
        return err_set(why, ERR_MALFORMED, "the timestamp is of version %u, not 1",
                       (unsigned int)version + 1);
    s.log_id = take(&c, HASH_SHA256_SIZE);
    s.timestamp = take_number(&c, 8);
    s.extensions = take(&c, (size_t)take_number(&c, 2));
    s.hash = (uint8_t)take_number(&c, 1);
    s.algorithm = (uint8_t)take_number(&c, 1);
    s.signature = take(&c, (size_t)take_number(&c, 2));
    if (c.failed || c.left.len > 0)
        return err_set(why, ERR_MALFORMED, "the timestamp is %s",
                       c.failed ? "too short" : "followed by something");
    if (s.extensions.len > SCT_EXTENSIONS_MAX || s.signature.len == 0 ||
        s.signature.len > SCT_SIGNATURE_MAX)
        return err_set(why, ERR_MALFORMED,
                       "the timestamp's extensions or its signature have no good length");
    *sct = s;
    return ERR_OK;
}

struct span sct_write(struct arena *a, const struct sct *sct)
{
    AUTO(buf) struct buf b = buf_make(SCT_MAX);

    buf_add_octet(&b, VERSION_1);
    buf_add_span(&b, sct->log_id);
    add_number(&b, sct->timestamp, 8);
    add_number(&b, sct->extensions.len, 2);
    buf_add_span(&b, sct->extensions);
    buf_add_octet(&b, sct->hash);
    buf_add_octet(&b, sct->algorithm);
    add_number(&b, sct->signature.len, 2);
    buf_add_span(&b, sct->signature);
    return arena_span(a, buf_span(&b));
}

struct span sct_list_write(struct arena *a, const struct span *scts, size_t count)
{
    AUTO(buf) struct buf b = buf_make(2 + SCT_LIST_MAX * (2 + SCT_MAX));
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += 2 + scts[i].len;
    add_number(&b, len, 2);
    for (size_t i = 0; i < count; i++) {
        add_number(&b, scts[i].len, 2);
        buf_add_span(&b, scts[i]);
    }
    return arena_span(a, buf_span(&b));
}

/* The digitally-signed struct of RFC 6962 3.2. */
static void add_signed(struct buf *b, const struct sct *sct,
                       const struct sct_entry *entry)
{
    buf_add_octet(b, VERSION_1);
    buf_add_octet(b, CERTIFICATE_TIMESTAMP);
    add_number(b, sct->timestamp, 8);
    add_number(b, entry->issuer_key_hash != NULL ? PRECERT_ENTRY : X509_ENTRY, 2);
    if (entry->issuer_key_hash != NULL)
        buf_add(b, entry->issuer_key_hash, HASH_SHA256_SIZE);
    add_number(b, entry->octets.len, 3);
    buf_add_span(b, entry->octets);
    add_number(b, sct->extensions.len, 2);
    buf_add_span(b, sct->extensions);
}

enum err sct_verify(const struct sct *sct, const struct key *log_key,
                    const uint8_t log_id[HASH_SHA256_SIZE], const struct sct_entry *entry,
                    struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(ENTRY_MAX);
    const bool rsa = key_type(log_key) == KEY_RSA;

    if (!span_equal(sct->log_id, span_make(log_id, HASH_SHA256_SIZE)))
        return err_set(why, ERR_UNAUTHORIZED, "the timestamp is of another log");
    if (sct->hash != HASH_SHA256 ||
        sct->algorithm != (rsa ? SIGNATURE_RSA : SIGNATURE_ECDSA))
        return err_set(why, ERR_UNAUTHORIZED,
                       "the timestamp is signed by another algorithm than the log's key "
                       "is for (RFC 6962 2.1.4)");
    add_signed(&b, sct, entry);
    if (b.failed ||
        key_verify(log_key, rsa ? KEY_SIGNATURE_RS256 : KEY_SIGNATURE_ECDSA_SHA256,
                   buf_span(&b), sct->signature, NULL) != ERR_OK)
        return err_set(why, ERR_UNAUTHORIZED, "the timestamp's signature is wrong");
    return ERR_OK;
}

bool sct_has_leaf_index(const struct sct *sct)
{
    struct cursor c = {sct->extensions, false};
    bool found = false;

    while (c.left.len > 0 && !c.failed) {
        const uint64_t type = take_number(&c, 1);
        const struct span value = take(&c, (size_t)take_number(&c, 2));
        found =
            found || (!c.failed && type == LEAF_INDEX && value.len == LEAF_INDEX_SIZE);
    }
    return found && !c.failed;
}
