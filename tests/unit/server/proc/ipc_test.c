/* Tests of server/proc/ipc: every message of messages.def, both ways, and every way to be
 * wrong. The test has an encoder of its own that checks nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/proc/ipc.h"

#define CONTENT_MAX (IPC_BODY_MAX + 16U)

static uint8_t content[CONTENT_MAX];

/* How long the texts and octets of a message are made. */
enum length { LENGTH_EMPTY, LENGTH_SHORT, LENGTH_MOST, LENGTH_COUNT };

static size_t octets_for(enum length length, size_t max)
{
    static const size_t some = 5;

    return length == LENGTH_EMPTY ? 0 : length == LENGTH_SHORT ? some : max;
}

#define MESSAGE(NAME, name, from, to)                                                    \
    static void fill_##name(struct ipc_message *any, enum length length)                 \
    {                                                                                    \
        struct message_##name *m = &any->as_##name;                                      \
        uint64_t n = 0xfedcba9876543210U;                                                \
        any->type = IPC_##NAME;                                                          \
        (void)length;                                                                    \
        (void)n;
#define NUMBER(name, field)      m->field = n++;
#define INTEGER(name, field)     m->field = -(int64_t)(n++ & 0xffff);
#define TEXT(name, field, max)   m->field = span_make(content, octets_for(length, max));
#define OCTETS(name, field, max) m->field = span_make(content, octets_for(length, max));
#define DESCRIPTOR(name, field)  m->field = 99;
#define END(NAME, name)          }
#include "server/proc/messages.def"

static void put(struct buf *b, uint64_t number, int octets)
{
    for (int i = octets; i > 0; i--)
        buf_add_octet(b, (uint8_t)(number >> (8 * (i - 1))));
}

static void put_span(struct buf *b, struct span s)
{
    put(b, s.len, 4);
    buf_add_span(b, s);
}

/* The wire as ipc.h describes it, without any check. `*any` stays as it is. */
#define MESSAGE(NAME, name, from, to)                                                    \
    static void put_##name(struct buf *b, const struct ipc_message *any)                 \
    {                                                                                    \
        const struct message_##name *m = &any->as_##name;                                \
        (void)m;
#define NUMBER(name, field)      put(b, m->field, 8);
#define INTEGER(name, field)     put(b, (uint64_t)m->field, 8);
#define TEXT(name, field, max)   put_span(b, m->field);
#define OCTETS(name, field, max) put_span(b, m->field);
#define END(NAME, name)          }
#include "server/proc/messages.def"

#define MESSAGE(NAME, name, from, to)                                                    \
    static void compare_##name(const struct ipc_message *x, const struct ipc_message *y) \
    {                                                                                    \
        const struct message_##name *a = &x->as_##name, *b = &y->as_##name;              \
        (void)a;                                                                         \
        (void)b;
#define NUMBER(name, field)      assert_true(a->field == b->field);
#define INTEGER(name, field)     assert_true(a->field == b->field);
#define TEXT(name, field, max)   assert_true(span_equal(a->field, b->field));
#define OCTETS(name, field, max) assert_true(span_equal(a->field, b->field));
#define DESCRIPTOR(name, field)  assert_int_equal(b->field, -1);
#define END(NAME, name)          }
#include "server/proc/messages.def"

static const struct row {
    enum ipc_type type;
    const char *name;
    void (*fill)(struct ipc_message *m, enum length length);
    void (*put)(struct buf *b, const struct ipc_message *m);
    void (*compare)(const struct ipc_message *x, const struct ipc_message *y);
} rows[] = {
#define MESSAGE(NAME, name, from, to)                                                    \
    {IPC_##NAME, #name, fill_##name, put_##name, compare_##name},
#include "server/proc/messages.def"
};

#define ROWS (sizeof rows / sizeof rows[0])

/* Header and body. */
static void frame(struct buf *b, const struct row *row, const struct ipc_message *m)
{
    struct buf body = buf_make(2 * (size_t)CONTENT_MAX);

    row->put(&body, m);
    put(b, body.len + 2, 4);
    put(b, (uint64_t)row->type, 2);
    buf_add_span(b, buf_span(&body));
    buf_free(&body);
}

static enum err decode(struct span octets)
{
    struct ipc_message m;
    struct err_info why = {0};

    return ipc_decode(octets, &m, &why);
}

static void round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        for (enum length length = LENGTH_EMPTY; length < LENGTH_COUNT; length++) {
            struct ipc_message m = {.type = IPC_NONE}, again = {.type = IPC_NONE};
            struct buf ours = buf_make(CONTENT_MAX), theirs = buf_make(CONTENT_MAX);
            struct err_info why = {0};
            size_t size = 0;
            rows[i].fill(&m, length);
            frame(&ours, &rows[i], &m);
            assert_int_equal(ipc_encode(&theirs, &m, &why), ERR_OK);
            assert_true(span_equal(buf_span(&ours), buf_span(&theirs)));
            assert_int_equal(ipc_frame_size(buf_span(&ours), &size, &why), ERR_OK);
            assert_int_equal(size, ours.len);
            if (ipc_decode(buf_span(&ours), &again, &why) != ERR_OK)
                fail_msg("%s: %s", rows[i].name, why.detail);
            assert_int_equal(again.type, rows[i].type);
            rows[i].compare(&m, &again);
            assert_string_equal(ipc_type_name(m.type), rows[i].name);
            buf_free(&ours);
            buf_free(&theirs);
        }
    }
    assert_int_equal(ROWS, IPC_TYPE_COUNT - 1);
}

/* Octets written down by hand. */
static void known_octets(void **state)
{
    static const char hello[] = "\x00\x00\x00\x11\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02"
                                "\x00\x00\x00\x03"
                                "1.0";
    const struct message_hello m = {.role = IPC_FRONT, .version = span_of("1.0")};
    struct buf b = buf_make(64);

    (void)state;
    assert_int_equal(ipc_encode_hello(&b, &m, NULL), ERR_OK);
    assert_int_equal(b.len, sizeof hello - 1);
    assert_memory_equal(b.data, hello, sizeof hello - 1);
    buf_free(&b);
}

/* Cut at every octet, the length in the header as it was and corrected; and one octet too
 * many. */
static void truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        struct ipc_message m = {.type = IPC_NONE};
        struct buf b = buf_make(CONTENT_MAX);
        rows[i].fill(&m, LENGTH_SHORT);
        frame(&b, &rows[i], &m);
        size_t whole = b.len;
        for (size_t len = 0; len < whole; len++) {
            size_t size = 1;
            assert_int_equal(decode(span_make(b.data, len)), ERR_PROTOCOL);
            assert_int_equal(ipc_frame_size(span_make(b.data, len), &size, NULL), ERR_OK);
            assert_int_equal(size, len < 4 ? 0 : whole);
        }
        for (size_t len = 4; len < whole; len++) {
            b.data[3] = (uint8_t)(len - 4);
            assert_int_equal(decode(span_make(b.data, len)), ERR_PROTOCOL);
        }
        buf_add_octet(&b, 0);
        b.data[3] = (uint8_t)(whole + 1 - 4);
        assert_int_equal(decode(buf_span(&b)), ERR_PROTOCOL);
        buf_free(&b);
    }
}

