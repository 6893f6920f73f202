/* The words of `cairn-ca revoke`. */
#include "server/command/command_revoke_wish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/secret.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/x509/certificate.h"
#include "core/x509/csr.h"
#include "server/admin/admin_criteria.h"
#include "server/admin/admin_request.h"

#define LIST_MAX  (64 * 1024 * 1024) /* octets of a file of serials */
#define WORDS_MAX (64 * 1024)

/* ---- serials ---- */

static const char *as_hex(struct arena *a, struct span octets)
{
    char *text = arena_get(a, 2 * octets.len + 1);

    text_hex(text, octets.data, octets.len);
    return text;
}

static enum err add_serial(struct arena *a, const char *what, struct span text,
                           const char **to, struct err_info *why)
{
    AUTO(arena) struct arena *local = arena_new();
    struct span serial;

    TRY(admin_criteria_serial(local, what, arena_string_of(local, text), &serial, why));
    *to = as_hex(a, serial);
    return ERR_OK;
}

static int compare(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static size_t count_lines(struct span text)
{
    size_t lines = 1;

    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    return lines;
}

/* One a line; those that are empty or begin with # are passed over. */
static enum err read_lines(struct arena *a, struct span rest, const char **list,
                           size_t *count, struct err_info *why)
{
    for (size_t line = 1; rest.len > 0; line++) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.data) : rest.len;
        struct span text = text_trim(span_slice(rest, 0, len));
        char what[40];
        (void)snprintf(what, sizeof what, "--file, line %zu", line);
        if (text.len > 0 && text.data[0] != '#')
            TRY(add_serial(a, what, text, &list[(*count)++], why));
        rest = span_slice(rest, end != NULL ? len + 1 : len, rest.len);
    }
    return ERR_OK;
}

static enum err read_serials(const struct command_line *line,
                             struct command_revoke_wish *wish, struct err_info *why)
{
    const char *path = line->serial_file;
    struct span text = {0};
    size_t count = 0;
    size_t kept = 0;

    if (path != NULL)
        TRY(file_read(line->arena, strcmp(path, "-") == 0 ? "/dev/stdin" : path, LIST_MAX,
                      &text, why));
    const char **list = arena_array(line->arena, count_lines(text) + line->serials.count,
                                    sizeof(const char *));
    for (size_t i = 0; i < line->serials.count; i++)
        TRY(add_serial(line->arena, "--serial", span_of(line->serials.items[i]),
                       &list[count++], why));
    TRY(read_lines(line->arena, text, list, &count, why));
    if (path != NULL && count == line->serials.count)
        return err_set(why, ERR_USAGE, "--file: there is no serial in %s", path);
    if (count > 1)
        qsort(list, count, sizeof list[0], compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(list[kept - 1], list[i]) != 0)
            list[kept++] = list[i];
    wish->serials = list;
    wish->serial_count = kept;
    return ERR_OK;
}

/* ---- certificates and keys ---- */

/* The first block of a PEM text with that label, decoded; or false. */
static bool find_block(struct arena *a, struct span text, const char *label,
                       struct span *der)
{
    const char *begin = arena_printf(a, "-----BEGIN %s-----", label);
    const uint8_t *at = memmem(text.data, text.len, begin, strlen(begin));
    AUTO(buf) struct buf b = buf_make(CERTIFICATE_MAX);

    if (at == NULL)
        return false;
    for (const uint8_t *p = at + strlen(begin); p < text.data + text.len && *p != '-';
         p++) {
        bool plain = (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') ||
                     (*p >= '0' && *p <= '9');
        if (plain)
            buf_add_octet(&b, *p);
        else if (*p == '+' || *p == '/')
            buf_add_octet(&b, *p == '+' ? '-' : '_');
    }
    return base64url_decode(a, buf_span(&b), der);
}

static enum err read_certificate(const struct command_line *line,
                                 struct command_revoke_wish *wish, struct err_info *why)
{
    struct span text;
    struct span der;
    struct certificate *ignored = NULL;

    if (line->certified == NULL)
        return ERR_OK;
    TRY(file_read(line->arena, line->certified, CERTIFICATE_MAX * 10, &text, why));
    if (!find_block(line->arena, text, "CERTIFICATE", &der))
        der = text;
    if (certificate_read(line->arena, der, &ignored, why) != ERR_OK) {
        why->code = ERR_USAGE;
        return err_prefix(why, "--certificate: %s", line->certified);
    }
    wish->certificate = base64url_string(line->arena, der);
    return ERR_OK;
}

/* The SubjectPublicKeyInfo in a file: of a certificate, a request, a public key, or a
 * private one that was found somewhere. */
static enum err read_spki(struct arena *a, struct span text, struct span *spki,
                          struct err_info *why)
{
    struct certificate *c = NULL;
    const struct csr_checked *csr = NULL;
    struct key *key = NULL;
    struct span der;

    if (find_block(a, text, "CERTIFICATE", &der)) {
        TRY(certificate_read(a, der, &c, why));
        *spki = c->spki;
    } else if (find_block(a, text, "CERTIFICATE REQUEST", &der) ||
               find_block(a, text, "NEW CERTIFICATE REQUEST", &der)) {
        TRY(csr_read(a, der, &csr, why));
        *spki = arena_span(a, key_spki(csr->key));
    } else if (find_block(a, text, "PUBLIC KEY", &der)) {
        *spki = der; /* also of a kind we would not certify any more */
    } else if (memmem(text.data, text.len, "PRIVATE KEY", 11) != NULL) {
        secret_protect_process();
        TRY(key_from_pem(text, NULL, &key, why));
        *spki = arena_span(a, key_spki(key));
        key_free(key);
    } else if (certificate_read(a, text, &c, why) == ERR_OK) {
        *spki = c->spki;
    } else {
        return err_set(why, ERR_MALFORMED,
                       "there is no certificate, request or key in it");
    }
    return ERR_OK;
}

static enum err read_key(const struct command_line *line,
                         struct command_revoke_wish *wish, struct err_info *why)
{
    const char *given = line->subject_key;
    uint8_t digest[HASH_SHA256_SIZE];
    struct err_info no_hash = {0};
    struct span octets;
    struct span text;
    struct span spki;

