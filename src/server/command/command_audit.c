/* cairn-ca audit ...: the log's files read again, whether a CA runs or not. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"
#include "server/audit/audit.h"
#include "server/audit/audit_verify.h"
#include "server/command/command.h"

#define HEAD_FILE_MAX 4096         /* octets */
#define SHOWN_MAX     (256 * 1024) /* octets of a report */

static enum err read_key(const struct command_line *line, struct key **key,
                         struct err_info *why)
{
    struct span pem = {0};
    const char *path = line->audit_key != NULL
                           ? line->audit_key
                           : file_path(line->arena, line->directory, AUDIT_PUBLIC_FILE);

    enum err result = file_read(line->arena, path, KEY_PEM_MAX, &pem, why);
    if (result == ERR_NOT_FOUND && line->audit_key == NULL)
        return err_set(why, ERR_NOT_FOUND,
                       "%s is not there: the audit log begins when the CA is first "
                       "started; of a copy, give the key by --key",
                       path);
    TRY(result);
    TRY(audit_head_key_read(line->arena, pem, key, why));
    (void)arena_own(line->arena, *key, key_drop);
    return ERR_OK;
}

/* "TEXT SIGNATURE", as audit head prints it. */
static enum err read_head(const struct command_line *line, const struct key *key,
                          struct audit_head *head, struct err_info *why)
{
    struct span content = {0};

    TRY(file_read(line->arena, line->audit_head, HEAD_FILE_MAX, &content, why));
    char *text = arena_string_of(line->arena, text_trim(content));
    char *signature = strrchr(text, ' ');
    if (signature == NULL)
        return err_set(why, ERR_USAGE, "--head: %s has no head", line->audit_head);
    *signature++ = '\0';
    if (!audit_head_read(span_of(text), head) || !audit_head_verify(key, text, signature))
        return err_set(why, ERR_USAGE,
                       "--head: what %s has is not signed by this log's key",
                       line->audit_head);
    return ERR_OK;
}

static void print_chain(const struct audit_verify_chain *c)
{
    printf("%s: %" PRIu64 " lines, the last is %" PRIu64 "; %" PRIu64
           " heads, the newest vouches for line %" PRIu64 "\n",
           c->name, c->lines, c->last.seq, c->heads, c->last_head);
    if (c->torn > 0)
        printf("%s: %" PRIu64 " unfinished lines, each followed by one that says so\n",
               c->name, c->torn);
    if (c->unfinished > 0)
        printf(
            "%s: the last line is not finished: it is being written, or the process was "
            "killed\n",
            c->name);
}

