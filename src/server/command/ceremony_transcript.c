/* The transcript of a ceremony: lines of JSON, signed by every private key it was held
 * with.
 *
 *     {"transcript":1,"name":...}       who, when, with which program, of which file
 *     {"step":"root","does":"root",...} each step that was done
 *     {"end":"complete"}                or "failed", and why
 *     {"signature_of":"root-key",...}   over all octets before the first such line */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/json/json_write.h"
#include "server/command/ceremony.h"

#define TRANSCRIPT_MAX (4 * 1024 * 1024)
#define LINE_MAX_SIZE  (256 * 1024)
#define PROGRAM_MAX    (512 * 1024 * 1024)
#define SERIAL_SHOWN   21 /* octets */

const char *ceremony_transcript_digest(struct arena *a, struct span octets)
{
    uint8_t digest[HASH_SHA256_SIZE];
    char *text = arena_get(a, 2 * sizeof digest + 1);

    hash_sha256(octets, digest);
    text_hex(text, digest, sizeof digest);
    return text;
}

/* ---- files ---- */

char *ceremony_path(const struct ceremony *c, const char *name)
{
    return file_path(c->arena, c->directory, name);
}

/* Append an element {"file": NAME, "sha256": ...} to the elements of an array. */
static void add_file(struct ceremony *c, struct buf *to, const char *file,
                     const char *digest)
{
    if (to->len > 0)
        buf_add_octet(to, ',');
    struct json_writer w = json_writer_make(to);
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "file", file);
    if (digest != NULL)
        json_write_text(&w, "sha256", digest);
    else
        json_write_bool(&w, "private", true);
    json_write_end_object(&w);
    if (digest != NULL)
        printf("  %-12s %s\n  %-12s %s\n", to == &c->outputs ? "writes" : "reads", file,
               "SHA-256", digest);
}

enum err ceremony_input(struct ceremony *c, const struct ceremony_step *step, size_t max,
                        struct span *content, struct err_info *why)
{
    const char *path = ceremony_path(c, step->file);

    if (file_read(c->arena, path, max, content, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return ERR_CONFIG;
    }
    const char *digest = ceremony_transcript_digest(c->arena, *content);
    if (step->sha256[0] != '\0' &&
        !text_equal_ignoring_case(span_of(step->sha256), span_of(digest)))
        return err_set(why, ERR_CONFIG, "steps.%s.sha256: that of %s is %s", step->name,
                       path, digest);
    add_file(c, &c->inputs, step->file, digest);
    return ERR_OK;
}

enum err ceremony_output(struct ceremony *c, const char *file, struct span content,
                         struct err_info *why)
{
    if (c->dry)
        return ERR_OK;
    TRY(file_create(ceremony_path(c, file), content, 0644, why));
    add_file(c, &c->outputs, file, ceremony_transcript_digest(c->arena, content));
    return ERR_OK;
}

enum err ceremony_output_key(struct ceremony *c, const char *file,
                             const struct secret *pem, struct err_info *why)
{
    if (c->dry)
        return ERR_OK;
    if (pem != NULL)
        TRY(file_create(ceremony_path(c, file), span_make(pem->data, pem->len), 0600,
                        why));
    add_file(c, &c->outputs, file, NULL);
    return ERR_OK;
}

/* ---- lines ---- */

/* End a line that was written to `line`. */
static enum err add_line(struct ceremony *c, const struct buf *line, struct err_info *why)
{
    if (!line->failed) {
        buf_add_span(&c->transcript, buf_span(line));
        buf_add_octet(&c->transcript, '\n');
    }
    if (line->failed || c->transcript.failed)
        return err_set(why, ERR_TOO_LARGE, "the transcript would be too large");
    return ERR_OK;
}

/* The program that runs. It is large, so it does not stay in memory. */
static enum err digest_program(struct arena *keep, const char **digest,
                               struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span program = {0};

    TRY(file_read(a, "/proc/self/exe", PROGRAM_MAX, &program, why));
    *digest = ceremony_transcript_digest(keep, program);
    return ERR_OK;
}

enum err ceremony_transcript_begin(struct ceremony *c, struct err_info *why)
{
    AUTO(buf) struct buf line = buf_make(LINE_MAX_SIZE);
    struct json_writer w = json_writer_make(&line);
    const char *slash = strrchr(c->file, '/');
    const char *program = NULL;

