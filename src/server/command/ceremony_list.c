/* The step of a ceremony that makes a root's revocation list (RFC 5280 5). */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/crypto/der_read.h"
#include "core/x509/crl.h"
#include "core/x509/pem.h"
#include "server/command/ceremony.h"
#include "server/command/command_hierarchy.h"
#include "server/lint/lint_crl.h"

#define LIST_MAX     (512 * 1024) /* octets of a list */
#define ENTRIES_MAX  1000
#define SERIAL_MAX   20 /* octets */
#define MILLISECONDS 1000
#define WORDS_MAX    3

/* Reasons of CAs by their names (RFC 5280 5.3.1). */
static const struct {
    const char *word;
    int code;
} reasons[] = {
    {"keyCompromise", 1}, {"cACompromise", 2},         {"affiliationChanged", 3},
    {"superseded", 4},    {"cessationOfOperation", 5}, {"privilegeWithdrawn", 9},
};

/* A list in the making. */
struct making {
    const struct ceremony_step *step;
    struct buf entries;
    struct span serials[ENTRIES_MAX];
    size_t count;
};

static enum err add(struct making *m, struct span serial, int64_t since, int reason,
                    struct err_info *why)
{
    char hex[2 * SERIAL_MAX + 1];

    if (m->count == ENTRIES_MAX || serial.len == 0 || serial.len > SERIAL_MAX)
        return ceremony_file_bad(m->step, "revoke",
                                 "there are too many entries, or a serial is too long",
                                 why);
    text_hex(hex, serial.data, serial.len);
    for (size_t i = 0; i < m->count; i++)
        if (span_equal(m->serials[i], serial))
            return err_set(why, ERR_CONFIG, "steps.%s.revoke: %s is there twice",
                           m->step->name, hex);
    m->serials[m->count++] = serial;
    crl_entry_add(&m->entries, serial, since, reason);
    return ERR_OK;
}

/* What the last list has stays: a root's list has all that it ever revoked and that has
 * not expired, and nobody here knows what has. */
static enum err carry_over(struct ceremony *c, struct making *m,
                           const struct certificate *issuer, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    struct crl_entry entry = {0};
    struct crl last;
    uint64_t number = 0;

    if (m->step->previous[0] == '\0')
        return ERR_OK;
    const struct ceremony_step *previous = ceremony_file_find(c, m->step->previous);
    if (previous->is_unsigned)
        return ERR_OK; /* of a dry run */
    TRY(crl_read(previous->der, &last, why));
    TRY(key_from_spki(issuer->spki, &key, why));
    if (!span_equal(last.issuer, issuer->subject) ||
        key_verify(key, last.signature_kind, last.tbs, last.signature, NULL) != ERR_OK)
        return ceremony_file_bad(m->step, "previous", "it is another issuer's list", why);
    for (size_t i = 0; i < last.number.len && i < sizeof number; i++)
        number = number << 8 | last.number.data[i];
    if (last.number.len > sizeof number || number >= (uint64_t)m->step->number)
        return ceremony_file_bad(m->step, "number",
                                 "it is not greater than that of the previous list", why);
    struct der_reader r = crl_entries(&last);
    while (crl_entry_next(&r, &entry)) {
        while (entry.serial.len > 1 && entry.serial.data[0] == 0)
            entry.serial = span_slice(entry.serial, 1, entry.serial.len);
        TRY(add(m, entry.serial, entry.revoked_at, entry.reason, why));
    }
    return der_read_finish(&r, ERR_CONFIG, "the previous list", why);
}

static enum err find_serial(struct ceremony *c, const struct ceremony_step *step,
                            const char *word, struct span *serial, struct err_info *why)
{
    static const char prefix[] = "serial:";
    const struct ceremony_step *other = ceremony_file_find(c, word);
    struct certificate *certificate = NULL;
    uint8_t *octets = arena_get(c->arena, SERIAL_MAX);
    size_t len = 0;

    if (strncmp(word, prefix, strlen(prefix)) == 0 &&
        text_unhex(span_of(word + strlen(prefix)), octets, SERIAL_MAX, &len) && len > 0) {
        for (; len > 1 && octets[0] == 0; len--)
            octets++;
        *serial = span_make(octets, len);
        return ERR_OK;
    }
    if (other == NULL || other->der.len == 0 || other->row->makes != CEREMONY_CERTIFICATE)
        return ceremony_file_bad(
            step, "revoke",
            "an element begins with neither an earlier step with a certificate nor "
            "serial:HEX",
            why);
    TRY(certificate_read(c->arena, other->der, &certificate, why));
    *serial = certificate->serial;
    return ERR_OK;
}

/* "NAME REASON [TIME]" */
static enum err revoke(struct ceremony *c, struct making *m, const char *element,
                       struct err_info *why)
{
    const char *words[WORDS_MAX] = {"", "", ""};
    char *rest = NULL;
    size_t count = 0;
    struct span serial = {0};
    int64_t since = c->now;
    int reason = CRL_NO_REASON;

