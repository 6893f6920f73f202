/* The file of a ceremony: read, and checked as far as that goes without doing it. */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/pkcs11/pkcs11_uri.h"
#include "server/command/ceremony.h"

static const struct config_option step_options[] = {
#define CEREMONY_OPTION(path, kind, member, fallback, least, most, takers, refers,       \
                        sentence)                                                        \
    {path, CONFIG_##kind, offsetof(struct ceremony_step, member), fallback, least,       \
     most, sentence},
#include "server/command/ceremony_options.def"
#undef CEREMONY_OPTION
};

static const struct {
    const char *takers; /* "*": all */
    enum ceremony_kind refers;
} more_of_options[] = {
#define CEREMONY_OPTION(path, kind, member, fallback, least, most, takers, refers,       \
                        sentence)                                                        \
    {takers, CEREMONY_##refers},
#include "server/command/ceremony_options.def"
#undef CEREMONY_OPTION
};

#define STEP_OPTIONS (sizeof step_options / sizeof step_options[0])

static const struct ceremony_row rows[] = {
#define CEREMONY_STEP(word, function, makes, needs, sentence)                            \
    {word, function, CEREMONY_##makes, needs},
#include "server/command/ceremony_steps.def"
#undef CEREMONY_STEP
};

static const char *const kind_words[] = {
    [CEREMONY_NOTHING] = "nothing",           [CEREMONY_KEY] = "a key",
    [CEREMONY_CERTIFICATE] = "a certificate", [CEREMONY_REQUEST] = "a request",
    [CEREMONY_LIST] = "a revocation list",
};

#define MEMBER(path, kind, member, fallback, sentence)                                   \
    {                                                                                    \
        path, CONFIG_##kind, offsetof(struct ceremony, member), fallback, 0, 0, sentence \
    }
static const struct config_option options[] = {
    MEMBER("name", TEXT, title, "", "What the ceremony is called."),
    MEMBER("operators", LIST, operators, "", "Who takes part."),
    MEMBER("now", TEXT, now_text, "", "Its time (RFC 3339); default: that of the clock."),
    MEMBER("module", TEXT, module, "", "Path of the PKCS #11 module of keys in tokens."),
    MEMBER("pin", TEXT, pin, "", "File with the PIN of tokens, or credential:NAME."),
    MEMBER("rules", TEXT, rules, "rfc5280", "What certificates must keep: rfc5280, br."),
};

static const struct config_family families[] = {
    {.section = "steps",
     .options = step_options,
     .option_count = STEP_OPTIONS,
     .size = sizeof(struct ceremony_step),
     .offset = offsetof(struct ceremony, steps),
     .sentence = "What is done, in this order."},
};

static const struct config_table table = {options, sizeof options / sizeof options[0],
                                          families, 1};

struct ceremony_step *ceremony_file_step(const struct ceremony *c, size_t index)
{
    return c->steps.members[index];
}

struct ceremony_step *ceremony_file_find(const struct ceremony *c, const char *name)
{
    for (size_t i = 0; i < c->steps.count; i++)
        if (strcmp(ceremony_file_step(c, i)->name, name) == 0)
            return ceremony_file_step(c, i);
    return NULL;
}

const char *ceremony_file_reference(const struct ceremony_step *step, size_t index)
{
    if (index == STEP_OPTIONS)
        return NULL;
    if (more_of_options[index].refers == CEREMONY_NOTHING)
        return "";
    return *(const char *const *)(const void *)((const char *)step +
                                                step_options[index].offset);
}

enum err ceremony_file_bad(const struct ceremony_step *step, const char *option,
                           const char *what, struct err_info *why)
{
    return err_set(why, ERR_CONFIG, "steps.%s.%s: %s", step->name, option, what);
}

enum err ceremony_file_time(const struct ceremony_step *step, const char *option,
                            const char *text, int64_t *seconds, struct err_info *why)
{
    if (!clock_read(span_of(text), seconds))
        return ceremony_file_bad(step, option,
                                 "it is no time such as 2026-11-29T12:00:00Z", why);
    return ERR_OK;
}

/* ---- what belongs to a step ---- */

/* Is it one of the words, which spaces separate? */
static bool has_word(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = words; *at != '\0'; at += strspn(at, " ")) {
        size_t next = strcspn(at, " ");
        if (next == len && strncmp(at, word, len) == 0)
            return true;
        at += next;
    }
    return false;
}

