/* The CA's settings: const once loaded; a reload makes a new object. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/config/config.h"
#include "core/crypto/key.h"
#include "core/net/address.h"
#include "server/settings/rate.h"

#define SETTINGS_FILE               "cairn-ca.yaml"
#define SETTINGS_LISTEN_MAX         64 /* listening addresses */
#define SETTINGS_CAA_IDENTITIES_MAX 8
#define SETTINGS_PERSPECTIVES_FILE  "perspectives.yaml"
#define SETTINGS_PERSPECTIVE_KEY    "perspective.key"
#define SETTINGS_HOST_FILE          "cairn-perspective.yaml"
#define SETTINGS_PERSPECTIVES_MAX   32
#define SETTINGS_CT_LOGS_MAX        64
#define SETTINGS_PINS_MAX           4  /* keys of one peer */
#define SETTINGS_PIN_SIZE           32 /* octets: SHA-256 of a SubjectPublicKeyInfo */
#define SETTINGS_HOST_SIZE          256
#define SETTINGS_DNS_PERSIST_HASHED                                                      \
    2 /* revisions of dns-persist-01 with digests of accounts */
#define SETTINGS_INSECURE_ZONES_MAX                                                      \
    64 /* of validation.insecure_zones, and a directory's */
#define SETTINGS_NETWORKS_MAX                                                            \
    64 /* of validation.allow_networks, and of a directory's                             \
        */

#define SETTINGS_OIDS_MAX        16  /* usages, or policies, of a profile */
#define SETTINGS_COMMON_NAME_MAX 64  /* characters, RFC 5280 A.1: ub-common-name */
#define SETTINGS_URLS_MAX        4   /* of each kind in a certificate */
#define SETTINGS_URL_SIZE        512 /* octets of one, the NUL included */

#define TEXT                                                        const char *
#define LIST                                                        struct config_list
#define NUMBER                                                      int64_t
#define BOOL                                                        bool
#define DURATION                                                    int64_t
#define OPTION(path, kind, member, fallback, least, most, sentence) kind member;

/* The directory at /acme/directory; others are at /acme/NAME/directory. */
#define SETTINGS_DIRECTORY_DEFAULT "default"

/* How the validator sees the world: what validation.* and a directory say of it. */
struct settings_view {
    struct address resolver; /* ADDRESS_NONE: resolve from the root */
    uint16_t http_port;
    uint16_t tls_port;
    const struct address_network *allowed; /* reserved, but to be connected to */
    size_t allowed_count;
    const char *const *insecure_zones; /* not validated by DNSSEC, as dns_name_read writes
                                          them */
    size_t insecure_zone_count;
};

/* Bits of a KeyUsage's first octet (RFC 5280 4.2.1.3). */
enum settings_usage {
#define KEY_USAGE(name, word, bit) SETTINGS_USAGE_##name = (bit),
#include "server/settings/key_usages.def"
#undef KEY_USAGE
};

/* Types of subjects' keys. */
enum settings_key {
#define KEY_TYPE(name, word, type, bits, baseline) SETTINGS_KEY_##name,
#include "server/settings/key_types.def"
#undef KEY_TYPE
    SETTINGS_KEY_COUNT
};

/* Object identifiers: as dotted texts, and as content octets. */
struct settings_oids {
    const char *const *texts;
    const struct span *contents;
    size_t count;
};

/* URLs in a certificate: where this CA publishes by itself, or those listed. */
struct settings_urls {
    bool own;
    const char *const *list;
    size_t count;
};

/* The same of certificates for devices. */
enum settings_device_subject {
    SETTINGS_DEVICE_SUBJECT_CSR,      /* the one of the request */
    SETTINGS_DEVICE_SUBJECT_TEMPLATE, /* the first identifier that is short enough */
    SETTINGS_DEVICE_SUBJECT_DROP,     /* none */
};

/* Does a certificate's subject have a common name, and which? */
enum settings_common_name {
    SETTINGS_COMMON_NAME_NONE,
    SETTINGS_COMMON_NAME_FIRST,  /* the first DNS name that is short enough */
    SETTINGS_COMMON_NAME_CSR,    /* the one of the request */
    SETTINGS_COMMON_NAME_REFUSE, /* none, nor may a request have one */
};

/* Does a certificate ask for stapled OCSP answers (RFC 7633)? */
enum settings_must_staple {
    SETTINGS_MUST_STAPLE_NEVER, /* nor may a request ask for it */
    SETTINGS_MUST_STAPLE_ALLOW, /* if the request asks for it */
    SETTINGS_MUST_STAPLE_ALWAYS,
};

/* Types of keys as issuers are chosen by them. */
enum settings_key_class {
    SETTINGS_KEYS_RSA,
    SETTINGS_KEYS_ECDSA,
    SETTINGS_KEYS_ED25519,
    SETTINGS_KEYS_MLDSA,
    SETTINGS_KEY_CLASSES
};

