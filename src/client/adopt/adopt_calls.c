/* Command lines of crontabs and services. */
#include "client/adopt/adopt_calls.h"

#include <string.h>

#include "core/base/file.h"
#include "core/base/text.h"

#define FILE_MAX    (256 * 1024) /* octets */
#define CALLS_MAX   1000
#define LINE_FIELDS 5 /* of a crontab, before the user or command */
#define WRAPPER_MAX 6 /* words between a wrapper and what it starts */

/* A command, word by word. */
struct words {
    const char *items[ADOPT_CALL_WORDS_MAX];
    size_t count;
};

/* ---- words ---- */

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static bool is_assignment(const char *word)
{
    size_t len =
        strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");

    return len > 0 && word[len] == '=' && !(word[0] >= '0' && word[0] <= '9');
}

/* One word from `p` on, without its quotes; NULL at the end of the command, which `*p`
 * then stands behind. */
static const char *next_word(struct arena *a, const char **p)
{
    static const char ends[] = ";|&\n()";
    const char *at = *p + strspn(*p, " \t\r");
    char *word = arena_array(a, strlen(at) + 1, 1);
    size_t len = 0;
    char quote = '\0';

    if (*at == '#')
        at += strcspn(at, "\n");
    if (*at == '\0' || strchr(ends, *at) != NULL) {
        *p = *at == '\0' ? at : at + 1;
        return NULL;
    }
    for (; *at != '\0'; at++) {
        if (quote == '\0' && (strchr(" \t\r", *at) != NULL || strchr(ends, *at) != NULL))
            break;
        if (*at == quote)
            quote = '\0';
        else if (quote == '\0' && (*at == '"' || *at == '\''))
            quote = *at;
        else if (*at == '\\' && quote != '\'' && at[1] != '\0')
            word[len++] = *++at;
        else
            word[len++] = *at;
    }
    word[len] = '\0';
    *p = at;
    return word;
}

/* ---- which of them is the program ---- */

static bool is_time_field(const char *word)
{
    return strspn(word, "0123456789*,/-~") == strlen(word) ||
           (strlen(word) == 3 && strspn(word, "abcdefghijklmnopqrstuvwyADFJMNOSTW") == 3);
}

/* The fields of a crontab's line, with the user of the system's ones. */
static size_t skip_fields(const struct words *w, bool has_user)
{
    size_t fields = 0;

    if (w->count > 0 && w->items[0][0] == '@')
        return has_user ? 2 : 1;
    while (fields < w->count && fields < LINE_FIELDS && is_time_field(w->items[fields]))
        fields++;
    return fields == LINE_FIELDS ? fields + (has_user ? 1 : 0) : 0;
}

static bool is_program(const char *word, const char *program)
{
    const char *name = word + strspn(word, "@-+:!"); /* of ExecStart */

    return strcmp(base_of(name), program) == 0;
}

/* Index of the program's name; w->count if it is not called. */
static size_t find_program(const struct words *w, size_t from, const char *program)
{
    static const char *const wrappers[] = {
        "sudo",    "nice",  "ionice",  "env",         "exec", "nohup",
        "timeout", "flock", "chronic", "{",           "if",   "then",
        "do",      "!",     "time",    "systemd-cat", NULL};
    size_t i = from;
    size_t room = 0;

    for (; i < w->count; i++) {
        if (is_program(w->items[i], program))
            return i;
        if (is_one_of(base_of(w->items[i]), wrappers))
            room = WRAPPER_MAX;
        else if (room > 0)
            room--;
        else if (!is_assignment(w->items[i]))
            return w->count;
    }
    return i;
}

/* ---- calls ---- */

static void add(struct arena *a, struct adopt_calls *calls, const char *file,
                const struct words *environment, const struct words *w, size_t program)
{
    if (calls->count == CALLS_MAX)
        return;
    if (calls->items == NULL)
        calls->items = arena_array(a, CALLS_MAX, sizeof *calls->items);
    const char **before =
        arena_array(a, environment->count + program + 1, sizeof *before);
    const char **behind = arena_array(a, w->count + 1, sizeof *behind);
    struct adopt_call *call = &calls->items[calls->count++];

    *call = (struct adopt_call){.file = file, .assignments = before, .words = behind};
    for (size_t i = 0; i < environment->count; i++)
        before[call->assignment_count++] = environment->items[i];
    for (size_t i = 0; i < program; i++)
        if (is_assignment(w->items[i]))
            before[call->assignment_count++] = w->items[i];
    for (size_t i = program + 1; i < w->count; i++)
        behind[call->count++] = w->items[i];
}

