/* A transcript is verified: the lines, the signatures, and the files it speaks of. */
#include <string.h>

#include "core/base/base64url.h"
#include "core/base/file.h"
#include "core/json/json_read.h"
#include "core/x509/certificate_authority.h"
#include "core/x509/crl.h"
#include "core/x509/csr.h"
#include "core/x509/pem.h"
#include "server/command/ceremony.h"

#define KEYS_MAX  CONFIG_MEMBERS_MAX
#define FILES_MAX (4 * CONFIG_MEMBERS_MAX)
#define PAIRS_MAX (2 * FILES_MAX)

struct reading {
    struct arena *arena;
    const char *directory; /* NULL: files are not looked at */
    const char *ids[KEYS_MAX];
    struct span spkis[KEYS_MAX]; /* when its signature was found good */
    size_t key_count;
    const char **files;   /* pairs */
    const char **signers; /* of the same: key that signed it, NULL if it came in */
    size_t file_count;
    const char **roots;
    size_t root_count;
    bool ended;
    struct ceremony_report report;
};

static enum err malformed(struct err_info *why, size_t number, const char *what)
{
    return err_set(why, ERR_MALFORMED, "line %zu: %s", number, what);
}

static size_t find_key(const struct reading *r, const char *id)
{
    size_t i = 0;

    while (i < r->key_count && strcmp(r->ids[i], id) != 0)
        i++;
    return i;
}

/* ---- lines before the signatures ---- */

static void add_pair(const char **pairs, size_t *count, const char *name,
                     const char *digest)
{
    if (*count + 2 > PAIRS_MAX)
        return;
    pairs[(*count)++] = name;
    pairs[(*count)++] = digest;
}

/* `signer` NULL: they came in. */
static enum err note_files(struct reading *r, const struct json *files,
                           const char *signer, struct err_info *why)
{
    for (size_t i = 0; i < json_count(files); i++) {
        const char *name = NULL;
        const char *digest = NULL;
        TRY(json_need_text(json_element(files, i), "file", &name, why));
        TRY(json_take_text(json_element(files, i), "sha256", &digest, why));
        if (digest != NULL)
            add_pair(r->files, &r->file_count, name, digest);
        if (r->file_count + 2 > PAIRS_MAX)
            return err_set(why, ERR_TOO_LARGE, "it speaks of too many files");
        if (digest != NULL)
            r->signers[r->file_count - 2] = signer;
    }
    return ERR_OK;
}

/* What was made, by whose signature; of private keys nothing but the name is known. */
static enum err note_outputs(struct reading *r, const struct json *line,
                             struct err_info *why)
{
    const char *signer = NULL;

    TRY(json_take_text(line, "signed_by", &signer, why));
    return note_files(r, json_member(line, "outputs"), signer != NULL ? signer : "", why);
}

static enum err note_step(struct reading *r, const struct json *line,
                          struct err_info *why)
{
    const char *does = NULL;
    const char *key = NULL;
    const char *fingerprint = NULL;

    TRY(json_need_text(line, "does", &does, why));
    TRY(json_take_text(line, "key", &key, why));
    TRY(json_take_text(line, "fingerprint", &fingerprint, why));
    bool is_key = strcmp(does, "make-key") == 0 || strcmp(does, "open-key") == 0;
    if (is_key && key == NULL)
        return err_set(why, ERR_MALFORMED, "a step about a key names none");
    if (is_key && find_key(r, key) == r->key_count) {
        if (r->key_count == KEYS_MAX)
            return err_set(why, ERR_TOO_LARGE, "there are too many keys");
        r->ids[r->key_count++] = key;
    }
    if (strcmp(does, "root") == 0 && fingerprint != NULL) {
        const char *name = NULL;
        TRY(json_need_text(line, "step", &name, why));
        add_pair(r->roots, &r->root_count, name, fingerprint);
    }
    r->report.steps++;
    TRY(note_files(r, json_member(line, "inputs"), NULL, why));
    return note_outputs(r, line, why);
}

