/* cairn-ca perspective add, remove, list: on the CA's host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"
#include "server/admin/admin_client.h"
#include "server/admin/admin_request.h"
#include "server/command/command.h"
#include "server/command/command_admin.h"
#include "server/command/command_perspective.h"
#include "server/command/command_perspective_try.h"
#include "server/perspective/perspective_key.h"
#include "server/settings/settings_perspective.h"

#define FILE_MAX    (256 * 1024) /* octets of perspectives.yaml */
#define REQUEST_MAX 1024
#define OUTPUT_MAX  (256 * 1024)

/* ---- the file ---- */

/* One command changes it at a time; the lock is held until the process ends. */
static enum err lock(const char *directory, struct err_info *why)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_set_os(why, ERR_CONFIG, errno, "%s", directory);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int os_error = errno;
        (void)close(fd);
        return err_set_os(why, ERR_LOCKED, os_error,
                          "another command changes the perspectives in %s", directory);
    }
    return ERR_OK;
}

/* What perspectives.yaml says, and what the whole configuration does. */
static enum err read_all(const struct command_line *line, struct settings *file,
                         const struct settings **whole, struct span *main_text,
                         struct err_info *why)
{
    struct span text;
    struct span second;

    memset(file, 0, sizeof *file);
    file->directory = line->directory;
    TRY(settings_file_text(line->arena, line->directory, &text, why));
    settings_perspective_split(text, main_text, &second);
    TRY(settings_perspective_read(line->arena, second, file, why));
    return settings_read(line->arena, line->directory, text, NULL, 0, whole, why);
}

/* A configuration that would not be good is not written. */
static enum err write_all(const struct command_line *line, const struct settings *file,
                          struct span main_text, struct err_info *why)
{
    const char *path =
        file_path(line->arena, line->directory, SETTINGS_PERSPECTIVES_FILE);
    AUTO(buf) struct buf text = buf_make(FILE_MAX);
    AUTO(buf) struct buf joined = buf_make(CONFIG_FILE_MAX + FILE_MAX);
    const struct settings *ignored = NULL;

    if (file->perspectives.count > 0)
        settings_perspective_write(&text, file);
    buf_add_span(&joined, main_text);
    buf_add_octet(&joined, 0);
    buf_add_span(&joined, buf_span(&text));
    if (text.failed || joined.failed)
        return err_set(why, ERR_TOO_LARGE, "that is too much for %s", path);
    if (settings_read(line->arena, line->directory, buf_span(&joined), NULL, 0, &ignored,
                      why) != ERR_OK)
        return err_prefix(why, "nothing was changed: with that it would not be good");
    if (file->perspectives.count == 0) {
        if (unlink(path) != 0 && errno != ENOENT)
            return err_set_os(why, ERR_IO, errno, "cannot remove %s", path);
        return file_sync_directory(line->directory, why);
    }
    TRY(file_replace(path, buf_span(&text), 0644, why));
    perspective_key_hand_over(line->directory, path);
    return ERR_OK;
}

/* ---- the running CA ---- */

/* What `perspective state` says, in the arena. */
static enum err ask_state(const struct command_line *line, bool reload, const char *wait,
                          const struct json **state, struct err_info *why)
{
    AUTO(buf) struct buf request = buf_make(REQUEST_MAX);
    struct buf answer = buf_make(ADMIN_ANSWER_MAX + 1);
    struct json_writer w = json_writer_make(&request);
    struct span text;

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "command", "perspective state");
    json_write_begin_object(&w, "arguments");
    if (reload)
        json_write_bool(&w, "reload", true);
    if (wait != NULL)
        json_write_text(&w, "wait", wait);
    json_write_end_object(&w);
    json_write_end_object(&w);
    enum err result =
        admin_client_ask(line->arena, line->directory, buf_span(&request), &answer, why);
    if (result == ERR_OK)
        result = admin_request_answer(
            line->arena, arena_span(line->arena, buf_span(&answer)), state, &text, why);
    buf_free(&answer);
    return result;
}

