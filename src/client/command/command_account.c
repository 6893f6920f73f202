/* cairn account: its life at a CA (RFC 8555 7.3). */
#include <stdio.h>
#include <string.h>

#include "client/command/account_ca.h"
#include "client/command/place.h"
#include "client/request/acme_request.h"
#include "client/store/state.h"
#include "client/work/account_desk.h"
#include "client/work/account_device.h"
#include "client/work/work_confine.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/jose/jwk.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

/* A command under way. */
struct task {
    const struct client_command *c;
    struct crew *crew;
    struct place place;
    struct report report;
    struct account_desk desk;
    struct state_lock lock;
    const struct json *known; /* what came back */
};

/* "a@example.test,b@example.test" */
static enum err read_emails(struct task *t, struct err_info *why)
{
    const char **list = arena_array(t->c->arena, SESSION_EMAILS_MAX, sizeof *list);
    char *rest = arena_string(t->c->arena, t->c->email);
    size_t count = 0;

    for (char *one = strsep(&rest, ","); one != NULL; one = strsep(&rest, ",")) {
        if (strchr(one, '@') == NULL || strpbrk(one, " :/?<>\"") != NULL ||
            count == SESSION_EMAILS_MAX)
            return err_set(why, ERR_USAGE, "--email: \"%.100s\" is no e-mail address%s",
                           one, count == SESSION_EMAILS_MAX ? " that still fits" : "");
        list[count++] = one;
    }
    t->desk.emails = list;
    t->desk.email_count = count;
    return ERR_OK;
}

static enum err find_ca(struct task *t, const struct client_command *c,
                        const struct settings_ca **ca, struct err_info *why)
{
    t->c = c;
    t->report = (struct report){.json = c->json, .quiet = c->quiet};
    TRY(place_find(c, &t->place, why));
    return account_ca_find(c, &t->place.settings, ca, why);
}

/* Settings and CA; then the processes, before a key is in memory. */
static enum err begin(struct task *t, const struct client_command *c,
                      const struct settings_ca **ca, struct err_info *why)
{
    TRY(find_ca(t, c, ca, why));
    TRY(state_prepare(c->arena, t->place.directory, why));
    struct work_files files = work_files_make(c->arena, t->place.directory);
    work_files_add_ca(&files, *ca);
    work_files_add(&files, c->key_file, JAIL_READ);
    TRY(crew_start(t->crew, why));
    return work_confine(t->crew, &files, why);
}

static enum err run(struct task *t, enum flow_task what, struct err_info *why)
{
    struct flow_options o = {.task = what};
    struct span text = span_of("");

    o.session = account_desk_session(&t->desk, &t->place.settings, t->c->agree_terms);
    TRY(account_desk_run(&t->desk, t->crew, &t->report, &o, &text, why));
    return json_read(t->c->arena, text, &t->known, why);
}

/* ---- what is shown ---- */

static void print_text(const struct task *t)
{
    const struct json *contact = json_member(t->known, "contact");
    const struct json *orders = json_member(t->known, "orders");

    printf("%-10s%s\n", "ca", t->desk.ca->directory);
    printf("%-10s%s\n", "url", json_text(json_member(t->known, "url")));
    if (json_text(json_member(t->known, "status")) != NULL)
        printf("%-10s%s\n", "status", json_text(json_member(t->known, "status")));
    for (size_t i = 0; i < json_count(contact); i++)
        printf("%-10s%s\n", "contact", json_text(json_element(contact, i)));
    if (orders != NULL)
        printf("%-10s%lld\n", "orders", (long long)json_whole(orders));
    if (t->desk.account.place.device != NULL)
        printf("%-10s%s\n", "device", t->desk.account.place.device);
    printf("%-10s%s\n", "key", file_path(t->c->arena, t->desk.account.folder, "key.pem"));
}

static void print_json(const struct task *t)
{
    AUTO(buf) struct buf b = buf_make(FLOW_OPTIONS_MAX);
    struct json_writer w = json_writer_make(&b);
    const struct json *contact = json_member(t->known, "contact");
    const struct json *orders = json_member(t->known, "orders");
    const char *status = json_text(json_member(t->known, "status"));

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "ca", t->desk.ca->directory);
    json_write_text(&w, "url", json_text(json_member(t->known, "url")));
    if (status != NULL)
        json_write_text(&w, "status", status);
    json_write_begin_array(&w, "contact");
    for (size_t i = 0; i < json_count(contact); i++)
        json_write_text(&w, NULL, json_text(json_element(contact, i)));
    json_write_end_array(&w);
    if (orders != NULL)
        json_write_number(&w, "orders", json_whole(orders));
    json_write_text(&w, "path", t->desk.account.folder);
    if (t->desk.account.place.device != NULL)
        json_write_text(&w, "device", t->desk.account.place.device);
    json_write_text(&w, "thumbprint",
                    jwk_thumbprint_text(t->c->arena, t->desk.account.key));
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

