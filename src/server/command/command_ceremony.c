/* cairn-ca ceremony run, ceremony verify. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/pkcs11/pkcs11_uri.h"
#include "server/command/ceremony.h"

#define DAY            INT64_C(86400)
#define TRANSCRIPT_MAX (4 * 1024 * 1024) /* octets */

/* ---- run ---- */

static enum err take_file(const struct command_line *line, const char *noun,
                          struct err_info *why)
{
    if (line->arguments.count == 1)
        return ERR_OK;
    return err_set(why, ERR_USAGE, "name one file: %s", noun);
}

/* A file that a step makes, or NULL. */
static const char *output_of(const struct ceremony_step *step)
{
    bool key = strcmp(step->does, "make-key") == 0;
    const char *name = key ? step->file : step->out;

    return name[0] == '\0' || pkcs11_uri_is(name) ? NULL : name;
}

static enum err check_folder(struct ceremony *c, const char *path, struct err_info *why)
{
    const char *slash = strrchr(path, '/');
    const char *folder =
        slash == NULL ? "."
        : slash == path
            ? "/"
            : arena_string_of(c->arena, span_make(path, (size_t)(slash - path)));

    if (access(folder, W_OK | X_OK) != 0)
        return err_set(why, ERR_CONFIG, "%s: files cannot be made there", folder);
    return ERR_OK;
}

/* Nothing that is there is overwritten, and all that is there is named at once: an
 * earlier run that was ended has left it. */
static enum err refuse_existing(struct ceremony *c, const char *transcript,
                                struct err_info *why)
{
    AUTO(buf) struct buf names = buf_make(ERR_DETAIL_MAX);
    size_t count = 0;

    for (size_t i = 0; i <= c->steps.count; i++) {
        const char *name =
            i < c->steps.count ? output_of(ceremony_file_step(c, i)) : NULL;
        const char *path = name != NULL ? ceremony_path(c, name) : transcript;
        if (path == NULL || (name == NULL && i < c->steps.count))
            continue;
        if (file_exists(path)) {
            buf_printf(&names, "%s%s", count > 0 ? ", " : "", path);
            count++;
        }
        if (!c->dry)
            TRY(check_folder(c, path, why));
    }
    if (count == 0)
        return ERR_OK;
    return err_set(why, ERR_EXISTS,
                   "nothing was done: %zu of what this ceremony makes exists already: %s",
                   count, arena_string_of(c->arena, buf_span(&names)));
}

/* Nor is a key in a token, where that can be told. */
static enum err refuse_existing_keys(struct ceremony *c, struct err_info *why)
{
    for (size_t i = 0; i < c->steps.count && !c->dry; i++) {
        AUTO(key) struct key *key = NULL;
        const struct ceremony_step *step = ceremony_file_step(c, i);
        const struct command_token token = ceremony_token(c);
        if (strcmp(step->does, "make-key") != 0 || !pkcs11_uri_is(step->file))
            continue;
        if (command_token_open(c->arena, step->file, &token, &key, NULL) == ERR_OK) {
            (void)err_set(why, ERR_EXISTS,
                          "steps.%s.file: nothing was done: there is such a key already",
                          step->name);
            return config_place(c->arena, c->file, c->text, why);
        }
    }
    return ERR_OK;
}

/* Times in certificates are those of the ceremony. */
static enum err check_clock(const struct ceremony *c, struct err_info *why)
{
    int64_t away = c->now - clock_now();

    if (!c->dry && (away > DAY || away < -DAY))
        return err_set(why, ERR_CONFIG,
                       "now: it is more than a day from what this machine's clock says "
                       "(Baseline Requirements 7.1.2.1.1)");
    return ERR_OK;
}

static void print_head(const struct ceremony *c)
{
    char now[CLOCK_TEXT_SIZE];

    clock_text(now, c->now);
    printf("%s\"%s\" of %s (SHA-256 %s)\n", c->dry ? "DRY RUN, nothing is written: " : "",
           c->title, c->file, ceremony_transcript_digest(c->arena, c->text));
    printf("  %-12s %s\n", "at", now);
    for (size_t i = 0; i < c->operators.count; i++)
        printf("  %-12s %s\n", "operator", c->operators.items[i]);
}

