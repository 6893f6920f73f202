/* The safe. */
#include "server/signer/signer_core.h"

#include <errno.h>
#include <pthread.h>
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
#include "server/issue/serial.h"
#include "server/issue/template.h"
#include "server/lint/lint.h"
#include "server/lint/lint_crl.h"
#include "server/lint/lint_ocsp.h"
#include "server/signer/list_book.h"
#include "server/signer/serial_book.h"
#include "server/signer/signer_points.h"
#include "server/transparency/precertificate.h"

#define JOURNAL_LINE_MAX 256 /* octets */

/* How far ahead of the clock a serial's time may be, and a list's number. What is signed
 * once is what later ones must be above: without a bound one question of a front that was
 * taken over would leave none for those after it. */
#define SERIAL_AHEAD    86400                       /* seconds */
#define NUMBER_AHEAD_MS (UINT64_C(3660) * 86400000) /* some ten years */
#define NUMBER_STEP     (UINT64_C(1) << 20)         /* or above the last one */

struct signer_core {
    struct arena *arena;
    struct key *keys[SIGNER_ISSUERS_MAX];
    struct lint_issuer issuers[SIGNER_ISSUERS_MAX];
    size_t count;
    struct key *responder_keys[SIGNER_ISSUERS_MAX]; /* of those that were asked for */
    struct lint_responder responders[SIGNER_ISSUERS_MAX];
    size_t responder_count;
    size_t responders_made;           /* one that takes another's place counts, too */
    const struct settings *published; /* NULL: lists may point anywhere */
    const struct lint_profile *profiles;
    size_t profile_count;
    struct serial_book *book;
    int journal_fd;
    struct list_book *lists;
    int lists_fd;
    pthread_mutex_t lock; /* of whoever is between enter and leave */
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

static enum err check_key(const struct signer_core *core, size_t issuer,
                          const struct key *k, struct err_info *why)
{
    if (!key_equal(k, core->issuers[issuer].key))
        return err_set(why, ERR_CONFIG,
                       "the issuing key does not belong to the issuing certificate");
    return ERR_OK;
}

/* The name constraints of its chain and, if there is one only, its root: who believes a
 * root by its certificate may heed those, too (as issue/issuer.c does in the front). */
static enum err bind_issuer(struct arena *a, const struct span *chain, size_t count,
                            struct span root, struct lint_issuer *to,
                            struct err_info *why)
{
    struct span roots[CERTIFICATE_CHAIN_MAX];
    size_t root_count = 0;

    for (size_t i = 0; i < count; i++)
        TRY(lint_issuer_bind(a, chain[i], to, why));
    if (root.len > 0)
        TRY(certificate_from_pem(a, root, roots, CERTIFICATE_CHAIN_MAX, &root_count,
                                 why));
    return root_count == 1 ? lint_issuer_bind(a, roots[0], to, why) : ERR_OK;
}

static enum err load_issuer(struct signer_core *core,
                            const struct signer_options *options,
                            const struct signer_issuer *from, struct err_info *why)
{
    struct key **key = &core->keys[core->count];
    struct lint_issuer *to = &core->issuers[core->count];
    struct span ders[CERTIFICATE_CHAIN_MAX];
    size_t count = 0;

    TRY(certificate_from_pem(core->arena, from->certificate_pem, ders,
                             CERTIFICATE_CHAIN_MAX, &count, why));
    TRY(lint_issuer_read(core->arena, ders[0], to, why));
    TRY(bind_issuer(core->arena, ders, count, from->root_pem, to, why));
    if (from->key_pem.len > 0)
        TRY(key_from_pem(from->key_pem, options->passphrase, key, why));
    core->count++;
    if (*key != NULL)
        TRY(check_key(core, core->count - 1, *key, why));
    return ERR_OK;
}

static enum err load(struct signer_core *core, const struct signer_options *options,
                     struct err_info *why)
{
    enum err result = ERR_OK;

    for (size_t i = 0; i < options->issuer_count && result == ERR_OK; i++) {
        result = load_issuer(core, options, &options->issuers[i], why);
        if (result != ERR_OK)
            (void)err_prefix(why, "%s", options->issuers[i].key_name);
    }
    return result;
}

enum err signer_core_new(const struct signer_options *options, struct signer_core **core,
                         struct err_info *why)
{
    struct signer_core *c = memory_get_zeroed(1, sizeof *c);

