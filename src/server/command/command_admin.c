/* Administration commands: from words to a request, from an answer to what is printed. */
#include "server/command/command_admin.h"

#include <stdio.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "server/admin/admin_client.h"
#include "server/admin/admin_request.h"
#include "server/command/fingerprint.h"

#define OUTPUT_MAX (4 * 1024 * 1024) /* octets: a table is wider than its JSON */
#define NOT_GIVEN  INT64_MIN

/* Room for one argument's value, whatever its kind. */
struct slot {
    const char *text;
    int64_t number;
    bool flag;
    struct cli_list list;
};

struct words {
    const char *directory;
    bool json;
    struct slot slots[ADMIN_ARGUMENTS_MAX]; /* as the command's arguments */
    struct cli_list positions;
};

/* ---- the command line ---- */

static enum cli_kind option_kind(enum admin_kind kind)
{
    switch (kind) {
    case ADMIN_FLAG:
        return CLI_FLAG;
    case ADMIN_NUMBER:
        return CLI_NUMBER;
    case ADMIN_LIST:
    case ADMIN_KEYS:
        return CLI_LIST;
    default:
        return CLI_TEXT; /* LINES, FILE: the file's name */
    }
}

static size_t option_offset(enum cli_kind kind, size_t slot)
{
    size_t at = offsetof(struct words, slots) + slot * sizeof(struct slot);

    switch (kind) {
    case CLI_FLAG:
        return at + offsetof(struct slot, flag);
    case CLI_NUMBER:
        return at + offsetof(struct slot, number);
    case CLI_LIST:
        return at + offsetof(struct slot, list);
    default:
        return at + offsetof(struct slot, text);
    }
}

/* A command of two words, as options name it: with "_" between. */
static const char *as_taker(struct arena *a, const char *name)
{
    char *taker = arena_string(a, name);

    for (char *p = taker; *p != '\0'; p++)
        if (*p == ' ')
            *p = '_';
    return taker;
}

const struct cli_table *
command_admin_options(struct arena *a, const struct admin_command *command, bool for_help)
{
    struct cli_option *options = arena_array(a, ADMIN_ARGUMENTS_MAX + 2, sizeof *options);
    struct cli_table *table = arena_get(a, sizeof *table);
    const char *taker = as_taker(a, command->name);
    size_t count = 0;

    for (size_t i = 0; for_help && command->arguments[i].name != NULL; i++)
        if (command->arguments[i].place == ADMIN_POSITION)
            options[count++] =
                (struct cli_option){.name = command->arguments[i].shown,
                                    .kind = CLI_TEXT,
                                    .argument = "",
                                    .commands = taker,
                                    .sentence = command->arguments[i].sentence};
    options[count++] = (struct cli_option){.name = "--dir",
                                           .kind = CLI_TEXT,
                                           .argument = "DIR",
                                           .offset = offsetof(struct words, directory),
                                           .commands = taker,
                                           .sentence = "the folder of the CA"};
    options[count++] = (struct cli_option){.name = "--json",
                                           .kind = CLI_FLAG,
                                           .argument = "",
                                           .offset = offsetof(struct words, json),
                                           .commands = taker,
                                           .sentence = "print JSON, for programs"};
    for (size_t i = 0; command->arguments[i].name != NULL; i++) {
        const struct admin_argument *g = &command->arguments[i];
        enum cli_kind kind = option_kind(g->kind);
        if (g->place == ADMIN_POSITION)
            continue;
        options[count++] = (struct cli_option){admin_argument_text(a, g),
                                               kind,
                                               g->shown,
                                               option_offset(kind, i),
                                               g->least,
                                               g->most,
                                               taker,
                                               g->sentence};
    }
    table->options = options;
    table->count = count;
    return table;
}

/* Positions become the values of their arguments, as if they had been options. */
static enum err take_positions(const struct admin_command *command, struct words *words,
                               struct err_info *why)
{
    size_t used = 0;

    for (size_t i = 0; command->arguments[i].name != NULL; i++) {
        const struct admin_argument *g = &command->arguments[i];
        if (g->place != ADMIN_POSITION)
            continue;
        if (used == words->positions.count)
            return err_set(why, ERR_USAGE, "%s is missing: %s", g->shown, g->sentence);
        const char *value = words->positions.items[used++];
        uint64_t number = 0;
        words->slots[i].text = value;
        if (g->kind != ADMIN_NUMBER)
            continue;
        if (!text_number(span_of(value), (uint64_t)g->most, &number))
            return err_set(why, ERR_USAGE, "%s: \"%.50s\" is no number", g->shown, value);
        words->slots[i].number = (int64_t)number;
    }
    if (used < words->positions.count)
        return err_set(why, ERR_USAGE, "%s does not take that; what is \"%.100s\"?",
                       command->name, words->positions.items[used]);
    return ERR_OK;
}

static enum err read_words(struct arena *a, const struct admin_command *command, int argc,
                           char *const *argv, struct words *words, struct err_info *why)
{
    for (size_t i = 0; i < ADMIN_ARGUMENTS_MAX; i++)
        words->slots[i].number = NOT_GIVEN;
    TRY(cli_read(command_admin_options(a, command, false), command->name, argc, argv,
                 words, &words->positions, why));
    if (words->directory == NULL)
        return err_set(why, ERR_USAGE, "--dir is missing: the folder of the CA");
    return take_positions(command, words, why);
}

/* ---- the request ---- */

/* A file of lines; those that are empty or begin with # are passed over. "-" is standard
 * input. */
