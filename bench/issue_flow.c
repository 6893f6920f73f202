/* One flow: order, proof, finalize, download, check. The leanest one the server allows:
 * what an answer says already is not asked for again. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/acme/key_authorization.h"
#include "core/base/clock.h"
#include "core/json/json_write.h"
#include "core/x509/certificate.h"
#include "core/x509/csr.h"
#include "issue.h"

#define CSR_BODY_MAX  (256 * 1024)
#define POLLS_MAX     1000
#define POLL_FIRST_MS 5 /* before the first look again */
#define POLL_WAIT_MS  10
#define CHAIN_SAMPLE  64 /* one chain of so many is verified whole */

static void pause_for(int64_t milliseconds)
{
    const struct timespec wait = {.tv_sec = milliseconds / 1000,
                                  .tv_nsec = (long)(milliseconds % 1000) * 1000000L};

    (void)nanosleep(&wait, NULL);
}

static const char *status_of(const struct issue_answer *answer)
{
    const char *status = json_text(json_member(answer->json, "status"));

    return status != NULL ? status : "nothing";
}

/* Look until the status is none of those that pass. Retry-After is not waited for: the
 * server's speed is measured, not its advice. */
static enum err poll_until(struct issue_client *c, const char *url, const char *passing,
                           struct issue_answer *answer, struct err_info *why)
{
    for (int i = 0; i < POLLS_MAX; i++) {
        const char *status = status_of(answer);
        if (strcmp(status, passing) != 0 && strcmp(status, "processing") != 0)
            return ERR_OK;
        pause_for(i == 0 ? POLL_FIRST_MS : POLL_WAIT_MS);
        int64_t begun = clock_monotonic_us();
        TRY(issue_client_post(c, url, "", answer, why));
        issue_client_time(c, ISSUE_POLL, begun);
        if (atomic_load(&c->run->measuring))
            c->counts.polls++;
    }
    return err_set(why, ERR_TIMEOUT, "%s does not become anything", url);
}

static enum err need_status(const struct issue_answer *answer, const char *wanted,
                            struct err_info *why)
{
    if (strcmp(status_of(answer), wanted) == 0)
        return ERR_OK;
    return err_set(why, ERR_PROTOCOL, "%s instead of %s: %.*s", status_of(answer), wanted,
                   (int)answer->http.body.len, (const char *)answer->http.body.data);
}

/* Count an answer that said the final state at once. */
static void count_at_once(struct issue_client *c, const struct issue_answer *answer,
                          uint64_t *counter)
{
    if (atomic_load(&c->run->measuring) && strcmp(status_of(answer), "valid") == 0)
        (*counter)++;
}

static enum err find_challenge(const struct json *authz, const char **url,
                               const char **token, struct err_info *why)
{
    const struct json *list = json_member(authz, "challenges");

    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *ch = json_element(list, i);
        const char *type = json_text(json_member(ch, "type"));
        if (type == NULL || strcmp(type, "http-01") != 0)
            continue;
        TRY(json_need_text(ch, "url", url, why));
        return json_need_text(ch, "token", token, why);
    }
    return err_set(why, ERR_PROTOCOL, "no http-01 challenge");
}

/* Ask for the check, and wait until the authorization is decided. */
static enum err be_checked(struct issue_client *c, const char *authz, const char *url,
                           struct issue_answer *answer, struct err_info *why)
{
    int64_t begun = clock_monotonic_us();

    TRY(issue_client_post(c, url, "{}", answer, why));
    issue_client_time(c, ISSUE_CHALLENGE, begun);
    count_at_once(c, answer, &c->counts.challenges_at_once);
    TRY(poll_until(c, authz, "pending", answer, why));
    return need_status(answer, "valid", why);
}

static enum err prove(struct issue_client *c, const char *authz, struct err_info *why)
{
    uint8_t thumbprint[JWK_THUMBPRINT_SIZE];
    struct issue_answer answer;
    const char *url = NULL;
    const char *token = NULL;
    int64_t begun = clock_monotonic_us();

    TRY(issue_client_post(c, authz, "", &answer, why));
    issue_client_time(c, ISSUE_AUTHZ, begun);
    TRY(find_challenge(answer.json, &url, &token, why));
    jwk_thumbprint(c->key, thumbprint);
    issue_world_answer(c->run->world, token,
                       key_authorization_text(c->arena, token, thumbprint));
    enum err result = be_checked(c, authz, url, &answer, why);
    issue_world_forget(c->run->world, token);
    return result;
}

