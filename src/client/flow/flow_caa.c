/* A CA that is refused by CAA records can be named in one: which, only the client knows
 * in time, as it has the account. */
#include <string.h>

#include "client/flow/flow_private.h"
#include "core/acme/problem.h"
#include "core/net/address.h"

#define LINE_MAX_OCTETS 1500

/* What may stand in the quoted value without any escape (RFC 8659 4.2). */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~' || strchr("\";\\", *text) != NULL)
            return false;
    return true;
}

static void write_record(struct buf *b, const struct flow *f, const char *name)
{
    const struct acme_peer *peer = &f->session->peer;
    bool wildcard = strncmp(name, "*.", 2) == 0;

    buf_printf(b, "%s. CAA 0 %s \"%s; accounturi=%s; validationmethods=",
               wildcard ? name + 2 : name, wildcard ? "issuewild" : "issue",
               peer->directory.caa_identity, peer->kid);
    challenge_list_write(b, &f->options->challenges);
    buf_add_text(b, "\"");
}

static void advise(const struct flow *f, const char *name)
{
    const struct acme_peer *peer = &f->session->peer;
    AUTO(buf) struct buf b = buf_make(LINE_MAX_OCTETS);
    struct address address;

    if (peer->directory.caa_identity == NULL || peer->kid == NULL ||
        !is_plain(peer->kid) || !is_plain(peer->directory.caa_identity) ||
        !is_plain(name) || address_parse(span_of(name), &address))
        return;
    write_record(&b, f, name);
    if (!b.failed)
        report_step(f->report, "caa",
                    "lets this account have certificates, and no other: %.*s", (int)b.len,
                    (const char *)b.data);
}

void flow_caa_advise(struct flow *f, const char *problem_type, const char *name)
{
    if (problem_type == NULL || strcmp(problem_type, PROBLEM_URN "caa") != 0)
        return;
    f->caa_told = true;
    for (size_t i = 0; name == NULL && i < f->options->name_count; i++)
        advise(f, f->options->names[i]);
    if (name != NULL)
        advise(f, name);
}