    if (given == NULL)
        return ERR_OK;
    if (strncmp(given, "sha256:", 7) == 0)
        given += 7;
    if (admin_criteria_hex(line->arena, "--key", given, HASH_SHA256_SIZE, &octets,
                           &no_hash) == ERR_OK &&
        octets.len == HASH_SHA256_SIZE) {
        wish->key_hash = as_hex(line->arena, octets);
        return ERR_OK;
    }
    enum err result = file_read(line->arena, given, CERTIFICATE_MAX * 10, &text, why);
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_USAGE,
                       "--key: \"%.100s\" is neither a SHA-256 nor a file", given);
    TRY(result);
    if (read_spki(line->arena, text, &spki, why) != ERR_OK) {
        why->code = ERR_USAGE;
        return err_prefix(why, "--key: %s", given);
    }
    hash_sha256(spki, digest);
    wish->key_hash = as_hex(line->arena, span_make(digest, sizeof digest));
    return ERR_OK;
}

/* ---- numbers and times ---- */

static enum err read_number(const char *what, const char *text, int64_t *number,
                            struct err_info *why)
{
    uint64_t value = 0;

    if (text == NULL)
        return ERR_OK;
    if (!text_number(span_of(text), INT64_MAX, &value) || value == 0)
        return err_set(why, ERR_USAGE, "%s: \"%.50s\" is no number above 0", what, text);
    *number = (int64_t)value;
    return ERR_OK;
}

static enum err read_time(struct arena *a, const char *what, const char *text,
                          int64_t now, const char **time, struct err_info *why)
{
    int64_t seconds = 0;
    char *made = arena_get(a, CLOCK_TEXT_SIZE);

    if (text == NULL)
        return ERR_OK;
    if (!admin_request_past(text, now, &seconds) || seconds > now)
        return err_set(why, ERR_USAGE,
                       "%s: \"%.50s\" is no time that is over, such as "
                       "2026-01-31T00:00:00Z, or 36h before now",
                       what, text);
    clock_text(made, seconds);
    *time = made;
    return ERR_OK;
}

enum err command_revoke_wish_read(const struct command_line *line,
                                  struct command_revoke_wish *wish, struct err_info *why)
{
    struct arena *a = line->arena;
    int64_t now = clock_now();

    *wish = (struct command_revoke_wish){.started = now};
    if (line->yes && line->only_show)
        return err_set(why, ERR_USAGE, "either --dry-run or --yes");
    TRY(read_number("--account", line->account, &wish->account, why));
    TRY(read_number("--incident", line->incident, &wish->incident, why));
    TRY(read_number("--up-to", line->up_to, &wish->up_to, why));
    TRY(read_time(a, "--issued-from", line->issued_from, now, &wish->issued_from, why));
    TRY(read_time(a, "--issued-before", line->issued_before, now, &wish->issued_before,
                  why));
    TRY(read_time(a, "--at", line->compromised, now, &wish->at, why));
    TRY(read_key(line, wish, why));
    TRY(read_certificate(line, wish, why));
    return read_serials(line, wish, why);
}

/* ---- the words again ---- */

/* So that a shell takes it as one word. */
static void add_word(struct buf *b, const char *option, const char *value)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%+,-./:=@_";

    if (value == NULL)
        return;
    buf_printf(b, " %s ", option);
    if (value[0] != '\0' && strspn(value, plain) == strlen(value)) {
        buf_add_text(b, value);
        return;
    }
    buf_add_octet(b, '\'');
    for (const char *p = value; *p != '\0'; p++) {
        if (*p == '\'')
            buf_add_text(b, "'\\'");
        buf_add_octet(b, (uint8_t)*p);
    }
    buf_add_octet(b, '\'');
}

const char *command_revoke_wish_words(const struct command_line *line,
                                      const struct command_revoke_wish *wish,
                                      int64_t up_to)
{
    AUTO(buf) struct buf b = buf_make(WORDS_MAX);

    buf_add_text(&b, "cairn-ca revoke");
    add_word(&b, "--dir", line->directory);
    for (size_t i = 0; i < line->serials.count; i++)
        add_word(&b, "--serial", line->serials.items[i]);
    add_word(&b, "--file", line->serial_file);
    add_word(&b, "--certificate", line->certified);
    add_word(&b, "--name", line->subject);
    add_word(&b, "--key", wish->key_hash);
    add_word(&b, "--account", line->account);
    add_word(&b, "--incident", line->incident);
    add_word(&b, "--profile", line->profile);
    add_word(&b, "--issuer", line->issuer_key);
    add_word(&b, "--issued-from", wish->issued_from);
    add_word(&b, "--issued-before", wish->issued_before);
    add_word(&b, "--reason", line->reason);
    add_word(&b, "--at", wish->at);
    if (up_to != 0)
        add_word(&b, "--up-to", arena_printf(line->arena, "%lld", (long long)up_to));
    buf_add_text(&b, " --yes");
    return arena_string_of(line->arena, buf_span(&b));
}