static void read_commands(struct arena *a, const char *file, const char *text,
                          const char *program, struct words *environment, int depth,
                          struct adopt_calls *calls);

/* sh -c 'COMMAND' */
static bool read_shell(struct arena *a, const char *file, const struct words *w,
                       size_t from, const char *program, struct words *environment,
                       int depth, struct adopt_calls *calls)
{
    static const char *const shells[] = {"sh", "bash", "dash", NULL};

    for (size_t i = from; i + 2 < w->count; i++) {
        const char *name = w->items[i] + strspn(w->items[i], "@-+:!");
        if (!is_one_of(base_of(name), shells) || w->items[i + 1][0] != '-' ||
            strchr(w->items[i + 1], 'c') == NULL)
            continue;
        if (depth < 2)
            read_commands(a, file, w->items[i + 2], program, environment, depth + 1,
                          calls);
        return true;
    }
    return false;
}

static void read_command(struct arena *a, const char *file, struct words *w,
                         const char *program, struct words *environment, int depth,
                         struct adopt_calls *calls)
{
    bool is_cron = strstr(file, "/cron") != NULL;
    size_t from = is_cron && depth == 0
                      ? skip_fields(w, strncmp(file, "/etc/", strlen("/etc/")) == 0)
                      : 0;

    if (from > w->count)
        return;
    if (w->count == 1 && is_assignment(w->items[0])) { /* for what comes behind it */
        if (environment->count < ADOPT_CALL_WORDS_MAX)
            environment->items[environment->count++] = w->items[0];
        return;
    }
    if (w->count == 2 && strcmp(w->items[0], "export") == 0 &&
        is_assignment(w->items[1]) && environment->count < ADOPT_CALL_WORDS_MAX) {
        environment->items[environment->count++] = w->items[1];
        return;
    }
    size_t at = find_program(w, from, program);
    if (at < w->count)
        add(a, calls, file, environment, w, at);
    else
        (void)read_shell(a, file, w, from, program, environment, depth, calls);
}

static void read_commands(struct arena *a, const char *file, const char *text,
                          const char *program, struct words *environment, int depth,
                          struct adopt_calls *calls)
{
    struct words *w = arena_get(a, sizeof *w);

    for (const char *p = text; *p != '\0';) {
        const char *word = next_word(a, &p);
        if (word != NULL && w->count < ADOPT_CALL_WORDS_MAX) {
            w->items[w->count++] = word;
            if (*p != '\0')
                continue;
        }
        if (w->count > 0)
            read_command(a, file, w, program, environment, depth, calls);
        w->count = 0;
    }
}

/* Lines that go on behind a backslash are one. */
static char *join_lines(struct arena *a, struct span text)
{
    char *joined = arena_string_of(a, text);

    for (char *p = joined; *p != '\0'; p++)
        if (p[0] == '\\' && p[1] == '\n')
            p[0] = p[1] = ' ';
    return joined;
}

/* Environment=, ExecStart= and its like of a service. */
static void read_service(struct arena *a, const char *file, char *text,
                         const char *program, struct words *environment,
                         struct adopt_calls *calls)
{
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *value = strchr(line, '=');
        if (line[0] == '#' || line[0] == ';' || value == NULL)
            continue;
        value++;
        if (strncmp(line, "Environment=", strlen("Environment=")) == 0) {
            const char *p = value;
            const char *word = NULL;
            while ((word = next_word(a, &p)) != NULL &&
                   environment->count < ADOPT_CALL_WORDS_MAX)
                environment->items[environment->count++] = word;
        } else if (strncmp(line, "Exec", strlen("Exec")) == 0) {
            read_commands(a, file, value, program, environment, 1, calls);
        }
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);

    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