static void bad_sizes_and_types(void **state)
{
    static const struct {
        uint32_t size;
        enum err result;
    } sizes[] = {{0, ERR_PROTOCOL},
                 {1, ERR_PROTOCOL},
                 {2, ERR_OK},
                 {IPC_BODY_MAX, ERR_OK},
                 {IPC_BODY_MAX + 1, ERR_PROTOCOL},
                 {UINT32_MAX, ERR_PROTOCOL}};
    static const uint16_t types[] = {IPC_NONE, IPC_TYPE_COUNT, 0x0100, UINT16_MAX};
    const struct ipc_message unknown = {.type = IPC_TYPE_COUNT};
    struct buf b = buf_make(64);

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = 0;
        buf_clear(&b);
        put(&b, sizes[i].size, 4);
        assert_int_equal(ipc_frame_size(buf_span(&b), &size, NULL), sizes[i].result);
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        buf_clear(&b);
        put(&b, 10, 4);
        put(&b, types[i], 2);
        put(&b, 1, 8);
        assert_int_equal(decode(buf_span(&b)), ERR_PROTOCOL);
        assert_false(ipc_allowed((enum ipc_type)types[i], IPC_SUPERVISOR, IPC_FRONT));
        assert_string_equal(ipc_type_name((enum ipc_type)types[i]), "?");
    }
    buf_clear(&b);
    assert_int_equal(ipc_encode(&b, &unknown, NULL), ERR_PROTOCOL);
    assert_int_equal(b.len, 0);
    buf_free(&b);
}

