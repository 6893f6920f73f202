/* The process with the keys and the files: it gives the job, serves the calls that come
 * back, judges the result, and keeps it. */
#include "client/command/issuing.h"

#include <string.h>

#include "client/command/network.h"
#include "client/flow/flow.h"
#include "client/flow/flow_check.h"
#include "client/proc/wire.h"
#include "client/solve/solve.h"
#include "client/store/account_store.h"
#include "core/acme/identifier.h"
#include "core/acme/key_authorization.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/jose/jws.h"
#include "core/x509/csr.h"

#define JWS_MAX   (256 * 1024)      /* octets of a signed request */
#define ROOTS_MAX (2 * 1024 * 1024) /* octets of a CA file */

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

/* ---- what the process with the network asks for ---- */

/* One certificate being got. */
struct job {
    struct arena *arena;
    const struct issuing *i;
    struct account account;
    struct key *key; /* of the certificate */
    struct solver *solver;
};

static enum err sign(struct job *j, struct arena *a, const struct wire_message *m,
                     struct span *answer, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(JWS_MAX);

    if (m->count != 4)
        return err_set(why, ERR_PROTOCOL, "a call to sign is malformed");
    const char *kid = m->fields[0].len > 0 ? (const char *)m->fields[0].data : NULL;
    const char *url = (const char *)m->fields[2].data;
    if (strncmp(url, "https://", 8) != 0)
        return err_set(why, ERR_PROTOCOL, "%.200s is no https URL", url);
    TRY(jws_sign(&b, j->account.key, kid, (const char *)m->fields[1].data, url,
                 m->fields[3], why));
    *answer = arena_span(a, buf_span(&b));
    return ERR_OK;
}

/* For the names of the job, whatever the CA says. */
static enum err request(struct job *j, struct arena *a, struct span *answer,
                        struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(CSR_MAX);

    if (j->key == NULL) { /* not before the CA is content: a large one takes long */
        TRY(make_key(j->i, &j->key, why));
        arena_own(j->arena, j->key, key_drop);
    }
    TRY(csr_make(&b, j->key, j->i->wanted.names, j->i->wanted.name_count, why));
    *answer = arena_span(a, buf_span(&b));
    return ERR_OK;
}

static enum err present(struct job *j, struct arena *a, const struct wire_message *m,
                        struct err_info *why)
{
    const struct solve_options options = {.http = j->i->wanted.http,
                                          .http_port = j->i->wanted.http_port,
                                          .listener = j->i->crew->listener.fd};
    uint8_t thumbprint[JWK_THUMBPRINT_SIZE];

    if (m->count != 1)
        return err_set(why, ERR_PROTOCOL, "a call to present is malformed");
    if (j->solver == NULL) {
        TRY(solve_open(&options, &j->solver, why));
        report_step(&j->i->report, "prove", "%s, %s",
                    terms_challenge_type(solve_type(j->solver)),
                    solve_description(j->solver));
    }
    const char *token = (const char *)m->fields[0].data;
    jwk_thumbprint(j->account.key, thumbprint);
    return solve_add(j->solver, token, key_authorization_text(a, token, thumbprint), why);
}

static enum err serve(struct job *j, struct arena *a, const struct wire_message *m,
                      struct span *answer, struct err_info *why)
{
    switch (m->type) {
    case WIRE_SIGN:
        return sign(j, a, m, answer, why);
    case WIRE_CSR:
        return request(j, a, answer, why);
    case WIRE_ACCOUNT:
        return account_store_keep_url(&j->account, (const char *)m->fields[0].data,
                                      j->i->email, why);
    case WIRE_PRESENT:
        return present(j, a, m, why);
    case WIRE_PROVED:
        solve_close(j->solver);
        j->solver = NULL;
        return ERR_OK;
    default:
        return err_set(why, ERR_PROTOCOL, "a call that is none");
    }
}

/* Serve until the process with the network is done, or has failed. */
static enum err serve_all(struct job *j, struct span *pem, struct err_info *why)
{
    int fd = j->i->crew->network.fd;

    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message m;
        struct span answer = span_of("");
        struct err_info failure = {0};
        TRY(wire_receive(a, fd, &m, NULL, why));
        if (m.type == WIRE_FINISH && m.count == 1) {
            *pem = arena_span(j->arena, m.fields[0]);
            return ERR_OK;
        }
        if (m.type == WIRE_FAIL)
            return wire_failure(&m, why);
        enum err result = serve(j, a, &m, &answer, &failure);
        const struct wire_message back = {WIRE_ANSWER, {answer}, 1};
        TRY(result == ERR_OK ? wire_send(fd, &back, why)
                             : wire_send_failure(fd, &failure, why));
    }
}

/* ---- the job ---- */

static enum err send_job(struct job *j, struct err_info *why)
{
    const struct issuing *i = j->i;
    AUTO(buf) struct buf names = buf_make(FLOW_NAMES_MAX * (IDENTIFIER_DNS_MAX + 1));
    struct span roots = span_of("");
    char flags[3] = "";

    if (i->wanted.ca_file[0] != '\0' &&
        file_read(j->arena, i->wanted.ca_file, ROOTS_MAX, &roots, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "the CA file");
    }
    if (i->wanted.ca_file[0] != '\0' && roots.len == 0)
        return err_set(why, ERR_CONFIG, "the CA file %s is empty", i->wanted.ca_file);
    for (size_t n = 0; n < i->wanted.name_count; n++)
        buf_printf(&names, "%s%s", n > 0 ? "\n" : "", i->wanted.names[n]);
    if (i->agree_terms)
        flags[0] = NETWORK_AGREES;
    if (i->report.json || i->report.quiet)
        flags[strlen(flags)] = NETWORK_SILENT;
    const struct wire_message m = {WIRE_JOB,
                                   {span_of(i->wanted.ca), roots, span_of(j->account.url),
                                    span_of(i->email), span_of(flags), buf_span(&names)},
                                   6};
    return wire_send(i->crew->network.fd, &m, why);
}

static enum err run_job(struct job *j, struct issuing *i, const char **path,
                        struct err_info *why)
{
    struct flow_certificate got = {0};
    struct span pem = span_of("");

    TRY(account_store_open(j->arena, i->directory, i->wanted.ca, &j->account, why));
    TRY(send_job(j, why));
    TRY(serve_all(j, &pem, why));
    if (j->key == NULL)
        return err_set(why, ERR_PROTOCOL, "there is a certificate nobody asked for");
    TRY(flow_check(j->arena, pem, i->wanted.names, i->wanted.name_count, j->key, &got,
                   why));
    return keep(j->arena, i, j->key, &got, path, why);
}

enum err issuing_run(struct arena *a, struct issuing *i, const char **path,
                     struct err_info *why)
{
    struct job j = {.arena = a, .i = i};

    report_step(&i->report, "ca", "%s", i->wanted.ca);
    TRY(crew_start(i->crew, why));
    enum err result = run_job(&j, i, path, why);
    solve_close(j.solver);
    if (result == ERR_INTERRUPTED || result == ERR_IO || result == ERR_INTERNAL)
        crew_end(i->crew); /* it may be in the middle of something; another starts anew */
    return result;
}
