/* The safe. */
#include "server/signer/signer_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/crypto/hash.h"
#include "core/crypto/key.h"
#include "core/x509/certificate.h"
#include "server/issue/template.h"
#include "server/lint/lint.h"
#include "server/signer/serial_book.h"

#define JOURNAL_LINE_MAX 256 /* octets */

struct signer_core {
    struct arena *arena;
    struct key *key;
    struct lint_issuer issuer;
    struct serial_book *book;
    int journal_fd;
};

static void read_journal(struct serial_book *book, struct span text)
{
    while (text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
        serial_book_read(book, span_slice(text, 0, len));
        text = span_slice(text, len + 1, text.len);
    }
}

static enum err load(struct signer_core *core, const struct signer_options *options,
                     struct err_info *why)
{
    struct template_issuer issuer = {0};
    struct certificate *certificate = NULL;
    struct span ders[CERTIFICATE_CHAIN_MAX];
    size_t count = 0;

    TRY(certificate_from_pem(core->arena, options->certificate_pem, ders,
                             CERTIFICATE_CHAIN_MAX, &count, why));
    TRY(template_issuer_read(core->arena, ders[0], &issuer, why));
    TRY(certificate_read(core->arena, ders[0], &certificate, why));
    TRY(key_from_pem(options->key_pem, options->passphrase, &core->key, why));
    if (!span_equal(key_spki(core->key), certificate->spki))
        return err_set(why, ERR_CONFIG,
                       "the issuing key does not belong to the issuing certificate");
    core->issuer.name = issuer.name;
    core->issuer.key_id = issuer.key_id;
    core->issuer.signature_kind = issuer.signature_kind;
    core->issuer.not_after = issuer.not_after;
    core->issuer.max_lifetime = options->max_lifetime;
    return ERR_OK;
}

enum err signer_core_new(const struct signer_options *options, struct signer_core **core,
                         struct err_info *why)
{
    struct signer_core *c = memory_get_zeroed(1, sizeof *c);

    c->arena = arena_new();
    c->journal_fd = options->journal_fd;
    c->book = serial_book_new();
    read_journal(c->book, options->journal);
    enum err result = load(c, options, why);
    if (result != ERR_OK) {
        signer_core_free(c);
        return result;
    }
    *core = c;
    return ERR_OK;
}

void signer_core_set_lifetime(struct signer_core *core, int64_t max_lifetime)
{
    core->issuer.max_lifetime = max_lifetime;
}

void signer_core_free(struct signer_core *core)
{
    if (core == NULL)
        return;
    key_free(core->key);
    serial_book_free(core->book);
    if (core->journal_fd >= 0)
        (void)close(core->journal_fd);
    arena_free(core->arena);
    free(core);
}

/* One line for each signature, before it leaves: when, the serial, and the SHA-256 of
 * what was signed. */
static enum err note(const struct signer_core *core, struct span serial,
                     const uint8_t *digest, struct err_info *why)
{
    AUTO(buf) struct buf line = buf_make(JOURNAL_LINE_MAX);

    if (core->journal_fd < 0)
        return ERR_OK;
    serial_book_write(&line, clock_now(), serial, digest);
    if (!file_write_all(core->journal_fd, buf_span(&line)))
        return err_set_os(why, ERR_IO, errno, "the signer's journal cannot be written");
    return ERR_OK;
}

enum err signer_core_sign(struct signer_core *core, struct arena *a, struct span tbs,
                          struct span *certificate, struct err_info *why)
{
    const struct lint_pass *pass = NULL;
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    uint8_t digest[HASH_SHA256_SIZE];

    TRY(lint_tbs(a, &core->issuer, tbs, &pass, why));
    hash_sha256(pass->tbs, digest);
    TRY(serial_book_check(core->book, pass->serial, digest, why));
    TRY(note(core, pass->serial, digest, why));
    serial_book_add(core->book, pass->serial, digest);
    TRY(key_sign(core->key, core->issuer.signature_kind, pass->tbs, signature, &len,
                 why));
    struct span made = template_assemble(a, pass->tbs, core->issuer.signature_kind,
                                         span_make(signature, len));
    struct certificate *again = NULL;
    TRY(certificate_read(a, made, &again, why));
    if (!span_equal(again->tbs, pass->tbs))
        return err_set(why, ERR_INTERNAL, "what was signed is not what was linted");
    *certificate = made;
    return ERR_OK;
}
