/* The form of the wire, by ldns. */
#include "core/dns/dns_wire.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "core/dns/dns_name.h"

#define UDP_ROOM   1232 /* octets; what passes everywhere without fragments */
#define STRING_MAX 255  /* octets of a character-string */
#define AT_EXTRA   10   /* where the number of additional records stands */

static enum err refuse(struct err_info *why, ldns_status status)
{
    return err_set(why, ERR_MALFORMED, "a DNS message cannot be made: %s",
                   ldns_get_errorstr_by_id(status));
}

/* Append it; the packet is freed. */
static enum err write_packet(struct buf *b, ldns_pkt *packet, unsigned int id,
                             struct err_info *why)
{
    uint8_t *wire = NULL;
    size_t size = 0;

    ldns_pkt_set_id(packet, (uint16_t)id);
    ldns_status status = ldns_pkt2wire(&wire, packet, &size);
    ldns_pkt_free(packet);
    if (status != LDNS_STATUS_OK)
        return refuse(why, status);
    buf_add(b, wire, size);
    free(wire);
    if (b->failed)
        return err_set(why, ERR_TOO_LARGE, "a DNS message is too large");
    return ERR_OK;
}

enum err dns_wire_query(struct buf *b, const char *name, enum dns_type type,
                        bool recursion, unsigned int id, struct err_info *why)
{
    ldns_pkt *packet = NULL;

    /* the root, which is "" here, is no name for ldns but with its dot */
    ldns_status status = ldns_pkt_query_new_frm_str(&packet, name[0] != '\0' ? name : ".",
                                                    (ldns_rr_type)type, LDNS_RR_CLASS_IN,
                                                    recursion ? LDNS_RD : 0);
    if (status != LDNS_STATUS_OK)
        return refuse(why, status);
    ldns_pkt_set_edns_udp_size(packet, UDP_ROOM);
    return write_packet(b, packet, id, why);
}

/* A TXT record of one string (RFC 2136 2.5.1, 2.5.4); NULL if the owner is no name. */
static ldns_rr *make_text(const struct dns_update *update, size_t len)
{
    uint8_t data[STRING_MAX + 1];
    ldns_rdf *owner = ldns_dname_new_frm_str(update->owner);
    ldns_rr *rr = ldns_rr_new();

    if (owner == NULL || rr == NULL) {
        ldns_rdf_deep_free(owner);
        ldns_rr_free(rr);
        return NULL;
    }
    data[0] = (uint8_t)len;
    memcpy(data + 1, update->value, len);
    ldns_rr_set_owner(rr, owner);
    ldns_rr_set_type(rr, LDNS_RR_TYPE_TXT);
    ldns_rr_set_class(rr, update->add ? LDNS_RR_CLASS_IN : LDNS_RR_CLASS_NONE);
    ldns_rr_set_ttl(rr, update->add ? update->ttl : 0);
    (void)ldns_rr_push_rdf(rr, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, len + 1, data));
    return rr;
}

enum err dns_wire_update(struct buf *b, const struct dns_update *update, unsigned int id,
                         struct err_info *why)
{
    size_t len = strlen(update->value);

    if (len > STRING_MAX)
        return err_set(why, ERR_MALFORMED, "the text is too long for a TXT record");
    ldns_rdf *zone = ldns_dname_new_frm_str(update->zone);
    ldns_rr *rr = zone != NULL ? make_text(update, len) : NULL;
    ldns_rr_list *changes = ldns_rr_list_new();
    ldns_rr_list *none = ldns_rr_list_new();
    ldns_pkt *packet = NULL;

    if (rr != NULL && ldns_rr_list_push_rr(changes, rr))
        packet = ldns_update_pkt_new(zone, LDNS_RR_CLASS_IN, none, changes, none);
    else
        ldns_rr_free(rr);
    if (packet == NULL)
        ldns_rdf_deep_free(zone);
    ldns_rr_list_deep_free(changes); /* the packet has copies */
    ldns_rr_list_free(none);
    if (packet == NULL)
        return err_set(why, ERR_MALFORMED, "\"%.253s\" is no name to change",
                       update->owner);
    return write_packet(b, packet, id, why);
}

/* ---- reading ---- */

static void read_name(const ldns_rdf *name, char *to)
{
    char *text = name != NULL ? ldns_rdf2str(name) : NULL;

    to[0] = '\0';
    if (text != NULL)
        (void)dns_name_read(span_of(text), to);
    free(text);
}

static const char *keep_name(struct arena *a, const ldns_rdf *name)
{
    char text[DNS_NAME_MAX + 1];

    read_name(name, text);
    return arena_string(a, text);
}

