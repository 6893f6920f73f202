/* Steps of a ceremony that certify CAs, or verify what was certified. */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/x509/certificate_authority.h"
#include "core/x509/crl.h"
#include "core/x509/csr.h"
#include "server/command/ceremony.h"
#include "server/command/command_hierarchy.h"

#define BACKDATE     60 /* seconds */
#define MILLISECONDS 1000
#define SERIAL_SHOWN 21 /* octets */

/* ---- what a certificate is to say ---- */

static enum err fill_list(const struct ceremony_step *step, const char *option,
                          const struct config_list *from, struct cli_list *to,
                          struct err_info *why)
{
    if (from->count > CLI_LIST_MAX)
        return ceremony_file_bad(step, option, "there are too many", why);
    for (size_t i = 0; i < from->count; i++)
        to->items[to->count++] = from->items[i];
    return ERR_OK;
}

/* The commands that certify CAs read the same from their options. */
static enum err fill_line(const struct ceremony *c, const struct ceremony_step *step,
                          struct command_line *line, struct err_info *why)
{
    line->arena = c->arena;
    line->organization = step->organization[0] != '\0' ? step->organization : NULL;
    line->country = step->country[0] != '\0' ? step->country : NULL;
    TRY(fill_list(step, "permit", &step->permits, &line->permits, why));
    TRY(fill_list(step, "exclude", &step->excludes, &line->excludes, why));
    TRY(fill_list(step, "policy", &step->policies, &line->policies, why));
    TRY(fill_list(step, "usage", &step->usages, &line->usages, why));
    TRY(fill_list(step, "crl_url", &step->crl_urls, &line->crl_urls, why));
    TRY(fill_list(step, "issuer_url", &step->issuer_urls, &line->issuer_urls, why));
    return fill_list(step, "ocsp_url", &step->ocsp_urls, &line->ocsp_urls, why);
}

/* "--crl-url: ..." of a command line is "steps.NAME.crl_url: ..." here. */
static enum err in_step(const struct ceremony_step *step, struct err_info *why)
{
    char sentence[ERR_DETAIL_MAX];

    why->code = ERR_CONFIG;
    if (strncmp(why->detail, "--", 2) != 0)
        return err_prefix(why, "steps.%s", step->name);
    (void)text_copy(sentence, sizeof sentence, why->detail + 2);
    for (char *p = sentence; *p != '\0' && *p != ':'; p++)
        if (*p == '-')
            *p = '_';
    return err_set(why, ERR_CONFIG, "steps.%s.%s", step->name, sentence);
}

static enum err read_times(const struct ceremony *c, const struct ceremony_step *step,
                           struct hierarchy_wish *wish, struct err_info *why)
{
    wish->now = c->now;
    wish->not_before = c->now - BACKDATE;
    if (step->not_before_text[0] != '\0')
        TRY(ceremony_file_time(step, "not_before", step->not_before_text,
                               &wish->not_before, why));
    if (step->not_after_text[0] != '\0')
        TRY(ceremony_file_time(step, "not_after", step->not_after_text, &wish->not_after,
                               why));
    if (step->lifetime != 0)
        wish->not_after = wish->not_before + step->lifetime / MILLISECONDS - 1;
    if (wish->not_after != 0 && wish->not_after <= wish->not_before)
        return ceremony_file_bad(step, step->lifetime != 0 ? "lifetime" : "not_after",
                                 "it would end before it begins", why);
    return ERR_OK;
}

static enum err read_wish(const struct ceremony *c, const struct ceremony_step *step,
                          int path_length, struct hierarchy_wish *wish,
                          struct err_info *why)
{
    struct command_line *line = arena_get(c->arena, sizeof *line);
    uint64_t number = 0;

    TRY(fill_line(c, step, line, why));
    enum err result = command_hierarchy_wish(line, wish, why);
    if (result == ERR_OK && step->common_name[0] != '\0')
        result = command_hierarchy_subject(line, step->common_name, &wish->subject, why);
    if (result != ERR_OK)
        return in_step(step, why);
    TRY(read_times(c, step, wish, why));
    wish->path_length = path_length;
    if (strcmp(step->path_length_text, "any") == 0)
        wish->path_length = -1;
    else if (text_number(span_of(step->path_length_text), 100, &number))
        wish->path_length = (int)number;
    return ERR_OK;
}

/* ---- lint, show, sign, write ---- */

static void show_list(const char *what, const struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        printf("  %-12s %s\n", what, list->items[i]);
}

static void show(const struct ceremony *c, const struct ceremony_step *step,
                 struct span tbs)
{
    char hex[2 * SERIAL_SHOWN + 1];
    struct certificate *certificate = NULL;

