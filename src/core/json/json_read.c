/* JSON read strictly, by jansson behind our bounds where it is not plain (RFC 8259). */
#include "core/json/json_read.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "core/json/json_plain_read.h"
/* jansson's macros of the same names give way to our functions */
#undef json_is_object
#undef json_is_array
#undef json_is_string
#undef json_is_true
#undef json_is_false

/* Objects with at most this many members are compared pair by pair, larger ones are
 * sorted. */
#define FEW_MEMBERS 12

static pthread_once_t memory_once = PTHREAD_ONCE_INIT;
static _Thread_local struct arena *reads_into;

/* Here jansson only allocates while it reads, and what it makes then lives in the arena:
 * a document is many small pieces, and a thread other than the one that read it ends it.
 * The process may have other users of jansson, such as the module of a token: theirs is
 * kept, as nobody knows later whose it was. */
static void *take_room(size_t size)
{
    return reads_into != NULL ? arena_room(reads_into, size > 0 ? size : 1)
                              : memory_get(size);
}

static void leave_room(void *room)
{
    (void)room;
}

static void set_memory(void)
{
    json_set_alloc_funcs(take_room, leave_room);
}

static const json_t *to_jansson(const struct json *value)
{
    return (const json_t *)value;
}

/* Some functions of jansson only read but are declared without const. */
static json_t *to_jansson_mutable(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

static const struct json *from_jansson(const json_t *value)
{
    return (const struct json *)value;
}

/* Nesting is measured before jansson sees the text: it is recursive, and its own limit is
 * 2048 levels. Quotes and backslashes are ASCII, so UTF-8 needs no care here. */
static bool too_deep(struct span text)
{
    unsigned int depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_READ_MAX_DEPTH)
                return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

static int fold(char c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : (unsigned char)c;
}

static int compare_folded(const char *a, const char *b)
{
    while (*a != '\0' && fold(*a) == fold(*b)) {
        a++;
        b++;
    }
    return fold(*a) - fold(*b);
}

static int compare_names(const void *a, const void *b)
{
    return compare_folded(*(const char *const *)a, *(const char *const *)b);
}

/* A name that another member has too, but for the case of letters; NULL if there is none.
 */
static const char *twice_named(struct arena *a, const json_t *object)
{
    json_t *o = to_jansson_mutable(object);
    size_t count = json_object_size(object);
    if (count < 2)
        return NULL;
    const char **names = arena_array(a, count, sizeof *names);
    size_t n = 0;

    for (void *i = json_object_iter(o); i != NULL && n < count;
         i = json_object_iter_next(o, i))
        names[n++] = json_object_iter_key(i);
    if (n <= FEW_MEMBERS) {
        for (size_t i = 0; i < n; i++)
            for (size_t j = i + 1; j < n; j++)
                if (compare_folded(names[i], names[j]) == 0)
                    return names[j];
        return NULL;
    }
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n; i++)
        if (compare_folded(names[i - 1], names[i]) == 0)
            return names[i];
    return NULL;
}

/* Look through all objects; the depth was bounded by JSON_READ_MAX_DEPTH. */
static const char *find_twice_named(struct arena *a, const json_t *value)
{
    const char *name = NULL;

    if (json_is_array(from_jansson(value))) {
        for (size_t i = 0; i < json_array_size(value) && name == NULL; i++)
            name = find_twice_named(a, json_array_get(value, i));
    } else if (json_is_object(from_jansson(value))) {
        json_t *o = to_jansson_mutable(value);
        name = twice_named(a, value);
        for (void *i = json_object_iter(o); i != NULL && name == NULL;
             i = json_object_iter_next(o, i))
            name = find_twice_named(a, json_object_iter_value(i));
    }
    return name;
}

/* What comes to nothing is given back at once. */
static enum err load(struct arena *a, struct span text, json_t **root,
                     struct err_info *why)
{
    const struct arena_mark before = arena_mark(a);
    json_error_t error;

    *root = json_plain_read(text);
    if (*root != NULL)
        return ERR_OK;
    arena_go_back(a, &before);
    if (too_deep(text))
        return err_set(why, ERR_MALFORMED,
                       "the JSON text is nested deeper than %d levels",
                       JSON_READ_MAX_DEPTH);
    *root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (*root != NULL)
        return ERR_OK;
    arena_go_back(a, &before);
    return err_set(why, ERR_MALFORMED, "not valid JSON: line %d: %s", error.line,
                   error.text);
}

enum err json_read(struct arena *a, struct span text, const struct json **value,
                   struct err_info *why)
{
    return json_read_up_to(a, text, JSON_READ_MAX_SIZE, value, why);
}

