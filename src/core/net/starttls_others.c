/* StartTLS of LDAP, XMPP, PostgreSQL, MySQL. */
#include "core/net/starttls_others.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/net/starttls.h"

#define ANSWER_MAX 4096 /* octets of one answer */
#define TEXT_MAX   1024 /* of what is sent */
#define SHOWN      100  /* octets of what a server says, in a sentence */

static bool is_printable(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if (*p < ' ' || *p > '~')
            return false;
    return true;
}

/* ---- LDAP ---- */

#define BER_LONG         0x80
#define LDAP_SEQUENCE    0x30
#define LDAP_INTEGER     0x02
#define LDAP_ENUMERATED  0x0a
#define LDAP_EXTENDED    0x78 /* ExtendedResponse */
#define LDAP_LENGTHS_MAX 4    /* octets of a length */

/* A tag and its length, from `at` on; that of the content, or false. Active Directory
 * writes lengths in four octets even where one would do. */
static bool read_head(const uint8_t *data, size_t len, size_t *at, uint8_t tag,
                      size_t *content)
{
    if (*at + 2 > len || data[*at] != tag)
        return false;
    size_t first = data[*at + 1];
    *at += 2;
    *content = first;
    if (first < BER_LONG)
        return true;
    first -= BER_LONG;
    if (first == 0 || first > LDAP_LENGTHS_MAX || *at + first > len)
        return false;
    for (*content = 0; first > 0; first--)
        *content = *content << 8 | data[(*at)++];
    return true;
}

/* The result code, or -1. */
static int read_result(const uint8_t *data, size_t len)
{
    size_t at = 0;
    size_t content = 0;

    if (!read_head(data, len, &at, LDAP_INTEGER, &content) || content > len - at)
        return -1;
    at += content; /* the number of our message, the only one there is */
    if (!read_head(data, len, &at, LDAP_EXTENDED, &content) ||
        !read_head(data, len, &at, LDAP_ENUMERATED, &content) || content != 1 ||
        at >= len)
        return -1;
    return data[at];
}

enum err starttls_others_ldap(int fd, const char *host, int64_t until_us,
                              struct err_info *why)
{
    static const char request[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
                                  "1.3.6.1.4.1.1466.20037";
    uint8_t head[2 + LDAP_LENGTHS_MAX];
    uint8_t answer[ANSWER_MAX];
    size_t content = 0;
    size_t at = 0;

    (void)host;
    TRY(starttls_send(fd, request, sizeof request - 1, until_us, why));
    TRY(starttls_read(fd, head, 2, until_us, why));
    size_t more = head[1] > BER_LONG ? head[1] - BER_LONG : 0;
    if (more > LDAP_LENGTHS_MAX)
        return err_set(why, ERR_TLS, "the server does not speak LDAP");
    TRY(starttls_read(fd, head + 2, more, until_us, why));
    if (!read_head(head, 2 + more, &at, LDAP_SEQUENCE, &content) || content > ANSWER_MAX)
        return err_set(why, ERR_TLS, "the server does not speak LDAP");
    TRY(starttls_read(fd, answer, content, until_us, why));
    int result = read_result(answer, content);
    if (result < 0)
        return err_set(why, ERR_TLS, "the server does not speak LDAP");
    if (result != 0)
        return err_set(why, ERR_TLS, "the server does not begin TLS: LDAP result code %d",
                       result);
    return ERR_OK;
}

/* ---- XMPP ---- */

/* Read until all of a tag that begins with `wanted` is there; false in `found` if one
 * that begins with `other` comes first. One octet at a time: what is behind it is TLS. */
static enum err read_tag(int fd, const char *wanted, const char *other, bool *found,
                         int64_t until_us, struct err_info *why)
{
    char text[ANSWER_MAX] = "";
    size_t len = 0;
    const char *tag = NULL;

    while (len + 1 < sizeof text) {
        TRY(starttls_read(fd, (uint8_t *)text + len, 1, until_us, why));
        text[++len] = '\0';
        if (text[len - 1] != '>')
            continue;
        tag = strrchr(text, '<');
        if (tag != NULL && strncmp(tag, other, strlen(other)) == 0) {
            *found = false;
            return ERR_OK;
        }
        if (tag != NULL && strncmp(tag, wanted, strlen(wanted)) == 0) {
            *found = true;
            return ERR_OK;
        }
    }
    return err_set(why, ERR_TLS, "the server does not begin TLS, and says too much");
}

static bool is_host_name(const char *host)
{
    return host[0] != '\0' &&
           host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789.-_:")] == '\0';
}

static enum err talk_xmpp(int fd, const char *host, const char *kind, int64_t until_us,
                          struct err_info *why)
{
    static const char begin[] = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    char header[TEXT_MAX];
    bool found = false;

