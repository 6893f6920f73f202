/* A queue of lines between those who note and the store's thread. */
#include "server/audit/audit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/text.h"

/* Octets that are not written yet: a compromised key takes up to some million
 * certificates with it, in one change, with a line each. */
#define QUEUE_MAX  (256 * 1024 * 1024)
#define QUEUE_KEEP (1024 * 1024) /* of memory, when they are written */

struct audit {
    struct audit_file *file; /* the store's thread only, but for its place */
    pthread_mutex_t lock;
    struct buf queue;  /* members of lines, a line feed behind each */
    struct buf writes; /* what is taken out of it */
    struct audit_place place;
    unsigned int next_number; /* as of the last sync */
    unsigned int begun;       /* number of the segment that goes with `begun_fd` */
    int begun_fd;             /* -1: none */
    uint64_t first;           /* number of the first line of the last write */
    uint64_t noted;           /* since it was opened */
};

static const char *const names[] = {
#define AUDIT_EVENT(NAME, name, chain, sentence) name,
#include "server/audit/audit_events.def"
#undef AUDIT_EVENT
};

bool audit_event_is(const char *name)
{
    for (size_t i = 0; i < AUDIT_EVENTS; i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

/* ---- the store's thread ---- */

/* What is lost here was promised already, as where the store cannot be synced. */
static void begin_segment(struct audit *audit, unsigned int number, int fd)
{
    if (fd < 0 || audit_file_go_on(audit->file, number, fd))
        return;
    log_event(LOG_LEVEL_ERROR, "audit.sync_failed", "errno=%d", errno);
    abort();
}

static enum err write_queue(void *context, struct err_info *why)
{
    struct audit *audit = context;

    pthread_mutex_lock(&audit->lock);
    struct buf taken = audit->queue;
    audit->queue = audit->writes;
    buf_clear(&audit->queue);
    if (audit->queue.room > QUEUE_KEEP) {
        buf_free(&audit->queue);
        audit->queue = buf_make(QUEUE_MAX);
    }
    audit->writes = taken;
    unsigned int begun = audit->begun;
    int begun_fd = audit->begun_fd;
    audit->begun_fd = -1;
    pthread_mutex_unlock(&audit->lock);
    begin_segment(audit, begun, begun_fd);
    if (taken.failed) {
        buf_free(&audit->writes);
        audit->writes = buf_make(QUEUE_MAX);
        return err_set(why, ERR_IO, "more lines of the audit log than can be kept");
    }
    audit->first = audit_file_place(audit->file).seq + 1;
    struct span rest = buf_span(&taken);
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = (size_t)(end - rest.data);
        audit_file_add(audit->file, span_slice(rest, 0, len));
        rest = span_slice(rest, len + 1, rest.len);
    }
    return audit_file_write(audit->file, why);
}

/* Where the last member begins that may not be whole: at a comma between members of the
 * object itself. */
static size_t last_comma(struct span text)
{
    bool in_string = false;
    size_t comma = 0;
    int depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']'))
            depth--;
        else if (!in_string && c == ',' && depth == 1)
            comma = i;
    }
    return comma;
}

/* A line without its end must not undo what it tells of. */
static void cut(struct buf *text)
{
    static const char end[] = ",\"cut\":true}";
    size_t keep = last_comma(buf_span(text));

    if (keep == 0) /* not even its time: then it is no line */
        return;
    text->len = keep;
    text->max += sizeof end;
    text->failed = false;
    buf_add_text(text, end);
}

/* What was JSON already may have line feeds, though none in a string. */
static void end_line(struct audit_line *l)
{
    json_write_end_object(&l->w);
    if (l->text.failed)
        cut(&l->text);
    for (size_t i = 0; i < l->text.len; i++)
        if (l->text.data[i] == '\n' || l->text.data[i] == '\r')
            l->text.data[i] = ' ';
}

static void queue_line(struct audit *audit, struct audit_line *l)
{
    end_line(l);
    pthread_mutex_lock(&audit->lock);
    if (l->text.failed || l->text.len < 2)
        audit->queue.failed = true; /* it would be missing: nothing is answered then */
    else
        buf_add(&audit->queue, l->text.data + 1, l->text.len - 2);
    buf_add_text(&audit->queue, "\n");
    audit->noted++;
    pthread_mutex_unlock(&audit->lock);
    buf_free(&l->text);
}

static void undone(void *context)
{
    struct audit *audit = context;
    struct audit_line l;

    audit_begin(&l, AUDIT_UNDONE);
    json_write_number(&l.w, "first", (int64_t)audit->first);
    json_write_number(&l.w, "last", (int64_t)audit_file_place(audit->file).seq);
    queue_line(audit, &l); /* written with the next batch */
}

