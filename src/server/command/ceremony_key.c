/* Steps of a ceremony about keys: made, opened, asked a certificate for; what comes in
 * from files. In a dry run a key that would be made is one in memory, and of one that
 * exists only the public half is used: nothing is ever signed with it. */
#include <stdio.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/pkcs11/pkcs11_uri.h"
#include "core/x509/crl.h"
#include "core/x509/csr.h"
#include "core/x509/pem.h"
#include "server/command/ceremony.h"
#include "server/command/command_hierarchy.h"
#include "server/command/passphrase.h"

struct command_token ceremony_token(const struct ceremony *c)
{
    return (struct command_token){.module = c->module[0] != '\0' ? c->module : NULL,
                                  .directory = c->directory,
                                  .pin = c->pin};
}

static void take_key(struct ceremony *c, struct ceremony_step *step, struct key *key)
{
    step->made_key = arena_own(c->arena, key, key_drop);
    c->key = key;
    printf("  %-12s %s\n  %-12s %s%s\n", "key", hierarchy_key_text(c->arena, key), "id",
           ceremony_transcript_digest(c->arena, key_spki(key)),
           c->dry && key_is_private(key) ? " (another one in the real run)" : "");
}

/* ---- made ---- */

static enum err make_in_file(struct ceremony *c, struct ceremony_step *step,
                             struct err_info *why)
{
    AUTO(secret) struct secret passphrase = {0};
    AUTO(secret) struct secret pem = {0};
    AUTO(key) struct key *key = NULL;

    TRY(passphrase_read_from(c->arena, c->directory, step->passphrase, &passphrase, why));
    TRY(hierarchy_key_make(step->type, &key, why));
    printf("  %-12s %s, %s\n", "file", step->file,
           passphrase.len > 0 ? "encrypted" : "NOT encrypted");
    if (!c->dry)
        TRY(key_to_pem(key, passphrase.len > 0 ? &passphrase : NULL, &pem, why));
    TRY(ceremony_output_key(c, step->file, &pem, why));
    take_key(c, step, key);
    key = NULL;
    return ERR_OK;
}

enum err ceremony_key_make(struct ceremony *c, struct ceremony_step *step,
                           struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    const struct command_token token = ceremony_token(c);

    if (!pkcs11_uri_is(step->file))
        return make_in_file(c, step, why);
    printf("  %-12s %s\n", "token", step->file);
    if (c->dry)
        TRY(hierarchy_key_make(step->type, &key, why));
    else
        TRY(command_token_make(c->arena, step->file, &token, step->type, &key, why));
    TRY(ceremony_output_key(c, step->file, NULL, why));
    take_key(c, step, key);
    key = NULL;
    return ERR_OK;
}

/* ---- opened ---- */

static enum err open_file(struct ceremony *c, const struct ceremony_step *step,
                          struct key **key, struct err_info *why)
{
    AUTO(secret) struct secret passphrase = {0};
    const char *path = ceremony_path(c, step->file);
    struct span pem = {0};

    TRY(passphrase_read_from(c->arena, c->directory, step->passphrase, &passphrase, why));
    enum err result = file_read(c->arena, path, KEY_PEM_MAX, &pem, why);
    if (result == ERR_OK) {
        result = key_from_pem(pem, passphrase.len > 0 ? &passphrase : NULL, key, why);
        memory_wipe((void *)(uintptr_t)pem.data, pem.len);
        if (result != ERR_OK)
            result = err_prefix(why, "%s", path);
    }
    return result;
}

enum err ceremony_key_open(struct ceremony *c, struct ceremony_step *step,
                           struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    AUTO(key) struct key *public = NULL;
    const struct command_token token = ceremony_token(c);

    if (pkcs11_uri_is(step->file))
        TRY(command_token_open(c->arena, step->file, &token, &key, why));
    else
        TRY(open_file(c, step, &key, why));
    TRY(key_from_spki(key_spki(key), &public, why));
    take_key(c, step, c->dry ? public : key);
    if (c->dry)
    public = NULL;
    else key = NULL;
    return ERR_OK;
}

