/* One certificate with everything it names. */
#include <string.h>

#include "client/settings/settings.h"
#include "core/base/text.h"

#define CAS          0 /* of settings_families */
#define DNS          1
#define DEPLOYMENTS  2
#define CERTIFICATES 3

void settings_wanted(const struct settings *s,
                     const struct settings_certificate *certificate, struct wanted *w)
{
    *w = (struct wanted){.settings = s, .certificate = certificate};
    for (size_t i = 0; i < certificate->cas.count; i++)
        w->cas[w->ca_count++] = settings_ca(s, certificate->cas.items[i]);
    if (w->ca_count == 0)
        w->cas[w->ca_count++] = settings_ca(s, s->ca);
    for (size_t i = 0; i < certificate->dns.count; i++) {
        const char *row = certificate->dns.items[i];
        const char *equals = strchr(row, '=');
        w->dns[w->dns_count].zone = equals != NULL ? row : "";
        w->dns[w->dns_count++].dns = settings_dns(s, equals != NULL ? equals + 1 : row);
    }
    for (size_t i = 0; i < certificate->deploy.count; i++)
        w->deployments[w->deployment_count++] =
            settings_deployment(s, certificate->deploy.items[i]);
}

/* Is the name that zone, or in it? The zone ends at an equals sign. */
static bool is_in(const char *name, const char *zone, size_t *length)
{
    size_t len = strcspn(zone, "=");
    size_t whole = strlen(name);

    *length = len;
    if (len == 0)
        return true;
    return whole >= len &&
           text_equal_ignoring_case(span_of(name + whole - len), span_make(zone, len)) &&
           (whole == len || name[whole - len - 1] == '.');
}

const struct settings_dns *settings_dns_for(const struct wanted *w, const char *name)
{
    const struct settings_dns *found = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < w->dns_count; i++) {
        size_t len = 0;
        if (is_in(name, w->dns[i].zone, &len) && (found == NULL || len > longest)) {
            found = w->dns[i].dns;
            longest = len;
        }
    }
    return found;
}

static bool is_before(const struct wanted *w, size_t row)
{
    for (size_t i = 0; i < row; i++)
        if (w->dns[i].dns == w->dns[row].dns)
            return true;
    return false;
}

/* Members of one section stand below one key: only the first one brings it. */
static void write_member(struct buf *b, size_t family, const void *member, bool *begun)
{
    AUTO(buf) struct buf text = buf_make(CONFIG_FILE_MAX);

    config_write_member(&text, &settings_families[family], member);
    const uint8_t *end = memchr(text.data, '\n', text.len);
    size_t skip = *begun && end != NULL ? (size_t)(end + 1 - text.data) : 0;
    buf_add(b, text.data + skip, text.len - skip);
    *begun = true;
}

void settings_write_one(struct buf *b, const struct wanted *w)
{
    struct settings_certificate certificate = *w->certificate;
    const char *names[SETTINGS_CAS_MAX];
    bool cas = false;
    bool dns = false;
    bool deployments = false;
    bool certificates = false;

    for (size_t i = 0; i < w->ca_count; i++) {
        struct settings_ca ca = *w->cas[i];
        if (ca.email[0] == '\0')
            ca.email = w->settings->email;
        ca.agree_tos = ca.agree_tos || w->settings->agree_tos;
        write_member(b, CAS, &ca, &cas);
        names[i] = ca.name;
    }
    certificate.cas = (struct config_list){names, w->ca_count};
    for (size_t i = 0; i < w->dns_count; i++)
        if (!is_before(w, i))
            write_member(b, DNS, w->dns[i].dns, &dns);
    for (size_t i = 0; i < w->deployment_count; i++)
        write_member(b, DEPLOYMENTS, w->deployments[i], &deployments);
    write_member(b, CERTIFICATES, &certificate, &certificates);
}