static bool is_given(const struct ceremony_step *step, const struct config_option *option)
{
    const void *at = (const char *)step + option->offset;

    switch (option->kind) {
    case CONFIG_TEXT:
        return (*(const char *const *)at)[0] != '\0';
    case CONFIG_LIST:
        return ((const struct config_list *)at)->count > 0;
    case CONFIG_NUMBER:
    case CONFIG_DURATION:
        return *(const int64_t *)at != 0;
    case CONFIG_BOOL:
        break;
    }
    return false;
}

static enum err find_row(struct ceremony_step *step, struct err_info *why)
{
    const char *nearest = rows[0].word;

    if (step->does[0] == '\0')
        return err_set(why, ERR_CONFIG, "steps.%s: it does not say what it does",
                       step->name);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].word, step->does) == 0) {
            step->row = &rows[i];
            return ERR_OK;
        }
        if (text_distance(step->does, rows[i].word) < text_distance(step->does, nearest))
            nearest = rows[i].word;
    }
    return err_set(why, ERR_CONFIG,
                   "steps.%s.does: no step does \"%.40s\"; did you mean \"%s\"?",
                   step->name, step->does, nearest);
}

/* A step that is named must stand before this one and make what is wanted. */
static enum err check_reference(const struct ceremony *c,
                                const struct ceremony_step *step, size_t option,
                                struct err_info *why)
{
    const char *path = step_options[option].path;
    const char *name = ceremony_file_reference(step, option);

    for (size_t i = 0; ceremony_file_step(c, i) != step; i++) {
        const struct ceremony_step *other = ceremony_file_step(c, i);
        if (strcmp(other->name, name) != 0)
            continue;
        if (other->row->makes != more_of_options[option].refers)
            return err_set(why, ERR_CONFIG,
                           "steps.%s.%s: the step \"%s\" makes %s, not %s", step->name,
                           path, name, kind_words[other->row->makes],
                           kind_words[more_of_options[option].refers]);
        return ERR_OK;
    }
    return err_set(why, ERR_CONFIG,
                   "steps.%s.%s: no step before this one is called \"%s\"", step->name,
                   path, name);
}

static enum err check_options(const struct ceremony *c, const struct ceremony_step *step,
                              struct err_info *why)
{
    for (size_t i = 0; i < STEP_OPTIONS; i++) {
        const char *path = step_options[i].path;
        const char *takers = more_of_options[i].takers;
        bool given = is_given(step, &step_options[i]);
        if (given && strcmp(takers, "*") != 0 && !has_word(takers, step->does))
            return err_set(why, ERR_CONFIG,
                           "steps.%s.%s: a step that does %s has no such option",
                           step->name, path, step->does);
        if (!given && has_word(step->row->needs, path))
            return err_set(why, ERR_CONFIG, "steps.%s: a step that does %s needs %s",
                           step->name, step->does, path);
        if (given && more_of_options[i].refers != CEREMONY_NOTHING)
            TRY(check_reference(c, step, i, why));
    }
    return ERR_OK;
}

/* One of two, and what goes with them. */
static enum err check_choices(const struct ceremony_step *step, struct err_info *why)
{
    bool makes_list = step->row->makes == CEREMONY_LIST && step->out[0] != '\0';
    bool subject = step->common_name[0] != '\0' || step->organization[0] != '\0' ||
                   step->country[0] != '\0';

    if (strcmp(step->does, "intermediate") == 0) {
        if ((step->key[0] != '\0') == (step->request[0] != '\0'))
            return err_set(why, ERR_CONFIG,
                           "steps.%s: it needs a key or a request, and not both",
                           step->name);
        if (step->key[0] != '\0' && step->common_name[0] == '\0')
            return err_set(why, ERR_CONFIG, "steps.%s: it needs a common_name",
                           step->name);
        if (step->request[0] != '\0' && subject)
            return ceremony_file_bad(step, "request", "it has the subject already", why);
    }
    if (strcmp(step->does, "verify") == 0 &&
        (step->certificate[0] != '\0') == (step->list[0] != '\0'))
        return err_set(why, ERR_CONFIG,
                       "steps.%s: it needs a certificate or a list, and not both",
                       step->name);
    if (step->lifetime != 0 && step->not_after_text[0] != '\0')
        return ceremony_file_bad(step, "not_after", "lifetime says that already", why);
    if (makes_list && (step->lifetime != 0) == (step->next_update_text[0] != '\0'))
        return err_set(why, ERR_CONFIG,
                       "steps.%s: it needs lifetime or next_update, and not both",
                       step->name);
    if (step->type[0] != '\0') {
        enum key_type kind;
        int bits;
        if (hierarchy_key_type(step->type, &kind, &bits, NULL) != ERR_OK)
            return ceremony_file_bad(
                step, "type",
                "there is no such type of key; there are " HIERARCHY_KEY_TYPES, why);
    }
    if (pkcs11_uri_is(step->file) && step->row->makes != CEREMONY_KEY)
        return ceremony_file_bad(step, "file", "only keys are in tokens", why);
    if (pkcs11_uri_is(step->file) && step->passphrase[0] != '\0')
        return ceremony_file_bad(step, "passphrase", "a key in a token has none", why);
    return ERR_OK;
}

