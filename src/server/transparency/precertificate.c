/* One extension taken out of a to-be-signed certificate, or put in its place. */
#include "server/transparency/precertificate.h"

#include "core/x509/oid.h"
#include "server/issue/template.h"

#define DEPTH    6
#define ROOM     1024 /* octets beyond those that go in: headers that grow */
#define LIST_MAX (64 * 1024)

/* A TBSCertificate taken apart: what stands before its extensions, and each of them. */
struct parts {
    struct span head;
    struct span extensions[PRECERTIFICATE_EXTENSIONS_MAX];
    size_t count;
    size_t marked; /* which of them */
    enum precertificate_mark mark;
};

static void read_poison(struct der_reader *r, bool critical)
{
    const struct span value = der_read_expect(r, DER_OCTET_STRING);

    if (der_read_ok(r) &&
        (!critical || !span_equal(value, span_make("\x05\x00", 2)))) /* RFC 6962 3.1 */
        der_read_fail(r, "the poison is not critical or not NULL");
}

/* One extension, an element by itself: is it one of the two? */
static enum precertificate_mark read_mark(struct der_reader *r, struct span element)
{
    struct der_reader in = der_read_start(element, 2);
    enum precertificate_mark mark = PRECERTIFICATE_NONE;

    der_read_enter(&in, DER_SEQUENCE);
    const struct span id = der_read_oid(&in);
    const bool critical =
        der_read_peek(&in) == DER_BOOLEAN ? der_read_boolean(&in) : false;
    if (oid_is(id, OID_PRECERTIFICATE_POISON)) {
        mark = PRECERTIFICATE_POISON;
        read_poison(&in, critical);
    } else {
        if (oid_is(id, OID_SIGNED_CERTIFICATE_TIMESTAMPS))
            mark = PRECERTIFICATE_TIMESTAMPS;
        (void)der_read_expect(&in, DER_OCTET_STRING);
    }
    der_read_leave(&in);
    if (!der_read_ok(&in) || der_read_more(&in))
        der_read_fail(r, in.error != NULL ? in.error : "something follows an extension");
    return mark;
}

static void read_extensions(struct der_reader *r, struct parts *p)
{
    der_read_enter(r, DER_CONTEXT_CONSTRUCTED(3));
    der_read_enter(r, DER_SEQUENCE);
    while (der_read_more(r)) {
        const struct span element = der_read_element(r);
        const enum precertificate_mark mark = read_mark(r, element);
        if (mark != PRECERTIFICATE_NONE && p->mark != PRECERTIFICATE_NONE)
            der_read_fail(r, "there is more than one poison or list of timestamps");
        if (p->count == PRECERTIFICATE_EXTENSIONS_MAX)
            der_read_fail(r, "there are too many extensions");
        if (!der_read_ok(r))
            return;
        if (mark != PRECERTIFICATE_NONE) {
            p->mark = mark;
            p->marked = p->count;
        }
        p->extensions[p->count++] = element;
    }
    der_read_leave(r);
    der_read_leave(r);
}

static enum err read_parts(struct span tbs, struct parts *p, struct err_info *why)
{
    struct der_reader r = der_read_start(tbs, DEPTH);

    *p = (struct parts){0};
    der_read_enter(&r, DER_SEQUENCE);
    const struct span first = der_read_element(&r);
    p->head = first;
    while (der_read_more(&r) && der_read_peek(&r) != DER_CONTEXT_CONSTRUCTED(3))
        p->head.len += der_read_element(&r).len;
    read_extensions(&r, p);
    der_read_leave(&r);
    return der_read_finish(&r, ERR_MALFORMED, "the to-be-signed certificate", why);
}

/* Put together again, with `instead` (an element, or nothing) for the marked one. */
static enum err write_parts(struct arena *a, const struct parts *p, struct span instead,
                            size_t size, struct span *tbs, struct err_info *why)
{
    struct der_writer w = der_writer_make(arena_get(a, size), size);
    const size_t mark = der_write_mark(&w);

    for (size_t i = p->count; i > 0; i--)
        der_write_raw(&w, i - 1 == p->marked ? instead : p->extensions[i - 1]);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    der_write_wrap(&w, DER_CONTEXT_CONSTRUCTED(3), mark);
    der_write_raw(&w, p->head);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    const struct span made = der_write_take(&w);
    if (made.len == 0)
        return err_set(why, ERR_TOO_LARGE, "the certificate would be too large");
    *tbs = made;
    return ERR_OK;
}

enum err precertificate_mark(struct span tbs, enum precertificate_mark *mark,
                             struct err_info *why)
{
    struct parts p;

    TRY(read_parts(tbs, &p, why));
    *mark = p.mark;
    return ERR_OK;
}

static enum err need(const struct parts *p, bool good, struct err_info *why)
{
    if (good)
        return ERR_OK;
    return err_set(why, ERR_MALFORMED, "the to-be-signed certificate has %s",
                   p->mark == PRECERTIFICATE_NONE ? "neither a poison nor timestamps"
                   : p->mark == PRECERTIFICATE_POISON
                       ? "a poison, and no timestamps"
                       : "timestamps, and is no precertificate");
}

enum err precertificate_entry(struct arena *a, struct span tbs, struct span *entry,
                              struct err_info *why)
{
    struct parts p;

    TRY(read_parts(tbs, &p, why));
    TRY(need(&p, p.mark != PRECERTIFICATE_NONE, why));
    return write_parts(a, &p, span_make(NULL, 0), tbs.len + ROOM, entry, why);
}

enum err precertificate_stamp(struct arena *a, struct span tbs, struct span list,
                              struct span *stamped, struct err_info *why)
{
    struct parts p;

    TRY(read_parts(tbs, &p, why));
    TRY(need(&p, p.mark == PRECERTIFICATE_POISON, why));
    if (list.len > LIST_MAX)
        return err_set(why, ERR_TOO_LARGE, "there are too many timestamps");
    struct der_writer w = der_writer_make(arena_get(a, list.len + ROOM), list.len + ROOM);
    const size_t mark = der_write_mark(&w);
    der_write_element(&w, DER_OCTET_STRING, list);
    der_write_wrap(&w, DER_OCTET_STRING, mark);
    oid_write(&w, OID_SIGNED_CERTIFICATE_TIMESTAMPS);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    TRY(write_parts(a, &p, der_write_take(&w), tbs.len + list.len + ROOM, stamped, why));
    if (stamped->len > TEMPLATE_TBS_MAX)
        return err_set(why, ERR_TOO_LARGE,
                       "the certificate would be too large with its timestamps");
    return ERR_OK;
}

enum err precertificate_of(struct arena *a, struct span tbs, struct span *precertificate,
                           struct err_info *why)
{
    static const struct span null = {(const uint8_t *)"\x05\x00", 2};
    struct parts p;

    TRY(read_parts(tbs, &p, why));
    TRY(need(&p, p.mark == PRECERTIFICATE_TIMESTAMPS, why));
    struct der_writer w = der_writer_make(arena_get(a, ROOM), ROOM);
    const size_t mark = der_write_mark(&w);
    der_write_element(&w, DER_OCTET_STRING, null);
    der_write_true(&w);
    oid_write(&w, OID_PRECERTIFICATE_POISON);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    return write_parts(a, &p, der_write_take(&w), tbs.len + ROOM, precertificate, why);
}
