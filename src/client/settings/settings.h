/* What cairn is to do, as cairn.yaml says it: CAs, certificates, how names are proved,
 * where certificates go. The same struct is made from a command line, and what a command
 * line asked for is kept in the state folder as such a file (store/remembered.h): there
 * is one way to say what is wanted.
 *
 * The tables options.def, ca_options.def, dns_options.def, certificate_options.def and
 * deployment_options.def declare every option once. */
#pragma once

#include <stdbool.h>

#include "client/settings/challenge_list.h"
#include "client/settings/settings_dns.h"
#include "core/acme/identifier.h"
#include "core/config/config.h"

#define SETTINGS_FILE_DEFAULT         "/etc/cairn/cairn.yaml"
#define SETTINGS_NAMES_MAX            100 /* in one certificate */
#define SETTINGS_CAS_MAX              8   /* of one certificate */
#define SETTINGS_KEYS_MAX             4   /* of one certificate */
#define SETTINGS_DNS_MAX              100 /* of one certificate */
#define SETTINGS_DEPLOYMENTS_MAX      32  /* of one certificate */
#define SETTINGS_CERTIFICATES_MAX     10000
#define SETTINGS_CERTIFICATE_NAME_MAX 200 /* octets */
#define SETTINGS_FAMILY_COUNT         4

#define OPTION(path, kind, member, fallback, least, most, sentence)                      \
    CONFIG_TYPE_##kind member;
#define CONFIG_TYPE_TEXT     const char *
#define CONFIG_TYPE_NUMBER   int64_t
#define CONFIG_TYPE_BOOL     bool
#define CONFIG_TYPE_DURATION int64_t
#define CONFIG_TYPE_LIST     struct config_list

/* Texts are never NULL; an option that was not given has its default. */
struct settings_ca {
    const char *name;
#include "client/settings/ca_options.def"
};

struct settings_deployment {
    const char *name;
#include "client/settings/deployment_options.def"
};

struct settings_certificate {
    const char *name;
#include "client/settings/certificate_options.def"
    struct challenge_list
        challenge_types; /* what `challenges` comes to; set by settings_check */
};

struct settings {
#include "client/settings/options.def"
    struct config_group cas;          /* of struct settings_ca */
    struct config_group dns;          /* of struct settings_dns */
    struct config_group certificates; /* of struct settings_certificate */
    struct config_group deployments;  /* of struct settings_deployment */
    struct settings_certificate
        defaults; /* what a certificate has that does not say otherwise */
};
#undef OPTION

extern const struct config_table settings_table;
extern const struct config_family
    settings_families[SETTINGS_FAMILY_COUNT]; /* cas, dns, deployments, certificates */

/* Defaults, and the CAs that are known by name (authorities.def). */
MUST_CHECK enum err settings_defaults(struct arena *a, struct settings *s,
                                      struct err_info *why);

/* Read the text of the file over them, and check it (settings_check). ERR_CONFIG with
 * file, line and column. */
MUST_CHECK enum err settings_read(struct arena *a, const char *file, struct span text,
                                  struct settings *s, struct err_info *why);

/* Read the file; with `path` NULL SETTINGS_FILE_DEFAULT, which need not be there.
 * ERR_CONFIG. */
MUST_CHECK enum err settings_load(struct arena *a, const char *path, struct settings *s,
                                  struct err_info *why);

/* Bring names into their canonical form, each once, and find every mistake that can be
 * found without looking at the world. Sentences begin with the path of the option.
 * ERR_CONFIG. */
MUST_CHECK enum err settings_check(struct arena *a, struct settings *s,
                                   struct err_info *why);

/* Of that name, or NULL. */
const struct settings_ca *settings_ca(const struct settings *s, const char *name);
const struct settings_dns *settings_dns(const struct settings *s, const char *name);
const struct settings_certificate *settings_certificate(const struct settings *s,
                                                        const char *name);
const struct settings_deployment *settings_deployment(const struct settings *s,
                                                      const char *name);

/* One certificate with everything that it names found: what the rest of cairn works on.
 */
struct wanted {
    const struct settings *settings;
    const struct settings_certificate *certificate;  /* names: canonical, each once */
    const struct settings_ca *cas[SETTINGS_CAS_MAX]; /* in the order they are asked */
    size_t ca_count;                                 /* at least 1 */
    struct {
        const char *zone; /* "": every name */
        const struct settings_dns *dns;
    } dns[SETTINGS_DNS_MAX];
    size_t dns_count;
    const struct settings_deployment *deployments[SETTINGS_DEPLOYMENTS_MAX];
    size_t deployment_count;
};

/* Find them; `s` has been checked, so nothing is missing. */
void settings_wanted(const struct settings *s,
                     const struct settings_certificate *certificate, struct wanted *w);

/* Who adds records for the name (of an identifier, without "*."): that of the longest
 * zone it is in, else that without a zone; NULL: nobody. */
const struct settings_dns *settings_dns_for(const struct wanted *w, const char *name);

/* Append a file that says what this one certificate wants and nothing else: to be read by
 * settings_read, or copied into cairn.yaml. */
void settings_write_one(struct buf *b, const struct wanted *w);

/* May it be the name of a certificate: 1 to 200 of A-Z a-z 0-9 . _ - not beginning with a
 * dot? */
bool settings_is_certificate_name(const char *name);

/* Is it one of those? */
bool settings_is_certificate_name_letter(char c);