static void print(const struct task *t)
{
    if (t->c->json)
        print_json(t);
    else if (!t->c->quiet)
        print_text(t);
}

/* ---- the commands ---- */

/* An account that is there, and stays as it is unless the lock is exclusive. */
static enum err open_known(struct task *t, const struct client_command *c,
                           enum state_lock_kind kind, struct err_info *why)
{
    const struct settings_ca *ca = NULL;

    TRY(begin(t, c, &ca, why));
    return account_desk_find(c->arena, t->crew, t->place.directory, &t->place.settings,
                             ca, kind, &t->lock, &t->desk, why);
}

/* An account that is there keeps its key, wherever a new one would have gone. */
static enum err check_place(const struct task *t, const struct client_command *c,
                            struct err_info *why)
{
    const char *device = t->desk.account.place.device;
    const char *wanted =
        account_device_is_wanted(t->desk.ca) ? t->desk.ca->account_key : NULL;

    if (c->account_key == NULL || (device == NULL && wanted == NULL) ||
        (device != NULL && wanted != NULL && strcmp(device, wanted) == 0))
        return ERR_OK;
    return err_set(why, ERR_EXISTS,
                   "there is an account already, and its key is in %s; cairn account "
                   "rollover --key changes it",
                   device != NULL ? device : "a file");
}

static enum err do_register(struct task *t, const struct client_command *c,
                            struct err_info *why)
{
    const struct settings_ca *ca = NULL;

    TRY(begin(t, c, &ca, why));
    TRY(account_desk_open(c->arena, t->crew, t->place.directory, &t->place.settings, ca,
                          STATE_LOCK_EXCLUSIVE, &t->lock, &t->desk, why));
    TRY(check_place(t, c, why));
    if (c->email != NULL)
        TRY(read_emails(t, why));
    TRY(run(t, FLOW_REGISTER, why));
    *c->unchanged = !json_is_true(json_member(t->known, "made"));
    print(t);
    return ERR_OK;
}

/* For a web server that answers http-01 by itself: nobody is asked. */
static enum err show_thumbprint(struct task *t, const struct client_command *c,
                                struct err_info *why)
{
    const struct settings_ca *ca = NULL;

    TRY(find_ca(t, c, &ca, why));
    struct work_files files = work_files_make(c->arena, t->place.directory);
    work_files_add_ca(&files, ca);
    TRY(work_confine_alone(&files, why));
    TRY(account_desk_find(c->arena, NULL, t->place.directory, &t->place.settings, ca,
                          STATE_LOCK_SHARED, &t->lock, &t->desk, why));
    if (t->desk.account.next != NULL)
        return err_set(why, ERR_EXISTS,
                       "the account has two keys until the CA has told which one it "
                       "knows; cairn account show asks it");
    printf("%s\n", jwk_thumbprint_text(c->arena, t->desk.account.key));
    return ERR_OK;
}

static enum err do_show(struct task *t, const struct client_command *c,
                        struct err_info *why)
{
    if (c->thumbprint && !c->json)
        return show_thumbprint(t, c, why);
    TRY(open_known(t, c, STATE_LOCK_SHARED, why));
    TRY(run(t, FLOW_SHOW, why));
    print(t);
    return ERR_OK;
}

static enum err do_update(struct task *t, const struct client_command *c,
                          struct err_info *why)
{
    if ((c->email == NULL) == !c->no_email)
        return err_set(why, ERR_USAGE,
                       "say --email ADDRESS, with commas for several, or --no-email");
    TRY(open_known(t, c, STATE_LOCK_EXCLUSIVE, why));
    t->desk.email_count = 0;
    if (c->email != NULL)
        TRY(read_emails(t, why));
    TRY(run(t, FLOW_UPDATE, why));
    TRY(account_store_keep_url(&t->desk.account, json_text(json_member(t->known, "url")),
                               t->desk.email_count > 0 ? t->desk.emails[0] : NULL, why));
    *c->unchanged = json_is_true(json_member(t->known, "same"));
    print(t);
    return ERR_OK;
}

static enum err do_rollover(struct task *t, const struct client_command *c,
                            struct err_info *why)
{
    TRY(open_known(t, c, STATE_LOCK_EXCLUSIVE, why));
    TRY(run(t, FLOW_ROLLOVER, why));
    print(t);
    return ERR_OK;
}

