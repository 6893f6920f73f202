/* Tests of server/perspective/perspective_wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/perspective/perspective_wire.h"

#define OCTETS_MAX 65536

/* What was heard: a letter for each message. */
struct heard {
    char letters[64];
    size_t count;
    int64_t code;
};

static enum err on_message(void *context, struct ipc_message *m, struct err_info *why)
{
    struct heard *h = context;

    (void)why;
    assert_true(h->count < sizeof h->letters - 1);
    h->letters[h->count++] = ipc_type_name(m->type)[0];
    if (m->type == IPC_VERDICT)
        h->code = m->as_verdict.code;
    return ERR_OK;
}

static void add(struct buf *b, const struct ipc_message *m)
{
    struct err_info why = {0};

    assert_int_equal(ipc_encode(b, m, &why), ERR_OK);
}

static void add_greeting(struct buf *b, uint64_t protocol)
{
    const struct ipc_message m = {.type = IPC_GREETING,
                                  {.as_greeting = {.protocol = protocol,
                                                   .version = span_of("9.9"),
                                                   .name = span_of("fra"),
                                                   .region = span_of("ripe")}}};
    add(b, &m);
}

static void add_verdict(struct buf *b, bool valid, int64_t code)
{
    const struct ipc_message m = {
        .type = IPC_VERDICT,
        {.as_verdict = {.id = 1, .valid = valid, .code = code, .record = span_of("[]")}}};
    add(b, &m);
}

/* The layout that PERSPECTIVE_WIRE_PROTOCOL stands for, written down a second time:
 * whoever changes it must count that up. */
static void the_layout_belongs_to_the_protocol(void **state)
{
    static const uint8_t check[] = "\x00\x00\x00\x53\x00\x0a"         /* length, type */
                                   "\x00\x00\x00\x00\x00\x00\x00\x01" /* id */
                                   "\x00\x00\x00\x00\x00\x00\x00\x02" /* purpose */
                                   "\x00\x00\x00\x00\x00\x00\x00\x03" /* type */
                                   "\x00\x00\x00\x01"
                                   "d"
                                   "\x00\x00\x00\x02"
                                   "na" /* directory, identifier */
                                   "\x00\x00\x00\x00\x00\x00\x00\x01" /* wildcard */
                                   "\x00\x00\x00\x03"
                                   "tok"
                                   "\x00\x00\x00\x04"
                                   "auth" /* token, key authorization */
                                   "\x00\x00\x00\x05"
                                   "https"
                                   "\x00\x00\x00\x06"
                                   "ca.two"            /* account, CAA names */
                                   "\x00\x00\x00\x00"; /* perspective */
    static const uint8_t verdict[] = "\x00\x00\x00\x31\x00\x0b"
                                     "\x00\x00\x00\x00\x00\x00\x00\x01" /* id */
                                     "\x00\x00\x00\x00\x00\x00\x00\x00" /* valid */
                                     "\x00\x00\x00\x00\x00\x00\x00\x09" /* until */
                                     "\x00\x00\x00\x00\x00\x00\x00\x03" /* code */
                                     "\x00\x00\x00\x01"
                                     "d"
                                     "\x00\x00\x00\x02"
                                     "[]"
                                     "\x00\x00\x00\x00";
    const struct ipc_message messages[] = {
        {.type = IPC_CHECK,
         {.as_check = {1,
                       2,
                       3,
                       span_of("d"),
                       span_of("na"),
                       1,
                       span_of("tok"),
                       span_of("auth"),
                       span_of("https"),
                       span_of("ca.two"),
                       {0}}}},
        {.type = IPC_VERDICT,
         {.as_verdict = {1, 0, 9, 3, span_of("d"), span_of("[]"), {0}}}}};
    AUTO(buf) struct buf b = buf_make(OCTETS_MAX);

    (void)state;
    assert_int_equal(PERSPECTIVE_WIRE_PROTOCOL, 1);
    add(&b, &messages[0]);
    assert_int_equal(b.len, sizeof check - 1);
    assert_memory_equal(b.data, check, b.len);
    buf_clear(&b);
    add(&b, &messages[1]);
    assert_int_equal(b.len, sizeof verdict - 1);
    assert_memory_equal(b.data, verdict, b.len);
}

static void numbers_of_codes_stay(void **state)
{
    static const struct {
        int64_t number;
        enum err code;
    } rows[] = {{1, ERR_SERVER_INTERNAL},    {2, ERR_UNAVAILABLE}, {3, ERR_DNS},
                {4, ERR_CONNECTION},         {5, ERR_TLS},         {6, ERR_UNAUTHORIZED},
                {7, ERR_INCORRECT_RESPONSE}, {8, ERR_CAA},         {9, ERR_MALFORMED}};
    enum err code = ERR_OK;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(perspective_wire_code(rows[i].code), rows[i].number);
        assert_true(perspective_wire_read_code(rows[i].number, &code));
        assert_int_equal(code, rows[i].code);
    }
    assert_int_equal(perspective_wire_code(ERR_STORE), 1);
    assert_false(perspective_wire_read_code(0, &code));
    assert_false(perspective_wire_read_code(-1, &code));
    assert_false(perspective_wire_read_code(INT64_MAX, &code));
}