    if (certificate_read_tbs(c->arena, tbs, &certificate, NULL) != ERR_OK)
        return; /* the lint will say more */
    command_hierarchy_print(c->arena,
                            template_assemble(c->arena, tbs, certificate->signature_kind,
                                              span_make(NULL, 0)));
    show_list("policy", &step->policies);
    show_list("list at", &step->crl_urls);
    show_list("issuer at", &step->issuer_urls);
    show_list("OCSP at", &step->ocsp_urls);
    if (certificate->serial.len > SERIAL_SHOWN)
        return;
    text_hex(hex, certificate->serial.data, certificate->serial.len);
    printf("  %-12s %s%s\n", "serial", hex,
           c->dry ? " (another one in the real run)" : "");
}

/* Has that step the certificate of the CA that signed `c`? */
static bool has_signer(const struct ceremony *ceremony, const struct ceremony_step *step,
                       const struct certificate *c)
{
    struct certificate *above = NULL;

    return step->row->makes == CEREMONY_CERTIFICATE && step->der.len > 0 &&
           certificate_read(ceremony->arena, step->der, &above, NULL) == ERR_OK &&
           span_equal(above->subject, c->issuer) &&
           certificate_authority_signed(c, above->spki, NULL) == ERR_OK;
}

/* The certificate above that of a step, so far as the ceremony has it: what it made says
 * by whom, of what it read the signature does. */
static const struct ceremony_step *above(const struct ceremony *c,
                                         const struct ceremony_step *step)
{
    struct certificate *own = NULL;

    if (step->issuer[0] != '\0')
        return ceremony_file_find(c, step->issuer);
    if (certificate_read(c->arena, step->der, &own, NULL) != ERR_OK ||
        span_equal(own->issuer, own->subject))
        return NULL;
    for (size_t i = 0; i < c->steps.count; i++)
        if (has_signer(c, ceremony_file_step(c, i), own))
            return ceremony_file_step(c, i);
    return NULL;
}

/* The name constraints of every CA above what is certified bind it (RFC 5280 6.1.4). Two
 * that have signed each other are looked at once. */
static enum err bind(const struct ceremony *c, const struct ceremony_step *issuer,
                     struct lint_issuer *bounds, struct err_info *why)
{
    const struct ceremony_step **seen =
        arena_array(c->arena, c->steps.count + 1, sizeof *seen);
    size_t count = 0;

    TRY(lint_issuer_read(c->arena, issuer->der, bounds, why));
    for (const struct ceremony_step *at = issuer; at != NULL; at = above(c, at)) {
        for (size_t i = 0; i < count; i++)
            if (seen[i] == at)
                return ERR_OK;
        seen[count++] = at;
        TRY(lint_issuer_bind(c->arena, at->der, bounds, why));
    }
    return ERR_OK;
}

/* By the rules the file names, as they are before anything is signed. `issuer` NULL: by
 * itself. */
static enum err lint(const struct ceremony *c, const struct ceremony_step *issuer,
                     struct span tbs, struct err_info *why)
{
    struct lint_issuer bounds = {0};
    const struct lint_pass *pass = NULL;

    if (issuer != NULL)
        TRY(bind(c, issuer, &bounds, why));
    TRY(lint_ca_certificate(c->arena, issuer != NULL ? &bounds : NULL, c->set, c->now,
                            tbs, &pass, why));
    printf("  %-12s %s%s\n", "lint", pass->warning != NULL ? "warning of " : "good",
           pass->warning != NULL ? pass->warning : "");
    return ERR_OK;
}

static enum err write(struct ceremony *c, const struct ceremony_step *step,
                      struct err_info *why)
{
    return ceremony_output(c, step->out, hierarchy_pem(c->arena, step->der), why);
}

/* Nobody signs in a dry run whose key exists. */
static enum err leave_unsigned(const struct ceremony *c, struct ceremony_step *step,
                               struct span tbs, struct err_info *why)
{
    struct certificate *certificate = NULL;

    TRY(certificate_read_tbs(c->arena, tbs, &certificate, why));
    step->is_unsigned = true;
    step->der =
        template_assemble(c->arena, tbs, certificate->signature_kind, span_make(NULL, 0));
    printf("  %-12s not in a dry run: the issuer's key exists\n", "signed");
    return ERR_OK;
}

static enum err certify(struct ceremony *c, struct ceremony_step *step, struct span tbs,
                        struct err_info *why)
{
    const struct ceremony_step *issuer = ceremony_file_find(c, step->issuer);
    const struct key *key = NULL;

    show(c, step, tbs);
    TRY(lint(c, issuer, tbs, why));
    TRY(ceremony_key_of(c, step, &key, why));
    if (!key_is_private(key))
        return leave_unsigned(c, step, tbs, why);
    TRY(hierarchy_sign(c->arena, key, issuer->der, tbs, c->now, &step->der, why));
    return write(c, step, why);
}

/* ---- the steps ---- */

enum err ceremony_certificate_root(struct ceremony *c, struct ceremony_step *step,
                                   struct err_info *why)
{
    struct hierarchy_wish wish = {0};
    struct span tbs = {0};

