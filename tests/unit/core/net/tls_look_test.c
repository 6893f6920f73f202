/* Tests of core/net/tls_look and starttls: servers on loopback that say their lines and
 * shake hands. Real mail servers are in tests/flow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "core/net/socket.h"
#include "core/net/starttls.h"
#include "core/net/tls_connection.h"
#include "core/net/tls_look.h"
#include "tls_fixtures.h"

#define PATIENCE_MS 20000
#define LINES       8

struct server {
    int listener;
    uint16_t port;
    pthread_t thread;
    const char *lines[LINES]; /* said and, at odd places, expected; NULL: TLS */
    size_t lens[LINES];       /* where there are NULs in them; else 0 */
    bool silent;
    bool as_expected;
    char asked[64]; /* by SNI */
};

static bool wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, PATIENCE_MS) == 1;
}

static struct tls_context *keep_name(void *argument, const char *name)
{
    struct server *s = argument;

    if (name != NULL && strlen(name) < sizeof s->asked)
        memcpy(s->asked, name, strlen(name) + 1);
    return NULL;
}

static void shake_hands(struct server *s, int fd)
{
    const struct tls_server_options o = {.chain_pem = span_of(pem_localhost),
                                         .key_pem = span_of(pem_localhost_key),
                                         .choose = keep_name,
                                         .choose_argument = s};
    struct tls_context *context = NULL;
    struct err_info why = {0};
    char got[16];
    size_t len;

    if (tls_context_server(&o, &context, &why) != ERR_OK)
        return;
    struct tls_connection *t = tls_connection_accept(context, fd);
    while (tls_connection_handshake(t, &why) == TLS_WANT_READ && wait_for(fd, POLLIN))
        continue;
    while (tls_connection_read(t, got, sizeof got, &len, &why) == TLS_WANT_READ &&
           wait_for(fd, POLLIN))
        continue;
    tls_connection_free(t);
    tls_context_unref(context);
}

static bool expect(int fd, const char *line, size_t len)
{
    char got[512] = "";

    for (size_t i = 0; i < len; i++)
        if (!wait_for(fd, POLLIN) || recv(fd, got + i, 1, 0) != 1)
            return false;
    return memcmp(got, line, len) == 0;
}

static void *serve(void *argument)
{
    struct server *s = argument;
    struct address peer;
    int fd = -1;
    char got[64];

    if (!wait_for(s->listener, POLLIN) ||
        socket_accept(s->listener, &fd, &peer) != SOCKET_ACCEPTED)
        return NULL;
    s->as_expected = true;
    for (size_t i = 0; i < LINES && s->lines[i] != NULL && s->as_expected; i++) {
        size_t len = s->lens[i] != 0 ? s->lens[i] : strlen(s->lines[i]);
        if (i % 2 == 0)
            (void)send(fd, s->lines[i], len, MSG_NOSIGNAL);
        else
            s->as_expected = expect(fd, s->lines[i], len);
    }
    if (s->silent)
        while (wait_for(fd, POLLIN) && recv(fd, got, sizeof got, 0) > 0)
            continue;
    else
        shake_hands(s, fd);
    (void)close(fd);
    return NULL;
}

static void start(struct server *s)
{
    struct address at;
    struct err_info why = {0};

    assert_true(address_parse(span_of("127.0.0.1"), &at));
    assert_int_equal(socket_listen(&at, false, &s->listener, &why), ERR_OK);
    assert_int_equal(socket_local_address(s->listener, &at, &why), ERR_OK);
    s->port = at.port;
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    (void)close(s->listener);
}

static enum err look(struct server *s, struct tls_look_request r, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span seen = span_of("");

    start(s);
    r.host = "127.0.0.1";
    r.port = s->port;
    if (r.timeout_ms == 0)
        r.timeout_ms = PATIENCE_MS;
    enum err result = tls_look(a, &r, &seen, why);
    if (result == ERR_OK)
        assert_true(seen.len > 300 && seen.data[0] == 0x30);
    stop(s);
    return result;
}

static void the_certificate_is_seen(void **state)
{
    struct server s = {0};
    struct err_info why = {0};

    (void)state;
    assert_int_equal(
        look(&s, (struct tls_look_request){.starttls = "", .server_name = "localhost"},
             &why),
        ERR_OK);
    assert_string_equal(s.asked, "localhost");
}

