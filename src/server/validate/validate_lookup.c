/* Lookups of a check: addresses, texts; what was asked and answered goes into its record.
 */
#include "core/base/text.h"
#include "server/validate/validate_private.h"

#define TEXTS_RECORDED       16  /* TXT records of a lookup that go into the record */
#define TEXT_RECORDED_OCTETS 255 /* of each */

/* ---- addresses ---- */

static void note_lookup(struct validate_check *c)
{
    char text[ADDRESS_TEXT_SIZE];

    validate_step_begin(c);
    json_write_text(&c->record, "lookup", c->host);
    for (size_t i = 0; i < 2; i++) {
        const struct resolver_result *r = &c->answers[i];
        const char *name = r->type == DNS_A ? "a" : "aaaa";
        if (r->rcode != DNS_NOERROR) {
            json_write_text(&c->record, name, r->reason);
            continue;
        }
        json_write_begin_array(&c->record, name);
        for (size_t j = 0; j < r->count; j++) {
            address_text(&r->addresses[j], text);
            json_write_text(&c->record, NULL, text);
        }
        json_write_end_array(&c->record);
    }
    validate_step_end(c);
}

static void on_answer(struct validate_check *c, size_t which,
                      const struct resolver_result *result)
{
    c->queries[which] = NULL;
    c->answers[which] = *result;
    (void)text_copy(c->reasons[which], sizeof c->reasons[which], result->reason);
    c->answers[which].reason = c->reasons[which];
    if (--c->answers_due > 0)
        return;
    loop_timer_clear(c->timer);
    note_lookup(c);
    c->looked_up(c);
}

static void on_aaaa(void *argument, const struct resolver_result *result)
{
    on_answer(argument, 0, result);
}

static void on_a(void *argument, const struct resolver_result *result)
{
    on_answer(argument, 1, result);
}

/* One count more than there are questions, taken back below: an answer that comes while
 * the second question is being asked must not end the lookup. */
void validate_look_up(struct validate_check *c, const char *host,
                      void (*looked_up)(struct validate_check *c))
{
    static const struct resolver_result none = {.rcode = DNS_NOERROR, .reason = ""};

    c->host = host;
    c->looked_up = looked_up;
    c->texts_looked_up = NULL;
    c->answers_due = 3;
    loop_timer_set(c->timer, validate_time_left_ms(c));
    c->answers[0] = none;
    c->answers[1] = none;
    c->queries[0] = resolver_ask(c->place->resolver, host, DNS_AAAA, on_aaaa, c);
    c->queries[1] = resolver_ask(c->place->resolver, host, DNS_A, on_a, c);
    if (--c->answers_due == 0) {
        loop_timer_clear(c->timer);
        note_lookup(c);
        looked_up(c);
    }
}

/* ---- no answer ---- */

const char *validate_resolver_shown(struct validate_check *c)
{
    const struct address *server = resolver_server(c->place->resolver);
    char text[ADDRESS_TEXT_SIZE];

    if (server == NULL)
        return "";
    address_text_with_port(server, text);
    return arena_printf(c->arena, " from the resolver %s", text);
}

void validate_look_up_late(struct validate_check *c)
{
    const char *sought = c->texts_looked_up != NULL ? "TXT"
                         : c->queries[0] == NULL    ? "A"
                         : c->queries[1] == NULL    ? "AAAA"
                                                    : "A and AAAA";

    validate_bad(c, ERR_DNS, "looking up the %s records of %s: no answer in time%s",
                 sought, c->host, validate_resolver_shown(c));
}

/* ---- texts ---- */

const char *validate_text_shown(struct arena *a, struct span text, size_t most)
{
    char *shown = arena_string_of(a, span_slice(text, 0, most));

    for (size_t i = 0; i < text.len && i < most; i++)
        if (shown[i] == '\0')
            shown[i] = '?';
    text_make_printable(shown);
    return text.len > most ? arena_printf(a, "%s...", shown) : shown;
}

static void note_texts(struct validate_check *c, const struct resolver_result *r)
{
    size_t shown = r->count < TEXTS_RECORDED ? r->count : TEXTS_RECORDED;

    validate_step_begin(c);
    json_write_text(&c->record, "lookup", c->host);
    if (r->alias != NULL)
        json_write_text(
            &c->record, "alias",
            validate_text_shown(c->arena, span_of(r->alias), TEXT_RECORDED_OCTETS));
    if (r->rcode != DNS_NOERROR) {
        json_write_text(&c->record, "txt", r->reason);
    } else {
        json_write_begin_array(&c->record, "txt");
        for (size_t i = 0; i < shown; i++)
            json_write_text(
                &c->record, NULL,
                validate_text_shown(c->arena, r->texts[i], TEXT_RECORDED_OCTETS));
        json_write_end_array(&c->record);
        if (r->count > shown)
            json_write_number(&c->record, "more", (int64_t)(r->count - shown));
    }
    validate_step_end(c);
}

static void on_texts(void *argument, const struct resolver_result *result)
{
    struct validate_check *c = argument;

    c->queries[0] = NULL;
    c->answers_due = 0;
    loop_timer_clear(c->timer);
    note_texts(c, result);
    c->texts_looked_up(c, result);
}

void validate_look_up_texts(struct validate_check *c, const char *name,
                            void (*looked_up)(struct validate_check *c,
                                              const struct resolver_result *result))
{
    c->host = name;
    c->texts_looked_up = looked_up;
    c->answers_due = 1;
    loop_timer_set(c->timer, validate_time_left_ms(c));
    struct resolver_query *q =
        resolver_ask(c->place->resolver, name, DNS_TXT, on_texts, c);
    if (c->answers_due > 0)
        c->queries[0] = q;
}