    c->arena = arena_new();
    (void)pthread_mutex_init(&c->lock, NULL);
    c->journal_fd = options->journal_fd;
    c->published = options->published;
    c->profiles = options->profiles;
    c->profile_count = options->profile_count;
    c->book = serial_book_new();
    read_journal(c->book, options->journal);
    c->lists_fd = options->lists_fd;
    c->lists = list_book_new(c->lists_fd, options->lists);
    enum err result = load(c, options, why);
    if (result != ERR_OK) {
        signer_core_free(c);
        return result;
    }
    /* whatever it signs is verified; only now, so that a mistake is told of at once */
    for (size_t i = 0; i < c->count; i++)
        key_expect_many(c->issuers[i].key);
    *core = c;
    return ERR_OK;
}

void signer_core_set_profiles(struct signer_core *core,
                              const struct lint_profile *profiles, size_t count,
                              const struct settings *published)
{
    core->published = published;
    core->profiles = profiles;
    core->profile_count = count;
}

void signer_core_free(struct signer_core *core)
{
    if (core == NULL)
        return;
    for (size_t i = 0; i < core->count; i++)
        key_free(core->keys[i]);
    for (size_t i = 0; i < core->responder_count; i++)
        key_free(core->responder_keys[i]);
    serial_book_free(core->book);
    if (core->journal_fd >= 0)
        (void)close(core->journal_fd);
    list_book_free(core->lists);
    if (core->lists_fd >= 0)
        (void)close(core->lists_fd);
    arena_free(core->arena);
    (void)pthread_mutex_destroy(&core->lock);
    free(core);
}

enum err signer_core_set_key(struct signer_core *core, size_t issuer, struct key *k,
                             struct err_info *why)
{
    if (issuer >= core->count || core->keys[issuer] != NULL) {
        key_free(k);
        return err_set(why, ERR_INTERNAL, "there is no issuer that wants a key");
    }
    core->keys[issuer] = k;
    return check_key(core, issuer, k, why);
}

struct span signer_core_spki(const struct signer_core *core, size_t issuer)
{
    return issuer < core->count ? key_spki(core->issuers[issuer].key)
                                : span_make(NULL, 0);
}

void signer_core_enter(struct signer_core *core)
{
    (void)pthread_mutex_lock(&core->lock);
}

void signer_core_leave(struct signer_core *core)
{
    (void)pthread_mutex_unlock(&core->lock);
}

/* A token takes its time, in which others may ask another or the same one. */
static enum err use_key(struct signer_core *core, size_t issuer, struct span tbs,
                        uint8_t *signature, size_t *len, struct err_info *why)
{
    const struct key *k = core->keys[issuer];
    enum key_signature kind = core->issuers[issuer].signature_kind;

    if (k == NULL)
        return err_set(why, ERR_CRYPTO, "the issuing key is not there yet");
    bool is_slow = key_is_outside(k);
    if (is_slow)
        signer_core_leave(core);
    enum err result = key_sign(k, kind, tbs, signature, len, why);
    if (is_slow)
        signer_core_enter(core);
    return result;
}

/* One line for each signature, before it leaves: when, the serial, and the SHA-256 of
 * what was signed. */
static enum err note(const struct signer_core *core,
                     const struct serial_book_entry *entry, struct err_info *why)
{
    AUTO(buf) struct buf line = buf_make(JOURNAL_LINE_MAX);

    if (core->journal_fd < 0)
        return ERR_OK;
    serial_book_write(&line, clock_now(), entry);
    if (!file_write_all(core->journal_fd, buf_span(&line)))
        return err_set_os(why, ERR_IO, errno, "the signer's journal cannot be written");
    return ERR_OK;
}

/* What the book is asked about it; X-CT-1: of a certificate with timestamps, whether just
 * that was its precertificate, to the last octet. */
static enum err read_entry(struct arena *a, enum lint_kind kind,
                           const struct lint_pass *pass, struct serial_book_entry *entry,
                           struct err_info *why)
{
    enum precertificate_mark mark = PRECERTIFICATE_NONE;

