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

/* Nothing is signed: the place of the signature stays empty. */
static enum err show(const struct command_line *line, struct span root, struct span tbs,
                     struct err_info *why)
{
    struct template_issuer by = {0};

    TRY(template_issuer_read(line->arena, root, &by, why));
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

/* Only what a relying party would believe leaves this machine. */
static enum err deliver(const struct command_line *line, struct span root,
                        struct span tbs, int64_t now, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    struct arena *a = line->arena;
    struct span der = {0};
    const struct hierarchy_claim claim = {.chain = &der, .count = 1, .root = root};

    if (line->dry_run)
        return show(line, root, tbs, why);
    TRY(command_hierarchy_root_key(line, root, line->root_cert, &key, why));
    TRY(hierarchy_sign(a, key, root, tbs, now, &der, why));
    TRY(hierarchy_check(a, &claim, now, why));
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
    struct span root = {0};
    struct span tbs = {0};

    TRY(check_line(line, "--csr", line->csr, why));
    TRY(command_hierarchy_wish(line, &wish, why));
    TRY(command_hierarchy_certificate(a, line->root_cert, &root, why));
    TRY(read_request(a, line->csr, &csr, why));
    wish.subject = csr->subject;
    TRY(hierarchy_intermediate(a, root, key_spki(csr->key), &wish, &tbs, why));
    return deliver(line, root, tbs, wish.now, why);
}

enum err command_intermediate_cross(const struct command_line *line, struct err_info *why)
{
    struct arena *a = line->arena;
    struct hierarchy_wish wish = {0};
    struct span root = {0};
    struct span certificate = {0};
    struct span tbs = {0};

    TRY(check_line(line, "--certificate", line->certificate, why));
    TRY(command_hierarchy_wish(line, &wish, why));
    TRY(command_hierarchy_certificate(a, line->root_cert, &root, why));
    TRY(command_hierarchy_certificate(a, line->certificate, &certificate, why));
    TRY(hierarchy_cross(a, root, certificate, &wish, &tbs, why));
    return deliver(line, root, tbs, wish.now, why);
}
