/* Encoding and strict decoding of the messages, from the tables messages.def makes. */
#include "server/proc/ipc.h"

#include <stddef.h>
#include <string.h>

#include "core/base/text.h"

enum field_kind { FIELD_NUMBER, FIELD_INTEGER, FIELD_TEXT, FIELD_OCTETS };

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset; /* in the message's struct */
    size_t max;    /* octets */
};

/* The fields of each message, in order; the last one has no name. */
#define MESSAGE(NAME, name, from, to) static const struct field fields_##name[] = {
#define NUMBER(name, field)                                                              \
    {#field, FIELD_NUMBER, offsetof(struct message_##name, field), sizeof(uint64_t)},
#define INTEGER(name, field)                                                             \
    {#field, FIELD_INTEGER, offsetof(struct message_##name, field), sizeof(int64_t)},
#define TEXT(name, field, max)                                                           \
    {#field, FIELD_TEXT, offsetof(struct message_##name, field), max},
#define OCTETS(name, field, max)                                                         \
    {#field, FIELD_OCTETS, offsetof(struct message_##name, field), max},
#define END(NAME, name)                                                                  \
    {                                                                                    \
        NULL, FIELD_NUMBER, 0, 0                                                         \
    }                                                                                    \
    }                                                                                    \
    ;
#include "server/proc/messages.def"

/* Every message fits into a frame. */
#define MESSAGE(NAME, name, from, to) _Static_assert(sizeof(uint16_t)
#define NUMBER(name, field)      +sizeof(uint64_t)
#define INTEGER(name, field)     +sizeof(int64_t)
#define TEXT(name, field, max)   +sizeof(uint32_t) + (max)
#define OCTETS(name, field, max) +sizeof(uint32_t) + (max)
#define END(NAME, name)               <= IPC_BODY_MAX, #name " is larger than a frame");
#include "server/proc/messages.def"

/* Where a message keeps its descriptor, plus one; 0: it has none. */
enum {
#define MESSAGE(NAME, name, from, to) DESCRIPTOR_OF_##name = 0
#define DESCRIPTOR(name, field)       +1 + (int)offsetof(struct message_##name, field)
#define END(NAME, name)               ,
#include "server/proc/messages.def"
};

static const struct row {
    const char *name;
    const struct field *fields;
    unsigned int from, to;
    int descriptor;
} rows[IPC_TYPE_COUNT] = {
#define MESSAGE(NAME, name, from, to)                                                    \
    [IPC_##NAME] = {#name, fields_##name, from, to, DESCRIPTOR_OF_##name},
#include "server/proc/messages.def"
};

static const struct row *row_of(enum ipc_type type)
{
    if ((unsigned int)type >= IPC_TYPE_COUNT || rows[type].name == NULL)
        return NULL;
    return &rows[type];
}

static void add_number(struct buf *b, uint64_t number, unsigned int octets)
{
    while (octets-- > 0)
        buf_add_octet(b, (uint8_t)(number >> (8 * octets)));
}

static uint64_t number_at(const uint8_t *data, unsigned int octets)
{
    uint64_t number = 0;

    for (unsigned int i = 0; i < octets; i++)
        number = number << 8 | data[i];
    return number;
}

static bool text_is_good(struct span s)
{
    return text_is_utf8(s) && (s.len == 0 || memchr(s.data, 0, s.len) == NULL);
}

static enum err add_field(struct buf *b, const struct row *row, const struct field *f,
                          const void *fields, struct err_info *why)
{
    const uint8_t *at = (const uint8_t *)fields + f->offset;
    uint64_t number;
    struct span s;

    if (f->kind == FIELD_NUMBER || f->kind == FIELD_INTEGER) {
        memcpy(&number, at, sizeof number);
        add_number(b, number, sizeof number);
        return ERR_OK;
    }
    memcpy(&s, at, sizeof s);
    if (s.len > f->max)
        return err_set(why, ERR_TOO_LARGE, "%s of message %s has %zu octets, at most %zu",
                       f->name, row->name, s.len, f->max);
    if (f->kind == FIELD_TEXT && !text_is_good(s))
        return err_set(why, ERR_MALFORMED, "%s of message %s is no text", f->name,
                       row->name);
    add_number(b, s.len, sizeof(uint32_t));
    buf_add_span(b, s);
    return ERR_OK;
}

static enum err encode(struct buf *b, enum ipc_type type, const void *fields,
                       struct err_info *why)
{
    const struct row *row = row_of(type);
    size_t start = b->len;
    enum err result = ERR_OK;

    if (row == NULL)
        return err_set(why, ERR_PROTOCOL, "there is no message of type %d", (int)type);
    add_number(b, 0, sizeof(uint32_t));
    add_number(b, (uint64_t)type, sizeof(uint16_t));
    for (const struct field *f = row->fields; f->name != NULL && result == ERR_OK; f++)
        result = add_field(b, row, f, fields, why);
    if (result == ERR_OK && b->failed)
        result = err_set(why, ERR_TOO_LARGE, "no room for a message %s", row->name);
    if (result != ERR_OK) {
        b->len = start;
        b->failed = false;
        return result;
    }
    uint64_t size = b->len - start - sizeof(uint32_t);
    for (unsigned int i = 0; i < sizeof(uint32_t); i++)
        b->data[start + i] = (uint8_t)(size >> (8 * (sizeof(uint32_t) - 1 - i)));
    return ERR_OK;
}

#define MESSAGE(NAME, name, from, to)                                                    \
    enum err ipc_encode_##name(struct buf *b, const struct message_##name *m,            \
                               struct err_info *why)                                     \
    {                                                                                    \
        return encode(b, IPC_##NAME, m, why);                                            \
    }
#include "server/proc/messages.def"

enum err ipc_encode(struct buf *b, const struct ipc_message *m, struct err_info *why)
{
    return encode(b, m->type, &m->as_hello, why);
}

enum err ipc_frame_size(struct span octets, size_t *size, struct err_info *why)
{
    uint64_t body;

    if (octets.len < sizeof(uint32_t)) {
        *size = 0;
        return ERR_OK;
    }
    body = number_at(octets.data, sizeof(uint32_t));
    if (body < sizeof(uint16_t) || body > IPC_BODY_MAX)
        return err_set(why, ERR_PROTOCOL, "a message claims to have %llu octets",
                       (unsigned long long)body);
    *size = sizeof(uint32_t) + (size_t)body;
    return ERR_OK;
}

/* Read one field from the front of `rest` into the message. */
static enum err read_field(struct span *rest, const struct row *row,
                           const struct field *f, void *fields, struct err_info *why)
{
    uint8_t *to = (uint8_t *)fields + f->offset;
    bool sized = f->kind == FIELD_TEXT || f->kind == FIELD_OCTETS;
    unsigned int width = sized ? sizeof(uint32_t) : sizeof(uint64_t);

    if (rest->len < width)
        return err_set(why, ERR_PROTOCOL, "message %s ends before %s", row->name,
                       f->name);
    uint64_t number = number_at(rest->data, width);
    *rest = span_slice(*rest, width, SIZE_MAX);
    if (!sized) {
        memcpy(to, &number, sizeof number);
        return ERR_OK;
    }
    if (number > f->max || number > rest->len)
        return err_set(why, ERR_PROTOCOL, "%s of message %s has %llu octets", f->name,
                       row->name, (unsigned long long)number);
    struct span s = span_slice(*rest, 0, (size_t)number);
    *rest = span_slice(*rest, (size_t)number, SIZE_MAX);
    if (f->kind == FIELD_TEXT && !text_is_good(s))
        return err_set(why, ERR_PROTOCOL, "%s of message %s is no text", f->name,
                       row->name);
    memcpy(to, &s, sizeof s);
    return ERR_OK;
}

enum err ipc_decode(struct span frame, struct ipc_message *m, struct err_info *why)
{
    struct ipc_message read = {.type = IPC_NONE};
    size_t size = 0;

    TRY(ipc_frame_size(frame, &size, why));
    if (size == 0 || size != frame.len)
        return err_set(why, ERR_PROTOCOL, "a message of %zu octets has %zu", size,
                       frame.len);
    read.type = (enum ipc_type)number_at(frame.data + sizeof(uint32_t), sizeof(uint16_t));
    const struct row *row = row_of(read.type);
    if (row == NULL)
        return err_set(why, ERR_PROTOCOL, "there is no message of type %d",
                       (int)read.type);
    struct span rest = span_slice(frame, IPC_HEADER_SIZE, SIZE_MAX);
    for (const struct field *f = row->fields; f->name != NULL; f++)
        TRY(read_field(&rest, row, f, &read.as_hello, why));
    if (rest.len > 0)
        return err_set(why, ERR_PROTOCOL, "message %s has %zu octets too many", row->name,
                       rest.len);
    int *fd = ipc_descriptor(&read);
    if (fd != NULL)
        *fd = -1;
    *m = read;
    return ERR_OK;
}

bool ipc_allowed(enum ipc_type type, enum ipc_role from, enum ipc_role to)
{
    const struct row *row = row_of(type);

    return row != NULL && (row->from & (unsigned int)from) != 0 &&
           (row->to & (unsigned int)to) != 0;
}

bool ipc_carries(enum ipc_role from, enum ipc_role to)
{
    for (int type = IPC_NONE + 1; type < IPC_TYPE_COUNT; type++)
        if (rows[type].descriptor != 0 && ipc_allowed((enum ipc_type)type, from, to))
            return true;
    return false;
}

int *ipc_descriptor(struct ipc_message *m)
{
    const struct row *row = row_of(m->type);

    if (row == NULL || row->descriptor == 0)
        return NULL;
    return (int *)(void *)((uint8_t *)&m->as_hello + row->descriptor - 1);
}

const char *ipc_type_name(enum ipc_type type)
{
    const struct row *row = row_of(type);

    return row != NULL ? row->name : "?";
}

static const struct {
    const char *name;
    enum ipc_role role;
} roles[] = {
    {"supervisor", IPC_SUPERVISOR}, {"front", IPC_FRONT}, {"validator", IPC_VALIDATOR},
    {"signer", IPC_SIGNER},         {"relay", IPC_RELAY}, {"door", IPC_DOOR},
};

const char *ipc_role_name(enum ipc_role role)
{
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (roles[i].role == role)
            return roles[i].name;
    }
    return "?";
}

bool ipc_role_read(const char *name, enum ipc_role *role)
{
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(roles[i].name, name) == 0) {
            *role = roles[i].role;
            return true;
        }
    }
    return false;
}
