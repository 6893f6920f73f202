/* Questions, there and back. */
#include "client/dns/dns_query.h"

#include <string.h>

#include "client/dns/dns_place.h"
#include "core/base/text.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

#define ANSWER_MAX (1024 * 1024) /* octets: JSON_READ_MAX_SIZE */

enum { RESOLVER, NAME, TYPE, SERVERS, FIELDS };

/* ---- in the process that uses the network ---- */

static void write_records(struct json_writer *w, const char *server,
                          const struct dns_answer *answer, enum dns_type type)
{
    char text[ADDRESS_TEXT_SIZE];

    json_write_begin_object(w, NULL);
    json_write_text(w, "server", server);
    json_write_bool(w, "exists", answer->rcode != DNS_NXDOMAIN);
    json_write_begin_array(w, "records");
    for (size_t i = 0; i < answer->answer.count; i++) {
        const struct dns_record *r = &answer->answer.records[i];
        if (r->type != (unsigned int)type)
            continue;
        json_write_begin_object(w, NULL);
        if (r->address.family != ADDRESS_NONE) {
            address_text(&r->address, text);
            json_write_text(w, "address", text);
        }
        json_write_number(w, "flags", r->flags);
        json_write_span(w, "tag", r->tag);
        json_write_span(w, "text", r->text);
        json_write_end_object(w);
    }
    json_write_end_array(w);
    json_write_end_object(w);
}

/* Each server's name once, by whichever of its addresses answers. */
static enum err ask_servers(struct dns_asker *k, const char *name, enum dns_type type,
                            struct json_writer *w, struct err_info *why)
{
    const struct dns_place_options options = {.server = "",
                                              .check = DNS_CHECK_AUTHORITATIVE};
    struct dns_place place = {0};
    const struct address *to[DNS_SERVERS_MAX];
    struct dns_answer *answers = arena_array(k->arena, DNS_SERVERS_MAX, sizeof *answers);
    bool answered[DNS_SERVERS_MAX] = {false};

    TRY(dns_place_find(k, &options, name, &place, why));
    for (size_t i = 0; i < place.server_count; i++)
        to[i] = &place.servers[i].address;
    TRY(dns_ask_all(k, to, place.server_count, place.owner, type, DNS_ASK_WAIT_MS,
                    answers, answered, why));
    for (size_t i = 0; i < place.server_count; i++)
        if (answered[i] &&
            (answers[i].rcode == DNS_NOERROR || answers[i].rcode == DNS_NXDOMAIN))
            write_records(w, place.servers[i].name, &answers[i], type);
    return ERR_OK;
}

enum err dns_query_serve(struct dns_asker *k, const struct wire_message *m,
                         struct wire_message *answer, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(ANSWER_MAX);
    struct json_writer w = json_writer_make(&b);
    struct err_info ignored = {0};
    struct dns_answer got;
    uint64_t type = 0;

    if (m->count != FIELDS || !text_number(m->fields[TYPE], UINT16_MAX, &type))
        return err_set(why, ERR_PROTOCOL, "a question to the DNS process is malformed");
    const char *name = (const char *)m->fields[NAME].data;
    TRY(dns_ask_resolvers((const char *)m->fields[RESOLVER].data, &k->resolvers, why));
    TRY(dns_ask_resolver(k, name, (enum dns_type)type, &got, why));
    json_write_begin_array(&w, NULL);
    write_records(&w, "", &got, (enum dns_type)type);
    if (m->fields[SERVERS].len > 0 &&
        ask_servers(k, name, (enum dns_type)type, &w, &ignored) == ERR_INTERRUPTED)
        return err_set(why, ERR_INTERRUPTED, "interrupted");
    json_write_end_array(&w);
    if (b.failed)
        return err_set(why, ERR_NETWORK, "%s has too many records", name);
    answer->fields[0] = arena_span(k->arena, buf_span(&b));
    answer->count = 1;
    return ERR_OK;
}

/* ---- in the process that wants to know ---- */

static enum err read_source(struct arena *a, const struct json *object,
                            struct dns_query_source *s, struct err_info *why)
{
    const struct json *records = NULL;

    TRY(json_need_text(object, "server", &s->server, why));
    TRY(json_take_bool(object, "exists", true, &s->exists, why));
    TRY(json_need_array(object, "records", &records, why));
    struct dns_query_record *list = arena_array(a, json_count(records) + 1, sizeof *list);
    for (size_t i = 0; i < json_count(records); i++) {
        const struct json *one = json_element(records, i);
        const char *address = NULL;
        TRY(json_take_text(one, "address", &address, why));
        TRY(json_need_text(one, "tag", &list[i].tag, why));
        TRY(json_need_text(one, "text", &list[i].text, why));
        list[i].flags = (unsigned int)json_whole(json_member(one, "flags"));
        if (address != NULL)
            (void)address_parse(span_of(address), &list[i].address);
    }
    s->records = list;
    s->count = json_count(records);
    return ERR_OK;
}

enum err dns_query(struct dns_line *line, struct arena *a, const struct dns_query *q,
                   const struct dns_query_source **sources, size_t *count,
                   struct err_info *why)
{
    const struct wire_message m = {WIRE_DNS_QUERY,
                                   {span_of(q->resolver), span_of(q->name),
                                    span_of(arena_printf(a, "%d", (int)q->type)),
                                    span_of(q->servers ? "servers" : "")},
                                   FIELDS};
    const struct json *all = NULL;
    struct wire_message back;

    TRY(dns_line_call(line, a, &m, &back, false, why));
    if (back.count != 1)
        return err_set(why, ERR_PROTOCOL, "the DNS process gives no answer");
    TRY(json_read(a, back.fields[0], &all, why));
    struct dns_query_source *list = arena_array(a, json_count(all) + 1, sizeof *list);
    for (size_t i = 0; i < json_count(all); i++)
        TRY(read_source(a, json_element(all, i), &list[i], why));
    *sources = list;
    *count = json_count(all);
    return ERR_OK;
}
