/* Accounts at an acme-dns server: each has one name there, to which _acme-challenge of a
 * domain is an alias, and may set the two TXT records of that name. */
#pragma once

#include "client/dns/dns_provider.h"

struct dns_acme_dns_account {
    const char *username;
    const char *password;
    const char *fulldomain; /* the name at the server */
    const char *subdomain;  /* its first label, by which the server is told */
};

/* The account for a domain: of the option `credentials` (the object that the server gave
 * at registration, or an object with one for each domain, as lego keeps them), else the
 * one that was registered for it here. `*found` is false if there is none yet; with
 * `credentials`, that is ERR_CONFIG. */
MUST_CHECK enum err dns_acme_dns_load(struct arena *a, const struct settings_dns *dns,
                                      const char *directory, const char *domain,
                                      struct dns_acme_dns_account *account, bool *found,
                                      struct err_info *why);

/* Read what the server gave at registration. ERR_MALFORMED. */
MUST_CHECK enum err dns_acme_dns_read(struct arena *a, struct span text,
                                      struct dns_acme_dns_account *account,
                                      struct err_info *why);

/* Keep it for the domain, as DIR/acme-dns/NAME/DOMAIN.json (0600). Under state_lock_dns.
 * ERR_IO. */
MUST_CHECK enum err dns_acme_dns_keep(struct arena *a, const struct settings_dns *dns,
                                      const char *directory, const char *domain,
                                      const struct dns_acme_dns_account *account,
                                      struct err_info *why);

/* Remove what was killed while it kept one for the domain left. Under state_lock_dns,
 * exclusive. */
void dns_acme_dns_sweep(struct arena *a, const struct settings_dns *dns,
                        const char *directory, const char *domain);

/* Load the account of the domain, or register one and keep it; `*is_new` says which. What
 * dns_acme_dns_load and the server fail with. */
MUST_CHECK enum err dns_acme_dns_need(const struct dns_use *use, const char *domain,
                                      struct dns_acme_dns_account *account, bool *is_new,
                                      struct err_info *why);