static enum err note_end(struct reading *r, const struct json *line, const char *end,
                         struct err_info *why)
{
    r->ended = true;
    if (strcmp(end, "complete") == 0)
        return ERR_OK;
    r->report.failed = "it does not say why";
    TRY(note_outputs(r, line, why));
    return json_take_text(line, "why", &r->report.failed, why);
}

static enum err note_begin(struct reading *r, const struct json *line,
                           struct err_info *why)
{
    const char *file = NULL;
    const char *digest = NULL;
    int64_t version = 0;

    TRY(json_take_number(line, "transcript", 0, &version, why));
    if (version != 1)
        return err_set(why, ERR_MALFORMED,
                       "it does not begin as a transcript of this version does");
    TRY(json_need_text(line, "name", &r->report.title, why));
    TRY(json_need_text(line, "time", &r->report.when, why));
    TRY(json_need_text(line, "file", &file, why));
    TRY(json_need_text(line, "sha256", &digest, why));
    add_pair(r->files, &r->file_count, file, digest);
    return ERR_OK;
}

static enum err note_line(struct reading *r, const struct json *line, size_t number,
                          struct err_info *why)
{
    const char *end = NULL;

    if (number == 1)
        return note_begin(r, line, why);
    TRY(json_take_text(line, "end", &end, why));
    if (r->ended)
        return err_set(why, ERR_MALFORMED, "something stands behind its end");
    return end != NULL ? note_end(r, line, end, why) : note_step(r, line, why);
}

/* ---- signatures ---- */

static enum err check_signature(struct reading *r, const struct json *line,
                                struct span body, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    const char *texts[2] = {NULL, NULL};
    struct span spki = {0};
    struct span signature = {0};

    TRY(json_need_text(line, "spki", &texts[0], why));
    TRY(json_need_text(line, "signature", &texts[1], why));
    if (!base64url_decode(r->arena, span_of(texts[0]), &spki) ||
        !base64url_decode(r->arena, span_of(texts[1]), &signature))
        return err_set(why, ERR_MALFORMED, "it is no base64url");
    TRY(key_from_spki(spki, &key, why));
    size_t i = find_key(r, ceremony_transcript_digest(r->arena, spki));
    if (i == r->key_count)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the transcript does not speak of that key");
    if (key_verify(key, key_x509_signature(key), body, signature, NULL) != ERR_OK)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the signature is not over what stands above: it was changed");
    r->report.signatures += r->spkis[i].len == 0;
    r->spkis[i] = spki;
    return ERR_OK;
}

static enum err read_lines(struct reading *r, struct span text, struct err_info *why)
{
    struct span body = {0};
    size_t number = 0;

    for (size_t at = 0; at < text.len;) {
        const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
        const struct json *line = NULL;
        const char *signer = NULL;
        number++;
        if (end == NULL)
            return malformed(why, number, "it is cut off");
        size_t len = (size_t)(end - text.data) - at;
        struct err_info detail = {0};
        enum err result = json_read(r->arena, span_slice(text, at, len), &line, &detail);
        if (result == ERR_OK && !json_is_object(line))
            return malformed(why, number, "it is no object");
        if (result == ERR_OK)
            result = json_take_text(line, "signature_of", &signer, &detail);
        if (signer != NULL && body.data == NULL)
            body = span_slice(text, 0, at);
        if (result == ERR_OK && signer != NULL)
            result = check_signature(r, line, body, &detail);
        else if (result == ERR_OK && body.data != NULL)
            return malformed(why, number, "something stands behind the signatures");
        else if (result == ERR_OK)
            result = note_line(r, line, number, &detail);
        if (result != ERR_OK)
            return err_set(why, result, "line %zu: %s", number, detail.detail);
        at += len + 1;
    }
    if (number == 0 || !r->ended)
        return malformed(why, number, "its end is missing");
    for (size_t i = 0; i < r->key_count; i++)
        if (r->spkis[i].len == 0)
            return err_set(why, ERR_UNAUTHORIZED,
                           "the signature of the key %s is missing", r->ids[i]);
    if (r->key_count == 0)
        return err_set(why, ERR_UNAUTHORIZED, "nobody has signed it");
    return ERR_OK;
}

