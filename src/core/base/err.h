/* Typed errors: one code per row of errors.def, and one sentence for the reader.
 *
 * Every fallible function returns `enum err` (ERR_OK is 0) and takes `struct err_info
 * *why` last. It fails with `return err_set(why, ERR_X, "what is wrong, and what to
 * do")`. Out-parameters are assigned only on success.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* May the one who asked try the same again? */
enum err_retry {
    ERR_RETRY_NEVER, /* the request is wrong */
    ERR_RETRY_FRESH, /* at once, with something renewed (a nonce) */
    ERR_RETRY_LATER, /* the same, after a wait */
};

enum err {
    ERR_OK = 0,
#define ERROR(name, status, acme_type, retry, sentence) ERR_##name,
#include "core/base/errors.def"
#undef ERROR
    ERR_COUNT
};

/* Longest sentence kept with an error, in octets, the final NUL included. */
#define ERR_DETAIL_MAX 768

/* What went wrong, for the log and for the one who asked. Make one with `struct err_info
 * why = {0}`; it owns nothing. */
struct err_info {
    enum err code;
    int os_error;    /* errno behind it, or 0 */
    int http_status; /* where a request asks for another than the code has, or 0 */
    int retry_after_seconds; /* 0: nothing to say */
    const char *instance;    /* URL where a person finds more (RFC 9457 3.1.5), or NULL;
                                lives as long as the settings */
    const char *subproblems; /* JSON array text of RFC 8555 6.7.1, or NULL; lives as
                                long as the arena of the one who failed */
    char detail[ERR_DETAIL_MAX]; /* a sentence, valid UTF-8, safe to print, NUL-terminated
                                  */
};

/* Record a failure and return its code. `format` makes the sentence; control characters
 * and invalid UTF-8 in the result are replaced by '?'. `why` may be NULL; its earlier
 * sentence may be among the values. */
enum err err_set(struct err_info *why, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set, and adds ": " and the text of the errno value `os_error`. */
enum err err_set_os(struct err_info *why, enum err code, int os_error, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

/* Put "text: " before the sentence already recorded; returns the recorded code. */
enum err err_prefix(struct err_info *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* HTTP status that belongs to a code (RFC 8555 6.7 and conformance choices); 500 if none.
 */
int err_http_status(enum err code);

/* The ACME problem type without its URN prefix ("badNonce"); NULL when the code is
 * internal and must be shown as serverInternal. */
const char *err_acme_type(enum err code);

/* May the same be tried again? */
enum err_retry err_retry(enum err code);

/* Default sentence of a code, and its name as written in errors.def ("BAD_NONCE"). */
const char *err_sentence(enum err code);
const char *err_name(enum err code);

/* The code for an ACME problem type without its URN prefix; ERR_REFUSED if it is unknown.
 */
enum err err_from_acme_type(const char *type, size_t length);

/* Pass a failure on to the caller. The only macro that returns. */
#define TRY(call)                                                                        \
    do {                                                                                 \
        enum err try_result_ = (call);                                                   \
        if (try_result_ != ERR_OK)                                                       \
            return try_result_;                                                          \
    } while (0)

/* A local with a destructor: `AUTO(buf) struct buf b = ...` calls buf_auto(&b) at the end
 * of the scope. A type that wants it defines `static inline void NAME_auto(struct NAME
 * *)` or, for pointers, `NAME_auto(struct NAME **)`. */
#define AUTO(name) __attribute__((cleanup(name##_auto)))

#define MUST_CHECK __attribute__((warn_unused_result))
