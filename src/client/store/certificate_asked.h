/* What was asked for when a version was got, beside its names and keys: kept with it, so
 * that a change of the settings is seen. */
#pragma once

#include "client/settings/settings.h"
#include "core/base/arena.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

struct certificate_asked {
    bool known;          /* false: an earlier cairn got it, or another client */
    const char *profile; /* "": none */
    int64_t lifetime_s;  /* 0: as the CA does */
    bool must_staple;
    const char *csr; /* SHA-256 of the request (DER), hexadecimal; "": made by us, NULL:
                        it could not be read */
};

/* What the settings ask for. `csr` is as above. */
struct certificate_asked certificate_asked_make(const struct settings_certificate *c,
                                                const char *csr);

/* The SHA-256 of a request, hexadecimal, in the arena. */
const char *certificate_asked_digest(struct arena *a, struct span der);

/* In words, what is another: a phrase about the one that is there; NULL: nothing, as far
 * as is known. */
const char *certificate_asked_difference(const struct certificate_asked *wanted,
                                         const struct certificate_asked *there);

/* The member "asked" of an object; nothing if it is not known. */
void certificate_asked_write(struct json_writer *w,
                             const struct certificate_asked *asked);
MUST_CHECK enum err certificate_asked_read(const struct json *object,
                                           struct certificate_asked *asked,
                                           struct err_info *why);