/* What a certificate is like: profiles.NAME. */
struct settings_profile {
    const char *name; /* first: core/config sets it */
#include "server/settings/profile_options.def"
    /* what that comes to */
    int64_t lifetime_seconds;
    int64_t backdate_seconds;
    int64_t names_most;
    bool for_server; /* extended key usages */
    bool for_client;
    struct settings_oids usage_oids;  /* at least one */
    struct settings_oids policy_oids; /* of certificatePolicies */
    uint8_t key_usage;                /* enum settings_usage, 0: by the key's type */
    unsigned int key_types;           /* bits 1 << enum settings_key */
    enum settings_common_name common_name_rule;
    enum settings_must_staple must_staple_rule;
    struct settings_urls crl, ocsp, issuers;
    unsigned int identifier_types; /* bits 1 << enum identifier_type */
    unsigned int challenge_types;  /* bits 1 << enum challenge_type, 0: all */
    bool baseline;                 /* the Baseline Requirements hold: rules is br */
    const char *issuer_by_key[SETTINGS_KEY_CLASSES]; /* NULL: `issuer` */
    bool ct_required; /* with timestamps of logs (RFC 6962) */
    enum settings_device_subject device_subject_rule;
    bool known_devices;          /* only those of the inventory */
    unsigned int attest_formats; /* bits 1 << enum attest_format */
    int attest_presence;         /* enum attest_presence */
};

/* A hierarchy beside that of files.*: issuers.NAME. */
struct settings_issuer {
    const char *name;
#include "server/settings/issuer_options.def"
};

/* One ACME directory with its policy: directories.NAME. */
struct settings_directory {
    const char *name;
#include "server/settings/directory_options.def"
    /* what that comes to */
    const struct settings_profile *const *offered; /* at least one; the first is taken if
                                                      none is asked for */
    size_t offered_count;
    unsigned int identifier_types; /* bits 1 << enum identifier_type */
    unsigned int challenge_types;  /* bits 1 << enum challenge_type */
    bool external_verified;        /* bindings are looked at */
    bool external_required;
    bool known_devices;                              /* only those of the inventory */
    const char *issuer_by_key[SETTINGS_KEY_CLASSES]; /* NULL: `issuer` */
    struct settings_view view;
    bool has_view; /* it differs from that of validation.* */
};

/* A perspective on another host: perspectives.NAME. */
struct settings_perspective {
    const char *name;
#include "server/settings/perspective_options.def"
    /* what that comes to */
    const char *host; /* of the address, without brackets */
    uint16_t port;
    const uint8_t (*pins)[SETTINGS_PIN_SIZE];
    size_t pin_count;
};

/* A log of certificates: ct_logs.NAME. */
struct settings_log {
    const char *name;
#include "server/settings/log_options.def"
    /* what that comes to */
    struct span spki;
    uint8_t id[SETTINGS_PIN_SIZE]; /* SHA-256 of that (RFC 6962 3.2) */
    bool is_static;
    int64_t from;   /* seconds: the first notAfter it takes; 0: any */
    int64_t before; /* seconds: the first one it takes no more; 0: any */
};

#define SETTINGS_QUORUM_BY_TABLE (-1) /* as the Baseline Requirements 3.2.2.9 say */

/* What quorum.* come to. */
struct settings_quorum {
    bool asked;    /* perspectives are asked, if there are any */
    bool enforced; /* and decide */
    int64_t may_differ;
};

/* What a perspective's own file says besides validation.* and the like. */
struct settings_host {
#include "server/settings/host_options.def"
    /* what that comes to */
    const uint8_t (*pins)[SETTINGS_PIN_SIZE]; /* of `ca` */
    size_t pin_count;
};

/* One member for each row of options.def; times in milliseconds. */
struct settings {
#include "server/settings/options.def"
    struct config_group profiles;     /* of struct settings_profile */
    struct config_group directories;  /* of struct settings_directory; at least one */
    struct config_group issuers;      /* of struct settings_issuer */
    struct config_group perspectives; /* of struct settings_perspective: those of the
                                         file, then those of perspectives.yaml */
    struct config_group ct_logs;      /* of struct settings_log */
#undef OPTION
#undef TEXT
#undef LIST
#undef NUMBER
#undef BOOL
#undef DURATION
    bool is_host; /* it is a perspective's (settings_host_read), not a CA's */
    struct settings_host host;
    struct rate rates[RATE_KINDS]; /* what the texts of rates.* come to */
    struct settings_view view;     /* what validation.* comes to */
    struct settings_quorum quorum; /* what quorum.* comes to */
    bool ak_identity_by_ek;        /* what attest.ak_identity comes to */
    struct span bundle;            /* certificates (settings_bundle.h); empty: on disk */
    unsigned int attest_formats;   /* bits 1 << enum attest_format */
    int attest_presence;           /* enum attest_presence */
    int pkcs11_sockets_kind; /* enum settings_sockets: what pkcs11.sockets comes to */
    const char *directory;   /* the CA's folder */
    const char *const *sets; /* the --set texts, which stay in force over a reload */
    size_t set_count;
    const char
        *base; /* origin in use: "https://ca.example.test:8443", no slash at the end */
    const char *publish_base; /* start of the URLs of revocation lists, "http://...", no
                                 slash at the end; NULL: certificates have none */
};