/* A new key and its request; made before the flow's clock starts. */
static enum err make_request(struct issue_client *c, const char *name, struct key **key,
                             const char **payload, struct err_info *why)
{
    AUTO(buf) struct buf csr = buf_make(CSR_BODY_MAX);
    AUTO(buf) struct buf b = buf_make(CSR_BODY_MAX);
    struct json_writer w = json_writer_make(&b);

    TRY(key_generate(KEY_P256, 0, key, why));
    arena_own(c->arena, *key, key_drop);
    TRY(csr_make(&csr, *key, &(struct csr_names){.dns = &name, .dns_count = 1}, why));
    json_write_begin_object(&w, NULL);
    json_write_base64url(&w, "csr", buf_span(&csr));
    json_write_end_object(&w);
    *payload = arena_string_of(c->arena, buf_span(&b));
    return ERR_OK;
}

static enum err finalize(struct issue_client *c, const char *order, const char *url,
                         const char *payload, const char **certificate,
                         struct err_info *why)
{
    struct issue_answer answer;
    int64_t begun = clock_monotonic_us();

    TRY(issue_client_post(c, url, payload, &answer, why));
    issue_client_time(c, ISSUE_FINALIZE, begun);
    count_at_once(c, &answer, &c->counts.finalized_at_once);
    TRY(poll_until(c, order, "processing", &answer, why));
    TRY(need_status(&answer, "valid", why));
    return json_need_text(answer.json, "certificate", certificate, why);
}

static enum err download(struct issue_client *c, const char *url, struct span *pem,
                         struct err_info *why)
{
    struct issue_answer answer;
    int64_t begun = clock_monotonic_us();

    TRY(issue_client_post(c, url, "", &answer, why));
    issue_client_time(c, ISSUE_CERTIFICATE, begun);
    *pem = answer.http.body;
    return ERR_OK;
}

/* Is it for this name and this key? Of a sample: does the root vouch for it? */
static enum err verify(struct issue_client *c, struct span pem, const char *name,
                       const struct key *key, struct err_info *why)
{
    struct span ders[CERTIFICATE_CHAIN_MAX];
    struct certificate *certificate = NULL;
    size_t count = 0;

    TRY(certificate_from_pem(c->arena, pem, ders, CERTIFICATE_CHAIN_MAX, &count, why));
    TRY(certificate_read(c->arena, ders[0], &certificate, why));
    if (certificate->dns_name_count != 1 ||
        strcmp(certificate->dns_names[0], name) != 0 ||
        !span_equal(certificate->spki, key_spki(key)))
        return err_set(why, ERR_PROTOCOL, "the certificate is for something else");
    if (c->run->issuing_roots.len == 0 || c->serial % CHAIN_SAMPLE != 0)
        return ERR_OK;
    TRY(certificate_check_chain(ders, count, c->run->issuing_roots, name, clock_now(),
                                why));
    if (atomic_load(&c->run->measuring))
        c->counts.chains_verified++;
    return ERR_OK;
}

/* The part that is timed as a whole: from newOrder to the chain in hand. */
static enum err order(struct issue_client *c, const char *name, const char *csr,
                      struct span *pem, struct err_info *why)
{
    char *payload = arena_printf(
        c->arena, "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"}]}", name);
    struct issue_answer answer;
    const struct json *list = NULL;
    const char *url = NULL;
    const char *certificate = NULL;
    int64_t begun = clock_monotonic_us();

    TRY(issue_client_post(c, c->run->new_order, payload, &answer, why));
    issue_client_time(c, ISSUE_ORDER, begun);
    const char *here = answer.http.location;
    TRY(json_need_array(answer.json, "authorizations", &list, why));
    TRY(json_need_text(answer.json, "finalize", &url, why));
    for (size_t i = 0; i < json_count(list); i++)
        TRY(prove(c, json_text(json_element(list, i)), why));
    TRY(finalize(c, here, url, csr, &certificate, why));
    TRY(download(c, certificate, pem, why));
    issue_client_time(c, ISSUE_FLOW, begun);
    return ERR_OK;
}

enum err issue_flow_do(struct issue_client *c, struct err_info *why)
{
    char *name = arena_printf(c->arena, "b%08x-%d-%llu.bench.test", c->run->salt,
                              c->index, (unsigned long long)++c->serial);
    struct key *key = NULL;
    const char *csr = NULL;
    struct span pem;

    TRY(make_request(c, name, &key, &csr, why));
    TRY(order(c, name, csr, &pem, why));
    return verify(c, pem, name, key, why);
}
