/* What settings say of one provider of DNS records (dns.NAME). */
#pragma once

#include <stdint.h>

#define OPTION(path, kind, member, fallback, least, most, sentence)                      \
    SETTINGS_DNS_##kind member;
#define SETTINGS_DNS_TEXT     const char *
#define SETTINGS_DNS_DURATION int64_t
#define SETTINGS_DNS_NUMBER   int64_t

/* Texts are never NULL; an option that was not given has its default. */
struct settings_dns {
    const char *name;
#include "client/settings/dns_options.def"
};
#undef OPTION
#undef SETTINGS_DNS_TEXT
#undef SETTINGS_DNS_DURATION
#undef SETTINGS_DNS_NUMBER