/* One field of one message at a time is spoilt: by one octet too many, or by what is no
 * text. The encoder refuses and leaves the buffer; the decoder refuses the same octets.
 */
struct spoilt {
    const char *what;
    enum ipc_type type;
    struct ipc_message message;
    enum err encoded;
};

static void check_spoilt(const struct spoilt *s)
{
    struct buf b = buf_make(2 * (size_t)CONTENT_MAX), wire = buf_make(2 * CONTENT_MAX);

    buf_add_text(&b, "before");
    assert_int_equal(ipc_encode(&b, &s->message, NULL), s->encoded);
    assert_true(span_is(buf_span(&b), "before"));
    assert_false(b.failed);
    frame(&wire, &rows[s->type - 1], &s->message);
    if (decode(buf_span(&wire)) != ERR_PROTOCOL)
        fail_msg("%s was let in", s->what);
    buf_free(&b);
    buf_free(&wire);
}

#define MESSAGE(NAME, name, from, to)
#define TEXT(name, field, max)                                                           \
    static const size_t most_##name##_##field = (max);                                   \
    static void spoil_##name##_##field(void)                                             \
    {                                                                                    \
        struct spoilt s = {.what = #name "." #field};                                    \
        fill_##name(&s.message, LENGTH_SHORT);                                           \
        s.type = s.message.type;                                                         \
        s.message.as_##name.field = span_make(content, most_##name##_##field + 1);       \
        s.encoded = ERR_TOO_LARGE;                                                       \
        check_spoilt(&s);                                                                \
        s.encoded = ERR_MALFORMED;                                                       \
        s.message.as_##name.field = span_make("a\0b", 3);                                \
        check_spoilt(&s);                                                                \
        s.message.as_##name.field = span_of("\xc0\x80");                                 \
        check_spoilt(&s);                                                                \
        s.message.as_##name.field = span_of("\xed\xa0\x80");                             \
        check_spoilt(&s);                                                                \
    }
#define OCTETS(name, field, max)                                                         \
    static const size_t most_##name##_##field = (max);                                   \
    static void spoil_##name##_##field(void)                                             \
    {                                                                                    \
        struct spoilt s = {.what = #name "." #field, .encoded = ERR_TOO_LARGE};          \
        fill_##name(&s.message, LENGTH_SHORT);                                           \
        s.type = s.message.type;                                                         \
        s.message.as_##name.field = span_make(content, most_##name##_##field + 1);       \
        check_spoilt(&s);                                                                \
    }
#include "server/proc/messages.def"

static void spoilt_fields(void **state)
{
    (void)state;
#define MESSAGE(NAME, name, from, to)
#define TEXT(name, field, max)   spoil_##name##_##field();
#define OCTETS(name, field, max) spoil_##name##_##field();
#include "server/proc/messages.def"
}

static void no_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        struct ipc_message m = {.type = IPC_NONE};
        struct buf whole = buf_make(CONTENT_MAX);
        rows[i].fill(&m, LENGTH_SHORT);
        frame(&whole, &rows[i], &m);
        for (size_t room = 0; room <= whole.len; room++) {
            struct buf b = buf_make(room);
            assert_int_equal(ipc_encode(&b, &m, NULL),
                             room < whole.len ? ERR_TOO_LARGE : ERR_OK);
            assert_int_equal(b.len, room < whole.len ? 0 : whole.len);
            assert_false(b.failed);
            buf_free(&b);
        }
        buf_free(&whole);
    }
}

/* Who may send what to whom, written down a second time: S F V G(signer) R(elay) D(oor).
 */