    if (!is_host_name(host))
        return err_set(why, ERR_CONFIG, "XMPP is asked for a name, and %.100s is none",
                       host);
    int len = snprintf(header, sizeof header,
                       "<?xml version='1.0'?><stream:stream xmlns='jabber:%s' "
                       "xmlns:stream='http://etherx.jabber.org/streams' to='%s' "
                       "version='1.0'>",
                       kind, host);
    if (len < 0 || (size_t)len >= sizeof header)
        return err_set(why, ERR_CONFIG, "the name of the server is too long");
    TRY(starttls_send(fd, header, (size_t)len, until_us, why));
    TRY(read_tag(fd, "<starttls", "</stream:", &found, until_us, why));
    if (!found)
        return err_set(why, ERR_TLS, "the server offers no TLS to who asks for %.100s",
                       host);
    TRY(read_tag(fd, "</stream:features", "</stream:stream", &found, until_us, why));
    TRY(starttls_send(fd, begin, sizeof begin - 1, until_us, why));
    TRY(read_tag(fd, "<proceed", "<failure", &found, until_us, why));
    return found ? ERR_OK
                 : err_set(why, ERR_TLS, "the server does not begin TLS: failure");
}

enum err starttls_others_xmpp(int fd, const char *host, int64_t until_us,
                              struct err_info *why)
{
    return talk_xmpp(fd, host, "client", until_us, why);
}

enum err starttls_others_xmpp_server(int fd, const char *host, int64_t until_us,
                                     struct err_info *why)
{
    return talk_xmpp(fd, host, "server", until_us, why);
}

/* ---- PostgreSQL ---- */

enum err starttls_others_postgres(int fd, const char *host, int64_t until_us,
                                  struct err_info *why)
{
    /* length, and 80877103 in the place of a version */
    static const char request[] = "\0\0\0\x08\x04\xd2\x16\x2f";
    uint8_t answer = 0;

    (void)host;
    TRY(starttls_send(fd, request, sizeof request - 1, until_us, why));
    TRY(starttls_read(fd, &answer, 1, until_us, why));
    if (answer == 'S')
        return ERR_OK;
    if (answer == 'N')
        return err_set(why, ERR_TLS,
                       "the server does not begin TLS: PostgreSQL has \"ssl\" off");
    return err_set(why, ERR_TLS, "the server does not speak PostgreSQL");
}

/* ---- MySQL ---- */

#define MYSQL_HEAD    4  /* octets in front of a packet: length, number */
#define MYSQL_VERSION 10 /* of the handshake */
#define MYSQL_ERROR   0xff
#define MYSQL_TO_CAPS 13 /* octets between version and capabilities */
#define MYSQL_SSL     0x0800
#define MYSQL_REQUEST 36 /* octets of the whole packet */

enum err starttls_others_mysql(int fd, const char *host, int64_t until_us,
                               struct err_info *why)
{
    /* CLIENT_SSL, CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION; 16 MiB; utf8 */
    static const char request[MYSQL_REQUEST] = "\x20\0\0\x01\0\x8a\0\0\0\0\0\x01\x21";
    uint8_t head[MYSQL_HEAD];
    uint8_t answer[ANSWER_MAX + 1];

    (void)host;
    TRY(starttls_read(fd, head, sizeof head, until_us, why));
    size_t len = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
    if (len == 0 || len > ANSWER_MAX)
        return err_set(why, ERR_TLS, "the server does not speak MySQL");
    TRY(starttls_read(fd, answer, len, until_us, why));
    answer[len] = '\0';
    const char *text =
        (const char *)answer + (answer[0] == MYSQL_ERROR && len > 3 ? 3 : 1);
    if (answer[0] == MYSQL_ERROR && is_printable(text))
        return err_set(why, ERR_TLS, "the server does not begin TLS: \"%.*s\"", SHOWN,
                       text);
    size_t capabilities = 1 + strlen(text) + 1 + MYSQL_TO_CAPS;
    if (answer[0] != MYSQL_VERSION || capabilities + 2 > len)
        return err_set(why, ERR_TLS, "the server does not speak MySQL");
    if (((answer[capabilities] | answer[capabilities + 1] << 8) & MYSQL_SSL) == 0)
        return err_set(why, ERR_TLS,
                       "the server does not begin TLS: MySQL has no certificate");
    return starttls_send(fd, request, sizeof request, until_us, why);
}
