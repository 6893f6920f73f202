/* Words, as ngx_conf_read_token takes them. */
#include "client/solve/nginx_config_words.h"

#include <string.h>

#include "client/solve/nginx_config.h"
#include "core/base/buf.h"

#define WORD_MAX 65536 /* octets */

static int peek(const struct nginx_text *t)
{
    return t->at < t->text.len ? t->text.data[t->at] : -1;
}

static bool is_blank(int octet)
{
    return octet == ' ' || octet == '\t' || octet == '\r' || octet == '\n';
}

enum err nginx_words_fail(const struct nginx_text *t, const char *what,
                          struct err_info *why)
{
    size_t line = 1;

    for (size_t i = 0; i < t->at && i < t->text.len; i++)
        line += t->text.data[i] == '\n';
    return err_set(why, ERR_CONFIG, "%s, line %zu: %s", t->path, line, what);
}

static void skip_blanks(struct nginx_text *t)
{
    for (;;) {
        while (is_blank(peek(t)))
            t->at++;
        if (peek(t) != '#')
            return;
        while (peek(t) >= 0 && peek(t) != '\n')
            t->at++;
    }
}

/* A backslash takes the meaning from what follows. */
static void take(struct nginx_text *t, struct buf *b)
{
    if (peek(t) == '\\' && t->at + 1 < t->text.len) {
        t->at++;
        if (strchr("\"'\\ ", peek(t)) == NULL)
            buf_add_octet(b, '\\'); /* for whoever reads the word */
    }
    buf_add_octet(b, (uint8_t)peek(t));
    t->at++;
}

static enum err read_word(struct arena *a, struct nginx_text *t, const char **word,
                          struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(WORD_MAX);
    int quote = peek(t);

    if (quote == '"' || quote == '\'') {
        t->at++;
        while (peek(t) >= 0 && peek(t) != quote)
            take(t, &b);
        if (peek(t) < 0)
            return nginx_words_fail(t, "a quote is not closed", why);
        t->at++;
    } else
        while (peek(t) >= 0 && !is_blank(peek(t)) && peek(t) != ';' &&
               (peek(t) != '{' || (b.len > 0 && b.data[b.len - 1] == '$')))
            take(t, &b);
    if (b.failed || memchr(b.data != NULL ? (char *)b.data : "", 0, b.len) != NULL)
        return nginx_words_fail(t, "a word is too long, or none", why);
    *word = arena_string_of(a, buf_span(&b));
    return ERR_OK;
}

enum err nginx_words_next(struct arena *a, struct nginx_text *t, struct nginx_words *w,
                          struct err_info *why)
{
    size_t room = 8;
    size_t count = 0;
    const char **list = arena_array(a, room, sizeof *list);

    for (;;) {
        skip_blanks(t);
        int octet = peek(t);
        if (octet == ';' || octet == '{' || octet == '}' || octet < 0) {
            bool good = (octet == ';' || octet == '{') == (count > 0);
            if (!good)
                return nginx_words_fail(t, "a directive is broken off", why);
            t->at += octet >= 0;
            *w = (struct nginx_words){list, count,
                                      octet == ';'   ? NGINX_WORDS_SEMICOLON
                                      : octet == '{' ? NGINX_WORDS_BLOCK
                                      : octet == '}' ? NGINX_WORDS_BLOCK_ENDS
                                                     : NGINX_WORDS_FILE_ENDS};
            return ERR_OK;
        }
        if (count == NGINX_CONFIG_WORDS_MAX)
            return nginx_words_fail(t, "a directive has too many words", why);
        if (count == room) {
            const char **more = arena_array(a, 2 * room, sizeof *more);
            memcpy(more, list, room * sizeof *more);
            list = more;
            room *= 2;
        }
        TRY(read_word(a, t, &list[count], why));
        count++;
    }
}

/* Behind what begins here and has no braces that count: a comment, a text. */
static bool skip_lua_text(struct nginx_text *t)
{
    const char *at = (const char *)t->text.data + t->at;
    size_t left = t->text.len - t->at;
    const char *end = NULL;

    if (left >= 2 && strncmp(at, "[[", 2) == 0) {
        end = memmem(at, left, "]]", 2);
        t->at = end == NULL ? t->text.len : t->at + (size_t)(end - at) + 2;
        return true;
    }
    if (left >= 2 && strncmp(at, "--", 2) == 0) {
        end = left >= 4 && strncmp(at, "--[[", 4) == 0 ? memmem(at, left, "]]", 2)
                                                       : memchr(at, '\n', left);
        t->at = end == NULL ? t->text.len : t->at + (size_t)(end - at) + 1;
        return true;
    }
    if (*at != '"' && *at != '\'')
        return false;
    char quote = *at;
    for (t->at++; peek(t) >= 0 && peek(t) != quote; t->at++)
        t->at += peek(t) == '\\';
    t->at++;
    return true;
}

enum err nginx_words_skip_lua(struct nginx_text *t, struct err_info *why)
{
    int open = 1;

    while (t->at < t->text.len) {
        if (skip_lua_text(t))
            continue;
        open += peek(t) == '{' ? 1 : peek(t) == '}' ? -1 : 0;
        t->at++;
        if (open == 0)
            return ERR_OK;
    }
    return nginx_words_fail(t, "a block of Lua does not end", why);
}
