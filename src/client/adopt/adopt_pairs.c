/* INI files and assignments. */
#include "client/adopt/adopt_pairs.h"

#include <ctype.h>
#include <string.h>

#include "core/base/base64url.h"
#include "core/base/file.h"
#include "core/base/text.h"

#define BASE64_BEGIN "__ACME_BASE64__START_"
#define BASE64_END   "__ACME_BASE64__END_"

#define KEY_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

const char *adopt_pairs_get(const struct adopt_pairs *pairs, const char *section,
                            const char *key)
{
    for (size_t i = pairs->count; i > 0; i--)
        if (strcmp(pairs->items[i - 1].key, key) == 0 &&
            strcmp(pairs->items[i - 1].section, section) == 0)
            return pairs->items[i - 1].value;
    return NULL;
}

const char *adopt_pairs_text(const struct adopt_pairs *pairs, const char *section,
                             const char *key)
{
    const char *value = adopt_pairs_get(pairs, section, key);

    return value != NULL ? value : "";
}

static enum err add(struct arena *a, struct adopt_pairs *pairs, struct adopt_pair pair,
                    const char *path, struct err_info *why)
{
    if (pairs->count == ADOPT_PAIRS_MAX)
        return err_set(why, ERR_CONFIG, "%s: more than %d settings", path,
                       ADOPT_PAIRS_MAX);
    if (pairs->count == pairs->room) {
        size_t room = pairs->room > 0 ? 2 * pairs->room : 32;
        struct adopt_pair *more = arena_array(a, room, sizeof *more);
        if (pairs->count > 0)
            memcpy(more, pairs->items, pairs->count * sizeof *more);
        pairs->items = more;
        pairs->room = room;
    }
    pairs->items[pairs->count++] = pair;
    return ERR_OK;
}

/* The next line, without its end; `*rest` moves behind it. False at the end. */
static bool next_line(struct span *rest, struct span *line)
{
    if (rest->len == 0)
        return false;
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->data) : rest->len;

    *line = span_slice(*rest, 0, len);
    *rest = span_slice(*rest, end != NULL ? len + 1 : len,
                       rest->len - (end != NULL ? len + 1 : len));
    return true;
}

/* ---- INI ---- */

static const char *unquote(struct arena *a, struct span value)
{
    if (value.len >= 2 && (value.data[0] == '"' || value.data[0] == '\'') &&
        value.data[value.len - 1] == value.data[0])
        value = span_slice(value, 1, value.len - 2);
    return arena_string_of(a, value);
}

/* "[name]", "[[name]]" ... */
static const char *read_section(struct arena *a, struct span line)
{
    while (line.len >= 2 && line.data[0] == '[' && line.data[line.len - 1] == ']')
        line = span_slice(line, 1, line.len - 2);
    return unquote(a, text_trim(line));
}

enum err adopt_pairs_parse_ini(struct arena *a, const char *file, struct span text,
                               struct adopt_pairs *pairs, struct err_info *why)
{
    struct adopt_pairs read = {0};
    const char *section = "";
    struct span rest = text;
    struct span line;
    size_t number = 0;

    while (next_line(&rest, &line)) {
        number++;
        line = text_trim(line);
        if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';')
            continue;
        if (line.data[0] == '[') {
            section = read_section(a, line);
            continue;
        }
        const uint8_t *equals = memchr(line.data, '=', line.len);
        if (equals == NULL)
            return err_set(why, ERR_CONFIG, "%s:%zu: neither a section nor NAME = VALUE",
                           file, number);
        size_t at = (size_t)(equals - line.data);
        struct adopt_pair pair = {
            .section = section,
            .key = unquote(a, text_trim(span_slice(line, 0, at))),
            .value = unquote(a, text_trim(span_slice(line, at + 1, line.len - at - 1))),
        };
        TRY(add(a, &read, pair, file, why));
    }
    *pairs = read;
    return ERR_OK;
}

/* ---- shell ---- */

const char *adopt_pairs_quote(struct arena *a, const char *text)
{
    AUTO(buf) struct buf b = buf_make(8 * strlen(text) + 3);

    buf_add_octet(&b, '\'');
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\'')
            buf_add_text(&b, "'\\''");
        else
            buf_add_octet(&b, (uint8_t)*p);
    }
    buf_add_octet(&b, '\'');
    return arena_string_of(a, buf_span(&b));
}

struct reader {
    struct arena *arena;
    const struct adopt_pairs *known;
    const struct adopt_pairs *read;
    struct span rest; /* what is still to be read of the whole file */
    struct buf value;
    bool unclear; /* it would take a shell */
};

static int peek(const struct reader *r)
{
    return r->rest.len > 0 ? r->rest.data[0] : -1;
}

static int take(struct reader *r)
{
    int c = peek(r);

    if (c >= 0)
        r->rest = span_slice(r->rest, 1, r->rest.len - 1);
    return c;
}

/* Behind a dollar sign: $NAME or ${NAME}; all else is unclear. */
static void read_variable(struct reader *r)
{
    bool braces = peek(r) == '{';

    if (braces)
        (void)take(r);
    size_t len = 0;
    while (len < r->rest.len && r->rest.data[len] != '\0' &&
           strchr(KEY_LETTERS, r->rest.data[len]) != NULL)
        len++;
    const char *name = arena_string_of(r->arena, span_slice(r->rest, 0, len));
    r->rest = span_slice(r->rest, len, r->rest.len - len);
    if (len == 0 || (braces && take(r) != '}')) {
        r->unclear = true;
        return;
    }
    const char *value = adopt_pairs_get(r->read, "", name);
    if (value == NULL && r->known != NULL)
        value = adopt_pairs_get(r->known, "", name);
    if (value == NULL)
        r->unclear = true;
    else
        buf_add_text(&r->value, value);
}

