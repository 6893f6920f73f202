/* Two passes: what the signed heads of both chains claim, then each line. */
#include "server/audit/audit_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/json/json_read.h"

/* ---- lines ---- */

static bool walk_text(const char *name, struct span text,
                      bool (*each)(void *, const char *, size_t, struct span, bool),
                      void *context)
{
    for (size_t number = 1; text.len > 0; number++) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
        if (!each(context, name, number, span_slice(text, 0, len), end == NULL))
            return false;
        text = span_slice(text, end != NULL ? len + 1 : len, text.len);
    }
    return true;
}

static enum err map_file(const char *path, struct span *text, struct err_info *why)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    void *map = MAP_FAILED;

    *text = span_make(NULL, 0);
    if (fd < 0)
        return err_set_os(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno,
                          "cannot open %s", path);
    bool good = fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    if (good && about.st_size > 0)
        map = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)close(fd);
    if (!good || (about.st_size > 0 && map == MAP_FAILED))
        return err_set(why, ERR_IO, "cannot read %s", path);
    if (about.st_size > 0)
        *text = span_make(map, (size_t)about.st_size);
    return ERR_OK;
}

enum err audit_verify_walk(const char *folder,
                           bool (*each)(void *context, const char *segment, size_t number,
                                        struct span line, bool last),
                           void *context, struct err_info *why)
{
    bool goes_on = true;

    for (unsigned int number = 1; goes_on; number++) {
        AUTO(arena) struct arena *a = arena_new();
        char *name = arena_printf(a, AUDIT_FILE_NAME, number);
        struct span text = {0};
        enum err result = map_file(file_path(a, folder, name), &text, why);
        if (result == ERR_NOT_FOUND && number > 1)
            return ERR_OK;
        TRY(result);
        goes_on = walk_text(name, text, each, context);
        if (text.len > 0)
            (void)munmap((void *)(uintptr_t)text.data, text.len);
    }
    return ERR_OK;
}

/* ---- what is judged ---- */

/* What a signed head says of a chain. */
struct claim {
    struct audit_place place;
    bool met;
};

struct claims {
    struct claim *list; /* owned; by their numbers */
    size_t count;
    size_t room;
    size_t next; /* the first that the walk has not come to */
};

struct verifier {
    struct arena *arena;
    const struct audit_verify_question *question;
    struct audit_verify_result *result;
    struct claims claims[2];
    int64_t newest;     /* time of the newest good head */
    bool is_missing[2]; /* the first segment of a chain */

    /* of the chain that is walked */
    int chain;
    struct arena *line_arena;
    struct audit_place before; /* the line that is to be followed */
    bool has_fragment;         /* the line before is none */
    uint8_t fragment_hash[HASH_SHA256_SIZE];
    size_t fragment_len;
    char fragment_place[64];
};

static const char *const chain_names[] = {"front", "signer"};

__attribute__((format(printf, 2, 3))) static void tell(struct verifier *v,
                                                       const char *format, ...)
{
    char text[512];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (v->result->finding_count < AUDIT_VERIFY_FINDINGS_MAX)
        v->result->findings[v->result->finding_count] = arena_string(v->arena, text);
    v->result->finding_count++;
}

static void claim_add(struct claims *claims, struct audit_place place)
{
    if (place.seq == 0)
        return;
    if (claims->count == claims->room) {
        claims->room = claims->room == 0 ? 64 : 2 * claims->room;
        claims->list = memory_resize(claims->list, claims->room * sizeof claims->list[0]);
    }
    claims->list[claims->count++] = (struct claim){.place = place};
}

static int compare_claims(const void *a, const void *b)
{
    const struct claim *one = a;
    const struct claim *other = b;

    return one->place.seq < other->place.seq ? -1 : one->place.seq > other->place.seq;
}