    step->keep = ceremony_file_find(c, step->key);
    const struct key *key = step->keep->made_key;
    TRY(read_wish(c, step, -1, &wish, why));
    TRY(hierarchy_root_write(c->arena, key, &wish, &tbs, why));
    show(c, step, tbs);
    TRY(lint(c, NULL, tbs, why));
    c->key = key;
    c->signed_by = ceremony_transcript_digest(c->arena, key_spki(key));
    if (!key_is_private(key))
        return leave_unsigned(c, step, tbs, why);
    TRY(hierarchy_root_sign(c->arena, key, tbs, c->now, &step->der, why));
    return write(c, step, why);
}

/* The public key to be certified, and in the wish the subject of a request. */
static enum err find_subject(struct ceremony *c, struct ceremony_step *step,
                             struct hierarchy_wish *wish, struct span *spki,
                             struct err_info *why)
{
    const struct csr_checked *csr = NULL;
    const struct ceremony_step *request = ceremony_file_find(c, step->request);

    step->keep = request != NULL ? request->keep : ceremony_file_find(c, step->key);
    if (request != NULL)
        wish->subject = request->subject;
    if (step->keep != NULL) {
        *spki = key_spki(step->keep->made_key);
        return ERR_OK;
    }
    TRY(csr_read(c->arena, request->der, &csr, why));
    *spki = key_spki(csr->key);
    return ERR_OK;
}

enum err ceremony_certificate_intermediate(struct ceremony *c, struct ceremony_step *step,
                                           struct err_info *why)
{
    struct hierarchy_wish wish = {0};
    struct span spki = {0};
    struct span tbs = {0};

    TRY(read_wish(c, step, 0, &wish, why));
    TRY(find_subject(c, step, &wish, &spki, why));
    TRY(hierarchy_intermediate(c->arena, ceremony_file_find(c, step->issuer)->der, spki,
                               &wish, &tbs, why));
    return certify(c, step, tbs, why);
}

enum err ceremony_certificate_cross(struct ceremony *c, struct ceremony_step *step,
                                    struct err_info *why)
{
    const struct ceremony_step *own = ceremony_file_find(c, step->certificate);
    struct hierarchy_wish wish = {0};
    struct span tbs = {0};

    TRY(read_wish(c, step, 0, &wish, why));
    TRY(hierarchy_cross(c->arena, ceremony_file_find(c, step->issuer)->der, own->der,
                        &wish, &tbs, why));
    step->keep = own->keep;
    return certify(c, step, tbs, why);
}

/* ---- verify ---- */

static enum err verify_list(struct ceremony *c, const struct ceremony_step *list,
                            const struct certificate *issuer, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    struct crl crl;

    TRY(crl_read(list->der, &crl, why));
    TRY(key_from_spki(issuer->spki, &key, why));
    if (!span_equal(crl.issuer, issuer->subject))
        return err_set(why, ERR_UNAUTHORIZED, "the list is not this issuer's");
    if (crl.this_update > c->now || !crl.has_next_update || crl.next_update < c->now)
        return err_set(why, ERR_UNAUTHORIZED, "the list does not count now");
    return key_verify(key, crl.signature_kind, crl.tbs, crl.signature, why);
}

static enum err verify_certificate(struct ceremony *c, const struct ceremony_step *step,
                                   const struct ceremony_step *about,
                                   const struct certificate *issuer, struct err_info *why)
{
    struct certificate *own = NULL;
    struct span chain[] = {about->der};
    const struct ceremony_step *by = ceremony_file_find(c, step->issuer);

    TRY(certificate_read(c->arena, about->der, &own, why));
    if (!span_equal(own->issuer, issuer->subject))
        return err_set(why, ERR_UNAUTHORIZED, "its issuer has another name");
    TRY(certificate_authority_signed(own, issuer->spki, why));
    if (!span_equal(issuer->issuer, issuer->subject))
        return ERR_OK; /* no root to build a chain to */
    return certificate_authority_chain(chain, 1, hierarchy_pem(c->arena, by->der), c->now,
                                       why);
}

enum err ceremony_verify(struct ceremony *c, struct ceremony_step *step,
                         struct err_info *why)
{
    bool is_list = step->list[0] != '\0';
    const struct ceremony_step *about =
        ceremony_file_find(c, is_list ? step->list : step->certificate);
    const struct ceremony_step *by = ceremony_file_find(c, step->issuer);
    struct certificate *issuer = NULL;

    TRY(certificate_read(c->arena, by->der, &issuer, why));
    if (about->is_unsigned || by->is_unsigned) {
        printf("  %-12s not in a dry run: there is no signature\n", "verified");
        return ERR_OK;
    }
    TRY(is_list ? verify_list(c, about, issuer, why)
                : verify_certificate(c, step, about, issuer, why));
    printf("  %-12s %s, by %s\n", "verified", about->name, by->name);
    return ERR_OK;
}