    c->transcript = buf_make(TRANSCRIPT_MAX);
    c->inputs = buf_make(LINE_MAX_SIZE);
    c->outputs = buf_make(LINE_MAX_SIZE);
    TRY(digest_program(c->arena, &program, why));
    json_write_begin_object(&w, NULL);
    json_write_number(&w, "transcript", 1);
    json_write_text(&w, "name", c->title);
    json_write_time(&w, "time", clock_now());
    json_write_time(&w, "now", c->now);
    json_write_begin_array(&w, "operators");
    for (size_t i = 0; i < c->operators.count; i++)
        json_write_text(&w, NULL, c->operators.items[i]);
    json_write_end_array(&w);
    json_write_text(&w, "program", "cairn-ca " CAIRN_VERSION);
    json_write_text(&w, "program_sha256", program);
    json_write_text(&w, "file", slash != NULL ? slash + 1 : c->file);
    json_write_text(&w, "sha256", ceremony_transcript_digest(c->arena, c->text));
    json_write_end_object(&w);
    return add_line(c, &line, why);
}

static void write_array(struct json_writer *w, const char *name, struct arena *a,
                        struct buf *elements)
{
    char *text = arena_printf(a, "[%.*s]", (int)elements->len,
                              elements->len > 0 ? (const char *)elements->data : "");

    json_write_raw(w, name, span_of(text));
    buf_clear(elements);
}

/* What earlier steps made, by its digest. */
static void write_references(struct json_writer *w, struct ceremony *c,
                             const struct ceremony_step *step)
{
    json_write_begin_array(w, "of");
    for (size_t i = 0; ceremony_file_reference(step, i) != NULL; i++) {
        const char *name = ceremony_file_reference(step, i);
        const struct ceremony_step *other = ceremony_file_find(c, name);
        if (other == NULL)
            continue;
        json_write_begin_object(w, NULL);
        json_write_text(w, "step", name);
        json_write_text(w, "sha256",
                        ceremony_transcript_digest(
                            c->arena, other->made_key != NULL ? key_spki(other->made_key)
                                                              : other->der));
        json_write_end_object(w);
    }
    json_write_end_array(w);
}

static void write_certificate(struct json_writer *w, struct arena *a, struct span der)
{
    char hex[2 * SERIAL_SHOWN + 1];
    struct certificate *c = NULL;

    if (certificate_read(a, der, &c, NULL) != ERR_OK || c->serial.len > SERIAL_SHOWN)
        return;
    text_hex(hex, c->serial.data, c->serial.len);
    json_write_text(w, "fingerprint", hierarchy_fingerprint(a, der));
    json_write_text(w, "serial", hex);
    json_write_time(w, "not_before", c->not_before);
    json_write_time(w, "not_after", c->not_after);
}

enum err ceremony_transcript_step(struct ceremony *c, const struct ceremony_step *step,
                                  struct err_info *why)
{
    AUTO(buf) struct buf line = buf_make(LINE_MAX_SIZE);
    struct json_writer w = json_writer_make(&line);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "step", step->name);
    json_write_text(&w, "does", step->does);
    json_write_time(&w, "time", clock_now());
    write_references(&w, c, step);
    write_array(&w, "inputs", c->arena, &c->inputs);
    write_array(&w, "outputs", c->arena, &c->outputs);
    if (step->row->makes == CEREMONY_CERTIFICATE)
        write_certificate(&w, c->arena, step->der);
    if (c->key != NULL)
        json_write_text(&w, "key",
                        ceremony_transcript_digest(c->arena, key_spki(c->key)));
    if (c->signed_by != NULL)
        json_write_text(&w, "signed_by", c->signed_by);
    json_write_end_object(&w);
    c->signed_by = NULL;
    c->key = NULL;
    return add_line(c, &line, why);
}

/* ---- signatures ---- */

static enum err sign(struct ceremony *c, const struct ceremony_step *step,
                     struct span signed_text, struct err_info *why)
{
    AUTO(buf) struct buf line = buf_make(LINE_MAX_SIZE);
    struct json_writer w = json_writer_make(&line);
    const struct key *key = step->made_key;
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    TRY(key_sign(key, key_x509_signature(key), signed_text, signature, &len, why));
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "signature_of", step->name);
    json_write_base64url(&w, "spki", key_spki(key));
    json_write_base64url(&w, "signature", span_make(signature, len));
    json_write_end_object(&w);
    return add_line(c, &line, why);
}

enum err ceremony_transcript_end(struct ceremony *c, const struct ceremony_step *failed,
                                 const char *trouble, struct err_info *why)
{
    AUTO(buf) struct buf line = buf_make(LINE_MAX_SIZE);
    struct json_writer w = json_writer_make(&line);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "end", failed == NULL ? "complete" : "failed");
    json_write_time(&w, "time", clock_now());
    if (failed != NULL) {
        json_write_text(&w, "step", failed->name);
        json_write_text(&w, "why", trouble);
        /* what it wrote before it failed */
        write_array(&w, "outputs", c->arena, &c->outputs);
        if (c->signed_by != NULL)
            json_write_text(&w, "signed_by", c->signed_by);
    }
    json_write_end_object(&w);
    TRY(add_line(c, &line, why));
    struct span signed_text = arena_span(c->arena, buf_span(&c->transcript));
    for (size_t i = 0; i < c->steps.count; i++)
        if (ceremony_file_step(c, i)->made_key != NULL)
            TRY(sign(c, ceremony_file_step(c, i), signed_text, why));
    return ERR_OK;
}
