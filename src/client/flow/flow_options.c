/* Jobs on their way from one process to the other. */
#include "client/flow/flow_options.h"

#include <string.h>

#include "core/base/base64url.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

#define CHALLENGES_MAX 1024 /* octets of a list of types */

/* Texts and flags, each once. Columns: member of the document, member of the struct. */
#define TEXTS(X)                                                                         \
    X("ca", session.ca)                                                                  \
    X("account", session.account)                                                        \
    X("profile", profile)                                                                \
    X("replaces", replaces)                                                              \
    X("preferred_chain", preferred_chain)
#define FLAGS(X)                                                                         \
    X("bind", session.bind)                                                              \
    X("agree_terms", session.agree_terms)                                                \
    X("changing", session.changing)                                                      \
    X("profile_required", profile_required)                                              \
    X("with_key", with_key)
#define NUMBERS(X)                                                                       \
    X("lifetime", lifetime)                                                              \
    X("reason", reason)

static void write_texts(struct json_writer *w, const char *name, const char *const *texts,
                        size_t count)
{
    json_write_begin_array(w, name);
    for (size_t i = 0; i < count; i++)
        json_write_text(w, NULL, texts[i]);
    json_write_end_array(w);
}

static void write_choices(struct json_writer *w, const char *name,
                          const struct flow_choice *choices, size_t count)
{
    json_write_begin_array(w, name);
    for (size_t i = 0; i < count; i++) {
        json_write_begin_object(w, NULL);
        json_write_text(w, "name", choices[i].name);
        json_write_text(w, "type", terms_challenge_type(choices[i].type));
        json_write_end_object(w);
    }
    json_write_end_array(w);
}

void flow_options_write(struct buf *b, const struct flow_options *o)
{
    AUTO(buf) struct buf types = buf_make(CHALLENGES_MAX);
    struct json_writer w = json_writer_make(b);

    json_write_begin_object(&w, NULL);
    json_write_number(&w, "task", o->task);
#define TEXT(name, member)                                                               \
    if (o->member != NULL)                                                               \
        json_write_text(&w, name, o->member);
    TEXTS(TEXT)
#undef TEXT
#define FLAG(name, member) json_write_bool(&w, name, o->member);
    FLAGS(FLAG)
#undef FLAG
#define NUMBER(name, member) json_write_number(&w, name, o->member);
    NUMBERS(NUMBER)
#undef NUMBER
    write_texts(&w, "emails", o->session.emails, o->session.email_count);
    write_texts(&w, "names", o->names, o->name_count);
    challenge_list_write(&types, &o->challenges);
    json_write_span(&w, "challenges", buf_span(&types));
    write_choices(&w, "worked", o->worked, o->worked_count);
    write_choices(&w, "failed", o->failed, o->failed_count);
    json_write_base64url(&w, "certificate", o->certificate);
    json_write_end_object(&w);
}

/* ---- reading ---- */

static enum err read_texts(struct arena *a, const struct json *object, const char *name,
                           size_t most, const char *const **texts, size_t *count,
                           struct err_info *why)
{
    const struct json *list = NULL;

    TRY(json_need_array(object, name, &list, why));
    size_t n = json_count(list);
    const char **made = arena_array(a, n + 1, sizeof *made);
    for (size_t i = 0; i < n; i++) {
        made[i] = json_text(json_element(list, i));
        if (made[i] == NULL || n > most)
            return err_set(why, ERR_PROTOCOL, "%s of a job are malformed", name);
    }
    *texts = made;
    *count = n;
    return ERR_OK;
}

static enum err read_choices(struct arena *a, const struct json *object, const char *name,
                             const struct flow_choice **choices, size_t *count,
                             struct err_info *why)
{
    const struct json *list = NULL;

    TRY(json_need_array(object, name, &list, why));
    size_t n = json_count(list);
    struct flow_choice *made = arena_array(a, n + 1, sizeof *made);
    for (size_t i = 0; i < n; i++) {
        const struct json *one = json_element(list, i);
        const char *type = NULL;
        TRY(json_need_text(one, "name", &made[i].name, why));
        TRY(json_need_text(one, "type", &type, why));
        if (!terms_read_challenge_type(type, &made[i].type) || n > FLOW_CHOICES_MAX)
            return err_set(why, ERR_PROTOCOL, "%s of a job are malformed", name);
    }
    *choices = made;
    *count = n;
    return ERR_OK;
}

static enum err read_lists(struct arena *a, const struct json *object,
                           struct flow_options *o, struct err_info *why)
{
    const char *types = NULL;

    TRY(read_texts(a, object, "emails", SESSION_EMAILS_MAX, &o->session.emails,
                   &o->session.email_count, why));
    TRY(read_texts(a, object, "names", FLOW_NAMES_MAX, &o->names, &o->name_count, why));
    TRY(read_choices(a, object, "worked", &o->worked, &o->worked_count, why));
    TRY(read_choices(a, object, "failed", &o->failed, &o->failed_count, why));
    TRY(json_need_text(object, "challenges", &types, why));
    if (types[0] == '\0')
        return ERR_OK; /* no task but an order needs any */
    return challenge_list_read(types, &o->challenges, why);
}

static enum err read_members(struct arena *a, const struct json *object,
                             struct flow_options *o, struct err_info *why)
{
    int64_t task = 0;
    const char *certificate = NULL;

    TRY(json_take_number(object, "task", -1, &task, why));
    if (task < 0 || task >= FLOW_TASK_COUNT)
        return err_set(why, ERR_PROTOCOL, "there is no such task");
    o->task = (enum flow_task)task;
#define TEXT(name, member) TRY(json_take_text(object, name, &o->member, why));
    TEXTS(TEXT)
#undef TEXT
#define FLAG(name, member) TRY(json_take_bool(object, name, false, &o->member, why));
    FLAGS(FLAG)
#undef FLAG
#define NUMBER(name, member) TRY(json_take_number(object, name, 0, &o->member, why));
    NUMBERS(NUMBER)
#undef NUMBER
    TRY(json_need_text(object, "certificate", &certificate, why));
    if (!base64url_decode(a, span_of(certificate), &o->certificate))
        return err_set(why, ERR_PROTOCOL, "the certificate of a job is malformed");
    return read_lists(a, object, o, why);
}

enum err flow_options_read(struct arena *a, struct span text, struct flow_options *o,
                           struct err_info *why)
{
    struct flow_options made = {0};
    const struct json *object = NULL;

    enum err result = json_read_up_to(a, text, FLOW_OPTIONS_MAX, &object, why);
    if (result == ERR_OK)
        result = read_members(a, object, &made, why);
    if (result == ERR_OK && made.session.ca == NULL)
        result = err_set(why, ERR_PROTOCOL, "it names no CA");
    if (result != ERR_OK) {
        why->code = ERR_PROTOCOL;
        return err_prefix(why, "a job");
    }
    *o = made;
    return ERR_OK;
}
