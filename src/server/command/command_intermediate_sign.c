/* cairn-ca intermediate sign, intermediate cross-sign: on the machine of a root. */
#include <stdio.h>

#include "core/base/file.h"
#include "core/x509/csr.h"
#include "server/command/command_hierarchy.h"

static enum err check_line(const struct command_line *line, const char *option,
                           const char *value, struct err_info *why)
{
    if (line->root_cert == NULL)
        return err_set(why, ERR_USAGE,
                       "--root-cert is missing: the certificate of the root");
    if (value == NULL)
        return err_set(why, ERR_USAGE, "%s is missing", option);
    if (line->root_key == NULL && !line->dry_run)
        return err_set(why, ERR_USAGE,
                       "--root-key is missing: the root's key; or --dry-run to see what "
                       "would be signed");
    if (line->out != NULL && file_exists(line->out))
        return err_set(why, ERR_EXISTS, "%s is there already; nothing was signed",
                       line->out);
    return ERR_OK;
}

static void print_list(const char *what, const struct cli_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        printf("  %-12s %s\n", what, list->items[i]);
}

/* Who signs, first, and the CAs above it: all of the file. */
struct above {
    struct span *chain;
    size_t count;
};

static enum err read_above(const struct command_line *line, struct above *above,
                           struct err_info *why)
{
    above->chain = arena_array(line->arena, CERTIFICATE_CHAIN_MAX, sizeof *above->chain);
    return command_hierarchy_certificates(line->arena, line->root_cert, above->chain,
                                          &above->count, why);
}

static enum err bind(const struct command_line *line, const struct above *above,
                     struct lint_issuer *bounds, struct err_info *why)
{
    return hierarchy_bounds(line->arena, above->chain, above->count, bounds, why) ==
                   ERR_OK
               ? ERR_OK
               : err_prefix(why, "%s", line->root_cert);
}

/* Nothing is signed, but judged as if it were: the place of the signature stays empty. */
static enum err show(const struct command_line *line, const struct above *above,
                     struct span tbs, int64_t now, struct err_info *why)
{
    struct template_issuer by = {0};
    struct lint_issuer bounds = {0};
    const struct lint_pass *pass = NULL;

    TRY(template_issuer_read(line->arena, above->chain[0], &by, why));
    TRY(bind(line, above, &bounds, why));
    TRY(lint_ca_certificate(line->arena, &bounds, LINT_SET_RFC5280, now, tbs, &pass,
                            why));
    printf("would sign:\n");
    command_hierarchy_print(
        line->arena,
        template_assemble(line->arena, tbs, by.signature_kind, span_make(NULL, 0)));
    print_list("policy", &line->policies);
    print_list("CRL", &line->crl_urls);
    print_list("root at", &line->issuer_urls);
    print_list("OCSP", &line->ocsp_urls);
    return ERR_OK;
}

/* Only what a relying party would believe leaves this machine: one who trusts the last
 * certificate of the file. */
static enum err judge(struct arena *a, const struct above *above, struct span der,
                      int64_t now, struct err_info *why)
{
    struct span *chain = arena_array(a, above->count, sizeof *chain);
    const struct hierarchy_claim claim = {
        .chain = chain, .count = above->count, .root = above->chain[above->count - 1]};

    chain[0] = der;
    for (size_t i = 1; i < above->count; i++)
        chain[i] = above->chain[i - 1];
    return hierarchy_check(a, &claim, now, why);
}

static enum err deliver(const struct command_line *line, const struct above *above,
                        struct span tbs, int64_t now, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    struct arena *a = line->arena;
    struct span der = {0};
    struct lint_issuer bounds = {0};

    if (line->dry_run)
        return show(line, above, tbs, now, why);
    TRY(command_hierarchy_root_key(line, above->chain[0], line->root_cert, &key, why));
    TRY(bind(line, above, &bounds, why)); /* what is wrong with the file */
    TRY(hierarchy_sign_below(a, key, above->chain, above->count, tbs, now, &der, why));
    TRY(judge(a, above, der, now, why));
    struct span pem = hierarchy_pem(a, der);
    if (line->out == NULL) {
        printf("%.*s", (int)pem.len, (const char *)pem.data);
        return ERR_OK;
    }
    TRY(file_create(line->out, pem, 0644, why));
    printf("signed %s\n", line->out);
    command_hierarchy_print(a, der);
    return ERR_OK;
}

static enum err read_request(struct arena *a, const char *path,
                             const struct csr_checked **csr, struct err_info *why)
{
    struct span pem = {0};
    struct span der = {0};
    enum err result = file_read(a, path, 2 * CSR_MAX, &pem, why);

    if (result == ERR_OK)
        result = csr_from_pem(a, pem, &der, why);
    if (result == ERR_OK)
        result = csr_read(a, der, csr, why);
    if (result == ERR_OK && (*csr)->subject.len <= 2)
        result = err_set(why, ERR_BAD_CSR, "its subject is empty: a CA needs a name");
    if (result != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "%s", path);
    }
    return ERR_OK;
}

enum err command_intermediate_sign(const struct command_line *line, struct err_info *why)
{
    struct arena *a = line->arena;
    const struct csr_checked *csr = NULL;
    struct hierarchy_wish wish = {0};
    struct above above = {0};
    struct span tbs = {0};

    TRY(check_line(line, "--csr", line->csr, why));
    TRY(command_hierarchy_wish(line, &wish, why));
    TRY(read_above(line, &above, why));
    TRY(read_request(a, line->csr, &csr, why));
    wish.subject = csr->subject;
    TRY(hierarchy_intermediate(a, above.chain[0], key_spki(csr->key), &wish, &tbs, why));
    return deliver(line, &above, tbs, wish.now, why);
}

enum err command_intermediate_cross(const struct command_line *line, struct err_info *why)
{
    struct arena *a = line->arena;
    struct hierarchy_wish wish = {0};
    struct above above = {0};
    struct span certificate = {0};
    struct span tbs = {0};

    TRY(check_line(line, "--certificate", line->certificate, why));
    TRY(command_hierarchy_wish(line, &wish, why));
    TRY(read_above(line, &above, why));
    TRY(command_hierarchy_certificate(a, line->certificate, &certificate, why));
    TRY(hierarchy_cross(a, above.chain[0], certificate, &wish, &tbs, why));
    return deliver(line, &above, tbs, wish.now, why);
}