static enum err do_deactivate(struct task *t, const struct client_command *c,
                              struct err_info *why)
{
    TRY(open_known(t, c, STATE_LOCK_EXCLUSIVE, why));
    if (!c->yes) {
        printf(
            "%-10s%s at %s: no certificate can be got or revoked with it any more, and "
            "there is no way back\n",
            "end", t->desk.account.url != NULL ? t->desk.account.url : "the account",
            t->desk.ca->directory);
        printf("%-10sis done yet; --yes does it\n", "nothing");
        *c->unchanged = true;
        return ERR_OK;
    }
    struct err_info refusal = {0};
    enum err result = run(t, FLOW_DEACTIVATE, &refusal);
    if (result != ERR_OK && !acme_request_says_ended(&refusal)) {
        *why = refusal;
        return result;
    }
    TRY(account_store_retire(c->arena, &t->desk.account, why));
    if (result == ERR_OK)
        print(t);
    else
        report_step(&t->report, "account", "is put aside: it had ended before");
    return ERR_OK;
}

static enum err read_key(const struct client_command *c, struct key **key,
                         struct err_info *why)
{
    struct span pem;

    TRY(file_read(c->arena, c->key_file, KEY_PEM_MAX, &pem, why));
    enum err result = key_from_pem(pem, NULL, key, why);
    memory_wipe((void *)(uintptr_t)pem.data, pem.len);
    if (result != ERR_OK)
        return err_prefix(why, "--key-file %s", c->key_file);
    arena_own(c->arena, *key, key_drop);
    return ERR_OK;
}

/* Of a TPM, in what its file says; of a token, what is called so. */
static enum err find_in_device(struct task *t, const struct settings_ca *ca,
                               struct key **key, struct account_place *place,
                               struct err_info *why)
{
    const struct client_command *c = t->c;
    struct span text = span_of("");
    bool tpm = strncmp(ca->account_key, "tpm", 3) == 0;

    if (tpm != (c->key_file != NULL))
        return err_set(why, ERR_USAGE,
                       tpm ? "--key-file: say where the text of the TPM's key is"
                           : "--key-file is for keys in files and TPMs; the URI names "
                             "the key of a token");
    if (tpm)
        TRY(file_read(c->arena, c->key_file, KEY_PEM_MAX, &text, why));
    return account_device_find(c->arena, t->crew, t->place.directory, ca, text, key,
                               place, why);
}

/* An account that was made elsewhere is taken once the CA knows its key. */
static enum err adopt(struct task *t, const struct client_command *c,
                      const struct settings_ca *ca, struct err_info *why)
{
    struct account_place place = {0};
    struct key *key = NULL;
    bool is_new = false;

    if (c->account_key != NULL && account_device_is_wanted(ca))
        TRY(find_in_device(t, ca, &key, &place, why));
    else if (c->key_file == NULL)
        return err_set(why, ERR_USAGE, "--key-file: say where the key is");
    else
        TRY(read_key(c, &key, why));
    t->desk = (struct account_desk){
        .arena = c->arena, .ca = ca, .account = {.ca = ca->directory, .key = key}};
    TRY(account_desk_roots(c->arena, ca, &t->desk.roots, why));
    TRY(run(t, FLOW_RECOVER, why));
    TRY(account_store_adopt(c->arena, t->place.directory, ca->directory, key,
                            place.device != NULL ? &place : NULL,
                            json_text(json_member(t->known, "url")), NULL, &is_new, why));
    *c->unchanged = !is_new;
    return account_store_find(c->arena, t->place.directory, ca->directory,
                              &t->desk.account, why);
}

static enum err do_recover(struct task *t, const struct client_command *c,
                           struct err_info *why)
{
    const struct settings_ca *ca = NULL;

    if (c->key_file == NULL && c->account_key == NULL) {
        TRY(open_known(t, c, STATE_LOCK_EXCLUSIVE, why));
        TRY(run(t, FLOW_RECOVER, why));
    } else {
        TRY(begin(t, c, &ca, why));
        TRY(adopt(t, c, ca, why));
    }
    print(t);
    return ERR_OK;
}

#define ACCOUNT_COMMAND(name)                                                            \
    enum err command_account_##name(const struct client_command *c,                      \
                                    struct err_info *why)                                \
    {                                                                                    \
        AUTO(crew) struct crew crew = {0};                                               \
        struct task t = {.crew = &crew};                                                 \
                                                                                         \
        enum err result = do_##name(&t, c, why);                                         \
        state_unlock(&t.lock);                                                           \
        return result;                                                                   \
    }

ACCOUNT_COMMAND(register)
ACCOUNT_COMMAND(show)
ACCOUNT_COMMAND(update)
ACCOUNT_COMMAND(rollover)
ACCOUNT_COMMAND(deactivate)
ACCOUNT_COMMAND(recover)
