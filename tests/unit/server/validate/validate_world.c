#include "validate_world.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUERY_MAX 512

/* The answer to a question for texts: two records, or one. One that begins with no length
 * is one string. */
static size_t add_texts(uint8_t *q, size_t end, const char *name)
{
    static const struct {
        const char *name;
        const char *texts[2];
    } rows[] = {
        {"good", {"\x15" DIGEST_HEAD "\x16" DIGEST_TAIL, "\5other"}},
        {"wrong", {"\x15" DIGEST_HEAD "\x05\x01\n\xff\"x"}},
        {"wrongs", {"\1a", "\1b"}},
        {"kept", {"v=spf1 -all", PERSIST}},
        {"kept-wild", {PERSIST "; policy=wildcard", PERSIST}},
        {"kept-until",
         {PERSIST "; persistUntil=4000000000", PERSIST "; persistUntil=4000000001"}},
        {"kept-twice", {PERSIST "; persistUntil=4000000000", PERSIST}},
        {"kept-over",
         {"ca.test; accounturi=https://ca.test/2", PERSIST "; persistUntil=1000"}},
        {"kept-badly", {PERSIST "; persistUntil=soon", PERSIST "; persistUntil=1000"}},
        {"kept-else", {"else.test; accounturi=https://ca.test/1"}},
    };
    const uint8_t head[12] = {0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 9, 0};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (name[-1] != (char)strlen(rows[i].name) ||
            strncmp(name, rows[i].name, strlen(rows[i].name)) != 0)
            continue;
        for (int j = 0; j < 2 && rows[i].texts[j] != NULL; j++) {
            size_t len = strlen(rows[i].texts[j]);
            size_t before = rows[i].texts[j][0] > '\x20' ? 1 : 0;
            memcpy(q + end, head, sizeof head);
            q[end + 11] = (uint8_t)(len + before);
            q[end + sizeof head] = (uint8_t)len;
            memcpy(q + end + sizeof head + before, rows[i].texts[j], len);
            end += sizeof head + before + len;
            q[7]++;
        }
    }
    return end;
}

static struct caa_node *caa_node(struct world *w, const uint8_t *question)
{
    for (size_t i = 0; i < w->caa_count; i++) {
        const uint8_t *label = question;
        const char *name = w->caa[i].name;
        while (*label != 0 && strncasecmp(name, (const char *)label + 1, *label) == 0 &&
               (name[*label] == '.' || name[*label] == '\0')) {
            name += *label + (name[*label] == '.');
            label += *label + 1;
        }
        if (*label == 0 && *name == '\0')
            return &w->caa[i];
    }
    return NULL;
}

static size_t add_caa(uint8_t *q, size_t end, const struct caa_node *node)
{
    static const uint8_t head[10] = {0xc0, 12, 1, 1, 0, 1, 0, 0, 0, 0};
    /* the other name is "\1x" and the root of the question */
    static const uint8_t alias[16] = {0xc0, 12, 0, 5, 0, 1,   0,    0,
                                      0,    0,  0, 4, 1, 'x', 0xc0, 12};

    if (node->alias) {
        memcpy(q + end, alias, sizeof alias);
        end += sizeof alias;
        q[7]++;
    }
    for (size_t i = 0; i < 4 && node->records[i] != NULL; i++) {
        const char *tag = node->records[i];
        bool critical = tag[0] == '!';
        tag += critical;
        size_t tag_len = strcspn(tag, " ");
        size_t len = strlen(tag) - 1; /* without the space */
        memcpy(q + end, head, sizeof head);
        q[end + 10] = 0;
        q[end + 11] = (uint8_t)(len + 2);
        q[end + 12] = critical ? 128 : 0;
        q[end + 13] = node->malformed ? 200 : (uint8_t)tag_len;
        memcpy(q + end + 14, tag, tag_len);
        memcpy(q + end + 14 + tag_len, tag + tag_len + 1, len - tag_len);
        end += 14 + len;
        q[7]++;
    }
    return end;
}