static const char *text_of(const struct json *object, const char *name)
{
    const char *text = json_text(json_member(object, name));

    return text != NULL ? text : "";
}

/* The entry of that name among the states, NULL if there is none. */
static const struct json *state_of(const struct json *state, const char *name)
{
    const struct json *list = json_member(state, "perspectives");

    for (size_t i = 0; i < json_count(list); i++)
        if (strcmp(text_of(json_element(list, i), "name"), name) == 0)
            return json_element(list, i);
    return NULL;
}

static bool is_running(const struct json *state)
{
    return json_is_true(json_member(state, "running"));
}

/* ---- add ---- */

static enum err read_wish(const struct command_line *line, struct settings_perspective *p,
                          struct err_info *why)
{
    const char *missing = line->perspective == NULL ? "--name"
                          : line->region == NULL    ? "--region"
                          : line->address == NULL   ? "--address"
                          : line->keys.count == 0   ? "--key"
                                                    : NULL;

    if (missing != NULL)
        return err_set(why, ERR_USAGE, "%s is missing", missing);
    *p = (struct settings_perspective){
        .name = line->perspective,
        .region = line->region,
        .address = line->address,
        .keys = {line->keys.items, line->keys.count},
    };
    enum err result = settings_perspective_check_one(line->arena, p, why);
    return result == ERR_CONFIG ? err_set(why, ERR_USAGE, "%s", why->detail) : result;
}

/* What came of connecting: by the relay if the CA runs, else by trying from here. */
static enum err try_it(const struct command_line *line,
                       const struct settings_perspective *p, struct outlook *found,
                       bool *running, struct err_info *why)
{
    const struct json *state = NULL;

    TRY(ask_state(line, true, p->name, &state, why));
    *running = is_running(state);
    if (!*running)
        return command_perspective_try(line->arena, line->directory, p, found, why);
    const struct json *own = state_of(state, p->name);
    found->connected = strcmp(text_of(own, "state"), "connected") == 0;
    (void)snprintf(found->error, sizeof found->error, "%s", text_of(own, "error"));
    (void)snprintf(found->address, sizeof found->address, "%s", text_of(own, "at"));
    (void)snprintf(found->version, sizeof found->version, "%s", text_of(own, "version"));
    return ERR_OK;
}

static void print_added(const struct command_line *line, const struct outlook *found,
                        bool running)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);
    const char *error =
        found->error[0] != '\0' ? found->error : "it has not answered yet";

    if (!line->json && found->connected)
        printf("added %s: connected to %s, which is cairn-ca %s%s\n", line->perspective,
               found->address, found->version,
               running ? "" : "; the CA, which is not running, will use it");
    else if (!line->json)
        printf("added %s, but it is not reached%s%s: %s\n", line->perspective,
               found->address[0] != '\0' ? " at " : "", found->address, error);
    if (!line->json)
        return;
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "name", line->perspective);
    json_write_bool(&w, "running", running);
    json_write_bool(&w, "connected", found->connected);
    json_write_text(&w, "at", found->address);
    json_write_text(&w, "version", found->version);
    json_write_text(&w, "error", found->connected ? "" : error);
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

enum err command_perspective_add(const struct command_line *line, struct err_info *why)
{
    struct settings_perspective wish;
    struct settings file;
    const struct settings *whole = NULL;
    struct span main_text;
    uint8_t pin[SETTINGS_PIN_SIZE];
    struct outlook found = {0};
    bool running = false;

    TRY(read_wish(line, &wish, why));
    TRY(lock(line->directory, why));
    TRY(read_all(line, &file, &whole, &main_text, why));
    if (settings_perspective(whole, wish.name) != NULL)
        return err_set(why, ERR_EXISTS,
                       "there is a perspective \"%s\" already; to change it, remove it "
                       "first",
                       wish.name);
    TRY(perspective_key_ensure(line->arena, line->directory, whole->name, pin, why));
    settings_perspective_append(line->arena, &file, &wish);
    TRY(write_all(line, &file, main_text, why));
    command_perspective_warn(wish.region);
    if (try_it(line, &wish, &found, &running, why) != ERR_OK)
        return err_prefix(why, "added %s, but the CA did not take it over", wish.name);
    print_added(line, &found, running);
    return ERR_OK;
}