enum err json_read_up_to(struct arena *a, struct span text, size_t most,
                         const struct json **value, struct err_info *why)
{
    json_t *root = NULL;

    (void)pthread_once(&memory_once, set_memory);
    if (text.len == 0)
        return err_set(why, ERR_MALFORMED, "the JSON text is empty");
    if (text.len > most)
        return err_set(why, ERR_MALFORMED, "the JSON text is larger than %zu octets",
                       most);
    reads_into = a;
    enum err result = load(a, text, &root, why);
    reads_into = NULL;
    TRY(result);
    const char *name = find_twice_named(a, root);
    if (name != NULL)
        return err_set(
            why, ERR_MALFORMED,
            "the JSON text has the member \"%s\" twice, but for upper and lower case",
            name);
    *value = from_jansson(root);
    return ERR_OK;
}

static bool is_a(const struct json *value, json_type type)
{
    return value != NULL && json_typeof(to_jansson(value)) == type;
}

bool json_is_object(const struct json *value)
{
    return is_a(value, JSON_OBJECT);
}

bool json_is_array(const struct json *value)
{
    return is_a(value, JSON_ARRAY);
}

bool json_is_string(const struct json *value)
{
    return is_a(value, JSON_STRING);
}

bool json_is_whole(const struct json *value)
{
    return is_a(value, JSON_INTEGER);
}

bool json_is_true(const struct json *value)
{
    return is_a(value, JSON_TRUE);
}

bool json_is_false(const struct json *value)
{
    return is_a(value, JSON_FALSE);
}

int64_t json_whole(const struct json *value)
{
    return json_integer_value(to_jansson(value));
}

size_t json_count(const struct json *value)
{
    /* each of the two is 0 for what it does not fit */
    return json_object_size(to_jansson(value)) + json_array_size(to_jansson(value));
}

const struct json *json_element(const struct json *array, size_t index)
{
    return from_jansson(json_array_get(to_jansson(array), index));
}

const struct json *json_member(const struct json *object, const char *name)
{
    const json_t *exact = json_object_get(to_jansson(object), name);

    if (exact != NULL || !json_is_object(object))
        return from_jansson(exact);
    json_t *o = to_jansson_mutable(to_jansson(object));
    for (void *i = json_object_iter(o); i != NULL; i = json_object_iter_next(o, i))
        if (compare_folded(json_object_iter_key(i), name) == 0)
            return from_jansson(json_object_iter_value(i));
    return NULL;
}

const struct json *json_member_at(const struct json *object, size_t index,
                                  const char **name)
{
    if (!json_is_object(object))
        return NULL;
    json_t *o = to_jansson_mutable(to_jansson(object));
    void *at = json_object_iter(o);
    for (size_t i = 0; at != NULL && i < index; i++)
        at = json_object_iter_next(o, at);
    if (at == NULL)
        return NULL;
    *name = json_object_iter_key(at);
    return from_jansson(json_object_iter_value(at));
}

const char *json_text(const struct json *value)
{
    return json_string_value(to_jansson(value));
}

struct span json_span(const struct json *value)
{
    return span_make(json_string_value(to_jansson(value)),
                     json_string_length(to_jansson(value)));
}

static enum err wrong_type(struct err_info *why, const char *name, const char *right)
{
    return err_set(why, ERR_MALFORMED, "%s must be %s", name, right);
}

static enum err missing_member(struct err_info *why, const char *name)
{
    return err_set(why, ERR_MALFORMED, "%s is missing", name);
}

enum err json_need_text(const struct json *object, const char *name, const char **text,
                        struct err_info *why)
{
    const char *found = NULL;

    TRY(json_take_text(object, name, &found, why));
    if (found == NULL)
        return missing_member(why, name);
    *text = found;
    return ERR_OK;
}

enum err json_take_text(const struct json *object, const char *name, const char **text,
                        struct err_info *why)
{
    const struct json *value = json_member(object, name);

    if (value != NULL && !json_is_string(value))
        return wrong_type(why, name, "a string");
    *text = json_text(value);
    return ERR_OK;
}

enum err json_take_bool(const struct json *object, const char *name, bool missing,
                        bool *value, struct err_info *why)
{
    const struct json *found = json_member(object, name);

    if (found != NULL && !is_a(found, JSON_TRUE) && !is_a(found, JSON_FALSE))
        return wrong_type(why, name, "true or false");
    *value = found == NULL ? missing : is_a(found, JSON_TRUE);
    return ERR_OK;
}

enum err json_take_number(const struct json *object, const char *name, int64_t missing,
                          int64_t *value, struct err_info *why)
{
    const struct json *found = json_member(object, name);

    if (found != NULL && !is_a(found, JSON_INTEGER))
        return wrong_type(why, name, "a whole number");
    *value = found == NULL ? missing : json_integer_value(to_jansson(found));
    return ERR_OK;
}

enum err json_need_array(const struct json *object, const char *name,
                         const struct json **array, struct err_info *why)
{
    const struct json *found = json_member(object, name);

    if (found == NULL)
        return missing_member(why, name);
    if (!json_is_array(found))
        return wrong_type(why, name, "an array");
    *array = found;
    return ERR_OK;
}