    for (char *word = strtok_r(arena_string(c->arena, element), " ", &rest);
         word != NULL && count <= WORDS_MAX; word = strtok_r(NULL, " ", &rest), count++)
        if (count < WORDS_MAX)
            words[count] = word;
    if (count < 2 || count > WORDS_MAX)
        return ceremony_file_bad(m->step, "revoke",
                                 "an element is not \"STEP REASON [TIME]\"", why);
    TRY(find_serial(c, m->step, words[0], &serial, why));
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (strcmp(reasons[i].word, words[1]) == 0)
            reason = reasons[i].code;
    if (reason == CRL_NO_REASON)
        return ceremony_file_bad(
            m->step, "revoke",
            "a reason is keyCompromise, cACompromise, affiliationChanged, superseded, "
            "cessationOfOperation or privilegeWithdrawn",
            why);
    if (words[2][0] != '\0')
        TRY(ceremony_file_time(m->step, "revoke", words[2], &since, why));
    printf("  %-12s %s\n", "revokes", element);
    return add(m, serial, since, reason, why);
}

static enum err write_tbs(struct ceremony *c, struct making *m,
                          const struct crl_head *head, struct span *tbs,
                          struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(LIST_MAX);
    struct span tail = {0};
    struct span front = {0};

    TRY(crl_tail_write(c->arena, head, &tail, why));
    TRY(crl_head_write(c->arena, head, m->entries.len, tail.len, &front, why));
    buf_add_span(&b, front);
    buf_add_span(&b, buf_span(&m->entries));
    buf_add_span(&b, tail);
    if (b.failed || m->entries.failed)
        return err_set(why, ERR_TOO_LARGE, "the revocation list would be too large");
    *tbs = arena_span(c->arena, buf_span(&b));
    return ERR_OK;
}

static enum err sign(struct ceremony *c, const struct key *key, enum key_signature kind,
                     struct span tbs, struct span *der, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(LIST_MAX);
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;
    struct span before = {0};
    struct span behind = {0};

    TRY(key_sign(key, kind, tbs, signature, &len, why));
    TRY(key_verify(key, kind, tbs, span_make(signature, len), why));
    TRY(crl_frame_write(c->arena, tbs.len, kind, span_make(signature, len), &before,
                        &behind, why));
    buf_add_span(&b, before);
    buf_add_span(&b, tbs);
    buf_add_span(&b, behind);
    *der = arena_span(c->arena, buf_span(&b));
    return b.failed ? err_set(why, ERR_TOO_LARGE, "the list is too large") : ERR_OK;
}

static void show(const struct ceremony *c, const struct crl_head *head,
                 const struct making *m)
{
    char from[CLOCK_TEXT_SIZE];
    char until[CLOCK_TEXT_SIZE];

    clock_text(from, head->this_update);
    clock_text(until, head->next_update);
    printf("  %-12s %s\n", "issuer", command_hierarchy_name(c->arena, head->issuer));
    printf("  %-12s %s to %s\n  %-12s %lld\n  %-12s %zu\n", "counts", from, until,
           "number", (long long)m->step->number, "entries", m->count);
}

static enum err finish(struct ceremony *c, struct ceremony_step *step, struct span tbs,
                       enum key_signature kind, struct err_info *why)
{
    AUTO(buf) struct buf pem = buf_make(2 * LIST_MAX);
    const struct key *key = NULL;
    size_t len = strlen(step->out);

    TRY(ceremony_key_of(c, step, &key, why));
    step->is_unsigned = !key_is_private(key);
    if (step->is_unsigned) {
        printf("  %-12s not in a dry run: the issuer's key exists\n", "signed");
        return ERR_OK;
    }
    TRY(sign(c, key, kind, tbs, &step->der, why));
    if (len < 4 || strcmp(step->out + len - 4, ".pem") != 0)
        return ceremony_output(c, step->out, step->der, why);
    pem_add(&pem, ceremony_list_pem.label, step->der);
    return ceremony_output(c, step->out, arena_span(c->arena, buf_span(&pem)), why);
}

enum err ceremony_list_make(struct ceremony *c, struct ceremony_step *step,
                            struct err_info *why)
{
    struct making *m = arena_get(c->arena, sizeof *m);
    struct span issuer_der = ceremony_file_find(c, step->issuer)->der;
    struct template_issuer by = {0};
    struct lint_issuer bounds = {0};
    struct lint_crl_pass pass = {0};
    struct certificate *issuer = NULL;
    struct span tbs = {0};

    TRY(certificate_read(c->arena, issuer_der, &issuer, why));
    TRY(template_issuer_read(c->arena, issuer_der, &by, why));
    TRY(lint_issuer_read(c->arena, issuer_der, &bounds, why));
    struct crl_head head = {.issuer = by.name,
                            .key_id = by.key_id,
                            .signature_kind = by.signature_kind,
                            .this_update = c->now,
                            .next_update = c->now + step->lifetime / MILLISECONDS,
                            .number = (uint64_t)step->number};
    if (step->next_update_text[0] != '\0')
        TRY(ceremony_file_time(step, "next_update", step->next_update_text,
                               &head.next_update, why));
    m->step = step;
    m->entries = buf_make(LIST_MAX);
    enum err result = carry_over(c, m, issuer, why);
    for (size_t i = 0; i < step->revoke.count && result == ERR_OK; i++)
        result = revoke(c, m, step->revoke.items[i], why);
    if (result == ERR_OK)
        result = write_tbs(c, m, &head, &tbs, why);
    buf_free(&m->entries);
    TRY(result);
    show(c, &head, m);
    TRY(lint_crl_of_authorities(&bounds, tbs, c->now, &pass, why));
    printf("  %-12s good\n", "lint");
    return finish(c, step, tbs, by.signature_kind, why);
}