static void take_head(struct verifier *v, const char *place, const struct json *object)
{
    const char *text = json_text(json_member(object, "head"));
    const char *signature = json_text(json_member(object, "signature"));
    struct audit_head head;

    if (text == NULL || signature == NULL || !audit_head_read(span_of(text), &head)) {
        tell(v, "%s: the head is none", place);
        return;
    }
    if (v->question->key == NULL)
        return;
    if (!audit_head_verify(v->question->key, text, signature)) {
        tell(v, "%s: the head's signature is not by the log's key", place);
        return;
    }
    v->result->chains[v->chain].heads++;
    claim_add(&v->claims[0], head.front);
    claim_add(&v->claims[1], head.signer);
    if (v->result->newest_head == NULL || head.time >= v->newest) {
        v->newest = head.time;
        v->result->newest_head = arena_string(v->arena, text);
        v->result->newest_signature = arena_string(v->arena, signature);
    }
}

static bool collect(void *context, const char *segment, size_t number, struct span line,
                    bool last)
{
    static const char mark[] = "\"event\":\"audit.head\"";
    struct verifier *v = context;
    const struct json *object = NULL;
    char place[128];

    if (last || line.len > AUDIT_FILE_LINE_MAX ||
        memmem(line.data, line.len, mark, sizeof mark - 1) == NULL)
        return true;
    arena_reset(v->line_arena);
    (void)snprintf(place, sizeof place, "%s/%s:%zu", chain_names[v->chain], segment,
                   number);
    if (json_read(v->line_arena, line, &object, NULL) == ERR_OK &&
        json_text(json_member(object, "event")) != NULL &&
        strcmp(json_text(json_member(object, "event")), "audit.head") == 0)
        take_head(v, place, object);
    return true;
}

static bool is_of_hex(const char *text, const uint8_t *hash)
{
    char own[2 * HASH_SHA256_SIZE + 1];

    text_hex(own, hash, HASH_SHA256_SIZE);
    return text != NULL && strcmp(own, text) == 0;
}

/* A line that was not finished stands before one that says so. */
static void judge_fragment(struct verifier *v, const struct json *object)
{
    const char *event = object != NULL ? json_text(json_member(object, "event")) : NULL;

    if (!v->has_fragment)
        return;
    v->has_fragment = false;
    if (event != NULL && strcmp(event, "audit.torn") == 0 &&
        json_is_whole(json_member(object, "octets")) &&
        json_whole(json_member(object, "octets")) == (int64_t)v->fragment_len &&
        is_of_hex(json_text(json_member(object, "sha256")), v->fragment_hash))
        v->result->chains[v->chain].torn++;
    else
        tell(v, "%s: no line of this log (edited, or inserted)", v->fragment_place);
}

static void judge_order(struct verifier *v, const char *place, uint64_t seq,
                        const char *previous)
{
    uint64_t wanted = v->before.seq + 1;

    if (seq < wanted)
        tell(v, "%s: line %llu stands where %llu belongs (inserted, or moved)", place,
             (unsigned long long)seq, (unsigned long long)wanted);
    else if (seq == wanted + 1)
        tell(v, "%s: line %llu is missing before it", place, (unsigned long long)wanted);
    else if (seq > wanted)
        tell(v, "%s: lines %llu to %llu are missing before it", place,
             (unsigned long long)wanted, (unsigned long long)seq - 1);
    else if (!is_of_hex(previous, v->before.hash))
        tell(v, "%s: line %llu was edited: line %llu names another digest of it", place,
             (unsigned long long)v->before.seq, (unsigned long long)seq);
}

/* Does the line have the digest that heads say it had? */
static void judge_claims(struct verifier *v, const char *place)
{
    struct claims *claims = &v->claims[v->chain];
    struct audit_verify_chain *chain = &v->result->chains[v->chain];
    bool told = false;

    for (; claims->next < claims->count &&
           claims->list[claims->next].place.seq <= v->before.seq;
         claims->next++) {
        struct claim *c = &claims->list[claims->next];
        if (c->place.seq != v->before.seq)
            continue; /* missing, which is told */
        c->met = memcmp(c->place.hash, v->before.hash, HASH_SHA256_SIZE) == 0;
        if (c->met)
            chain->last_head = c->place.seq;
        else if (!told && v->before.seq >= v->question->from)
            tell(v, "%s: line %llu is not the one that a signed head vouches for", place,
                 (unsigned long long)v->before.seq);
        told = told || !c->met;
    }
}