static const char *output_of(const struct ceremony_step *step)
{
    return strcmp(step->does, "make-key") == 0 ? step->file : step->out;
}

static enum err check_values(const struct ceremony *c, const struct ceremony_step *step,
                             struct err_info *why)
{
    struct pkcs11_uri uri;
    int64_t time;
    uint64_t number;

    if (step->not_before_text[0] != '\0')
        TRY(ceremony_file_time(step, "not_before", step->not_before_text, &time, why));
    if (step->not_after_text[0] != '\0')
        TRY(ceremony_file_time(step, "not_after", step->not_after_text, &time, why));
    if (step->next_update_text[0] != '\0')
        TRY(ceremony_file_time(step, "next_update", step->next_update_text, &time, why));
    if (step->path_length_text[0] != '\0' && strcmp(step->path_length_text, "any") != 0 &&
        !text_number(span_of(step->path_length_text), 100, &number))
        return ceremony_file_bad(step, "path_length",
                                 "it is no number up to 100, nor any", why);
    if (pkcs11_uri_is(step->file)) {
        if (pkcs11_uri_read(c->arena, span_of(step->file), &uri, why) != ERR_OK)
            return err_prefix(why, "steps.%s.file", step->name);
        if (c->module[0] == '\0' && uri.module_path == NULL)
            return ceremony_file_bad(step, "file", "no module is given to reach it by",
                                     why);
    }
    for (size_t i = 0; ceremony_file_step(c, i) != step; i++) {
        const char *other = output_of(ceremony_file_step(c, i));
        if (other[0] != '\0' && strcmp(output_of(step), other) == 0)
            return ceremony_file_bad(step, step->out[0] != '\0' ? "out" : "file",
                                     "an earlier step makes that", why);
    }
    return ERR_OK;
}

/* ---- the whole ---- */

static enum err check(struct ceremony *c, struct err_info *why)
{
    if (strcmp(c->rules, "rfc5280") == 0)
        c->set = LINT_SET_RFC5280;
    else if (strcmp(c->rules, "br") == 0)
        c->set = LINT_SET_BR;
    else
        return err_set(why, ERR_CONFIG, "rules: it is neither rfc5280 nor br");
    c->now = clock_now();
    if (c->now_text[0] != '\0' && !clock_read(span_of(c->now_text), &c->now))
        return err_set(why, ERR_CONFIG,
                       "now: it is no time such as 2026-11-29T12:00:00Z");
    if (c->steps.count == 0)
        return err_set(why, ERR_CONFIG, "steps: there are none");
    for (size_t i = 0; i < c->steps.count; i++) {
        struct ceremony_step *step = ceremony_file_step(c, i);
        TRY(find_row(step, why));
        TRY(check_options(c, step, why));
        TRY(check_choices(step, why));
        TRY(check_values(c, step, why));
    }
    return ERR_OK;
}

static void drop(void *ceremony)
{
    struct ceremony *c = ceremony;

    buf_free(&c->transcript);
    buf_free(&c->inputs);
    buf_free(&c->outputs);
}

enum err ceremony_file_read(struct arena *a, const char *path, struct ceremony **ceremony,
                            struct err_info *why)
{
    struct ceremony *c = arena_get(a, sizeof *c);
    const char *slash = strrchr(path, '/');

    (void)arena_own(a, c, drop);
    c->arena = a;
    c->file = path;
    c->directory = ".";
    if (slash != NULL)
        c->directory = slash == path
                           ? "/"
                           : arena_string_of(a, span_make(path, (size_t)(slash - path)));
    if (file_read(a, path, CEREMONY_FILE_MAX, &c->text, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return ERR_CONFIG;
    }
    TRY(config_defaults(a, &table, c, why));
    TRY(config_read(a, &table, path, c->text, c, why));
    if (check(c, why) != ERR_OK)
        return config_place(a, path, c->text, why);
    *ceremony = c;
    return ERR_OK;
}