static enum err run_step(struct ceremony *c, struct ceremony_step *step, size_t number,
                         struct err_info *why)
{
    printf("\n%zu. %s: %s\n", number, step->name, step->does);
    enum err result = step->row->run(c, step, why);
    if (result == ERR_OK)
        result = ceremony_transcript_step(c, step, why);
    (void)fflush(stdout);
    if (result == ERR_OK)
        return ERR_OK;
    if (why->code == ERR_USAGE) /* it is the file that asks for it */
        why->code = ERR_CONFIG;
    if (strncmp(why->detail, "steps.", 6) != 0)
        (void)err_prefix(why, "steps.%s", step->name);
    return why->code;
}

/* All steps, or until one fails: it is given back, or NULL. */
static const struct ceremony_step *run_steps(struct ceremony *c, size_t *done,
                                             struct err_info *trouble)
{
    for (size_t i = 0; i < c->steps.count; i++) {
        *done = i;
        if (run_step(c, ceremony_file_step(c, i), i + 1, trouble) != ERR_OK)
            return ceremony_file_step(c, i);
    }
    return NULL;
}

/* What was done before a step failed stays, and is said. */
static enum err hold(struct ceremony *c, const char *transcript, struct err_info *why)
{
    struct err_info trouble = {0};
    size_t done = 0;
    enum err ended = ERR_OK;
    const struct ceremony_step *failed = run_steps(c, &done, &trouble);

    if (!c->dry) {
        /* without the signature of a key that fails it still says what was done */
        ended = ceremony_transcript_end(c, failed, trouble.detail, why);
        TRY(file_create(transcript, buf_span(&c->transcript), 0644, why));
    }
    if (failed == NULL)
        return ended;
    enum err result = config_place(c->arena, c->file, c->text, &trouble);
    *why = trouble;
    if (!c->dry)
        (void)err_set(why, result,
                      "%s. Of %zu steps %zu were done before and stay done, see %s",
                      trouble.detail, c->steps.count, done, transcript);
    return result;
}

enum err command_ceremony_run(const struct command_line *line, struct err_info *why)
{
    struct ceremony *c = NULL;

    TRY(take_file(line, "what is to be done (YAML)", why));
    if (line->dry_run && line->transcript != NULL)
        return err_set(why, ERR_USAGE,
                       "--dry-run writes nothing, so there is no --transcript");
    const char *file = line->arguments.items[0];
    const char *transcript = line->transcript != NULL
                                 ? line->transcript
                                 : arena_printf(line->arena, "%s.transcript", file);
    TRY(ceremony_file_read(line->arena, file, &c, why));
    c->dry = line->dry_run;
    if (check_clock(c, why) != ERR_OK)
        return config_place(c->arena, c->file, c->text, why);
    TRY(refuse_existing(c, c->dry ? NULL : transcript, why));
    TRY(refuse_existing_keys(c, why));
    print_head(c);
    TRY(ceremony_transcript_begin(c, why));
    TRY(hold(c, transcript, why));
    if (c->dry)
        printf("\nall %zu steps would be done\n", c->steps.count);
    else
        printf("\nall %zu steps are done; the transcript is %s, its SHA-256\n%s\n",
               c->steps.count, transcript,
               ceremony_transcript_digest(c->arena, buf_span(&c->transcript)));
    return ERR_OK;
}

/* ---- verify ---- */

static void print_pairs(const char *what, const struct config_list *pairs)
{
    for (size_t i = 0; i + 1 < pairs->count; i += 2)
        printf("  %-12s %s  %s\n", what, pairs->items[i + 1], pairs->items[i]);
}

enum err command_ceremony_verify(const struct command_line *line, struct err_info *why)
{
    struct ceremony_report report = {0};
    struct span text = {0};

    TRY(take_file(line, "the transcript", why));
    const char *file = line->arguments.items[0];
    TRY(file_read(line->arena, file, TRANSCRIPT_MAX, &text, why));
    if (ceremony_transcript_verify(line->arena, text, line->files, &report, why) !=
        ERR_OK)
        return err_prefix(why, "%s", file);
    printf("\"%s\" of %s: %zu steps, %zu key%s signed the transcript\n", report.title,
           report.when, report.steps, report.signatures,
           report.signatures == 1 ? "" : "s");
    print_pairs("root", &report.roots);
    print_pairs(line->files != NULL ? "as it was" : "file", &report.files);
    if (report.failed != NULL)
        return err_set(why, ERR_REFUSED,
                       "%s: the transcript is genuine, but the ceremony was not "
                       "finished: %s",
                       file, report.failed);
    return ERR_OK;
}