/* ---- files ---- */

static enum err check_files(const struct reading *r, struct err_info *why)
{
    for (size_t i = 0; i < r->file_count; i += 2) {
        AUTO(arena) struct arena *a = arena_new();
        const char *path = file_path(a, r->directory, r->files[i]);
        struct span content = {0};
        TRY(file_read(a, path, CEREMONY_FILE_MAX, &content, why));
        if (strcmp(ceremony_transcript_digest(a, content), r->files[i + 1]) != 0)
            return err_set(why, ERR_UNAUTHORIZED,
                           "%s is not the file the transcript speaks of: it was changed",
                           path);
    }
    return ERR_OK;
}

/* Has that key signed the certificate, list or request? */
static enum err check_one(struct arena *a, struct span content, struct span spki,
                          struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    const struct csr_checked *csr = NULL;
    struct certificate *c = NULL;
    struct crl crl;
    struct span der = {0};
    size_t count = 0;

    TRY(key_from_spki(spki, &key, why));
    if (certificate_from_pem(a, content, &der, 1, &count, NULL) == ERR_OK) {
        TRY(certificate_read(a, der, &c, why));
        return certificate_authority_signed(c, spki, why);
    }
    if (csr_from_pem(a, content, &der, NULL) == ERR_OK) {
        TRY(csr_read(a, der, &csr, why));
        return key_equal(csr->key, key) ? ERR_OK : err_set(why, ERR_UNAUTHORIZED, "no");
    }
    der = content;
    if (pem_read(a, content, &ceremony_list_pem, &der, 1, &count, NULL) != ERR_OK)
        der = content;
    TRY(crl_read(der, &crl, why));
    return key_verify(key, crl.signature_kind, crl.tbs, crl.signature, why);
}

/* What was made must be signed by keys that signed the transcript: so whoever trusts a
 * root can tell that this is not another transcript made up around its certificates. */
static enum err check_signers(const struct reading *r, struct err_info *why)
{
    for (size_t i = 0; i < r->file_count; i += 2) {
        AUTO(arena) struct arena *a = arena_new();
        struct span content = {0};
        if (r->signers[i] == NULL)
            continue;
        TRY(file_read(a, file_path(a, r->directory, r->files[i]), CEREMONY_FILE_MAX,
                      &content, why));
        size_t key = find_key(r, r->signers[i]);
        if (key == r->key_count || check_one(a, content, r->spkis[key], NULL) != ERR_OK)
            return err_set(why, ERR_UNAUTHORIZED,
                           "%s is not signed by the key that the transcript says",
                           r->files[i]);
    }
    return ERR_OK;
}

enum err ceremony_transcript_verify(struct arena *a, struct span text,
                                    const char *directory, struct ceremony_report *report,
                                    struct err_info *why)
{
    struct reading *r = arena_get(a, sizeof *r);

    r->arena = a;
    r->directory = directory;
    r->files = arena_array(a, PAIRS_MAX, sizeof *r->files);
    r->signers = arena_array(a, PAIRS_MAX, sizeof *r->signers);
    r->roots = arena_array(a, PAIRS_MAX, sizeof *r->roots);
    TRY(read_lines(r, text, why));
    if (directory != NULL) {
        TRY(check_files(r, why));
        TRY(check_signers(r, why));
    }
    r->report.files = (struct config_list){r->files, r->file_count};
    r->report.roots = (struct config_list){r->roots, r->root_count};
    *report = r->report;
    return ERR_OK;
}