static void read_double(struct reader *r)
{
    int c = 0;

    while ((c = take(r)) >= 0 && c != '"') {
        if (c == '\\' && peek(r) >= 0 && strchr("$`\"\\", peek(r)) != NULL)
            buf_add_octet(&r->value, (uint8_t)take(r));
        else if (c == '$')
            read_variable(r);
        else if (c == '`')
            r->unclear = true;
        else
            buf_add_octet(&r->value, (uint8_t)c);
    }
    r->unclear = r->unclear || c < 0;
}

static void read_single(struct reader *r)
{
    int c = 0;

    while ((c = take(r)) >= 0 && c != '\'')
        buf_add_octet(&r->value, (uint8_t)c);
    r->unclear = r->unclear || c < 0;
}

/* One word behind the equals sign. Afterwards the rest of the line is passed over. */
static void read_word(struct reader *r)
{
    int c = 0;

    while ((c = peek(r)) >= 0 && strchr(" \t\r\n;#&|<>", c) == NULL) {
        (void)take(r);
        if (c == '\'')
            read_single(r);
        else if (c == '"')
            read_double(r);
        else if (c == '\\' && peek(r) >= 0)
            buf_add_octet(&r->value, (uint8_t)take(r));
        else if (c == '$')
            read_variable(r);
        else if (c == '`' || c == '(')
            r->unclear = true;
        else
            buf_add_octet(&r->value, (uint8_t)c);
    }
    while ((c = peek(r)) >= 0 && c != '\n') {
        r->unclear = r->unclear || strchr("&|<>", c) != NULL;
        if (c == '#')
            break;
        (void)take(r);
    }
}

/* acme.sh: base64 between two words, for values with quotes or line ends in them. */
static const char *decode(struct arena *a, const char *value)
{
    size_t begin = strlen(BASE64_BEGIN);
    size_t end = strlen(BASE64_END);
    size_t len = strlen(value);
    struct span octets;

    if (len < begin + end || strncmp(value, BASE64_BEGIN, begin) != 0 ||
        strcmp(value + len - end, BASE64_END) != 0)
        return value;
    char *text = arena_string_of(a, span_make(value + begin, len - begin - end));
    size_t kept = 0;
    for (const char *p = text; *p != '\0'; p++)
        if (!isspace((unsigned char)*p))
            text[kept++] = (char)(*p == '+' ? '-' : *p == '/' ? '_' : *p);
    text[kept] = '\0';
    return base64url_decode_padded(a, span_of(text), &octets) ? arena_string_of(a, octets)
                                                              : NULL;
}

/* "NAME=" at the beginning of the line: its length, 0 if there is none. */
static size_t name_length(struct span line)
{
    size_t len = 0;

    while (len < line.len && line.data[len] != '\0' &&
           strchr(KEY_LETTERS, line.data[len]) != NULL)
        len++;
    return len > 0 && len < line.len && line.data[len] == '=' && !isdigit(line.data[0])
               ? len
               : 0;
}

static void skip(struct reader *r, const char *letters)
{
    while (peek(r) > 0 && strchr(letters, peek(r)) != NULL)
        (void)take(r);
}

static void skip_word(struct reader *r, const char *word)
{
    size_t len = strlen(word);

    if (r->rest.len > len && memcmp(r->rest.data, word, len) == 0 &&
        isblank(r->rest.data[len])) {
        r->rest = span_slice(r->rest, len, r->rest.len - len);
        skip(r, " \t");
    }
}

enum err adopt_pairs_parse_shell(struct arena *a, const char *file, struct span text,
                                 const struct adopt_pairs *known,
                                 struct adopt_pairs *pairs, struct err_info *why)
{
    struct adopt_pairs read = {0};
    struct reader r = {.arena = a, .known = known, .read = &read, .rest = text};
    struct span line;

    while (r.rest.len > 0) {
        skip(&r, " \t\r\n");
        skip_word(&r, "export");
        size_t len = name_length(r.rest);
        if (len == 0) {
            (void)next_line(&r.rest, &line);
            continue;
        }
        struct adopt_pair pair = {.section = "",
                                  .key = arena_string_of(a, span_slice(r.rest, 0, len))};
        r.rest = span_slice(r.rest, len + 1, r.rest.len - len - 1);
        r.value = buf_make(ADOPT_PAIRS_FILE_MAX);
        r.unclear = false;
        read_word(&r);
        if (!r.unclear && !r.value.failed)
            pair.value = decode(a, arena_string_of(a, buf_span(&r.value)));
        buf_free(&r.value);
        TRY(add(a, &read, pair, file, why));
    }
    *pairs = read;
    return ERR_OK;
}

/* ---- files ---- */

enum err adopt_pairs_read_ini(struct arena *a, const char *path,
                              struct adopt_pairs *pairs, struct err_info *why)
{
    struct span text;

    TRY(file_read(a, path, ADOPT_PAIRS_FILE_MAX, &text, why));
    return adopt_pairs_parse_ini(a, path, text, pairs, why);
}

enum err adopt_pairs_read_shell(struct arena *a, const char *path,
                                const struct adopt_pairs *known,
                                struct adopt_pairs *pairs, struct err_info *why)
{
    struct span text;

    TRY(file_read(a, path, ADOPT_PAIRS_FILE_MAX, &text, why));
    return adopt_pairs_parse_shell(a, path, text, known, pairs, why);
}