/* The length of the answer; 0: there is none. */
static size_t answer_caa(struct world *w, uint8_t *q, size_t end)
{
    struct caa_node *node = caa_node(w, q + 12);

    w->caa_asked++;
    if (node == NULL)
        return end;
    bool silent = node->silent;
    q[3] |= node->rcode;
    if (node->rcode == 0 && !silent)
        end = add_caa(q, end, node);
    if (node->once) {
        node->silent = node->malformed = node->once = false;
        node->rcode = 0;
    }
    return silent ? 0 : end;
}

/* Nothing there is said with an SOA record (RFC 2308 2): libunbound 1.26 asks once more
 * when there is none. */
static size_t add_soa(uint8_t *q, size_t end)
{
    static const uint8_t soa[34] = {0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22};

    memcpy(q + end, soa, sizeof soa);
    q[9]++;
    return end + sizeof soa;
}

/* DNS: the first label says what is answered. "good": 127.0.0.1; "none": nothing there;
 * "gone": NXDOMAIN; "broken": SERVFAIL, "broken4" and "broken6" of one type only;
 * "silent": no answer; "inside": 10.0.0.1. For texts it is the first label that does not
 * begin with "_". */
static size_t answer(struct world *w, uint8_t *q)
{
    w->asked++;
    size_t end = 12;
    while (q[end] != 0)
        end += (size_t)q[end] + 1;
    end += 5;
    bool is_caa = q[end - 4] == 1;
    bool is_a = q[end - 3] == 1 && !is_caa;
    bool is_txt = q[end - 3] == 16;
    const char *name = (const char *)q + 13;
    while (is_txt && *name == '_')
        name += name[-1] + 1;
    uint8_t rcode = strncmp(name, "gone", 4) == 0     ? 3
                    : strncmp(name, "broken", 6) == 0 ? 2
                                                      : 0;
    bool inside = strncmp(name, "inside", 6) == 0;
    if (strncmp(name, "silent", 6) == 0 && !is_caa)
        return 0;
    if (is_caa || (strncmp(name, "broken4", 7) == 0 && !is_a) ||
        (strncmp(name, "broken6", 7) == 0 && is_a))
        rcode = 0;
    q[2] = 0x81;
    q[3] = (uint8_t)(0x80 | rcode);
    memset(q + 6, 0, 6);
    if (is_a && (inside || strncmp(name, "good", 4) == 0)) {
        const uint8_t record[16] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4};
        q[7] = 1;
        memcpy(q + end, record, sizeof record);
        q[end + 12] = inside ? 10 : 127;
        q[end + 15] = 1;
        end += sizeof record;
    }
    if (is_txt)
        end = add_texts(q, end, name);
    if (is_caa)
        end = answer_caa(w, q, end);
    bool is_denial = q[7] == 0 && ((q[3] & 15) == 0 || (q[3] & 15) == 3);
    return end > 0 && is_denial ? add_soa(q, end) : end;
}

static void *serve_dns(void *argument)
{
    struct world *w = argument;
    uint8_t q[2 * QUERY_MAX];
    struct sockaddr_in peer;

    for (;;) {
        socklen_t size = sizeof peer;
        ssize_t got = recvfrom(w->dns, q, QUERY_MAX, 0, (struct sockaddr *)&peer, &size);
        if (got < 17)
            return NULL;
        pthread_mutex_lock(&w->answering);
        size_t end = answer(w, q);
        if (end > 0)
            (void)sendto(w->dns, q, end, 0, (struct sockaddr *)&peer, size);
        pthread_mutex_unlock(&w->answering);
    }
}

static void *serve_web(void *argument)
{
    struct world *w = argument;
    char request[4096];

    for (;;) {
        int fd = accept(w->web, NULL, NULL);
        if (fd < 0)
            return NULL;
        (void)recv(fd, request, sizeof request, 0);
        const char *answer = w->visits++ > 0 && w->then != NULL ? w->then : w->answer;
        if (answer != NULL)
            (void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
        else
            (void)recv(fd, request, 1, 0); /* until the validator gives up */
        (void)shutdown(fd, SHUT_WR);
        (void)close(fd);
    }
}

static uint16_t bind_loopback(int fd)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof in;

    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &size), 0);
    return ntohs(in.sin_port);
}