/* ---- remove ---- */

enum err command_perspective_remove(const struct command_line *line, struct err_info *why)
{
    struct settings file;
    const struct settings *whole = NULL;
    const struct json *state = NULL;
    struct span main_text;

    if (line->perspective == NULL)
        return err_set(why, ERR_USAGE, "--name is missing");
    TRY(lock(line->directory, why));
    TRY(read_all(line, &file, &whole, &main_text, why));
    if (settings_perspective(whole, line->perspective) == NULL)
        return err_set(why, ERR_NOT_FOUND, "there is no perspective \"%s\"",
                       line->perspective);
    if (!settings_perspective_drop(&file, line->perspective))
        return err_set(why, ERR_CONFIG,
                       "\"%s\" stands in %s: take it out there, then SIGHUP",
                       line->perspective, SETTINGS_FILE);
    TRY(write_all(line, &file, main_text, why));
    if (ask_state(line, true, NULL, &state, why) != ERR_OK)
        return err_prefix(why, "removed %s, but the CA goes on with it",
                          line->perspective);
    if (line->json)
        printf("{\"name\":\"%s\",\"running\":%s}\n", line->perspective,
               is_running(state) ? "true" : "false");
    else
        printf("removed %s\n", line->perspective);
    return ERR_OK;
}

/* ---- list ---- */

static void write_entry(struct arena *a, struct json_writer *w,
                        const struct settings_perspective *p, const struct json *state)
{
    static const char *const texts[] = {"state", "since", "at", "version"};
    static const char *const numbers[] = {"asked", "answered", "unreached", "mean_ms"};
    const struct json *own = state_of(state, p->name);
    const char *keys = "";

    for (size_t i = 0; i < p->pin_count; i++)
        keys = arena_printf(a, "%s%s%s", keys, i > 0 ? " " : "",
                            settings_perspective_pin_text(a, p->pins[i]));
    json_write_begin_object(w, NULL);
    json_write_text(w, "name", p->name);
    json_write_text(w, "region", p->region);
    json_write_text(w, "address", p->address);
    for (size_t i = 0; own != NULL && i < sizeof texts / sizeof texts[0]; i++)
        json_write_text(w, texts[i], text_of(own, texts[i]));
    for (size_t i = 0; own != NULL && i < sizeof numbers / sizeof numbers[0]; i++)
        json_write_number(w, numbers[i], json_whole(json_member(own, numbers[i])));
    if (own == NULL)
        json_write_text(w, "state",
                        is_running(state) ? "connecting" : "the CA is not running");
    else
        json_write_text(w, "error", text_of(own, "error"));
    json_write_text(w, "key", keys);
    json_write_end_object(w);
}

enum err command_perspective_list(const struct command_line *line, struct err_info *why)
{
    struct arena *a = line->arena;
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    AUTO(buf) struct buf readable = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);
    const struct settings *s = NULL;
    const struct json *state = NULL;
    const struct json *value = NULL;
    uint8_t pin[SETTINGS_PIN_SIZE];

    TRY(settings_load(a, line->directory, NULL, 0, &s, why));
    TRY(perspective_key_ensure(a, line->directory, s->name, pin, why));
    TRY(ask_state(line, false, NULL, &state, why));
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "key", settings_perspective_pin_text(a, pin));
    json_write_bool(&w, "running", is_running(state));
    json_write_begin_array(&w, "perspectives");
    for (size_t i = 0; i < s->perspectives.count; i++)
        write_entry(a, &w, s->perspectives.members[i], state);
    json_write_end_array(&w);
    json_write_end_object(&w);
    if (line->json) {
        printf("%.*s\n", (int)b.len, (const char *)b.data);
        return ERR_OK;
    }
    TRY(json_read(a, buf_span(&b), &value, why));
    command_admin_print(a, &readable, value);
    printf("%.*s", (int)readable.len, (const char *)readable.data);
    return ERR_OK;
}
