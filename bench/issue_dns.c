/* A DNS where every name is at 127.0.0.1, over UDP and TCP. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "issue.h"

#define DATAGRAM_MAX 1500
#define DNS_HEADER   12
#define DNS_TYPE_A   1
#define RECORD_SIZE  16

/* Turn a query into its answer, in place: A is 127.0.0.1, everything else is empty. Room
 * for one record more is needed. 0: not a query. */
static size_t answer_query(uint8_t *m, size_t len)
{
    static const uint8_t record[RECORD_SIZE] = {0xc0, 0x0c, 0, 1, 0,   1, 0, 0,
                                                0,    1,    0, 4, 127, 0, 0, 1};
    size_t at = DNS_HEADER;

    while (at < len && m[at] != 0)
        at += (size_t)m[at] + 1;
    if (at + 5 > len)
        return 0;
    bool is_a = m[at + 1] == 0 && m[at + 2] == DNS_TYPE_A;
    at += 5;
    m[2] = (uint8_t)(0x84 | (m[2] & 1));
    m[3] = 0x80;
    memset(m + 6, 0, 6);
    if (!is_a)
        return at;
    m[7] = 1;
    memcpy(m + at, record, sizeof record);
    return at + sizeof record;
}

static void *udp_main(void *descriptor)
{
    int fd = (int)(intptr_t)descriptor;
    uint8_t message[DATAGRAM_MAX + RECORD_SIZE];

    for (;;) {
        struct sockaddr_storage from;
        socklen_t from_len = sizeof from;
        ssize_t got =
            recvfrom(fd, message, DATAGRAM_MAX, 0, (struct sockaddr *)&from, &from_len);
        if (got < DNS_HEADER)
            continue;
        size_t len = answer_query(message, (size_t)got);
        if (len > 0)
            (void)sendto(fd, message, len, 0, (struct sockaddr *)&from, from_len);
    }
    return NULL;
}

/* One query of a connection, which is then closed (RFC 7766 6.2.1 lets a server do so).
 */
static void serve_stream(int fd)
{
    uint8_t message[2 + DATAGRAM_MAX + RECORD_SIZE];
    size_t have = 0;
    size_t want = 2;

    while (have < want) {
        ssize_t got = recv(fd, message + have, want - have, 0);
        if (got <= 0)
            return;
        have += (size_t)got;
        if (have == 2)
            want = 2 + (size_t)message[0] * 256 + message[1];
        if (want > 2 + DATAGRAM_MAX)
            return;
    }
    if (want < 2 + DNS_HEADER)
        return;
    size_t len = answer_query(message + 2, have - 2);
    message[0] = (uint8_t)(len >> 8);
    message[1] = (uint8_t)len;
    if (len > 0)
        (void)send(fd, message, 2 + len, MSG_NOSIGNAL);
}

static void *tcp_main(void *descriptor)
{
    for (;;) {
        int fd = accept4((int)(intptr_t)descriptor, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        serve_stream(fd);
        (void)close(fd);
    }
    return NULL;
}

enum err issue_dns_start(int64_t port, struct err_info *why)
{
    pthread_t thread;
    int udp;
    int tcp;

    TRY(issue_world_bind(SOCK_DGRAM, port, &udp, why));
    TRY(issue_world_bind(SOCK_STREAM, port, &tcp, why));
    if (pthread_create(&thread, NULL, udp_main, (void *)(intptr_t)udp) != 0 ||
        pthread_create(&thread, NULL, tcp_main, (void *)(intptr_t)tcp) != 0)
        return err_set(why, ERR_INTERNAL, "cannot start a thread");
    return ERR_OK;
}
