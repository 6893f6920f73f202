/* What the commands that make certificates of CAs share: their options, keys and
 * certificates out of files, what is shown. */
#pragma once

#include "core/base/secret.h"
#include "server/command/command.h"
#include "server/command/command_token.h"
#include "server/issue/hierarchy.h"

#define COMMAND_HIERARCHY_PEM_MAX (256 * 1024) /* octets of a file with certificates */

/* The subject by --organization, --country and a common name. ERR_USAGE. */
MUST_CHECK enum err command_hierarchy_subject(const struct command_line *line,
                                              const char *common_name,
                                              struct span *subject, struct err_info *why);

/* What an intermediate's certificate is to say: --days, --permit, --exclude, --policy,
 * --usage, --crl-url, --issuer-url, --ocsp-url. In the line's arena. ERR_USAGE. */
MUST_CHECK enum err command_hierarchy_wish(const struct command_line *line,
                                           struct hierarchy_wish *wish,
                                           struct err_info *why);

/* The certificates of a PEM file (DER, in the arena), relative to where we are; at least
 * one. ERR_CONFIG with the file. */
MUST_CHECK enum err command_hierarchy_certificates(struct arena *a, const char *path,
                                                   struct span *ders, size_t *count,
                                                   struct err_info *why);

/* The first of them. */
MUST_CHECK enum err command_hierarchy_certificate(struct arena *a, const char *path,
                                                  struct span *der, struct err_info *why);

/* The private key of a PEM file (PKCS#8, SEC1, PKCS#1), decrypted with what
 * `passphrase_file` holds (NULL: it is not encrypted), or, by its URI, one in a token.
 * ERR_CONFIG with the file. */
MUST_CHECK enum err command_hierarchy_key(struct arena *a, const char *path,
                                          const char *passphrase_file,
                                          const struct command_token *token,
                                          struct key **key, struct err_info *why);

/* The key of --root-key, which must be that of the certificate `root` (DER, out of the
 * file `path`). ERR_CONFIG with both files. */
MUST_CHECK enum err command_hierarchy_root_key(const struct command_line *line,
                                               struct span root, const char *path,
                                               struct key **key, struct err_info *why);

/* How --module and --pin-file come to a token. */
struct command_token command_hierarchy_token(const struct command_line *line);

/* Print what a certificate, or what is to be signed (made whole by template_assemble),
 * says of its CA. */
void command_hierarchy_print(struct arena *a, struct span der);

/* A subject or issuer as text, "C=DE, O=Example, CN=Example Root"; in the arena. */
const char *command_hierarchy_name(struct arena *a, struct span name);
