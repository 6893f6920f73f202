/* What a stranger's web server says to the validator, over a connection on loopback: as
 * many answers as there are redirects, with a line "--next--" between them. All of them
 * are asked for at this server, whatever a redirect says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/http/http_fetch.h"
#include "core/net/socket.h"

#define BODY_MAX   64
#define ANSWERS    4
#define TIMEOUT_MS 60000
#define START      "http://a.test/.well-known/acme-challenge/token"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    struct loop *loop;
    struct http_fetcher *fetcher;
    int listener;
    struct address at;
    int connection; /* -1: none */
} world;

static struct {
    struct arena *arena;
    struct span answers; /* those to come */
    struct url url;
    int count;
    bool again; /* a redirect leads to another one */
} talk;

static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct span take_answer(void)
{
    static const char next[] = "--next--\n";
    const uint8_t *end =
        talk.answers.len == 0
            ? NULL
            : memmem(talk.answers.data, talk.answers.len, next, sizeof next - 1);
    size_t len = end == NULL ? talk.answers.len : (size_t)(end - talk.answers.data);
    struct span answer = span_slice(talk.answers, 0, len);

    talk.answers = span_slice(talk.answers, len + sizeof next - 1, talk.answers.len);
    return answer;
}

/* The answer does not wait for the question: it fits into the socket's buffer. */
static void on_connection(void *argument, int events)
{
    struct address peer;
    struct span answer = take_answer();

    (void)argument;
    (void)events;
    must(world.connection < 0);
    must(socket_accept(world.listener, &world.connection, &peer) == SOCKET_ACCEPTED);
    (void)!send(world.connection, answer.data, answer.len, MSG_NOSIGNAL);
    (void)shutdown(world.connection, SHUT_WR);
}

static void open_world(void)
{
    struct err_info why = {0};

    world.connection = -1;
    must(address_parse(span_of("127.0.0.1"), &world.at));
    must(loop_new(&world.loop, &why) == ERR_OK);
    must(http_fetcher_new(world.loop, &world.fetcher, &why) == ERR_OK);
    must(socket_listen(&world.at, false, &world.listener, &why) == ERR_OK);
    must(socket_local_address(world.listener, &world.at, &why) == ERR_OK);
    loop_fd_want(loop_fd_new(world.loop, world.listener, on_connection, NULL), LOOP_READ);
}

static bool is_printable(const char *text)
{
    char shown[512];

    if (!text_copy(shown, sizeof shown, text))
        return false;
    text_make_printable(shown);
    return strcmp(shown, text) == 0;
}

static void on_fetched(void *argument, const struct http_fetch_result *r)
{
    struct err_info why = {0};

    (void)argument;
    must(r->code == ERR_OK || r->code == ERR_CONNECTION || r->code == ERR_TLS);
    must((r->code == ERR_OK) == (r->detail[0] == '\0') && is_printable(r->detail));
    must(r->body.len <= BODY_MAX && (!r->cut || r->body.len == BODY_MAX));
    must(r->code != ERR_OK || (r->dialled && r->status >= 100 && r->status <= 999));
    talk.again =
        r->code == ERR_OK && r->location != NULL && ++talk.count < ANSWERS &&
        url_join(talk.arena, &talk.url, span_of(r->location), &talk.url, &why) == ERR_OK;
    must(r->location == NULL || strpbrk(r->location, "\r\n") == NULL);
    loop_stop(world.loop);
}

static void fetch(void)
{
    const struct http_fetch_request request = {.url = &talk.url,
                                               .to = world.at,
                                               .body_max = BODY_MAX,
                                               .dial_ms = TIMEOUT_MS,
                                               .timeout_ms = TIMEOUT_MS,
                                               .user_agent = "fuzz"};

    (void)http_fetch_start(world.fetcher, &request, on_fetched, NULL);
    loop_run(world.loop);
    if (world.connection >= 0)
        (void)close(world.connection);
    world.connection = -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};

    if (world.loop == NULL)
        open_world();
    talk.arena = a;
    talk.answers = span_make(data, size);
    talk.count = 0;
    must(url_parse(a, span_of(START), &talk.url, &why) == ERR_OK);
    do
        fetch();
    while (talk.again);
    return 0;
}
