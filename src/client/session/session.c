/* Accounts. */
#include "client/session/session.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/json/json_write.h"

#define ACCOUNT_FILE_MAX (64 * 1024) /* octets */
#define USER_AGENT       "cairn/" CAIRN_VERSION
#define FOLDER_HASH      8 /* octets of the URL's hash in the folder's name */

/* accounts/HOST-HASH: readable, and one for each directory URL. */
static char *account_folder(struct arena *a, const struct session_options *o)
{
    const char *host = strncmp(o->ca, "https://", 8) == 0 ? o->ca + 8 : o->ca;
    uint8_t hash[HASH_SHA256_SIZE];
    char hex[2 * FOLDER_HASH + 1];

    hash_sha256(span_of(o->ca), hash);
    text_hex(hex, hash, FOLDER_HASH);
    char *name = arena_printf(a, "%.*s-%s", (int)strcspn(host, "/"), host, hex);
    for (char *p = name; *p != '\0'; p++)
        if (*p == ':' || *p == '[' || *p == ']')
            *p = '_';
    return arena_printf(a, "%s/accounts/%s", o->directory, name);
}

/* The account's key: from the folder, or a new one that is kept there first. */
static enum err need_key(struct session *s, const char *folder, struct err_info *why)
{
    AUTO(secret) struct secret pem = {0};
    char *path = file_path(s->arena, folder, "key.pem");
    struct span text;

    enum err result = file_read(s->arena, path, KEY_PEM_MAX, &text, why);
    if (result == ERR_OK) {
        result = key_from_pem(text, NULL, &s->key, why);
        memory_wipe((void *)(uintptr_t)text.data, text.len);
        return result == ERR_OK ? ERR_OK : err_prefix(why, "%s", path);
    }
    if (result != ERR_NOT_FOUND)
        return result;
    TRY(key_generate(KEY_P256, 0, &s->key, why));
    TRY(key_to_pem(s->key, NULL, &pem, why));
    TRY(file_make_directory(folder, 0700, why));
    return file_create(path, span_make(pem.data, pem.len), 0600, why);
}

/* The account's URL, NULL if it was never told. */
static const char *known_url(struct session *s, const char *folder)
{
    char *path = file_path(s->arena, folder, "account.json");
    struct err_info ignored = {0};
    const struct json *object = NULL;
    const char *url = NULL;
    struct span text;

    /* a damaged file is no loss: the CA knows the account by its key */
    if (file_read(s->arena, path, ACCOUNT_FILE_MAX, &text, &ignored) != ERR_OK ||
        json_read(s->arena, text, &object, &ignored) != ERR_OK ||
        json_need_text(object, "url", &url, &ignored) != ERR_OK)
        return NULL;
    return url;
}

static enum err keep_url(struct session *s, const char *folder, const char *email,
                         struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(ACCOUNT_FILE_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "url", s->peer.kid);
    json_write_text(&w, "ca", s->peer.url);
    json_write_text(&w, "email", email != NULL ? email : "");
    json_write_end_object(&w);
    buf_add_text(&b, "\n");
    return file_replace(file_path(s->arena, folder, "account.json"), buf_span(&b), 0600,
                        why);
}

static enum err may_register(const struct session *s, const struct session_options *o,
                             struct err_info *why)
{
    if (s->peer.needs_external)
        return err_set(why, ERR_EXTERNAL_ACCOUNT_REQUIRED,
                       "%s wants an external account binding, which this version cannot "
                       "give yet",
                       o->ca);
    if (s->peer.terms != NULL && !o->agree_terms)
        return err_set(why, ERR_USAGE,
                       "the CA has terms of service: read %s, then run again with "
                       "--agree-tos",
                       s->peer.terms);
    return ERR_OK;
}

/* newAccount: a new account, or the URL of the one that has this key (RFC 8555 7.3.1). */
static enum err register_account(struct session *s, const struct session_options *o,
                                 const char *folder, const struct report *report,
                                 struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(ACCOUNT_FILE_MAX);
    struct json_writer w = json_writer_make(&b);
    struct acme_reply reply;

    TRY(may_register(s, o, why));
    json_write_begin_object(&w, NULL);
    if (s->peer.terms != NULL)
        json_write_bool(&w, "termsOfServiceAgreed", true);
    if (o->email != NULL) {
        json_write_begin_array(&w, "contact");
        json_write_text(&w, NULL, arena_printf(s->arena, "mailto:%s", o->email));
        json_write_end_array(&w);
    }
    json_write_end_object(&w);
    TRY(acme_request_post(&s->peer, s->arena, s->peer.new_account, buf_span(&b), &reply,
                          why));
    if (reply.location == NULL)
        return err_set(why, ERR_PROTOCOL, "the CA did not tell the account's URL");
    s->peer.kid = reply.location;
    report_step(report, "account", "%s %s",
                reply.status == 201 ? "registered" : "found again", s->peer.kid);
    return keep_url(s, folder, o->email, why);
}

static enum err open_session(struct session *s, const struct session_options *o,
                             const struct report *report, struct err_info *why)
{
    char *folder = account_folder(s->arena, o);

    TRY(http_client_new(o->ca_file, USER_AGENT, &s->http, why));
    TRY(acme_request_begin(&s->peer, s->http, s->arena, o->ca, why));
    TRY(need_key(s, folder, why));
    s->peer.key = s->key;
    s->peer.kid = known_url(s, folder);
    if (s->peer.kid == NULL)
        return register_account(s, o, folder, report, why);
    report_step(report, "account", "%s", s->peer.kid);
    return ERR_OK;
}

enum err session_open(const struct session_options *options, const struct report *report,
                      struct session **s, struct err_info *why)
{
    struct session *made = memory_get_zeroed(1, sizeof *made);

    made->arena = arena_new();
    enum err result = open_session(made, options, report, why);
    if (result != ERR_OK) {
        session_close(made);
        return result;
    }
    *s = made;
    return ERR_OK;
}

void session_close(struct session *s)
{
    if (s == NULL)
        return;
    http_client_free(s->http);
    key_free(s->key);
    arena_free(s->arena);
    free(s);
}
