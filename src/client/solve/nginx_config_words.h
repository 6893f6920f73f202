/* The words of nginx's configuration files. */
#pragma once

#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

/* A file that is read from its beginning to its end. */
struct nginx_text {
    const char *path;
    struct span text;
    size_t at; /* octets read so far */
};

enum nginx_words_end {
    NGINX_WORDS_SEMICOLON,
    NGINX_WORDS_BLOCK,      /* { */
    NGINX_WORDS_BLOCK_ENDS, /* }, without words before it */
    NGINX_WORDS_FILE_ENDS,  /* likewise */
};

/* One directive: at least one word if it ends with ; or {. */
struct nginx_words {
    const char *const *list;
    size_t count;
    enum nginx_words_end end;
};

/* The next one. ERR_CONFIG with file and line. */
MUST_CHECK enum err nginx_words_next(struct arena *a, struct nginx_text *t,
                                     struct nginx_words *w, struct err_info *why);

/* Behind the { of a block of Lua: go behind its }. ERR_CONFIG. */
MUST_CHECK enum err nginx_words_skip_lua(struct nginx_text *t, struct err_info *why);

/* ERR_CONFIG: that is wrong where the text is read. */
MUST_CHECK enum err nginx_words_fail(const struct nginx_text *t, const char *what,
                                     struct err_info *why);
