/* Private keys in tokens, by PKCS #11 (2.40, with Ed25519 of 3.0).
 *
 * A module is loaded when it is named and started when a key of it is first used. Keys
 * share the sessions of their token; what a token forgets (sessions, login, handles) is
 * made anew, and one that was removed is looked for again whenever a key of it is used.
 * Calls wait for the token without a limit: a module that hangs holds its thread, and
 * whoever has to answer others watches from another one. */
#pragma once

#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/secret.h"
#include "core/crypto/key.h"
#include "core/pkcs11/pkcs11_uri.h"

#define PKCS11_SESSIONS_MAX 64
#define PKCS11_PIN_MAX      255 /* octets */

struct pkcs11;

/* How to come to a token. */
struct pkcs11_access {
    const char *module;       /* path of the module */
    const struct secret *pin; /* NULL: none */
    size_t sessions;          /* signatures under way at once; 0: 1 */
};

/* All tokens of a process; to be freed after the last key. */
struct pkcs11 *pkcs11_new(void);
void pkcs11_free(struct pkcs11 *p);

/* Be told when a token is missed (`trouble` says why) and when it is back (NULL), once
 * each, on the thread that noticed. */
void pkcs11_watch(struct pkcs11 *p,
                  void (*watcher)(void *context, const char *token,
                                  const struct err_info *trouble),
                  void *context);

/* Failures are for somebody who has just run a program, not for the log of a CA: they
 * name this option for the file with the PIN (it must live as long), and have codes of
 * their own: ERR_NOT_FOUND (no such token or key), ERR_UNAUTHORIZED (the PIN is missing
 * or wrong; as far as the token says how many attempts are left, they say it),
 * ERR_LOCKED. Keys are opened without trying them out, for which a token may want to be
 * touched. */
void pkcs11_serve_user(struct pkcs11 *p, const char *pin_option);

/* Load a module without starting it: to be done before files can no more be opened.
 * ERR_NOT_FOUND; ERR_CONFIG if it is none, or if others than root and the caller could
 * have written it. */
MUST_CHECK enum err pkcs11_load(struct pkcs11 *p, const char *path, struct err_info *why);

/* The private key a URI names. Its public half is in the token, too, or, if it is not,
 * taken from `spki`, the SubjectPublicKeyInfo of its certificate; that they belong
 * together is tried. ERR_CONFIG, ERR_NOT_FOUND, ERR_CRYPTO. */
MUST_CHECK enum err pkcs11_key_open(struct pkcs11 *p, const struct pkcs11_uri *uri,
                                    const struct pkcs11_access *access, struct span spki,
                                    struct key **k, struct err_info *why);

/* The certificates of the token a URI means, DER, whatever they are called and whether
 * they can be read as certificates or not; at most `max`, in the arena. Errors are those
 * of pkcs11_key_open. */
MUST_CHECK enum err pkcs11_certificate_list(struct arena *a, struct pkcs11 *p,
                                            const struct pkcs11_uri *uri,
                                            const struct pkcs11_access *access,
                                            struct span *ders, size_t max, size_t *count,
                                            struct err_info *why);

/* Could a key be made as the URI says: is the token there, does it let us in, and has it
 * none that is called so? ERR_EXISTS, and as pkcs11_key_open. */
MUST_CHECK enum err pkcs11_key_is_free(struct pkcs11 *p, const struct pkcs11_uri *uri,
                                       const struct pkcs11_access *access,
                                       struct err_info *why);

/* Make a key in the token, which it never leaves, and open it. It is called as the URI
 * says; `named` is the URI with the id it was given (in the arena). Types as of
 * key_generate. ERR_EXISTS: there is a key with that label or id. */
MUST_CHECK enum err pkcs11_key_generate(struct arena *a, struct pkcs11 *p,
                                        const struct pkcs11_uri *uri,
                                        const struct pkcs11_access *access,
                                        enum key_type type, int rsa_bits, struct key **k,
                                        struct pkcs11_uri *named, struct err_info *why);

static inline void pkcs11_auto(struct pkcs11 **p)
{
    pkcs11_free(*p);
}
