/* Who has challenges answered. One line of JSON for each: {"identifier",
 * "key_authorization", "more"}; all that came since the last one without "more" is
 * answered together, or, while another order proves one of the names, none of it is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/agent/agent_tls_private.h"
#include "core/base/memory.h"
#include "core/base/text.h"

#define ANSWER_MAX 1024 /* octets */

static void answer(const struct agent_tls_asker *k, enum err code, const char *detail)
{
    AUTO(buf) struct buf b = buf_make(ANSWER_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    if (code != ERR_OK) {
        json_write_text(&w, "error", err_name(code));
        json_write_text(&w, "detail", detail);
    }
    json_write_end_object(&w);
    buf_add_octet(&b, '\n');
    /* who does not take so little is not waited for */
    (void)!send(k->fd, b.data, b.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void drop(struct agent_tls *t, size_t i)
{
    struct agent_tls_proof *p = &t->proofs[i];
    struct err_info ignored = {0};

    if (p->is_taken)
        (void)!agent_tls_tell(t, p, false, &ignored);
    free(p->identifier);
    free(p->key_authorization);
    *p = t->proofs[--t->proof_count];
}

/* All of an asker's, or those only that are not answered yet. */
static void drop_all(struct agent_tls *t, size_t asker, bool taken_too)
{
    for (size_t i = t->proof_count; i > 0; i--)
        if (t->proofs[i - 1].asker == asker && (taken_too || !t->proofs[i - 1].is_taken))
            drop(t, i - 1);
}

static void let_go(struct agent_tls *t, size_t asker)
{
    drop_all(t, asker, true);
    (void)close(t->askers[asker].fd);
    t->askers[asker].fd = -1;
}

void agent_tls_take(struct agent_tls *t, int fd)
{
    for (size_t i = 0; i < AGENT_TLS_ASKERS; i++) {
        if (t->askers[i].fd >= 0)
            continue;
        t->askers[i].fd = fd;
        t->askers[i].len = 0;
        answer(&t->askers[i], ERR_OK, "");
        return;
    }
    const struct agent_tls_asker none = {.fd = fd};
    answer(&none, ERR_UNAVAILABLE, "too many have something answered by the agent");
    (void)close(fd);
}

static bool is_free(const struct agent_tls *t, size_t asker, const char *identifier)
{
    for (size_t i = 0; i < t->proof_count; i++)
        if (t->proofs[i].asker != asker && t->proofs[i].is_taken &&
            text_equal_ignoring_case(span_of(t->proofs[i].identifier),
                                     span_of(identifier)))
            return false;
    return true;
}

/* The last one of several is there. */
static enum err take_all(struct agent_tls *t, size_t asker, struct err_info *why)
{
    for (size_t i = 0; i < t->proof_count; i++)
        if (t->proofs[i].asker == asker && !is_free(t, asker, t->proofs[i].identifier))
            return err_set(why, ERR_LOCKED, "%.253s is being proved for another order",
                           t->proofs[i].identifier);
    for (size_t i = 0; i < t->proof_count; i++) {
        struct agent_tls_proof *p = &t->proofs[i];
        if (p->asker != asker || p->is_taken)
            continue;
        enum err result = agent_tls_tell(t, p, true, why);
        /* the next listener is told of all that is taken */
        p->is_taken = result == ERR_OK || result == ERR_IO || result == ERR_TIMEOUT;
        if (!p->is_taken)
            return result;
    }
    return ERR_OK;
}

static enum err note(struct agent_tls *t, size_t asker, const char *line, size_t len,
                     struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct json *object = NULL;
    const char *identifier = NULL;
    const char *key_authorization = NULL;
    bool more = false;

    TRY(json_read(a, span_make(line, len), &object, why));
    TRY(json_need_text(object, "identifier", &identifier, why));
    TRY(json_need_text(object, "key_authorization", &key_authorization, why));
    TRY(json_take_bool(object, "more", false, &more, why));
    if (t->proof_count == AGENT_TLS_PROOFS)
        return err_set(why, ERR_TOO_LARGE, "the agent answers %d challenges already",
                       AGENT_TLS_PROOFS);
    t->proofs[t->proof_count++] = (struct agent_tls_proof){
        .asker = asker,
        .identifier = memory_copy_string(identifier),
        .key_authorization = memory_copy_string(key_authorization)};
    return more ? ERR_OK : take_all(t, asker, why);
}

/* One question at a time: who asks waits for the answer. */
static void hear(struct agent_tls *t, size_t asker)
{
    struct agent_tls_asker *k = &t->askers[asker];
    struct err_info why = {0};
    ssize_t got = recv(k->fd, k->line + k->len, AGENT_LINE_MAX - k->len, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0)
        k->len += (size_t)got;
    bool whole = got > 0 && k->line[k->len - 1] == '\n';
    if (got <= 0 || (!whole && k->len == AGENT_LINE_MAX)) {
        let_go(t, asker);
        return;
    }
    if (!whole)
        return;
    enum err result = note(t, asker, k->line, k->len, &why);
    k->len = 0;
    if (result != ERR_OK)
        drop_all(t, asker, false);
    answer(k, result, why.detail);
}

void agent_tls_hear(struct agent_tls *t)
{
    for (size_t i = 0; i < AGENT_TLS_ASKERS; i++)
        if (t->askers[i].fd >= 0)
            hear(t, i);
}

size_t agent_tls_poll(const struct agent_tls *t, struct pollfd *polled)
{
    size_t count = 0;

    for (size_t i = 0; i < AGENT_TLS_ASKERS; i++)
        if (t->askers[i].fd >= 0)
            polled[count++] = (struct pollfd){.fd = t->askers[i].fd, .events = POLLIN};
    if (t->listener.pid != 0) /* it says nothing by itself: that is its end */
        polled[count++] = (struct pollfd){.fd = t->listener.fd, .events = POLLIN};
    return count;
}
