/* Who changes records of the DNS: one row in providers.def, one file with an add and a
 * remove. Called in the process with the files; what needs the network or a program is
 * done by the processes behind `use`. */
#pragma once

#include <stdbool.h>

#include "client/dns/dns_line.h"
#include "client/report/report.h"
#include "client/settings/settings_dns.h"
#include "core/base/arena.h"
#include "core/base/err.h"

struct settings;

/* One TXT record of one challenge, with all that any protocol wants to know of it. Texts
 * are never NULL; "" is what is not known. All of it is kept in the journal. */
struct dns_task {
    const char *name;    /* as the challenge has it: _acme-challenge.www.example.org */
    const char *value;   /* of the record */
    const char *owner;   /* where the aliases of that name lead; the same without any */
    const char *zone;    /* that has the owner; "" if it could not be found */
    const char *primary; /* addresses with port of the zone's primary server, a blank
                            between; "" for providers that do not need it */
    const char *domain;  /* the identifier, without "*." */
    bool wildcard;
    const char *token;
    const char *key_authorization;
    const char *note; /* what add wants remove to know: add may set it */
};

/* What a provider works with. */
struct dns_use {
    struct arena *arena;
    const struct settings_dns *dns; /* its options */
    const struct settings *settings;
    const char *directory;   /* state folder */
    struct dns_line *worker; /* to the process that uses the network (dns_worker.h) */
    int runner;              /* socket to the process that runs programs (run/run.h) */
    const struct report *report;
    bool cleaning; /* a record is removed: a signal that came before does not keep that
                      from being done */
};

struct dns_provider {
    const char
        *name; /* of the option provider; one that ends with ":" takes what follows */
    bool needs_primary; /* task.primary must be found */
    bool keeps;         /* it can add records only: remove does nothing */

    /* Are its options right? Without looking at the network. ERR_CONFIG; sentences begin
     * with dns_provider_option(). */
    enum err (*check)(const struct settings_dns *dns, struct err_info *why);

    /* Is there what it runs? Looked at before a CA is asked. ERR_CONFIG. NULL: check has
     * seen to it. */
    enum err (*check_there)(const struct settings_dns *dns, const struct settings *s,
                            struct err_info *why);

    /* Add the record; others of that name stay. After ERR_CONFIG, ERR_DNS,
     * ERR_NOT_FOUND, ERR_UNAUTHORIZED, ERR_REFUSED and ERR_NETWORK it is surely not
     * there; after any other failure remove is called, too. */
    enum err (*add)(const struct dns_use *use, struct dns_task *task,
                    struct err_info *why);

    /* Remove it; that it is not there is ERR_OK. It may be called by another run than
     * add was. */
    enum err (*remove)(const struct dns_use *use, const struct dns_task *task,
                       struct err_info *why);

    /* Remove what runs that were killed while they wrote the files that it keeps left of
     * them; nobody else adds or removes records then. NULL: it keeps none. */
    void (*sweep)(const struct dns_use *use, const struct dns_task *task);
};

/* The one that settings name, or NULL. */
const struct dns_provider *dns_provider_find(const char *name);

/* Does it leave the records that it has added? */
bool dns_provider_keeps(const struct settings_dns *dns);

/* How many records of one account that kind has changed at the same time. */
size_t dns_provider_parallel(const struct settings_dns *dns);

/* "dns.NAME.key_file", to begin a sentence with. In the arena. */
const char *dns_provider_option(struct arena *a, const struct settings_dns *dns,
                                const char *option);

/* Is there such a provider, and are its options right? ERR_CONFIG. */
MUST_CHECK enum err dns_provider_check(const struct settings_dns *dns,
                                       struct err_info *why);

/* Is there what that provider, whose options are right, runs? ERR_CONFIG. */
MUST_CHECK enum err dns_provider_check_there(const struct settings_dns *dns,
                                             const struct settings *s,
                                             struct err_info *why);

#define PROVIDER(name, parallel) extern const struct dns_provider dns_provider_##name;
#include "client/dns/providers.def"
#undef PROVIDER
