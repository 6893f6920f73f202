/* Session, key, flow, store. */
#include "client/command/issuing.h"

#include <string.h>

#include "client/flow/flow.h"
#include "client/session/session.h"
#include "core/base/clock.h"

static const struct {
    const char *name;
    enum key_type type;
    int bits;
    const char *text;
} key_types[] = {
    {"p256", KEY_P256, 0, "ECDSA P-256"},
    {"p384", KEY_P384, 0, "ECDSA P-384"},
    {"rsa2048", KEY_RSA, 2048, "RSA 2048"},
    {"rsa4096", KEY_RSA, 4096, "RSA 4096"},
};

#define KEY_TYPE_COUNT (sizeof key_types / sizeof key_types[0])

bool issuing_is_key_type(const char *text)
{
    for (size_t i = 0; i < KEY_TYPE_COUNT; i++)
        if (strcmp(text, key_types[i].name) == 0)
            return true;
    return false;
}

static enum err make_key(const struct issuing *i, struct key **key, struct err_info *why)
{
    for (size_t k = 0; k < KEY_TYPE_COUNT; k++) {
        if (strcmp(i->wanted.key_type, key_types[k].name) != 0)
            continue;
        report_step(&i->report, "key", "%s", key_types[k].text);
        return key_generate(key_types[k].type, key_types[k].bits, key, why);
    }
    return err_set(why, ERR_USAGE,
                   "--key: \"%.50s\" is none of p256, p384, rsa2048, rsa4096",
                   i->wanted.key_type);
}

static enum err keep(struct arena *a, struct issuing *i, const struct key *key,
                     const struct flow_certificate *got, const char **path,
                     struct err_info *why)
{
    AUTO(secret) struct secret key_pem = {0};
    char until[CLOCK_TEXT_SIZE];

    TRY(key_to_pem(key, NULL, &key_pem, why));
    const struct certificate_files files = {.key_pem =
                                                span_make(key_pem.data, key_pem.len),
                                            .certificate_pem = got->certificate_pem,
                                            .chain_pem = got->chain_pem};
    i->wanted.not_before = got->not_before;
    i->wanted.not_after = got->not_after;
    i->wanted.serial = got->serial;
    TRY(certificate_store_put(a, i->directory, i->name, &i->wanted, &files, path, why));
    clock_text(until, got->not_after);
    report_step(&i->report, "issued", "%s, valid until %.10s", i->name, until);
    report_step(&i->report, "stored", "%s", *path);
    return ERR_OK;
}

static enum err with_session(struct arena *a, struct issuing *i, struct session *session,
                             const char **path, struct err_info *why)
{
    const struct solve_options solving = {.http = i->wanted.http,
                                          .http_port = i->wanted.http_port};
    struct flow_certificate got = {0};
    struct key *key = NULL;

    TRY(make_key(i, &key, why));
    arena_own(a, key, key_drop);
    TRY(flow_issue(session, &solving, i->wanted.names, i->wanted.name_count, key,
                   &i->report, a, &got, why));
    return keep(a, i, key, &got, path, why);
}

enum err issuing_run(struct arena *a, struct issuing *i, const char **path,
                     struct err_info *why)
{
    const struct session_options options = {
        .directory = i->directory,
        .ca = i->wanted.ca,
        .ca_file = i->wanted.ca_file[0] != '\0' ? i->wanted.ca_file : NULL,
        .email = i->email,
        .agree_terms = i->agree_terms};
    struct session *session = NULL;

    report_step(&i->report, "ca", "%s", i->wanted.ca);
    TRY(session_open(&options, &i->report, &session, why));
    enum err result = with_session(a, i, session, path, why);
    session_close(session);
    return result;
}