static void allowed(void **state)
{
    static const struct {
        enum ipc_type type;
        const char *pairs; /* FROM TO, FROM TO ... */
        bool descriptor;
    } expected[] = {
        {IPC_HELLO,
         "FS FF FV FG FR FD VS VF VV VG VR VD GS GF GV GG GR GD RS RF RV RG RR RD DS DF "
         "DV DG DR DD",
         false},
        {IPC_READY, "FS VS GS RS DS", false},
        {IPC_LISTENER, "SF SD", true},
        {IPC_PEER, "SF SV SG SR SD", true},
        {IPC_RELOAD, "SF SV SG SR SD", true},
        {IPC_RELOADED, "FS VS GS RS DS", false},
        {IPC_DRAIN, "SF SD", false},
        {IPC_PING, "SF SV SG SR SD RF RV RG RR RD", false},
        {IPC_PONG, "FS VS GS RS DS FR VR GR RR DR", false},
        {IPC_CHECK, "FV FR FD DV DR DD RV RR RD", false},
        {IPC_VERDICT, "VF VD VR RF RD RR DF DD DR", false},
        {IPC_SIGN, "FG", false},
        {IPC_SIGNED, "GF", false},
        {IPC_SIGN_REFUSED, "GF", false},
        {IPC_TROUBLE, "VF VD VR RF RD RR DF DD DR", false},
        {IPC_UNREACHED, "RF", false},
        {IPC_OUTLOOK, "RF", false},
        {IPC_GREETING, "RR RD DR DD", false},
        {IPC_FAREWELL, "DR", false},
        {IPC_RELOAD_WANTED, "FS", false},
        {IPC_RELOAD_BEGUN, "SF", false},
        {IPC_SIGN_LIST, "FG", true},
        {IPC_LIST_SIGNED, "GF", false},
        {IPC_LOG_SUBMIT, "FV", false},
        {IPC_LOG_ANSWERED, "VF", false},
        {IPC_RESPONDER, "FG", false},
        {IPC_RESPONDER_KEY, "GF", false},
        {IPC_AUDIT_FULL, "FS GS", false},
        {IPC_AUDIT_SEGMENT, "SF SG", true},
        {IPC_ENROLL, "FV", false},
        {IPC_ENROLLED, "VF", false},
        {IPC_ATTEST, "FV", false},
        {IPC_ATTESTED, "VF", false},
    };
    static const struct {
        char letter;
        enum ipc_role role;
    } roles[] = {{'S', IPC_SUPERVISOR}, {'F', IPC_FRONT}, {'V', IPC_VALIDATOR},
                 {'G', IPC_SIGNER},     {'R', IPC_RELAY}, {'D', IPC_DOOR}};
    const size_t count = sizeof roles / sizeof roles[0];

    (void)state;
    assert_int_equal(sizeof expected / sizeof expected[0], IPC_TYPE_COUNT - 1);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct ipc_message m = {.type = expected[i].type};
        assert_int_equal(expected[i].type, i + 1);
        assert_int_equal(ipc_descriptor(&m) != NULL, expected[i].descriptor);
        for (size_t j = 0; j < count * count; j++) {
            const char pair[] = {roles[j / count].letter, roles[j % count].letter, '\0'};
            assert_int_equal(ipc_allowed(expected[i].type, roles[j / count].role,
                                         roles[j % count].role),
                             strstr(expected[i].pairs, pair) != NULL);
        }
    }
}

static void role_names(void **state)
{
    static const enum ipc_role roles[] = {IPC_SUPERVISOR, IPC_FRONT, IPC_VALIDATOR,
                                          IPC_SIGNER,     IPC_RELAY, IPC_DOOR};
    static const char *const wrong[] = {"", "?", "Front", "front ", "child"};
    enum ipc_role role = IPC_CHILD;

    (void)state;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        assert_true(ipc_role_read(ipc_role_name(roles[i]), &role));
        assert_int_equal(role, roles[i]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(ipc_role_read(wrong[i], &role));
    assert_string_equal(ipc_role_name(IPC_CHILD), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),    cmocka_unit_test(known_octets),
        cmocka_unit_test(truncated),     cmocka_unit_test(bad_sizes_and_types),
        cmocka_unit_test(spoilt_fields), cmocka_unit_test(no_room),
        cmocka_unit_test(allowed),       cmocka_unit_test(role_names),
    };

    memset(content, 'a', sizeof content);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