/* Read DIRECTORY/cairn-ca.yaml and the --set texts, and check what belongs together.
 * Everything lives in the arena. ERR_CONFIG with file, line and column. */
MUST_CHECK enum err settings_load(struct arena *a, const char *directory,
                                  const char *const *sets, size_t set_count,
                                  const struct settings **settings, struct err_info *why);

/* The same from the file's text, which somebody else has read; errors name the file.
 */
MUST_CHECK enum err settings_read(struct arena *a, const char *directory,
                                  struct span text, const char *const *sets,
                                  size_t set_count, const struct settings **settings,
                                  struct err_info *why);

/* Read the text of DIRECTORY/cairn-ca.yaml into the arena, and behind it that of
 * perspectives.yaml. ERR_CONFIG if it is not there. */
MUST_CHECK enum err settings_file_text(struct arena *a, const char *directory,
                                       struct span *text, struct err_info *why);

/* A new text with the directory and the --set texts of `old`, for a reload. */
MUST_CHECK enum err settings_reread(struct arena *a, const struct settings *old,
                                    struct span text, const struct settings **settings,
                                    struct err_info *why);

/* Defaults with the --set texts only, for `init`. */
MUST_CHECK enum err settings_defaults(struct arena *a, const char *directory,
                                      const char *const *sets, size_t set_count,
                                      struct settings **settings, struct err_info *why);

/* Check what depends on the day and on the issuing certificates: whether profiles can be
 * had as they say. A CA that runs keeps to that by itself and lets certificates end
 * earlier, so only check-config asks.
 * ERR_CONFIG with file, line and column. */
MUST_CHECK enum err settings_check_now(struct arena *a, const struct settings *settings,
                                       int64_t now, struct err_info *why);

/* What is allowed and not recommended, a sentence each, which begins with the option; in
 * the arena. */
struct config_list settings_notes(struct arena *a, const struct settings *settings,
                                  int64_t now);

/* Append the commented file with these values. */
void settings_write(struct buf *b, const struct settings *settings);

/* The options that differ, as their paths ("profiles.NAME.lifetime"; "profiles.NAME": it
 * is new, or gone), in the arena. */
struct config_list settings_differences(struct arena *a, const struct settings *old,
                                        const struct settings *fresh);

/* The profile, directory, issuer and so on of that name, or NULL. */
const struct settings_profile *settings_profile(const struct settings *settings,
                                                const char *name);
const struct settings_directory *settings_directory(const struct settings *settings,
                                                    const char *name);
const struct settings_issuer *settings_issuer(const struct settings *settings,
                                              const char *name);
const struct settings_perspective *settings_perspective(const struct settings *settings,
                                                        const char *name);

/* The log of that name, or NULL. */
const struct settings_log *settings_log(const struct settings *settings,
                                        const char *name);

/* The issuer at that place: 0 is the one of files.*, whose name is "", then issuers. */
struct settings_issuer settings_issuer_at(const struct settings *settings, size_t index);

/* Where a directory's URLs begin, "https://ca.example.test/acme" or, for others than the
 * default, "https://ca.example.test/acme/NAME"; in the arena. NULL: the first one's. */
char *settings_url(struct arena *a, const struct settings *settings,
                   const struct settings_directory *directory);

/* The URL of an account of the directory of that name, in the arena. */
char *settings_account_url(struct arena *a, const struct settings *settings,
                           const char *directory, int64_t account);

/* How long a certificate of the profile that is issued then may be valid, in seconds,
 * both ends counted: as long as it says, but if it keeps the Baseline Requirements no
 * longer than they allow on that day (6.3.2). */
int64_t settings_profile_lifetime(const struct settings_profile *profile, int64_t issued);

/* Does the profile take such a key? */
bool settings_profile_takes(const struct settings_profile *profile, enum key_type type,
                            int bits);

/* The words of what it takes, "rsa2048, p256", in the arena. */
char *settings_profile_keys(struct arena *a, const struct settings_profile *profile);

/* The key usages of its certificates with such a key: of those it names what fits the
 * key; enum settings_usage. */
uint8_t settings_profile_key_usage(const struct settings_profile *profile,
                                   enum key_type type);

/* Has its extended key usage that object identifier? */
bool settings_profile_uses(const struct settings_profile *profile, const char *dotted);

/* Is it a web page's URL that can be shown to clients: http or https, ASCII without
 * spaces and what would end it in a header? */
bool settings_is_web_url(const char *url);

/* A file of the CA: `name` relative to its folder. In the arena. */
char *settings_path(struct arena *a, const struct settings *settings, const char *name);