    *entry = (struct serial_book_entry){.serial = pass->serial};
    hash_sha256(pass->tbs, entry->digest);
    TRY(precertificate_mark(pass->tbs, &mark, why));
    if ((kind == LINT_PRECERTIFICATE) != (mark == PRECERTIFICATE_POISON))
        return err_set(why, ERR_LINT,
                       kind == LINT_PRECERTIFICATE
                           ? "a precertificate has no poison (RFC 6962 3.1)"
                           : "a certificate has the poison of precertificates (RFC 6962 "
                             "3.1)");
    if (kind == LINT_PRECERTIFICATE)
        entry->step = SERIAL_BOOK_PRE;
    if (mark != PRECERTIFICATE_TIMESTAMPS)
        return ERR_OK;
    struct span before = {0};
    TRY(precertificate_of(a, pass->tbs, &before, why));
    hash_sha256(before, entry->precertificate);
    entry->step = SERIAL_BOOK_FINAL;
    return ERR_OK;
}

static enum err check_time(const struct serial_book_entry *entry, struct err_info *why)
{
    uint32_t time = 0;

    if (serial_read_time(entry->serial, &time) && time > clock_now() + SERIAL_AHEAD)
        return err_set(why, ERR_LINT, "the serial is of a time to come");
    return ERR_OK;
}

static const struct lint_profile *find_profile(const struct signer_core *core,
                                               struct span name)
{
    for (size_t i = 0; i < core->profile_count; i++)
        if (span_is(name, core->profiles[i].name))
            return &core->profiles[i];
    return NULL;
}

/* Whoever gets a responder's certificate speaks for the issuer: so only a key of this
 * process does, and only for its own issuer. */
static enum err check_responder(const struct signer_core *core,
                                const struct lint_pass *pass, struct err_info *why)
{
    for (size_t i = 0; i < core->responder_count; i++)
        if (core->responders[i].issuer == &core->issuers[pass->issuer] &&
            span_equal(pass->spki, key_spki(core->responder_keys[i])))
            return ERR_OK;
    return err_set(why, ERR_LINT, "the responder's key was not made here");
}

enum err signer_core_sign(struct signer_core *core, struct arena *a, enum lint_kind kind,
                          struct span profile, struct span tbs, struct span *certificate,
                          struct err_info *why)
{
    /* whatever it is called: there is one for attestation keys, where they are enrolled
     */
    const struct lint_profile *found = find_profile(
        core, kind == LINT_ATTESTATION_CERTIFICATE ? span_of(LINT_PROFILE_ATTESTATION)
                                                   : profile);
    const struct lint_question question = {.kind = kind,
                                           .set = found != NULL ? found->set
                                                                : LINT_SET_RFC5280,
                                           .issuers = core->issuers,
                                           .issuer_count = core->count,
                                           .profile = found,
                                           .now = clock_now()};
    const struct lint_pass *pass = NULL;
    struct serial_book_entry entry;
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    TRY(lint_tbs(a, &question, tbs, &pass, why));
    if (kind == LINT_RESPONDER_CERTIFICATE)
        TRY(check_responder(core, pass, why));
    TRY(read_entry(a, kind, pass, &entry, why));
    TRY(check_time(&entry, why));
    TRY(serial_book_check(core->book, &entry, why));
    if (!serial_book_has(core->book, &entry))
        TRY(note(core, &entry, why));
    serial_book_add(core->book, &entry);
    enum key_signature how = core->issuers[pass->issuer].signature_kind;
    TRY(use_key(core, pass->issuer, pass->tbs, signature, &len, why));
    struct span made = template_assemble(a, pass->tbs, how, span_make(signature, len));
    TRY(lint_signed(a, &question, pass, made, why));
    *certificate = made;
    return ERR_OK;
}

/* The number of a list: more octets than this would not be one of this CA's. */
static enum err number_of(const struct crl *crl, uint64_t *number, struct err_info *why)
{
    uint64_t value = 0;

