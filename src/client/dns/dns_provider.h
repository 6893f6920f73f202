/* Who changes records of the DNS: one row in providers.def, one file with an add and a
 * remove. Called in the process with the files; what needs the network or a program is
 * done by the processes behind `use`. */
#pragma once

#include "client/report/report.h"
#include "client/settings/settings.h"
#include "core/base/arena.h"
#include "core/base/err.h"

/* One TXT record of one challenge, with all that any protocol wants to know of it. */
struct dns_task {
    const char *name;   /* as the challenge has it: _acme-challenge.www.example.org */
    const char *owner;  /* where the aliases of that name lead; the same without any */
    const char *zone;   /* that has the owner; "" if it was not looked for */
    const char *value;  /* of the record */
    const char *domain; /* the identifier, without "*." */
    bool wildcard;
    const char *token;
    const char *key_authorization;
};

/* What a provider works with. */
struct dns_use {
    struct arena *arena;
    const struct settings_dns *dns; /* its options */
    const struct settings *settings;
    const char *directory; /* state folder */
    int worker; /* socket to the process that changes name servers (dns_worker.h) */
    int runner; /* socket to the process that runs programs (run/run.h) */
    const struct report *report;
};

struct dns_provider {
    const char
        *name; /* of the option provider; one that ends with ":" takes what follows */
    enum err (*check)(const struct settings_dns *dns,
                      struct err_info *why); /* are its options right? Without
                                               looking at the network */
    enum err (*add)(const struct dns_use *use, const struct dns_task *task,
                    struct err_info *why);
    enum err (*remove)(const struct dns_use *use, const struct dns_task *task,
                       struct err_info *why);
};

/* The one that settings name, or NULL. */
const struct dns_provider *dns_provider_find(const char *name);
