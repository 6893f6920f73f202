/* Frames in, checked messages out. */
#include "server/perspective/perspective_wire.h"

#define INPUT_MAX (2U * (IPC_BODY_MAX + IPC_HEADER_SIZE)) /* a frame and a piece */

static const struct {
    int64_t number; /* never another one */
    enum err code;
} codes[] = {
    {1, ERR_SERVER_INTERNAL},
    {2, ERR_UNAVAILABLE},
    {3, ERR_DNS},
    {4, ERR_CONNECTION},
    {5, ERR_TLS},
    {6, ERR_UNAUTHORIZED},
    {7, ERR_INCORRECT_RESPONSE},
    {8, ERR_CAA},
    {9, ERR_MALFORMED},
    {10, ERR_REJECTED_IDENTIFIER},
    {11, ERR_UNSUPPORTED_IDENTIFIER},
    {12, ERR_BAD_ATTESTATION_STATEMENT},
};

int64_t perspective_wire_code(enum err code)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == code)
            return codes[i].number;
    return codes[0].number;
}

bool perspective_wire_read_code(int64_t number, enum err *code)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].number == number) {
            *code = codes[i].code;
            return true;
        }
    }
    return false;
}

struct perspective_wire perspective_wire_make(enum ipc_role self)
{
    return (struct perspective_wire){.self = self, .input = buf_make(INPUT_MAX)};
}

void perspective_wire_free(struct perspective_wire *w)
{
    buf_free(&w->input);
}

static enum err check_greeting(struct perspective_wire *w,
                               const struct message_greeting *m, struct err_info *why)
{
    if (w->greeted)
        return err_set(why, ERR_PROTOCOL, "the other end greeted twice");
    if (m->protocol != PERSPECTIVE_WIRE_PROTOCOL)
        return err_set(why, ERR_PROTOCOL,
                       "the other end (cairn-ca %.*s) speaks version %llu of the "
                       "perspective protocol, this one (cairn-ca %s) version %d: install "
                       "versions that speak the same",
                       (int)m->version.len, (const char *)m->version.data,
                       (unsigned long long)m->protocol, CAIRN_VERSION,
                       PERSPECTIVE_WIRE_PROTOCOL);
    w->greeted = true;
    return ERR_OK;
}

/* May this come to us now? */
static bool is_expected(const struct perspective_wire *w, enum ipc_type type)
{
    if (type == IPC_GREETING)
        return true;
    if (w->self == IPC_DOOR)
        return w->greeted && (type == IPC_CHECK || type == IPC_PING);
    return type == IPC_FAREWELL ||
           (w->greeted &&
            (type == IPC_VERDICT || type == IPC_TROUBLE || type == IPC_PONG));
}

/* A verdict's code becomes an enum err. */
static enum err read_code(bool is_good, int64_t *code, struct err_info *why)
{
    enum err read = ERR_OK;

    if (!is_good && !perspective_wire_read_code(*code, &read))
        return err_set(why, ERR_PROTOCOL, "the other end gave a reason of no known kind");
    *code = (int64_t)read;
    return ERR_OK;
}

static enum err check_message(struct perspective_wire *w, struct ipc_message *m,
                              struct err_info *why)
{
    if (!is_expected(w, m->type))
        return err_set(why, ERR_PROTOCOL, "the other end sent %s%s",
                       ipc_type_name(m->type), w->greeted ? "" : " before it greeted");
    switch (m->type) {
    case IPC_GREETING:
        return check_greeting(w, &m->as_greeting, why);
    case IPC_FAREWELL:
        return err_set(why, ERR_REFUSED, "%.*s", (int)m->as_farewell.detail.len,
                       (const char *)m->as_farewell.detail.data);
    case IPC_VERDICT:
        return read_code(m->as_verdict.valid != 0, &m->as_verdict.code, why);
    case IPC_TROUBLE:
        return read_code(false, &m->as_trouble.code, why);
    default:
        return ERR_OK;
    }
}

static enum err deliver(struct perspective_wire *w, perspective_wire_handler *handler,
                        void *context, struct err_info *why)
{
    struct ipc_message m;
    size_t done = 0;

    for (;;) {
        struct span rest = span_slice(buf_span(&w->input), done, SIZE_MAX);
        size_t size = 0;
        TRY(ipc_frame_size(rest, &size, why));
        if (size == 0 || size > rest.len)
            break;
        TRY(ipc_decode(span_slice(rest, 0, size), &m, why));
        TRY(check_message(w, &m, why));
        TRY(handler(context, &m, why));
        done += size;
    }
    buf_drop(&w->input, done);
    return ERR_OK;
}

enum err perspective_wire_take(struct perspective_wire *w, struct span octets,
                               perspective_wire_handler *handler, void *context,
                               struct err_info *why)
{
    while (octets.len > 0) {
        size_t room = w->input.max - w->input.len; /* never 0: a frame is half of it */
        struct span piece = span_slice(octets, 0, room);
        buf_add_span(&w->input, piece);
        TRY(deliver(w, handler, context, why));
        octets = span_slice(octets, piece.len, SIZE_MAX);
    }
    return ERR_OK;
}
