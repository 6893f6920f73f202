/* The ways to prove control, as lists and as JSON. */
#include "client/store/ways.h"

#include <string.h>

#include "core/base/text.h"

#define WORD_MAX 64 /* octets of a challenge type's name */

void ways_add(struct ways_challenges *c, enum challenge_type type)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->types[i] == type)
            return;
    c->types[c->count++] = type; /* there is room for each once */
}

bool ways_answer(const struct ways_challenges *c, enum identifier_type identifier,
                 bool wildcard)
{
    for (size_t i = 0; i < c->count; i++)
        if (terms_answers(c->types[i], identifier, wildcard))
            return true;
    return false;
}

void ways_write_challenges(struct buf *b, const struct ways_challenges *c)
{
    for (size_t i = 0; i < c->count; i++)
        buf_printf(b, "%s%s", i > 0 ? "," : "", terms_challenge_type(c->types[i]));
}

enum err ways_read_challenges(const char *list, struct ways_challenges *c,
                              struct err_info *why)
{
    for (const char *at = list;; at++) {
        size_t len = strcspn(at, ",");
        char word[WORD_MAX] = "";
        enum challenge_type type;
        if (len < sizeof word) /* else too long for any */
            (void)text_copy(word, len + 1, at);
        if (!terms_read_challenge_type(word, &type))
            return err_set(why, ERR_USAGE, "\"%.*s\" is no challenge type",
                           (int)(len < WORD_MAX ? len : WORD_MAX), at);
        ways_add(c, type);
        at += len;
        if (*at == '\0')
            return ERR_OK;
    }
}

static void write_device(struct json_writer *w, const struct ways_device *device)
{
    if (device->device == NULL || device->device[0] == '\0')
        return;
    json_write_text(w, "device", device->device);
    json_write_text(w, "pin_file", device->pin_file);
    json_write_text(w, "attestation_chain", device->chain_file);
    json_write_text(w, "attestation_ca", device->attestation_ca);
    json_write_text(w, "attestation_key", device->attestation_key);
}

void ways_write_members(struct json_writer *w, const struct ways *ways)
{
    json_write_begin_array(w, "challenges");
    for (size_t i = 0; i < ways->challenges.count; i++)
        json_write_text(w, NULL, terms_challenge_type(ways->challenges.types[i]));
    json_write_end_array(w);
    json_write_text(w, "http", ways->http);
    json_write_number(w, "http_port", ways->http_port);
    json_write_number(w, "tls_port", ways->tls_port);
    write_device(w, &ways->device);
    if (ways->dns.key_file == NULL || ways->dns.key_file[0] == '\0')
        return;
    json_write_text(w, "dns_key", ways->dns.key_file);
    json_write_text(w, "dns_server", ways->dns.server);
    json_write_text(w, "dns_resolver", ways->dns.resolver);
    json_write_text(w, "dns_check", ways->dns.check);
    json_write_number(w, "dns_timeout_ms", ways->dns.timeout_ms);
}

static enum err read_dns(const struct json *object, struct ways_dns *dns,
                         struct err_info *why)
{
    *dns = (struct ways_dns){"", "", "", WAYS_DNS_CHECK, 0};
    TRY(json_take_text(object, "dns_key", &dns->key_file, why));
    TRY(json_take_text(object, "dns_server", &dns->server, why));
    TRY(json_take_text(object, "dns_resolver", &dns->resolver, why));
    TRY(json_take_text(object, "dns_check", &dns->check, why));
    return json_take_number(object, "dns_timeout_ms", WAYS_DNS_TIMEOUT_MS,
                            &dns->timeout_ms, why);
}

static enum err take_text(const struct json *object, const char *name, const char **text,
                          struct err_info *why)
{
    TRY(json_take_text(object, name, text, why));
    if (*text == NULL)
        *text = "";
    return ERR_OK;
}

static enum err read_device(const struct json *object, struct ways_device *device,
                            struct err_info *why)
{
    TRY(take_text(object, "device", &device->device, why));
    TRY(take_text(object, "pin_file", &device->pin_file, why));
    TRY(take_text(object, "attestation_chain", &device->chain_file, why));
    TRY(take_text(object, "attestation_ca", &device->attestation_ca, why));
    return take_text(object, "attestation_key", &device->attestation_key, why);
}

static enum err read_challenges(const struct json *object, struct ways_challenges *c,
                                struct err_info *why)
{
    const struct json *list = json_member(object, "challenges");
    enum challenge_type type;

    if (list == NULL) { /* from before there was a choice */
        ways_add(c, CHALLENGE_HTTP_01);
        return ERR_OK;
    }
    for (size_t i = 0; i < json_count(list); i++) {
        const char *word = json_text(json_element(list, i));
        if (word == NULL || !terms_read_challenge_type(word, &type))
            return err_set(why, ERR_MALFORMED,
                           "challenges has something that is no challenge type");
        ways_add(c, type);
    }
    if (c->count == 0)
        return err_set(why, ERR_MALFORMED, "challenges is no list of challenge types");
    return ERR_OK;
}

enum err ways_read_members(const struct json *object, struct ways *ways,
                           struct err_info *why)
{
    struct ways read = {0};

    TRY(read_challenges(object, &read.challenges, why));
    TRY(json_need_text(object, "http", &read.http, why));
    TRY(json_take_number(object, "http_port", WAYS_HTTP_PORT, &read.http_port, why));
    TRY(json_take_number(object, "tls_port", WAYS_TLS_PORT, &read.tls_port, why));
    TRY(read_dns(object, &read.dns, why));
    TRY(read_device(object, &read.device, why));
    *ways = read;
    return ERR_OK;
}
