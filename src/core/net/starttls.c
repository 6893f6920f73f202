/* STARTTLS and its like. */
#include "core/net/starttls.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/clock.h"
#include "core/net/starttls_others.h"

#define LINE_MAX_LEN 1024 /* octets; longer ones are cut */
#define LINES_MAX    200  /* of one answer */
#define SHOWN        200  /* octets of a line in a sentence */

struct dialogue {
    const char *name;
    const char *greeting;
    const char *commands[2];
    const char *answers[2];
};

static const struct dialogue dialogues[] = {
#define STARTTLS(name, greeting, first, first_answer, second, second_answer)             \
    {name, greeting, {first, second}, {first_answer, second_answer}},
#include "core/net/starttls.def"
#undef STARTTLS
};

#define DIALOGUE_COUNT (sizeof dialogues / sizeof dialogues[0])

static const struct dialogue *find(const char *name)
{
    for (size_t i = 0; i < DIALOGUE_COUNT; i++)
        if (strcmp(name, dialogues[i].name) == 0)
            return &dialogues[i];
    return NULL;
}

struct other {
    const char *name;
    enum err (*talk)(int fd, const char *host, int64_t until_us, struct err_info *why);
};

static const struct other others[] = {
#define OTHER(name, function) {name, function},
#include "core/net/starttls_others.def"
#undef OTHER
};

static const struct other *find_other(const char *name)
{
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(name, others[i].name) == 0)
            return &others[i];
    return NULL;
}

bool starttls_is_known(const char *name)
{
    return find(name) != NULL || find_other(name) != NULL;
}

const char *starttls_names(void)
{
#define STARTTLS(name, greeting, first, first_answer, second, second_answer) ", " name
#define OTHER(name, function)                                                ", " name
    static const char names[] =
#include "core/net/starttls.def"
#include "core/net/starttls_others.def"
        ;
#undef STARTTLS
#undef OTHER
    return names + 2; /* without the first comma */
}

enum err starttls_wait(int fd, short events, int64_t until_us, struct err_info *why)
{
    struct pollfd p = {.fd = fd, .events = events};

    for (;;) {
        int64_t left_us = until_us - clock_monotonic_us();
        if (left_us <= 0)
            return err_set(why, ERR_TIMEOUT, "no answer in time");
        int count = poll(&p, 1, (int)(left_us / 1000) + 1);
        if (count > 0)
            return ERR_OK;
        if (count < 0 && errno != EINTR)
            return err_set_os(why, ERR_CONNECTION, errno, "cannot wait for an answer");
    }
}

enum err starttls_read(int fd, uint8_t *to, size_t len, int64_t until_us,
                       struct err_info *why)
{
    while (len > 0) {
        TRY(starttls_wait(fd, POLLIN, until_us, why));
        ssize_t got = recv(fd, to, len, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got < 0)
            return err_set_os(why, ERR_CONNECTION, errno, "the connection broke");
        if (got == 0)
            return err_set(why, ERR_CONNECTION,
                           "the connection was closed before TLS began");
        to += got;
        len -= (size_t)got;
    }
    return ERR_OK;
}

/* One octet at a time: what comes behind the line is not ours. */
static enum err read_line(int fd, int64_t until_us, char line[LINE_MAX_LEN],
                          struct err_info *why)
{
    size_t len = 0;
    char c = '\0';

    while (c != '\n') {
        TRY(starttls_read(fd, (uint8_t *)&c, 1, until_us, why));
        if (c != '\r' && c != '\n' && len + 1 < LINE_MAX_LEN)
            line[len++] = c;
    }
    line[len] = '\0';
    return ERR_OK;
}

/* More of the same answer is to come: "250-...", "* ..." of IMAP, "\"...\"" of sieve. */
static bool goes_on(const char *line)
{
    return line[0] == '*' || line[0] == '"' ||
           (isdigit((unsigned char)line[0]) && isdigit((unsigned char)line[1]) &&
            isdigit((unsigned char)line[2]) && line[3] == '-');
}

static enum err read_answer(int fd, const char *wanted, int64_t until_us,
                            struct err_info *why)
{
    char line[LINE_MAX_LEN];

    for (int i = 0; i < LINES_MAX; i++) {
        TRY(read_line(fd, until_us, line, why));
        if (strncmp(line, wanted, strlen(wanted)) == 0)
            return ERR_OK;
        if (!goes_on(line))
            return err_set(why, ERR_TLS, "the server does not begin TLS: \"%.*s\"", SHOWN,
                           line);
    }
    return err_set(why, ERR_TLS, "the server does not begin TLS, and says too much");
}

enum err starttls_send(int fd, const char *data, size_t len, int64_t until_us,
                       struct err_info *why)
{
    while (len > 0) {
        TRY(starttls_wait(fd, POLLOUT, until_us, why));
        ssize_t put = send(fd, data, len, MSG_NOSIGNAL);
        if (put < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (put < 0)
            return err_set_os(why, ERR_CONNECTION, errno, "the connection broke");
        data += put;
        len -= (size_t)put;
    }
    return ERR_OK;
}

enum err starttls_talk(int fd, const char *name, const char *host, int64_t until_us,
                       struct err_info *why)
{
    const struct dialogue *d = find(name);
    const struct other *other = find_other(name);

    if (other != NULL)
        return other->talk(fd, host, until_us, why);
    if (d == NULL)
        return err_set(why, ERR_CONFIG, "\"%.50s\" is none of %s", name,
                       starttls_names());
    TRY(read_answer(fd, d->greeting, until_us, why));
    for (size_t i = 0; i < 2; i++) {
        if (d->commands[i][0] == '\0')
            continue;
        TRY(starttls_send(fd, d->commands[i], strlen(d->commands[i]), until_us, why));
        TRY(read_answer(fd, d->answers[i], until_us, why));
    }
    return ERR_OK;
}
