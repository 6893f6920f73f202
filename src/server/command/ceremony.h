/* A key ceremony: a file that says what is to be made, step by step, done once in memory
 * for those who watch, then for good. Layers: file (reading and checking it), steps,
 * transcript. All of it lives in the arena of the command. */
#pragma once

#include "core/base/buf.h"
#include "core/config/config.h"
#include "core/x509/pem.h"
#include "server/command/command.h"
#include "server/command/command_token.h"
#include "server/issue/hierarchy.h"
#include "server/lint/lint.h"

/* A revocation list as PEM. */
static const struct pem_kind ceremony_list_pem = {"X509 CRL", "a revocation list"};

#define CEREMONY_FILE_MAX (1024 * 1024) /* octets of any file but the program */

/* What a step makes. */
enum ceremony_kind {
    CEREMONY_NOTHING,
    CEREMONY_KEY,
    CEREMONY_CERTIFICATE,
    CEREMONY_REQUEST,
    CEREMONY_LIST,
};

struct ceremony;
struct ceremony_step;

/* A row of ceremony_steps.def. */
struct ceremony_row {
    const char *word;
    enum err (*run)(struct ceremony *c, struct ceremony_step *step, struct err_info *why);
    enum ceremony_kind makes;
    const char *needs;
};

struct ceremony_step {
    const char *name;
#define TEXT     const char *
#define LIST     struct config_list
#define NUMBER   int64_t
#define DURATION int64_t
#define CEREMONY_OPTION(path, kind, member, fallback, least, most, takers, refers,       \
                        sentence)                                                        \
    kind member;
#include "server/command/ceremony_options.def"
#undef CEREMONY_OPTION
#undef TEXT
#undef LIST
#undef NUMBER
#undef DURATION
    const struct ceremony_row *row;
    /* what it made */
    struct key *made_key;       /* in a dry run: public, or made to be thrown away */
    struct span der;            /* certificate, request or list */
    struct span subject;        /* of a request */
    struct ceremony_step *keep; /* of a certificate: the step with its key, or NULL */
    bool is_unsigned;           /* in a dry run: nobody has signed it */
};

struct ceremony {
    const char *title;
    struct config_list operators;
    const char *now_text;
    const char *module;
    const char *pin;
    const char *rules;
    struct config_group steps;
    struct arena *arena;
    const char *file;      /* path of the file */
    const char *directory; /* where it is; names of files are relative to that */
    struct span text;
    int64_t now;
    enum lint_set set;
    bool dry;
    struct buf transcript; /* the lines so far */
    struct buf inputs;     /* JSON of the step that runs: elements of two arrays */
    struct buf outputs;
    const char *signed_by; /* the same: SHA-256 of the key that signs; NULL: none */
    const struct key *key; /* the same: the key that it is about */
};

/* ---- the file ---- */

/* Read and check it, without doing anything. ERR_CONFIG with line and column. */
MUST_CHECK enum err ceremony_file_read(struct arena *a, const char *path,
                                       struct ceremony **ceremony, struct err_info *why);

/* The i-th step. */
struct ceremony_step *ceremony_file_step(const struct ceremony *c, size_t index);

/* The step that the i-th option names, "" if it names none; NULL when there are no more
 * options. */
const char *ceremony_file_reference(const struct ceremony_step *step, size_t index);

/* The step of that name among all; NULL if there is none. */
struct ceremony_step *ceremony_file_find(const struct ceremony *c, const char *name);

/* A time of an option; ERR_CONFIG. */
MUST_CHECK enum err ceremony_file_time(const struct ceremony_step *step,
                                       const char *option, const char *text,
                                       int64_t *seconds, struct err_info *why);

/* What is wrong with an option of a step; returns ERR_CONFIG. */
enum err ceremony_file_bad(const struct ceremony_step *step, const char *option,
                           const char *what, struct err_info *why);

/* ---- steps; each says what it does on standard output ---- */

#define CEREMONY_STEP(word, function, makes, needs, sentence)                            \
    MUST_CHECK enum err function(struct ceremony *c, struct ceremony_step *step,         \
                                 struct err_info *why);
#include "server/command/ceremony_steps.def"
#undef CEREMONY_STEP

/* How the ceremony comes to tokens. */
struct command_token ceremony_token(const struct ceremony *c);

/* The key that signs for the certificate `issuer`, of the step that is given or the one
 * the ceremony certified; it must belong to the certificate. ERR_CONFIG. */
MUST_CHECK enum err ceremony_key_of(struct ceremony *c, const struct ceremony_step *step,
                                    const struct key **key, struct err_info *why);

/* ---- what goes in and out of a step ---- */

/* Path of a file of the ceremony. */
char *ceremony_path(const struct ceremony *c, const char *name);

/* Read a file, and say in the transcript which. ERR_CONFIG. */
MUST_CHECK enum err ceremony_input(struct ceremony *c, const struct ceremony_step *step,
                                   size_t max, struct span *content,
                                   struct err_info *why);

/* Write what the step made as a new file, unless this is a dry run. ERR_EXISTS, ERR_IO.
 */
MUST_CHECK enum err ceremony_output(struct ceremony *c, const char *file,
                                    struct span content, struct err_info *why);

/* The same of a private key; there is no digest of it anywhere. */
MUST_CHECK enum err ceremony_output_key(struct ceremony *c, const char *file,
                                        const struct secret *pem, struct err_info *why);

/* ---- the transcript ---- */

/* Its first line: who, when, with which program, of which file. ERR_IO. */
MUST_CHECK enum err ceremony_transcript_begin(struct ceremony *c, struct err_info *why);

/* The line of a step that is done. ERR_TOO_LARGE. */
MUST_CHECK enum err ceremony_transcript_step(struct ceremony *c,
                                             const struct ceremony_step *step,
                                             struct err_info *why);

/* The last line (`trouble` NULL: all steps are done), signed by every key there is. */
MUST_CHECK enum err ceremony_transcript_end(struct ceremony *c,
                                            const struct ceremony_step *failed,
                                            const char *trouble, struct err_info *why);

/* What is found in a transcript. */
struct ceremony_report {
    const char *title;
    const char *when;
    size_t steps;
    size_t signatures;
    const char *failed;       /* what ended the ceremony; NULL: nothing did */
    struct config_list files; /* name and SHA-256, in turn */
    struct config_list roots; /* the same of certificates that signed themselves */
};

/* Are these the words that were signed by every key they speak of? With `directory`, are
 * the files in there those they speak of? ERR_MALFORMED, ERR_UNAUTHORIZED, ERR_NOT_FOUND.
 */
MUST_CHECK enum err ceremony_transcript_verify(struct arena *a, struct span text,
                                               const char *directory,
                                               struct ceremony_report *report,
                                               struct err_info *why);

/* SHA-256 in hexadecimal, in the arena. */
const char *ceremony_transcript_digest(struct arena *a, struct span octets);
