/* Lines of the signer, and heads. */
#include "server/signer/signer_audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "server/audit/audit_head.h"

#define PEM_MAX      4096 /* octets */
#define ASK_AGAIN_US (10 * INT64_C(1000000))
#define OTHERS_FIRST (UINT64_C(1) << 62) /* ids below are of issuances */

struct signer_audit {
    struct audit_file *file;
    bool unsynced;    /* lines were written since it was */
    int64_t asked_us; /* when a segment was asked for, 0: none is awaited */
    struct key *key;
    struct audit_place front; /* in the newest head */
};

static enum err make_key(const char *path, const char *public_path,
                         const struct secret *passphrase, struct key **key,
                         struct err_info *why)
{
    AUTO(secret) struct secret pem = {0};
    AUTO(buf) struct buf text = buf_make(PEM_MAX);

    TRY(key_generate(KEY_ED25519, 0, key, why));
    audit_head_key_write(&text, *key);
    TRY(key_to_pem(*key, passphrase->len > 0 ? passphrase : NULL, &pem, why));
    TRY(file_replace(public_path, buf_span(&text), 0644, why));
    file_sweep(path);
    return file_create(path, span_make(pem.data, pem.len), 0600, why);
}

static enum err read_key(struct arena *a, const struct settings *s,
                         const struct secret *passphrase, struct key **key,
                         struct err_info *why)
{
    const char *path = settings_path(a, s, AUDIT_KEY_FILE);
    struct span pem = {0};

    enum err result = file_read(a, path, KEY_PEM_MAX, &pem, why);
    if (result == ERR_NOT_FOUND)
        return make_key(path, settings_path(a, s, AUDIT_PUBLIC_FILE), passphrase, key,
                        why);
    TRY(result);
    result = key_from_pem(pem, passphrase->len > 0 ? passphrase : NULL, key, why);
    memory_wipe((void *)(uintptr_t)pem.data, pem.len);
    if (result == ERR_OK && key_type(*key) != KEY_ED25519)
        result = err_set(why, ERR_CRYPTO, "it is no Ed25519 key");
    return result == ERR_OK ? ERR_OK : err_prefix(why, "%s", path);
}

enum err signer_audit_open(struct arena *a, const struct settings *s,
                           const struct secret *passphrase, struct signer_audit **audit,
                           struct err_info *why)
{
    struct signer_audit *made = memory_get_zeroed(1, sizeof *made);
    struct audit_line l;

    enum err result = audit_file_folder(settings_path(a, s, AUDIT_FOLDER), why);
    if (result == ERR_OK)
        result = audit_file_open(settings_path(a, s, AUDIT_FOLDER_SIGNER),
                                 s->audit_segment, &made->file, why);
    if (result == ERR_OK)
        result = read_key(a, s, passphrase, &made->key, why);
    if (result == ERR_OK) {
        audit_begin(&l, AUDIT_SIGNER_START);
        json_write_text(&l.w, "version", CAIRN_VERSION);
        audit_end_file(&l, made->file);
        result = audit_file_write(made->file, why);
    }
    made->unsynced = true;
    if (result == ERR_OK && !signer_audit_sync(made))
        result = err_set_os(why, ERR_IO, errno, "the audit log");
    if (result != ERR_OK) {
        signer_audit_close(made);
        return result;
    }
    *audit = made;
    return ERR_OK;
}

void signer_audit_close(struct signer_audit *audit)
{
    if (audit == NULL)
        return;
    if (audit->file != NULL)
        (void)signer_audit_sync(audit);
    audit_file_close(audit->file);
    key_free(audit->key);
    free(audit);
}

bool signer_audit_sync(struct signer_audit *audit)
{
    if (!audit->unsynced)
        return true;
    audit->unsynced = false;
    return audit_file_sync(audit->file);
}

unsigned int signer_audit_next_number(struct signer_audit *audit)
{
    unsigned int number = audit_file_next_number(audit->file);
    int64_t now_us = clock_monotonic_us();

    if (number == 0 || (audit->asked_us != 0 && now_us - audit->asked_us < ASK_AGAIN_US))
        return 0;
    audit->asked_us = now_us;
    return number;
}

bool signer_audit_go_on(struct signer_audit *audit, unsigned int number, int fd)
{
    audit->asked_us = 0;
    return audit_file_go_on(audit->file, number, fd);
}

/* Lines that are there when the function returns, and on disk with the next sync. */
static enum err write_lines(struct signer_audit *audit, struct err_info *why)
{
    TRY(audit_file_write(audit->file, why));
    audit->unsynced = true;
    return ERR_OK;
}

