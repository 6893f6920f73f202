/* What another client keeps, read so that cairn can go on with it: accounts, certificates
 * with their keys, how control of names is proved, hooks. A reader for each client
 * (adopters.def) fills a struct adopt and changes nothing, neither there nor here;
 * adopt_take.h puts what it found into the state folder. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/settings/settings.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/key.h"

#define ADOPT_FILE_MAX    (1024 * 1024) /* octets of a file of theirs */
#define ADOPT_FOLDERS_MAX 100000        /* entries of one of their folders */

/* An account whose key is there. */
struct adopt_account {
    const char *ca;    /* directory URL */
    const char *url;   /* NULL: the CA must be asked for it, by the key */
    const char *email; /* NULL: not known */
    struct key *key;   /* of the arena */
    const char *file;  /* of the key, theirs */
};

/* A certificate, and what is wanted of it from now on. */
struct adopt_certificate {
    const char *name;         /* here */
    const char *file;         /* theirs, for what is said about it */
    struct settings settings; /* with this certificate alone, and what it names */
    struct settings_certificate *want; /* settings.certificates.members[0] */
    bool asks;                         /* nothing of theirs says how names are proved */
    const char *lacks; /* why only the settings are taken: a sentence about
                          certificate_file; NULL: they are not all */
    const char *certificate_file;
    const char *read_there; /* who reads this file is to read another from now on; NULL:
                               cairn writes it, too */
    bool has_files;         /* a certificate and its key are there, they fit */
    struct span key_pem;
    struct span certificate_pem;
    struct span chain_pem;
    const char *key_type;     /* "p256" ... */
    struct config_list names; /* of the certificate that is there */
    int64_t not_before;       /* seconds */
    int64_t not_after;
    const char *serial; /* hexadecimal */
    const char *id;     /* of renewal information; "" if it has none */
};

/* Credentials that become a file (mode 0600) of the state folder. */
struct adopt_secret {
    const char *name;
    struct span content;
};

/* What is not taken over, or only in part, and what to do about it. */
struct adopt_remark {
    const char *subject; /* a file or name of theirs */
    const char *text;
};

struct adopt {
    struct arena *arena; /* all of this lives there */
    const char *from;    /* the other client, as in adopters.def */
    const char *folder;  /* its state */
    const char *state;   /* ours */
    const char *ca;      /* directory URL that was given for clients that keep none, or
                            NULL */
    const char *ca_file; /* certificates that are trusted for HTTPS to its CAs, absolute;
                            NULL: the system's */
    const char *http;    /* how http-01 is answered, for clients that do not keep it, or
                            NULL */
    int64_t http_port;   /* as that; 0: not said */
    bool keep_paths;     /* new certificates are written to where theirs are, too */
    const char *dnsapi;  /* folder with the scripts of acme.sh */
    const char *email;   /* found on the way, for new accounts; NULL */
    struct adopt_account *accounts;
    size_t account_count;
    struct adopt_certificate **certificates;
    size_t certificate_count;
    struct adopt_secret *secrets;
    size_t secret_count;
    struct adopt_remark *remarks;
    size_t remark_count;
    size_t skipped; /* accounts and certificates of theirs that are not above */
};

/* Read what the client `from` keeps in `folder` (NULL: where it does so by default).
 * ERR_USAGE for a client that is not known, ERR_NOT_FOUND if there is no such folder or
 * nothing of that client in it, ERR_IO. What cannot be read or understood is a remark. */
MUST_CHECK enum err adopt_read(struct arena *a, const char *from, const char *folder,
                               struct adopt *found, struct err_info *why);

/* The names of the clients, for help and completion; ends with NULL. */
const char *const *adopt_clients(void);

/* ---- for the readers ---- */