int validate_world_set_up(void **state)
{
    static struct world made;
    struct world *w = &made;
    struct err_info why = {0};

    memset(w, 0, sizeof *w);
    w->dns = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    w->web = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    w->view.resolver.family = ADDRESS_V4;
    w->view.resolver.octets[0] = 127;
    w->view.resolver.octets[3] = 1;
    w->view.resolver.port = bind_loopback(w->dns);
    w->view.http_port = bind_loopback(w->web);
    w->view.tls_port = 443;
    w->options.timeout_ms = FEW_SECONDS;
    w->options.connections_per_target = 64;
    w->options.views = &w->view;
    w->options.view_count = 1;
    w->view.allowed = &w->allowed;
    w->view.allowed_count = 1;
    assert_true(address_network_parse(span_of("127.0.0.0/8"), &w->allowed));
    assert_int_equal(listen(w->web, 8), 0);
    assert_int_equal(pthread_mutex_init(&w->answering, NULL), 0);
    assert_int_equal(pthread_create(&w->dns_thread, NULL, serve_dns, w), 0);
    assert_int_equal(pthread_create(&w->web_thread, NULL, serve_web, w), 0);
    assert_int_equal(loop_new(&w->loop, &why), ERR_OK);
    assert_int_equal(validate_new(w->loop, &w->options, &w->validator, &why), ERR_OK);
    w->answer = HTTP_OK PROOF;
    *state = w;
    return 0;
}

int validate_world_tear_down(void **state)
{
    struct world *w = *state;

    validate_free(w->validator);
    loop_free(w->loop);
    (void)shutdown(w->dns, SHUT_RDWR);
    (void)shutdown(w->web, SHUT_RDWR);
    (void)pthread_join(w->dns_thread, NULL);
    (void)pthread_join(w->web_thread, NULL);
    (void)close(w->dns);
    (void)close(w->web);
    return 0;
}

static void on_trouble(void *argument, const struct validate_trouble *t)
{
    assert_true(strlen(t->detail) > 10 && t->wait_ms >= 500);
    ((struct world *)argument)->troubles++;
}

static void on_verdict(void *argument, const struct validate_verdict *v)
{
    struct world *w = argument;

    w->verdicts++;
    w->valid = v->valid;
    w->until = v->until;
    w->code = v->code;
    (void)snprintf(w->detail, sizeof w->detail, "%s", v->detail);
    (void)snprintf(w->record, sizeof w->record, "%s", v->record);
    if (validate_running(w->validator) == 1) /* this one, until we return */
        loop_stop(w->loop);
}

void validate_world_ask(struct world *w, const struct validate_question *q)
{
    validate_start(w->validator, q,
                   &(struct validate_listener){on_trouble, on_verdict, w});
}

void validate_world_caa(struct world *w, const struct caa_node *nodes, size_t count)
{
    assert_true(count <= CAA_NODES_MAX);
    pthread_mutex_lock(&w->answering);
    for (size_t i = 0; i < count; i++)
        w->caa[i] = nodes[i];
    w->caa_count = count;
    pthread_mutex_unlock(&w->answering);
}

void validate_world_forget_asked(struct world *w)
{
    pthread_mutex_lock(&w->answering);
    w->asked = 0;
    w->caa_asked = 0;
    pthread_mutex_unlock(&w->answering);
}

bool validate_world_asked_caa_only(struct world *w)
{
    pthread_mutex_lock(&w->answering);
    bool only = w->asked == w->caa_asked;
    pthread_mutex_unlock(&w->answering);
    return only;
}

void validate_world_begin(struct world *w, const char *name)
{
    validate_world_ask(w, &(struct validate_question){.type = w->type,
                                                      .identifier = name,
                                                      .token = TOKEN,
                                                      .key_authorization = PROOF});
}

void validate_world_check(struct world *w, const char *name)
{
    w->verdicts = 0;
    w->asked = 0;
    w->troubles = 0;
    w->visits = 0;
    validate_world_begin(w, name);
    assert_int_equal(w->verdicts, 0); /* never from within validate_start */
    assert_int_equal(validate_running(w->validator), 1);
    loop_run(w->loop);
    assert_int_equal(w->verdicts, 1);
    assert_int_equal(validate_running(w->validator), 0);
}