enum err signer_audit_asked(struct signer_audit *audit, uint64_t id, uint64_t kind,
                            struct span octets, struct err_info *why)
{
    struct audit_line l;

    audit_begin(&l, AUDIT_SIGN);
    json_write_number(&l.w, "id", (int64_t)(id & INT64_MAX));
    json_write_bool(&l.w, "of_order", id < OTHERS_FIRST);
    json_write_number(&l.w, "kind", (int64_t)kind);
    audit_digest(&l, "tbs_sha256", octets);
    audit_end_file(&l, audit->file);
    return write_lines(audit, why);
}

enum err signer_audit_list(struct signer_audit *audit, uint64_t id,
                           const struct signer_list *list, struct err_info *why)
{
    struct audit_line l;

    audit_begin(&l, AUDIT_SIGN);
    json_write_number(&l.w, "id", (int64_t)(id & INT64_MAX));
    json_write_bool(&l.w, "of_order", false);
    json_write_number(&l.w, "kind", LINT_REVOCATION_LIST);
    audit_octets(&l, "tbs_sha256", span_make(list->digest, sizeof list->digest));
    audit_octets(&l, "issuer", list->key_id);
    json_write_number(&l.w, "number", (int64_t)(list->number & INT64_MAX));
    if (list->url.len > 0)
        json_write_span(&l.w, "url", list->url);
    audit_end_file(&l, audit->file);
    return write_lines(audit, why);
}

enum err signer_audit_responder(struct signer_audit *audit, struct span issuer,
                                struct span spki, struct err_info *why)
{
    struct audit_line l;

    audit_begin(&l, AUDIT_RESPONDER);
    audit_octets(&l, "issuer", issuer);
    audit_digest(&l, "key_hash", spki);
    audit_end_file(&l, audit->file);
    return write_lines(audit, why);
}

enum err signer_audit_made(struct signer_audit *audit, uint64_t id, struct span made,
                           enum err result, const struct err_info *said,
                           struct err_info *why)
{
    struct audit_line l;

    audit_begin(&l, result == ERR_OK ? AUDIT_SIGNED : AUDIT_REFUSED);
    json_write_number(&l.w, "id", (int64_t)(id & INT64_MAX));
    json_write_bool(&l.w, "of_order", id < OTHERS_FIRST);
    if (result == ERR_OK)
        audit_digest(&l, "made_sha256", made);
    audit_result(&l, result, said);
    audit_end_file(&l, audit->file);
    return write_lines(audit, why);
}

static bool read_question(struct span question, struct audit_place *place)
{
    const uint8_t *space =
        question.len > 0 ? memchr(question.data, ' ', question.len) : NULL;
    size_t len = space != NULL ? (size_t)(space - question.data) : 0;
    size_t octets = 0;

    return space != NULL &&
           text_number(span_slice(question, 0, len), INT64_MAX, &place->seq) &&
           text_unhex(span_slice(question, len + 1, question.len), place->hash,
                      HASH_SHA256_SIZE, &octets) &&
           octets == HASH_SHA256_SIZE;
}

enum err signer_audit_head(struct signer_audit *audit, struct arena *a,
                           struct span question, struct span *answer,
                           struct err_info *why)
{
    struct audit_head head = {.signer = audit_file_place(audit->file),
                              .time = clock_now()};
    char text[AUDIT_HEAD_TEXT_MAX];
    char signature[2 * KEY_SIGNATURE_MAX + 1];
    struct audit_line l;

    if (!read_question(question, &head.front))
        return err_set(why, ERR_LINT, "that is no place in the audit log");
    if (head.front.seq < audit->front.seq)
        return err_set(
            why, ERR_LINT, "the front's audit log went back from line %llu to %llu",
            (unsigned long long)audit->front.seq, (unsigned long long)head.front.seq);
    if (head.front.seq == audit->front.seq && audit->front.seq > 0 &&
        memcmp(head.front.hash, audit->front.hash, HASH_SHA256_SIZE) != 0)
        return err_set(why, ERR_LINT, "line %llu of the front's audit log was another",
                       (unsigned long long)head.front.seq);
    audit_head_text(text, &head);
    TRY(audit_head_sign(audit->key, text, signature, why));
    audit_begin(&l, AUDIT_HEAD);
    json_write_text(&l.w, "head", text);
    json_write_text(&l.w, "signature", signature);
    audit_end_file(&l, audit->file);
    TRY(write_lines(audit, why));
    if (!signer_audit_sync(audit))
        return err_set_os(why, ERR_IO, errno, "the audit log");
    audit->front = head.front;
    *answer = span_of(arena_printf(a, "%s %s", text, signature));
    return ERR_OK;
}