static struct span join_strings(struct arena *a, const ldns_rr *rr)
{
    size_t len = 0;
    size_t used = 0;

    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++)
        len += ldns_rdf_size(ldns_rr_rdf(rr, i));
    uint8_t *joined = arena_get(a, len + 1);
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *part = ldns_rr_rdf(rr, i);
        if (ldns_rdf_size(part) < 2)
            continue;
        memcpy(joined + used, ldns_rdf_data(part) + 1, ldns_rdf_size(part) - 1);
        used += ldns_rdf_size(part) - 1;
    }
    return span_make(joined, used);
}

/* The tag has its length in front, the value is what is left. */
static void read_caa(struct arena *a, const ldns_rr *rr, struct dns_record *r)
{
    if (ldns_rr_rd_count(rr) != 3 || ldns_rdf_size(ldns_rr_rdf(rr, 0)) != 1 ||
        ldns_rdf_size(ldns_rr_rdf(rr, 1)) < 2)
        return;
    const ldns_rdf *tag = ldns_rr_rdf(rr, 1);
    const ldns_rdf *value = ldns_rr_rdf(rr, 2);
    r->flags = *(const uint8_t *)ldns_rdf_data(ldns_rr_rdf(rr, 0));
    r->tag = arena_span(a, span_make(ldns_rdf_data(tag) + 1, ldns_rdf_size(tag) - 1));
    r->text = arena_span(a, span_make(ldns_rdf_data(value), ldns_rdf_size(value)));
}

static void read_record(struct arena *a, const ldns_rr *rr, struct dns_record *r)
{
    const ldns_rdf *first = ldns_rr_rd_count(rr) > 0 ? ldns_rr_rdf(rr, 0) : NULL;

    r->owner = keep_name(a, ldns_rr_owner(rr));
    r->type = (unsigned int)ldns_rr_get_type(rr);
    r->ttl = ldns_rr_ttl(rr);
    r->target = "";
    if (first == NULL)
        return;
    switch (r->type) {
    case DNS_CNAME:
    case DNS_NS:
    case DNS_SOA:
        r->target = keep_name(a, first);
        break;
    case DNS_TXT:
        r->text = join_strings(a, rr);
        break;
    case DNS_CAA:
        read_caa(a, rr, r);
        break;
    case DNS_A:
    case DNS_AAAA:
        (void)address_from_octets(span_make(ldns_rdf_data(first), ldns_rdf_size(first)),
                                  &r->address);
        break;
    default:
        break;
    }
}

static struct dns_section read_section(struct arena *a, const ldns_rr_list *list)
{
    size_t count = list != NULL ? ldns_rr_list_rr_count(list) : 0;
    size_t used = 0;

    if (count > DNS_WIRE_RECORDS_MAX)
        count = DNS_WIRE_RECORDS_MAX;
    struct dns_record *records = arena_array(a, count + 1, sizeof *records);
    for (size_t i = 0; i < count; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        if (ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN)
            read_record(a, rr, &records[used++]);
    }
    return (struct dns_section){records, used};
}

/* Nothing here is about the additional section, and ldns 1.8 loses memory over malformed
 * ones that have a TSIG record: it is not shown any. */
static struct span without_extra(struct arena *a, struct span message)
{
    uint8_t *copy = arena_copy(a, message.data, message.len);

    if (message.len >= AT_EXTRA + 2)
        memset(copy + AT_EXTRA, 0, 2);
    return span_make(copy, message.len);
}

enum err dns_wire_read(struct arena *a, struct span message, struct dns_answer *answer,
                       struct err_info *why)
{
    struct dns_answer read = {0};
    ldns_pkt *packet = NULL;

    const struct span shown = without_extra(a, message);
    ldns_status status = ldns_wire2pkt(&packet, shown.data, shown.len);
    if (status != LDNS_STATUS_OK)
        return err_set(why, ERR_PROTOCOL, "the DNS response is malformed: %s",
                       ldns_get_errorstr_by_id(status));
    if (!ldns_pkt_qr(packet)) {
        ldns_pkt_free(packet);
        return err_set(why, ERR_PROTOCOL, "this is no DNS response");
    }
    read.id = ldns_pkt_id(packet);
    read.rcode = (int)ldns_pkt_get_rcode(packet);
    read.is_authoritative = ldns_pkt_aa(packet);
    const ldns_rr_list *questions = ldns_pkt_question(packet);
    if (ldns_rr_list_rr_count(questions) > 0) {
        const ldns_rr *question = ldns_rr_list_rr(questions, 0);
        read_name(ldns_rr_owner(question), read.question);
        read.question_type = (unsigned int)ldns_rr_get_type(question);
    }
    read.answer = read_section(a, ldns_pkt_answer(packet));
    read.authority = read_section(a, ldns_pkt_authority(packet));
    ldns_pkt_free(packet);
    *answer = read;
    return ERR_OK;
}

const struct dns_record *dns_wire_find(const struct dns_section *s, enum dns_type type)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->records[i].type == (unsigned int)type)
            return &s->records[i];
    return NULL;
}