enum err ceremony_key_of(struct ceremony *c, const struct ceremony_step *step,
                         const struct key **key, struct err_info *why)
{
    const struct ceremony_step *issuer = ceremony_file_find(c, step->issuer);
    const struct ceremony_step *keeper = step->issuer_key[0] != '\0'
                                             ? ceremony_file_find(c, step->issuer_key)
                                             : issuer->keep;
    struct certificate *certificate = NULL;

    if (keeper == NULL)
        return err_set(why, ERR_CONFIG,
                       "steps.%s.issuer: the ceremony has no key of that certificate; "
                       "name the step that opens it in issuer_key",
                       step->name);
    TRY(certificate_read(c->arena, issuer->der, &certificate, why));
    if (!span_equal(certificate->spki, key_spki(keeper->made_key)))
        return ceremony_file_bad(
            step, step->issuer_key[0] != '\0' ? "issuer_key" : "issuer",
            "the key does not belong to the issuing certificate", why);
    *key = keeper->made_key;
    c->signed_by = ceremony_transcript_digest(c->arena, certificate->spki);
    return ERR_OK;
}

/* ---- requests ---- */

enum err ceremony_key_request(struct ceremony *c, struct ceremony_step *step,
                              struct err_info *why)
{
    AUTO(buf) struct buf pem = buf_make(2 * CSR_MAX);
    const struct key *key = ceremony_file_find(c, step->key)->made_key;
    struct command_line *line = arena_get(c->arena, sizeof *line);

    line->arena = c->arena;
    line->organization = step->organization[0] != '\0' ? step->organization : NULL;
    line->country = step->country[0] != '\0' ? step->country : NULL;
    TRY(command_hierarchy_subject(line, step->common_name, &step->subject, why));
    printf("  %-12s %s\n", "subject", command_hierarchy_name(c->arena, step->subject));
    c->key = key;
    step->is_unsigned = !key_is_private(key);
    step->keep = ceremony_file_find(c, step->key);
    if (step->is_unsigned) {
        printf("  %-12s not in a dry run: the key exists\n", "signed");
        return ERR_OK;
    }
    c->signed_by = ceremony_transcript_digest(c->arena, key_spki(key));
    TRY(hierarchy_request(c->arena, key, step->subject, &step->der, why));
    csr_pem_add(&pem, step->der);
    return ceremony_output(c, step->out, arena_span(c->arena, buf_span(&pem)), why);
}

/* ---- what comes in ---- */

static enum err in_file(const struct ceremony_step *step, enum err result,
                        struct err_info *why)
{
    if (result == ERR_OK)
        return ERR_OK;
    why->code = ERR_CONFIG;
    return err_prefix(why, "%s", step->file);
}

enum err ceremony_read_certificate(struct ceremony *c, struct ceremony_step *step,
                                   struct err_info *why)
{
    struct certificate *certificate = NULL;
    struct span text = {0};
    size_t count = 0;

    TRY(ceremony_input(c, step, COMMAND_HIERARCHY_PEM_MAX, &text, why));
    TRY(in_file(step, certificate_from_pem(c->arena, text, &step->der, 1, &count, why),
                why));
    TRY(in_file(step, certificate_read(c->arena, step->der, &certificate, why), why));
    command_hierarchy_print(c->arena, step->der);
    return ERR_OK;
}

enum err ceremony_read_request(struct ceremony *c, struct ceremony_step *step,
                               struct err_info *why)
{
    const struct csr_checked *csr = NULL;
    struct span text = {0};

    TRY(ceremony_input(c, step, 2 * CSR_MAX, &text, why));
    TRY(in_file(step, csr_from_pem(c->arena, text, &step->der, why), why));
    TRY(in_file(step, csr_read(c->arena, step->der, &csr, why), why));
    if (csr->subject.len <= 2)
        return err_set(why, ERR_CONFIG, "%s: its subject is empty: a CA needs a name",
                       step->file);
    step->subject = csr->subject;
    printf("  %-12s %s\n  %-12s %s\n", "subject",
           command_hierarchy_name(c->arena, csr->subject), "key",
           hierarchy_key_text(c->arena, csr->key));
    return ERR_OK;
}

enum err ceremony_read_list(struct ceremony *c, struct ceremony_step *step,
                            struct err_info *why)
{
    struct span text = {0};
    struct crl crl;
    size_t count = 0;

    TRY(ceremony_input(c, step, CEREMONY_FILE_MAX, &text, why));
    step->der = text;
    if (text.len > 0 && text.data[0] == '-')
        TRY(in_file(
            step,
            pem_read(c->arena, text, &ceremony_list_pem, &step->der, 1, &count, why),
            why));
    TRY(in_file(step, crl_read(step->der, &crl, why), why));
    printf("  %-12s %s\n", "issuer", command_hierarchy_name(c->arena, crl.issuer));
    return ERR_OK;
}