static void print_json(const struct audit_verify_result *r)
{
    AUTO(buf) struct buf b = buf_make(SHOWN_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_bool(&w, "good", r->finding_count == 0);
    for (int i = 0; i < 2; i++) {
        const struct audit_verify_chain *c = &r->chains[i];
        json_write_begin_object(&w, c->name);
        json_write_number(&w, "lines", (int64_t)c->lines);
        json_write_number(&w, "last", (int64_t)c->last.seq);
        json_write_number(&w, "heads", (int64_t)c->heads);
        json_write_number(&w, "vouched", (int64_t)c->last_head);
        json_write_number(&w, "torn", (int64_t)c->torn);
        json_write_number(&w, "unfinished", (int64_t)c->unfinished);
        json_write_end_object(&w);
    }
    json_write_number(&w, "finding_count", (int64_t)r->finding_count);
    json_write_begin_array(&w, "findings");
    for (size_t i = 0; i < r->finding_count && i < AUDIT_VERIFY_FINDINGS_MAX; i++)
        json_write_text(&w, NULL, r->findings[i]);
    json_write_end_array(&w);
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

static enum err look(const struct command_line *line, struct audit_verify_result *result,
                     struct err_info *why)
{
    struct audit_verify_question question = {
        .folder = file_path(line->arena, line->directory, AUDIT_FOLDER),
        .from = (uint64_t)line->audit_from};
    struct audit_head head = {0};
    struct key *key = NULL;

    TRY(read_key(line, &key, why));
    question.key = key;
    if (line->audit_head != NULL) {
        TRY(read_head(line, key, &head, why));
        question.head = &head;
    }
    return audit_verify(line->arena, &question, result, why);
}

enum err command_audit_verify(const struct command_line *line, struct err_info *why)
{
    struct audit_verify_result *r = arena_get(line->arena, sizeof *r);

    TRY(look(line, r, why));
    if (line->json) {
        print_json(r);
    } else {
        for (size_t i = 0; i < r->finding_count && i < AUDIT_VERIFY_FINDINGS_MAX; i++)
            printf("%s\n", r->findings[i]);
        print_chain(&r->chains[0]);
        print_chain(&r->chains[1]);
    }
    if (r->finding_count > 0)
        return err_set(why, ERR_AUDIT,
                       "the audit log is not as it was written: %" PRIu64 " finding%s",
                       r->finding_count, r->finding_count == 1 ? "" : "s");
    return ERR_OK;
}

enum err command_audit_head(const struct command_line *line, struct err_info *why)
{
    struct audit_verify_result *r = arena_get(line->arena, sizeof *r);

    TRY(look(line, r, why));
    if (r->newest_head == NULL)
        return err_set(why, ERR_NOT_FOUND, "the audit log has no signed head yet");
    if (!line->json) {
        printf("%s %s\n", r->newest_head, r->newest_signature);
        return ERR_OK;
    }
    AUTO(buf) struct buf b = buf_make(SHOWN_MAX);
    struct json_writer w = json_writer_make(&b);
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "head", r->newest_head);
    json_write_text(&w, "signature", r->newest_signature);
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
    return ERR_OK;
}

/* ---- show ---- */

struct wanted {
    const struct command_line *line;
    struct arena *arena; /* of one line */
};

static bool is_text(const struct json *object, const char *name, const char *wanted)
{
    const char *text = json_text(json_member(object, name));

    return wanted == NULL ||
           (text != NULL && text_equal_ignoring_case(span_of(text), span_of(wanted)));
}

static bool show(void *context, const char *segment, size_t number, struct span text,
                 bool last)
{
    const struct wanted *w = context;
    const struct command_line *line = w->line;
    const struct json *object = NULL;

    (void)segment;
    (void)number;
    arena_reset(w->arena);
    if (last || json_read(w->arena, text, &object, NULL) != ERR_OK)
        return true;
    const struct json *account = json_member(object, "account");
    if (is_text(object, "serial", line->audit_serial) &&
        is_text(object, "identifier", line->audit_name) &&
        is_text(object, "event", line->audit_event) &&
        (line->audit_account == 0 ||
         (json_is_whole(account) && json_whole(account) == line->audit_account)))
        printf("%.*s\n", (int)text.len, (const char *)text.data);
    return true;
}

/* Nothing would be found, and that would look as if there were nothing. */
static enum err check_wanted(const struct command_line *line, struct err_info *why)
{
    const char *serial = line->audit_serial;

    if (line->audit_event != NULL && !audit_event_is(line->audit_event))
        return err_set(why, ERR_USAGE,
                       "--event: there is no event \"%.100s\"; docs/audit.md has them",
                       line->audit_event);
    if (serial != NULL &&
        (serial[0] == '\0' || strspn(serial, "0123456789abcdefABCDEF") != strlen(serial)))
        return err_set(why, ERR_USAGE, "--serial: \"%.100s\" is not hexadecimal", serial);
    return ERR_OK;
}

enum err command_audit_show(const struct command_line *line, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct wanted wanted = {line, a};

    TRY(check_wanted(line, why));
    TRY(audit_verify_walk(file_path(line->arena, line->directory, AUDIT_FOLDER_FRONT),
                          show, &wanted, why));
    return audit_verify_walk(file_path(line->arena, line->directory, AUDIT_FOLDER_SIGNER),
                             show, &wanted, why);
}