/* However the octets are cut, the same is heard. */
static void pieces(void **state)
{
    AUTO(buf) struct buf b = buf_make(OCTETS_MAX);
    struct err_info why = {0};

    (void)state;
    add_greeting(&b, PERSPECTIVE_WIRE_PROTOCOL);
    add_verdict(&b, true, 0);
    add_verdict(&b, false, 3);
    for (size_t step = 1; step <= b.len; step++) {
        struct perspective_wire w = perspective_wire_make(IPC_RELAY);
        struct heard h = {0};
        for (size_t at = 0; at < b.len; at += step)
            assert_int_equal(perspective_wire_take(&w, span_slice(buf_span(&b), at, step),
                                                   on_message, &h, &why),
                             ERR_OK);
        assert_string_equal(h.letters, "gvv");
        assert_int_equal(h.code, ERR_DNS);
        perspective_wire_free(&w);
    }
}

static void say(struct buf *b, char letter)
{
    const struct ipc_message ping = {.type = IPC_PING, {.as_ping = {1}}};
    const struct ipc_message pong = {.type = IPC_PONG, {.as_pong = {1}}};
    const struct ipc_message check = {.type = IPC_CHECK, {.as_check = {.id = 1}}};
    const struct ipc_message farewell = {.type = IPC_FAREWELL,
                                         {.as_farewell = {span_of("it is ending")}}};
    const struct ipc_message trouble = {.type = IPC_TROUBLE,
                                        {.as_trouble = {.id = 1, .code = 3}}};
    const struct ipc_message drain = {.type = IPC_DRAIN, {.as_drain = {1}}};

    switch (letter) {
    case 'g':
        add_greeting(b, PERSPECTIVE_WIRE_PROTOCOL);
        return;
    case 'G':
        add_greeting(b, PERSPECTIVE_WIRE_PROTOCOL + 1);
        return;
    case 'v':
        add_verdict(b, true, 0);
        return;
    case 'V':
        add_verdict(b, false, 4711);
        return;
    case 't':
        add(b, &trouble);
        return;
    case 'p':
        add(b, &ping);
        return;
    case 'o':
        add(b, &pong);
        return;
    case 'c':
        add(b, &check);
        return;
    case 'f':
        add(b, &farewell);
        return;
    default:
        add(b, &drain);
        return;
    }
}

/* What each end may hear, and when: upper case is wrong in itself. */
static void order(void **state)
{
    static const struct {
        enum ipc_role self;
        const char *said;
        size_t heard; /* so many, then the error */
        enum err result;
        const char *sentence;
    } rows[] = {
        {IPC_RELAY, "gvtov", 5, ERR_OK, ""},
        {IPC_RELAY, "v", 0, ERR_PROTOCOL, "sent verdict before it greeted"},
        {IPC_RELAY, "o", 0, ERR_PROTOCOL, "sent pong before it greeted"},
        {IPC_RELAY, "gg", 1, ERR_PROTOCOL, "greeted twice"},
        {IPC_RELAY, "G", 0, ERR_PROTOCOL, "speaks version 2 of the perspective protocol"},
        {IPC_RELAY, "gV", 1, ERR_PROTOCOL, "a reason of no known kind"},
        {IPC_RELAY, "gf", 1, ERR_REFUSED, "it is ending"},
        {IPC_RELAY, "f", 0, ERR_REFUSED, "it is ending"},
        {IPC_RELAY, "gc", 1, ERR_PROTOCOL, "sent check"},
        {IPC_RELAY, "gp", 1, ERR_PROTOCOL, "sent ping"},
        {IPC_RELAY, "gd", 1, ERR_PROTOCOL, "sent drain"},
        {IPC_DOOR, "gcpc", 4, ERR_OK, ""},
        {IPC_DOOR, "c", 0, ERR_PROTOCOL, "sent check before it greeted"},
        {IPC_DOOR, "G", 0, ERR_PROTOCOL, "install versions that speak the same"},
        {IPC_DOOR, "gv", 1, ERR_PROTOCOL, "sent verdict"},
        {IPC_DOOR, "gf", 1, ERR_PROTOCOL, "sent farewell"},
        {IPC_DOOR, "gd", 1, ERR_PROTOCOL, "sent drain"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(buf) struct buf b = buf_make(OCTETS_MAX);
        struct perspective_wire w = perspective_wire_make(rows[i].self);
        struct heard h = {0};
        struct err_info why = {0};
        for (const char *letter = rows[i].said; *letter != '\0'; letter++)
            say(&b, *letter);
        assert_int_equal(perspective_wire_take(&w, buf_span(&b), on_message, &h, &why),
                         rows[i].result);
        assert_int_equal(h.count, rows[i].heard);
        assert_non_null(strstr(why.detail, rows[i].sentence));
        perspective_wire_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layout_belongs_to_the_protocol),
        cmocka_unit_test(numbers_of_codes_stay),
        cmocka_unit_test(pieces),
        cmocka_unit_test(order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
