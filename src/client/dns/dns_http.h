/* Asking a service by HTTP to change records: the request is made by the process that
 * uses the network (dns_worker.h). */
#pragma once

#include "client/dns/dns_provider.h"

#define DNS_HTTP_TIMEOUT_MS 15000 /* for a whole request */
#define DNS_HTTP_LOGIN_MAX  4096  /* octets of a file with USER:PASSWORD */

struct dns_http_request {
    const char *url;
    struct span json;    /* is posted */
    const char *headers; /* lines "Name: value"; "" for none */
    const char *login;   /* "USER:PASSWORD"; "" for none */
};

/* Post it. ERR_OK is an answer with a status from 200 to 299, whose body is in the arena.
 * ERR_NETWORK: no answer; ERR_NOT_FOUND: 404, 410; ERR_UNAUTHORIZED: 401, 403;
 * ERR_REFUSED: another 4xx; ERR_UNAVAILABLE: any other status. Sentences begin with the
 * URL's host. */
MUST_CHECK enum err dns_http_post(const struct dns_use *use,
                                  const struct dns_http_request *request,
                                  struct span *body, struct err_info *why);

/* Is the option `url` one, http or https, without a password in it? ERR_CONFIG. */
MUST_CHECK enum err dns_http_check_url(const struct settings_dns *dns,
                                       struct err_info *why);

/* The option `url` with a part behind it. In the arena. */
const char *dns_http_url(struct arena *a, const struct settings_dns *dns,
                         const char *part);

/* Do what a DNS_HTTP asks (proc/calls.def), in the process that uses the network. */
MUST_CHECK enum err dns_http_run(struct arena *a, const struct wire_message *m,
                                 struct wire_message *answer, struct err_info *why);