static void a_kind_can_be_asked_for(void **state)
{
    struct server s = {0};
    struct err_info why = {0};
    struct tls_look_request r = {
        .starttls = "", .server_name = "127.0.0.1", .kind = TLS_LOOK_ECDSA};

    (void)state;
    assert_int_equal(look(&s, r, &why), ERR_OK);
    assert_string_equal(s.asked, "");
    r.kind = TLS_LOOK_RSA;
    assert_int_equal(look(&s, r, &why), ERR_TLS);
    assert_non_null(strstr(why.detail, "the server refused with the TLS alert"));
}

static void protocols_begin_in_the_clear(void **state)
{
    static const struct {
        const char *name;
        const char *lines[LINES];
    } rows[] = {
        {"smtp",
         {"220-a\r\n220 mx ESMTP\r\n", "EHLO localhost\r\n",
          "250-mx\r\n250-STARTTLS\r\n250 8BITMIME\r\n", "STARTTLS\r\n", "220 go\r\n"}},
        {"lmtp",
         {"220 mx LMTP\r\n", "LHLO localhost\r\n", "250 mx\r\n", "STARTTLS\r\n",
          "220 go\r\n"}},
        {"imap",
         {"* OK [CAPABILITY STARTTLS] hi\r\n", "a STARTTLS\r\n",
          "* BYE no\r\na OK Begin\r\n"}},
        {"pop3", {"+OK hi\r\n", "STLS\r\n", "+OK Begin\n"}},
        {"ftp", {"220 hi\r\n", "AUTH TLS\r\n", "234 go\r\n"}},
        {"sieve",
         {"\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK \"hi\"\r\n", "STARTTLS\r\n",
          "OK \"go\"\r\n"}},
        {"nntp", {"201 hi\r\n", "STARTTLS\r\n", "382 go\r\n"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct server s = {0};
        struct err_info why = {0};
        memcpy(s.lines, rows[i].lines, sizeof s.lines);
        assert_true(starttls_is_known(rows[i].name));
        assert_non_null(strstr(starttls_names(), rows[i].name));
        assert_int_equal(
            look(&s,
                 (struct tls_look_request){.starttls = rows[i].name, .server_name = "x"},
                 &why),
            ERR_OK);
        assert_true(s.as_expected);
    }
}

#define XMPP(kind)                                                                       \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:" kind "' "                       \
    "xmlns:stream='http://etherx.jabber.org/streams' to='a.test' version='1.0'>"
#define XMPP_HEADER "<?xml version='1.0'?><stream:stream id='1' version='1.0'>"
#define XMPP_BEGIN  "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define XMPP_OFFER                                                                       \
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/>"     \
    "</starttls></stream:features>"
#define LDAP_REQUEST                                                                     \
    "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"                                               \
    "1.3.6.1.4.1.1466.20037"
#define POSTGRES_REQUEST "\0\0\0\x08\x04\xd2\x16\x2f"
#define MYSQL(capabilities)                                                              \
    "\x1b\0\0\0\x0a"                                                                     \
    "8.0.1\0\1\2\3\4"                                                                    \
    "abcdefgh\0" capabilities "\x21\2\0\xff\xc1"
#define MYSQL_REQUEST                                                                    \
    "\x20\0\0\1\0\x8a\0\0\0\0\0\1\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

/* As the protocols' own documents have it; servers of theirs were looked at by hand. */
static void protocols_that_are_no_lines(void **state)
{
    static const struct {
        const char *name;
        const char *lines[LINES];
        size_t lens[LINES];
        const char *says; /* NULL: TLS begins */
    } rows[] = {
        {"ldap",
         {"", LDAP_REQUEST, "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"},
         {0, 0, 14},
         NULL},
        {"ldap", /* as Active Directory writes it */
         {"", LDAP_REQUEST,
          "\x30\x84\0\0\0\x10\x02\x01\x01\x78\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0"},
         {0, 0, 22},
         NULL},
        {"ldap",
         {"", LDAP_REQUEST, "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00"},
         {0, 0, 14},
         "LDAP result code 52"},
        {"ldap", {"", LDAP_REQUEST, "HT"}, {0}, "does not speak LDAP"},
        {"ldap",
         {"", LDAP_REQUEST, "\x30\x84\xff\xff\xff\xff"},
         {0, 0, 6},
         "does not speak LDAP"},
        {"ldap",
         {"", LDAP_REQUEST, "\x30\x04\x02\x7f\x01\x78"},
         {0},
         "does not speak LDAP"},
        {"xmpp",
         {"", XMPP("client"), XMPP_HEADER XMPP_OFFER, XMPP_BEGIN,
          "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"},
         {0},
         NULL},
        {"xmpp-server",
         {"", XMPP("server"), XMPP_HEADER XMPP_OFFER, XMPP_BEGIN, "<proceed/>"},
         {0},
         NULL},
        {"xmpp",
         {"", XMPP("client"), XMPP_HEADER "<stream:features></stream:features>"},
         {0},
         "offers no TLS to who asks for a.test"},
        {"xmpp",
         {"", XMPP("client"), XMPP_HEADER XMPP_OFFER, XMPP_BEGIN, "<failure/>"},
         {0},
         "failure"},
        {"postgres", {"", POSTGRES_REQUEST, "S"}, {0, 8}, NULL},
        {"postgres", {"", POSTGRES_REQUEST, "N"}, {0, 8}, "\"ssl\" off"},
        {"postgres", {"", POSTGRES_REQUEST, "H"}, {0, 8}, "does not speak PostgreSQL"},
        {"mysql", {MYSQL("\xff\xff"), MYSQL_REQUEST}, {31, 36}, NULL},
        {"mysql", {MYSQL("\xff\xf7")}, {31}, "MySQL has no certificate"},
        {"mysql",
         {"\x16\0\0\0\xff\x6a\x04Host 'x' is blocked"},
         {26},
         "does not begin TLS: \"Host 'x' is blocked\""},
        {"mysql", {"220 mx ESMTP hello and welcome\r\n"}, {0}, "does not speak MySQL"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct server s = {.silent = rows[i].says != NULL};
        struct err_info why = {0};
        memcpy(s.lines, rows[i].lines, sizeof s.lines);
        memcpy(s.lens, rows[i].lens, sizeof s.lens);
        enum err result = look(&s,
                               (struct tls_look_request){.starttls = rows[i].name,
                                                         .server_name = "a.test",
                                                         .timeout_ms = PATIENCE_MS},
                               &why);
        if ((result == ERR_OK) != (rows[i].says == NULL) || !s.as_expected ||
            (rows[i].says != NULL && strstr(why.detail, rows[i].says) == NULL))
            fail_msg("row %zu, %s: %d %s", i, rows[i].name, (int)result, why.detail);
    }
}

static void servers_that_do_not(void **state)
{
    static const struct {
        const char *line;
        int64_t timeout_ms;
        bool silent;
        enum err code;
        const char *says;
    } rows[] = {
        {"554 go away\r\n", 0, true, ERR_TLS, "does not begin TLS: \"554 go away\""},
        {"220-and\r\n220-so\r\n", 300, true, ERR_TIMEOUT, "no answer in time"},
        {"* \r\n* \r\n502 x\r\n", 0, true, ERR_TLS, "502 x"},
        {NULL, 300, true, ERR_TIMEOUT, "no answer in time"},
    };
    struct err_info why = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct server s = {.lines = {rows[i].line}, .silent = rows[i].silent};
        const struct tls_look_request r = {
            .starttls = "smtp", .server_name = "x", .timeout_ms = rows[i].timeout_ms};
        assert_int_equal(look(&s, r, &why), rows[i].code);
        assert_non_null(strstr(why.detail, rows[i].says));
    }
}

static void nobody_there(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct tls_look_request r = {.host = "127.0.0.1",
                                 .port = 1,
                                 .starttls = "",
                                 .server_name = "x",
                                 .timeout_ms = PATIENCE_MS};
    struct span seen;
    struct err_info why = {0};

    (void)state;
    assert_int_equal(tls_look(a, &r, &seen, &why), ERR_CONNECTION);
    r.host = "no such host";
    assert_int_equal(tls_look(a, &r, &seen, &why), ERR_DNS);
    assert_false(starttls_is_known("gopher"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_certificate_is_seen),
        cmocka_unit_test(a_kind_can_be_asked_for),
        cmocka_unit_test(protocols_begin_in_the_clear),
        cmocka_unit_test(protocols_that_are_no_lines),
        cmocka_unit_test(servers_that_do_not),
        cmocka_unit_test(nobody_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