void adopt_calls_read(struct arena *a, const char *file, struct span text,
                      const char *program, struct adopt_calls *calls)
{
    struct words *environment = arena_get(a, sizeof *environment);
    char *joined = join_lines(a, text);

    if (ends_with(file, ".service"))
        read_service(a, file, joined, program, environment, calls);
    else
        read_commands(a, file, joined, program, environment, 0, calls);
}

/* ---- where ---- */

static void read_file(struct arena *a, const char *path, const char *program,
                      struct adopt_calls *calls)
{
    struct err_info ignored = {0};
    struct span text;

    if (file_read(a, path, FILE_MAX, &text, &ignored) == ERR_OK)
        adopt_calls_read(a, arena_string(a, path), text, program, calls);
}

/* The timer of a service, if it has one: that is what is to be switched off. */
static const char *unit_of(struct arena *a, const char *folder, const char *service)
{
    int stem = (int)(strlen(service) - strlen(".service"));
    const char *timer = arena_printf(a, "%.*s.timer", stem, service);

    return file_exists(file_path(a, folder, timer)) ? timer : arena_string(a, service);
}

static void read_folder(struct arena *a, const char *folder, bool services,
                        const char *program, struct adopt_calls *calls)
{
    const char *const *names = NULL;
    size_t count = 0;

    adopt_list_folder(a, folder, &names, &count);
    for (size_t i = 0; i < count; i++) {
        size_t before = calls->count;
        if (services != ends_with(names[i], ".service"))
            continue;
        read_file(a, file_path(a, folder, names[i]), program, calls);
        for (size_t k = before; services && k < calls->count; k++)
            calls->items[k].unit = unit_of(a, folder, names[i]);
    }
}

void adopt_calls_find(struct arena *a, const char *program, struct adopt_calls *calls)
{
    static const char *const crontabs[] = {
        "/etc/cron.d",       "/etc/cron.hourly",
        "/etc/cron.daily",   "/etc/cron.weekly",
        "/etc/cron.monthly", "/var/spool/cron/crontabs",
        "/var/spool/cron",   NULL};
    static const char *const services[] = {"/etc/systemd/system", "/lib/systemd/system",
                                           NULL};

    *calls = (struct adopt_calls){0};
    read_file(a, "/etc/crontab", program, calls);
    for (size_t i = 0; crontabs[i] != NULL; i++)
        read_folder(a, crontabs[i], false, program, calls);
    for (size_t i = 0; services[i] != NULL; i++)
        read_folder(a, services[i], true, program, calls);
}

void adopt_calls_remark(struct adopt *found, const char *program,
                        const struct adopt_calls *calls)
{
    for (size_t i = 0; i < calls->count; i++) {
        const struct adopt_call *call = &calls->items[i];
        if (i > 0 && strcmp(calls->items[i - 1].file, call->file) == 0)
            continue;
        if (call->unit != NULL)
            adopt_remark(found, call->file,
                         "%s is run by this; two clients must not renew the same: "
                         "systemctl disable --now %s",
                         program, call->unit);
        else
            adopt_remark(found, call->file,
                         "%s is run by this; two clients must not renew the same: take "
                         "the line out",
                         program);
    }
}

/* ---- what stands in them ---- */

const char *adopt_calls_option(const struct adopt_call *call, const char *name)
{
    size_t len = strlen(name);
    const char *value = NULL;

    for (size_t i = 0; i < call->count; i++) {
        const char *word = call->words[i];
        if (strcmp(word, name) == 0)
            value = i + 1 < call->count && call->words[i + 1][0] != '-'
                        ? call->words[i + 1]
                        : "";
        else if (strncmp(word, name, len) == 0 && word[len] == '=')
            value = word + len + 1;
    }
    return value;
}

int adopt_calls_number(const struct adopt_call *call, const char *name, int most)
{
    const char *value = adopt_calls_option(call, name);
    uint64_t number = 0;

    return value != NULL && text_number(span_of(value), (uint64_t)most, &number)
               ? (int)number
               : 0;
}

const char *adopt_calls_variable(const struct adopt_call *call, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = call->assignment_count; i > 0; i--)
        if (strncmp(call->assignments[i - 1], name, len) == 0 &&
            call->assignments[i - 1][len] == '=')
            return call->assignments[i - 1] + len + 1;
    return NULL;
}