static bool sync_file(void *context)
{
    struct audit *audit = context;

    if (!audit_file_sync(audit->file))
        return false;
    /* only now: a head must not vouch for what the loss of power takes away */
    pthread_mutex_lock(&audit->lock);
    audit->place = audit_file_place(audit->file);
    audit->next_number = audit_file_next_number(audit->file);
    pthread_mutex_unlock(&audit->lock);
    return true;
}

/* ---- */

enum err audit_open(const char *parent, const char *folder, int64_t segment_max,
                    struct store *store, struct audit **audit, struct err_info *why)
{
    struct audit_file *file = NULL;

    TRY(audit_file_folder(parent, why));
    TRY(audit_file_open(folder, segment_max, &file, why));
    struct audit *made = memory_get_zeroed(1, sizeof *made);
    made->file = file;
    made->begun_fd = -1;
    made->place = audit_file_place(file);
    made->queue = buf_make(QUEUE_MAX);
    made->writes = buf_make(QUEUE_MAX);
    pthread_mutex_init(&made->lock, NULL);
    const struct store_notes notes = {
        .context = made, .write = write_queue, .undone = undone, .sync = sync_file};
    store_notes_use(store, &notes);
    *audit = made;
    return ERR_OK;
}

void audit_close(struct audit *audit)
{
    if (audit == NULL)
        return;
    audit_file_close(audit->file);
    if (audit->begun_fd >= 0)
        (void)close(audit->begun_fd);
    buf_free(&audit->queue);
    buf_free(&audit->writes);
    pthread_mutex_destroy(&audit->lock);
    free(audit);
}

struct audit_place audit_place(struct audit *audit)
{
    pthread_mutex_lock(&audit->lock);
    struct audit_place place = audit->place;
    pthread_mutex_unlock(&audit->lock);
    return place;
}

unsigned int audit_next_number(struct audit *audit)
{
    pthread_mutex_lock(&audit->lock);
    unsigned int number = audit->begun_fd < 0 ? audit->next_number : 0;
    pthread_mutex_unlock(&audit->lock);
    return number;
}

void audit_go_on(struct audit *audit, unsigned int number, int fd)
{
    pthread_mutex_lock(&audit->lock);
    int before = audit->begun_fd;
    audit->begun = number;
    audit->begun_fd = fd;
    pthread_mutex_unlock(&audit->lock);
    if (before >= 0)
        (void)close(before);
}

uint64_t audit_noted(struct audit *audit)
{
    pthread_mutex_lock(&audit->lock);
    uint64_t noted = audit->noted;
    pthread_mutex_unlock(&audit->lock);
    return noted;
}

void audit_begin(struct audit_line *l, enum audit_event event)
{
    l->text = buf_make(AUDIT_FILE_LINE_MAX - 256);
    l->w = json_writer_make(&l->text);
    json_write_begin_object(&l->w, NULL);
    json_write_time(&l->w, "time", clock_now());
    json_write_text(&l->w, "event", names[event]);
}

void audit_octets(struct audit_line *l, const char *name, struct span octets)
{
    char text[2 * HASH_MAX_SIZE + 1];

    text_hex(text, octets.data, octets.len < HASH_MAX_SIZE ? octets.len : HASH_MAX_SIZE);
    json_write_text(&l->w, name, text);
}

void audit_digest(struct audit_line *l, const char *name, struct span octets)
{
    uint8_t digest[HASH_SHA256_SIZE];

    hash_sha256(octets, digest);
    audit_octets(l, name, span_make(digest, sizeof digest));
}

void audit_texts(struct audit_line *l, const char *name, const char *const *texts,
                 size_t count)
{
    char rest[64];
    size_t used = 0;
    size_t i = 0;

    json_write_begin_array(&l->w, name);
    for (; i < count && (used += strlen(texts[i])) <= AUDIT_LIST_MAX; i++)
        json_write_text(&l->w, NULL, texts[i]);
    json_write_end_array(&l->w);
    if (i == count)
        return;
    (void)snprintf(rest, sizeof rest, "%s_left_out", name);
    json_write_number(&l->w, rest, (int64_t)(count - i));
}

void audit_result(struct audit_line *l, enum err result, const struct err_info *why)
{
    json_write_text(&l->w, "result", result == ERR_OK ? "ok" : err_name(result));
    if (result != ERR_OK && why != NULL)
        json_write_text(&l->w, "detail", why->detail);
}

void audit_end(struct audit_line *l, struct store_session *s)
{
    struct audit *audit = s != NULL ? store_notes_context(s) : NULL;

    if (audit == NULL) {
        buf_free(&l->text);
        return;
    }
    queue_line(audit, l);
    store_notes_add(s);
}

void audit_end_file(struct audit_line *l, struct audit_file *file)
{
    end_line(l);
    if (file != NULL && !l->text.failed)
        audit_file_add(file, span_make(l->text.data + 1, l->text.len - 2));
    buf_free(&l->text);
}