static bool judge(void *context, const char *segment, size_t number, struct span line,
                  bool last)
{
    struct verifier *v = context;
    struct audit_verify_chain *chain = &v->result->chains[v->chain];
    const struct json *object = NULL;
    char place[128];

    arena_reset(v->line_arena);
    (void)snprintf(place, sizeof place, "%s/%s:%zu", chain_names[v->chain], segment,
                   number);
    if (last) {
        chain->unfinished = line.len;
        return true;
    }
    if (line.len > AUDIT_FILE_LINE_MAX ||
        json_read(v->line_arena, line, &object, NULL) != ERR_OK ||
        !json_is_whole(json_member(object, "seq")) ||
        json_whole(json_member(object, "seq")) <= 0) {
        judge_fragment(v, NULL);
        v->has_fragment = true;
        v->fragment_len = line.len;
        hash_sha256(line, v->fragment_hash);
        (void)text_copy(v->fragment_place, sizeof v->fragment_place, place);
        return true;
    }
    judge_fragment(v, object);
    if (chain->unfinished > 0)
        tell(v, "%s: the segment before ends within a line", place);
    chain->unfinished = 0;
    uint64_t seq = (uint64_t)json_whole(json_member(object, "seq"));
    chain->lines++;
    if (seq >= v->question->from || v->chain != 0)
        judge_order(v, place, seq, json_text(json_member(object, "previous")));
    if (seq > v->before.seq) {
        v->before.seq = seq;
        hash_sha256(line, v->before.hash);
        judge_claims(v, place);
    }
    return true;
}

static void conclude(struct verifier *v)
{
    struct audit_verify_chain *chain = &v->result->chains[v->chain];
    const struct claims *claims = &v->claims[v->chain];

    judge_fragment(v, NULL);
    chain->last = v->before;
    if (claims->next < claims->count)
        tell(v,
             "%s: it ends with line %llu, but a signed head vouches for line %llu: lines "
             "were cut off",
             chain->name, (unsigned long long)v->before.seq,
             (unsigned long long)claims->list[claims->count - 1].place.seq);
}

static enum err walk_chain(struct verifier *v, int number, bool judges,
                           struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    char *folder = file_path(a, v->question->folder, chain_names[number]);

    v->chain = number;
    v->before = (struct audit_place){0};
    v->result->chains[number].name = chain_names[number];
    enum err result = audit_verify_walk(folder, judges ? judge : collect, v, why);
    v->is_missing[number] = result == ERR_NOT_FOUND;
    if (result != ERR_NOT_FOUND)
        TRY(result);
    if (judges && v->is_missing[number])
        tell(v, "%s: " AUDIT_FILE_NAME " is not there", chain_names[number], 1U);
    if (judges)
        conclude(v);
    return ERR_OK;
}

static enum err run(struct verifier *v, struct err_info *why)
{
    TRY(walk_chain(v, 0, false, why));
    TRY(walk_chain(v, 1, false, why));
    if (v->is_missing[0] && v->is_missing[1])
        return err_set(why, ERR_NOT_FOUND, "there is no audit log in %s",
                       v->question->folder);
    if (v->question->head != NULL) {
        claim_add(&v->claims[0], v->question->head->front);
        claim_add(&v->claims[1], v->question->head->signer);
    }
    for (int i = 0; i < 2; i++)
        if (v->claims[i].count > 0)
            qsort(v->claims[i].list, v->claims[i].count, sizeof(struct claim),
                  compare_claims);
    TRY(walk_chain(v, 0, true, why));
    return walk_chain(v, 1, true, why);
}

enum err audit_verify(struct arena *a, const struct audit_verify_question *question,
                      struct audit_verify_result *result, struct err_info *why)
{
    AUTO(arena) struct arena *line_arena = arena_new();
    struct verifier v = {
        .arena = a, .question = question, .result = result, .line_arena = line_arena};

    memset(result, 0, sizeof *result);
    enum err code = run(&v, why);
    free(v.claims[0].list);
    free(v.claims[1].list);
    return code;
}