    if (crl->number.len > sizeof value)
        return err_set(why, ERR_LINT, "the CRL number is not of this CA's form");
    for (size_t i = 0; i < crl->number.len; i++)
        value = value << 8 | crl->number.data[i];
    *number = value;
    return ERR_OK;
}

static enum err check_number(const struct list_book *book, const uint8_t *scope,
                             uint64_t number, struct err_info *why)
{
    uint64_t last = list_book_last(book, scope);

    if (number > (uint64_t)clock_now_ms() + NUMBER_AHEAD_MS && number > last &&
        number - last > NUMBER_STEP)
        return err_set(why, ERR_TOO_LARGE,
                       "the CRL number %llu is too far above %llu, the last one, and the "
                       "clock",
                       (unsigned long long)number, (unsigned long long)last);
    return ERR_OK;
}

/* A list with a URL is a part, and says where it is published. */
static enum err check_points(const struct signer_core *core, const struct crl *crl,
                             struct err_info *why)
{
    for (size_t i = 0; core->published != NULL && i < crl->url_count; i++)
        if (!signer_points_part(core->published, crl->key_id, crl->urls[i]))
            return err_set(why, ERR_LINT,
                           "the list says that it is at %.*s, where this CA has none",
                           crl->urls[i].len < 200 ? (int)crl->urls[i].len : 200,
                           (const char *)crl->urls[i].data);
    return ERR_OK;
}

enum err signer_core_read_list(const struct signer_core *core, struct span tbs,
                               struct signer_list *list, struct err_info *why)
{
    struct lint_crl_pass pass = {0};
    struct signer_list read = {0};

    TRY(lint_crl(core->issuers, core->count, tbs, clock_now(), &pass, why));
    TRY(check_points(core, &pass.crl, why));
    TRY(number_of(&pass.crl, &read.number, why));
    read.issuer = pass.issuer;
    read.tbs = pass.crl.tbs;
    read.key_id = pass.crl.key_id;
    read.url = pass.crl.url_count > 0 ? pass.crl.urls[0] : span_of("");
    hash_sha256(read.tbs, read.digest);
    list_book_scope(read.key_id, read.url, read.scope);
    TRY(check_number(core->lists, read.scope, read.number, why));
    TRY(list_book_check(core->lists, read.scope, read.number, read.digest, why));
    *list = read;
    return ERR_OK;
}

enum err signer_core_sign_list(struct signer_core *core, const struct signer_list *list,
                               uint8_t *signature, size_t *len, struct err_info *why)
{
    /* again: another thread may have signed one since it was read */
    TRY(list_book_check(core->lists, list->scope, list->number, list->digest, why));
    TRY(list_book_note(core->lists, list->scope, list->number, list->digest, why));
    return use_key(core, list->issuer, list->tbs, signature, len, why);
}

/* At a place that is free, or in the place of another. */
static enum err make_responder(struct signer_core *core, const struct lint_issuer *issuer,
                               size_t place, struct err_info *why)
{
    struct lint_responder *made = &core->responders[place];
    struct key *key = NULL;
    uint8_t digest[HASH_MAX_SIZE];

    TRY(key_generate(KEY_P256, 0, &key, why));
    key_free(core->responder_keys[place]);
    core->responder_keys[place] = key;
    (void)ocsp_hash_key(HASH_SHA1, key_spki(key), digest);
    memcpy(made->key_hash, digest, OCSP_KEY_HASH);
    made->issuer = issuer;
    core->responders_made++;
    return ERR_OK;
}

enum err signer_core_responder(struct signer_core *core, struct span key_id,
                               struct span instead, struct span *spki,
                               struct err_info *why)
{
    const struct lint_issuer *issuer = NULL;

    for (size_t i = 0; i < core->responder_count; i++) {
        if (!span_equal(core->responders[i].issuer->key_id, key_id))
            continue;
        if (span_equal(key_spki(core->responder_keys[i]), instead))
            TRY(make_responder(core, core->responders[i].issuer, i, why));
        *spki = key_spki(core->responder_keys[i]);
        return ERR_OK;
    }
    for (size_t i = 0; i < core->count && issuer == NULL; i++)
        if (span_equal(core->issuers[i].key_id, key_id))
            issuer = &core->issuers[i];
    if (issuer == NULL)
        return err_set(why, ERR_NOT_FOUND, "there is no issuer with that key identifier");
    TRY(make_responder(core, issuer, core->responder_count, why));
    *spki = key_spki(core->responder_keys[core->responder_count++]);
    return ERR_OK;
}

enum err signer_core_sign_answer(struct signer_core *core, struct span tbs,
                                 uint8_t *signature, size_t *len, struct err_info *why)
{
    struct lint_ocsp_pass pass = {0};

    if (core->responder_count == 0)
        return err_set(why, ERR_LINT, "no key for OCSP answers was made here");
    TRY(lint_ocsp(core->responders, core->responder_count, tbs, clock_now(), &pass, why));
    return key_sign(core->responder_keys[pass.responder], SIGNER_RESPONDER_SIGNATURE, tbs,
                    signature, len, why);
}

size_t signer_core_responders(const struct signer_core *core)
{
    return core->responders_made;
}