/* Say what is not taken over. */
void adopt_remark(struct adopt *found, const char *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As that, of an account or a certificate of which nothing at all is taken over. */
void adopt_skip(struct adopt *found, const char *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An account by its key (PEM): a key that cannot be used is skipped, one that is there
 * already is passed over. Texts may be NULL but for `ca`. */
void adopt_account_pem(struct adopt *found, const char *ca, const char *url,
                       const char *email, const char *key_file);

/* As that, with the key itself, which belongs to the arena. */
void adopt_account_key(struct adopt *found, const char *ca, const char *url,
                       const char *email, struct key *key, const char *key_file);

/* A certificate called `name` (brought into a form that is allowed), with default
 * settings and no names yet; `ca` is the URL of the directory it is from. NULL, and
 * skipped, if its settings cannot be made. */
struct adopt_certificate *adopt_certificate_add(struct adopt *found, const char *name,
                                                const char *file, const char *ca);

/* Files of it: chain_file may be NULL, if certificate_file has the issuers, too. Read and
 * checked: the key must fit, the chain must hang together, and the names are those of the
 * settings if there are any, else the settings get them. If not, only the settings are
 * taken, and adopt_take says so. */
void adopt_certificate_files(struct adopt *found, struct adopt_certificate *c,
                             const char *key_file, const char *certificate_file,
                             const char *chain_file);

/* Set an option of what the certificate names, as "dns.NAME.url" or
 * "deployments.NAME.key_file"; a value that is not allowed is a remark. */
void adopt_set(struct adopt *found, struct adopt_certificate *c, const char *path,
               const char *value);

/* Nothing of theirs says how its names are proved: what the user says counts
 * (found->http, found->http_port), else a remark says what that is to be. */
void adopt_ask_way(struct adopt *found, struct adopt_certificate *c);

/* Append to a list of the certificate's settings (names, keys, challenges, dns, deploy),
 * unless it is there. */
void adopt_list_add(struct adopt *found, struct config_list *list, const char *text);

/* The certificate goes to their paths, too, if found->keep_paths says so, else that is a
 * remark; each may be NULL. */
void adopt_keep_paths(struct adopt *found, struct adopt_certificate *c,
                      const char *key_file, const char *certificate_file,
                      const char *chain_file, const char *fullchain_file);

/* A command that is run with each new certificate: a deployment after those there are. */
void adopt_deploy_command(struct adopt *found, struct adopt_certificate *c,
                          const char *command);

/* A deployment to a target ("nginx") after those there are; returns its name. */
const char *adopt_deploy_target(struct adopt *found, struct adopt_certificate *c,
                                const char *target);

/* Who adds DNS records for the certificate: a member of `dns` named after `provider`
 * ("acme.sh:dns_cf"); returns its path, "dns.NAME", for adopt_set. */
const char *adopt_dns(struct adopt *found, struct adopt_certificate *c,
                      const char *provider);

/* Join two commands of a shell; the second is run if the first succeeded. */
const char *adopt_join_commands(struct adopt *found, const char *first,
                                const char *second);

/* Keep credentials; returns the path they will have. One of that name and content may be
 * there already. */
const char *adopt_secret_add(struct adopt *found, const char *name, struct span content);

/* A name for a member of a family of the settings, made of `text`: a-z, 0-9 and hyphens,
 * at most 32. */
const char *adopt_member_name(struct arena *a, const char *text);

/* That path, absolute, however it was said; it need not be there. */
const char *adopt_whole_path(struct arena *a, const char *path);

/* The names in a folder, sorted, without those that begin with a dot; none if it cannot
 * be read. */
void adopt_list_folder(struct arena *a, const char *folder, const char *const **names,
                       size_t *count);

/* Each client's reader; fills `found` from found->folder. ERR_NOT_FOUND: nothing of that
 * client is there. */
#define ADOPTER(name, function, folders, sentence)                                       \
    MUST_CHECK enum err function(struct adopt *found, struct err_info *why);
#include "client/adopt/adopters.def"
#undef ADOPTER