static enum err write_lines(struct arena *a, struct json_writer *w, const char *name,
                            const char *path, struct err_info *why)
{
    struct span rest;

    if (strcmp(path, "-") == 0)
        path = "/dev/stdin";
    TRY(file_read(a, path, ADMIN_REQUEST_MAX, &rest, why));
    json_write_begin_array(w, name);
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.data) : rest.len;
        struct span line = text_trim(span_slice(rest, 0, len));
        if (line.len > 0 && line.data[0] != '#')
            json_write_span(w, NULL, line);
        rest = span_slice(rest, end != NULL ? len + 1 : len, rest.len);
    }
    json_write_end_array(w);
    return ERR_OK;
}

/* A text file, as it is: what is no text would be another one on the other side. */
static enum err write_file(struct arena *a, struct json_writer *w, const char *name,
                           const char *path, struct err_info *why)
{
    struct span text;
    struct span line;
    size_t number = 1;

    if (strcmp(path, "-") == 0)
        path = "/dev/stdin";
    TRY(file_read(a, path, ADMIN_FILE_MAX, &text, why));
    for (struct span rest = text; rest.len > 0;
         rest = span_slice(rest, line.len + 1, rest.len), number++) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        line = span_slice(rest, 0, end != NULL ? (size_t)(end - rest.data) : rest.len);
        if (!text_is_utf8(line) || memchr(line.data, 0, line.len) != NULL)
            return err_set(why, ERR_USAGE, "%s, line %zu: not UTF-8", path, number);
    }
    json_write_span(w, name, text);
    return ERR_OK;
}

static enum err write_keys(struct arena *a, struct json_writer *w, const char *name,
                           const struct cli_list *list, struct err_info *why)
{
    json_write_begin_array(w, name);
    for (size_t i = 0; i < list->count; i++) {
        uint8_t hash[HASH_SHA256_SIZE];
        char text[2 * sizeof hash + 1];
        TRY(fingerprint_find(a, list->items[i], hash, why));
        text_hex(text, hash, sizeof hash);
        json_write_text(w, NULL, text);
    }
    json_write_end_array(w);
    return ERR_OK;
}

static enum err write_argument(struct arena *a, struct json_writer *w,
                               const struct admin_argument *g, const struct slot *slot,
                               struct err_info *why)
{
    switch (g->kind) {
    case ADMIN_FLAG:
        if (slot->flag)
            json_write_bool(w, g->name, true);
        return ERR_OK;
    case ADMIN_NUMBER:
        if (slot->number != NOT_GIVEN)
            json_write_number(w, g->name, slot->number);
        return ERR_OK;
    case ADMIN_LIST:
        if (slot->list.count == 0)
            return ERR_OK;
        json_write_begin_array(w, g->name);
        for (size_t i = 0; i < slot->list.count; i++)
            json_write_text(w, NULL, slot->list.items[i]);
        json_write_end_array(w);
        return ERR_OK;
    case ADMIN_KEYS:
        return slot->list.count > 0 ? write_keys(a, w, g->name, &slot->list, why)
                                    : ERR_OK;
    case ADMIN_FILE:
        return slot->text != NULL ? write_file(a, w, g->name, slot->text, why) : ERR_OK;
    case ADMIN_LINES:
        return slot->text != NULL ? write_lines(a, w, g->name, slot->text, why) : ERR_OK;
    default:
        if (slot->text != NULL)
            json_write_text(w, g->name, slot->text);
        return ERR_OK;
    }
}

static enum err write_request(struct arena *a, const struct admin_command *command,
                              const struct words *words, struct buf *b,
                              struct err_info *why)
{
    struct json_writer w = json_writer_make(b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "command", command->name);
    json_write_begin_object(&w, "arguments");
    for (size_t i = 0; command->arguments[i].name != NULL; i++)
        TRY(write_argument(a, &w, &command->arguments[i], &words->slots[i], why));
    json_write_end_object(&w);
    json_write_end_object(&w);
    if (b->failed)
        return err_set(why, ERR_USAGE, "that is too much for one command");
    return ERR_OK;
}

/* What was refused at length is printed all the same, and needs no other words. */
static enum err outcome(const struct json *result, struct err_info *why)
{
    const char *refused = json_text(json_member(result, "refused"));

    return refused != NULL ? err_set(why, ERR_FOUND, "%s", refused) : ERR_OK;
}

enum err command_admin_run(struct arena *a, const struct admin_command *command, int argc,
                           char *const *argv, struct err_info *why)
{
    struct words *words = arena_get(a, sizeof *words);
    AUTO(buf) struct buf request = buf_make(ADMIN_REQUEST_MAX);
    AUTO(buf) struct buf answer = buf_make(ADMIN_ANSWER_MAX + 1);
    struct admin_call call = {.arena = a};
    const struct json *result = NULL;
    struct span text;

    TRY(read_words(a, command, argc, argv, words, why));
    TRY(write_request(a, command, words, &request, why));
    TRY(admin_request_read(&call, buf_span(&request), why)); /* before anybody is asked */
    TRY(admin_client_ask(a, words->directory, buf_span(&request), &answer, why));
    TRY(admin_request_answer(a, buf_span(&answer), &result, &text, why));
    if (words->json) {
        printf("%.*s\n", (int)text.len, (const char *)text.data);
        return outcome(result, why);
    }
    AUTO(buf) struct buf readable = buf_make(OUTPUT_MAX);
    command_admin_print(a, &readable, result);
    printf("%.*s", (int)readable.len, (const char *)readable.data);
    return outcome(result, why);
}
