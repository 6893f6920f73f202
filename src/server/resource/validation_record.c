/* Evidence as clients know it from other servers: url, hostname, port, addressesResolved,
 * addressUsed of every connection, and the perspective if there are several. What else a
 * step says stands behind that, by its own names. */
#include "server/resource/validation_record.h"

#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/json/json_copy.h"
#include "core/net/address.h"
#include "server/order/evidence.h"

#define ADDRESS_LISTS 2 /* of a lookup: a and aaaa */
#define SHOWN_MAX                                                                        \
    (32 * 1024) /* octets of the answer beyond which no further step is shown; the       \
                   evidence has all */

static const char *const address_lists[ADDRESS_LISTS] = {"aaaa", "a"};

/* Is it written by another name, or would it stand where others expect something else?
 * JSON is read without regard to capitals. */
static bool is_told(const char *name)
{
    static const char *const told[] = {
        "url",  "address",           "lookup",      "hostname",
        "port", "addressesResolved", "addressUsed", "perspective",
    };

    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        if (strcasecmp(name, told[i]) == 0)
            return true;
    return false;
}

static bool is_address_list(const char *name, const struct json *value)
{
    return json_is_array(value) &&
           (strcasecmp(name, "a") == 0 || strcasecmp(name, "aaaa") == 0);
}

static void write_rest(struct json_writer *w, const struct json *step)
{
    const char *name = NULL;

    for (size_t i = 0; i < json_count(step); i++) {
        const struct json *value = json_member_at(step, i, &name);
        /* an address list that is a text says why there is none */
        if (!is_told(name) && !is_address_list(name, value))
            json_copy_value(w, name, value);
    }
}

static void write_resolved(struct json_writer *w, const struct json *lookup)
{
    json_write_begin_array(w, "addressesResolved");
    for (size_t i = 0; i < ADDRESS_LISTS; i++) {
        const struct json *list = json_member(lookup, address_lists[i]);
        for (size_t j = 0; json_is_array(list) && j < json_count(list); j++)
            json_write_span(w, NULL, json_span(json_element(list, j)));
    }
    json_write_end_array(w);
}

/* "[2001:db8::1]:80" is an address and a port. */
static void write_used(struct json_writer *w, const char *text)
{
    struct address address;
    char shown[ADDRESS_TEXT_SIZE];

    if (text == NULL)
        return;
    if (!address_parse_with_port(span_of(text), 0, &address)) {
        json_write_text(w, "addressUsed", text);
        return;
    }
    AUTO(buf) struct buf port = buf_make(8);
    buf_printf(&port, "%u", address.port);
    json_write_span(w, "port", buf_span(&port)); /* a text, as others have it */
    address_text(&address, shown);
    json_write_text(w, "addressUsed", shown);
}

/* The host of a URL: what stands between "//" and the port or the path. */
static struct span host_of(const char *url)
{
    const char *slashes = url != NULL ? strstr(url, "//") : NULL;

    if (slashes == NULL)
        return span_make(NULL, 0);
    const char *host = slashes + 2;
    size_t len = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":/?");
    return host[0] == '[' ? span_make(host + 1, len - 1) : span_make(host, len);
}

static bool is_lookup_of_addresses(const struct json *step)
{
    return json_member(step, "lookup") != NULL &&
           (json_member(step, "a") != NULL || json_member(step, "aaaa") != NULL);
}

/* One step with the lookup that led to it, if there was one. */
static void write_connection(struct json_writer *w, const struct json *step,
                             const struct json *lookup)
{
    const struct json *url = json_member(step, "url");
    struct span host =
        url != NULL ? host_of(json_text(url)) : json_span(json_member(lookup, "lookup"));

    if (url != NULL)
        json_write_span(w, "url", json_span(url));
    if (host.len > 0)
        json_write_span(w, "hostname", host);
    if (!span_equal(host, json_span(json_member(lookup, "lookup"))))
        lookup = NULL; /* of where a redirect came from */
    if (lookup != NULL)
        write_resolved(w, lookup);
    write_used(w, json_text(json_member(step, "address")));
    write_rest(w, step);
}

static void write_lookup(struct json_writer *w, const struct json *step)
{
    json_write_span(w, "hostname", json_span(json_member(step, "lookup")));
    if (is_lookup_of_addresses(step))
        write_resolved(w, step);
    write_rest(w, step);
}

/* Addresses that are connected to next are told there. */
static bool leads_on(const struct json *steps, size_t i)
{
    return is_lookup_of_addresses(json_element(steps, i)) &&
           json_member(json_element(steps, i + 1), "address") != NULL;
}

static void write_steps(struct json_writer *w, const struct json *steps,
                        const char *perspective)
{
    const struct json *lookup = NULL;

    for (size_t i = 0; i < json_count(steps); i++) {
        const struct json *step = json_element(steps, i);
        if (!json_is_object(step))
            continue;
        if (is_lookup_of_addresses(step))
            lookup = step;
        if (leads_on(steps, i) || w->buf->len > SHOWN_MAX)
            continue;
        json_write_begin_object(w, NULL);
        if (json_member(step, "address") != NULL || json_member(step, "url") != NULL)
            write_connection(w, step, lookup);
        else if (json_member(step, "lookup") != NULL)
            write_lookup(w, step);
        else
            write_rest(w, step);
        if (perspective != NULL)
            json_write_text(w, "perspective", perspective);
        json_write_end_object(w);
    }
}

void validation_record_write(struct arena *a, struct json_writer *w, const char *evidence)
{
    const struct json *document = NULL;
    struct err_info unread = {0};

    if (evidence_read(a, evidence, &document, &unread) != ERR_OK)
        return;
    size_t count = evidence_count(document);
    json_write_begin_array(w, "validationRecord");
    for (size_t i = 0; i < count; i++)
        write_steps(w, evidence_steps(document, i),
                    count > 1 ? evidence_name(document, i) : NULL);
    json_write_end_array(w);
}
