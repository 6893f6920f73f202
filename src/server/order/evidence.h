/* Evidence: what a validation saw, from every perspective, as one JSON document that is
 * kept with the authorization; of a look at CAA alone, with the order. Its form is
 * docs/evidence.md; a change of what members mean is another version. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/acme/terms.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/json/json_read.h"
#include "server/order/quorum.h"

#define EVIDENCE_VERSION  1
#define EVIDENCE_BASELINE "2.2.6"      /* Baseline Requirements that number the methods */
#define EVIDENCE_MAX      (384 * 1024) /* octets of a document */
#define EVIDENCE_LOCAL    "local"      /* name of this CA's own perspective */

/* One perspective's part. */
struct evidence_voice {
    const char *name;
    const char *region; /* NULL: not said, as of the local one */
    enum quorum_voice voice;
    int64_t begun_ms;    /* since 1970 */
    int64_t ended_ms;    /* 0: it never answered */
    const char *problem; /* problem document (JSON text), NULL if there is none */
    const char *away;    /* why it could not be asked, NULL if it could */
    const char *steps;   /* JSON array; what is none is left out and said to be so */
};

/* One validation, or one look at CAA. */
struct evidence {
    const char *caa_of; /* the name whose CAA was looked at alone; NULL: a validation */
    enum challenge_type method; /* of a look at CAA: by which it was proved, if known */
    enum identifier_type identifier_type; /* of what is proved */
    bool good;
    const struct quorum_rule *rule; /* NULL: there were no other perspectives */
    bool enforced;                  /* the quorum decided */
    enum quorum_outcome outcome;
    const char *problem; /* JSON: what the quorum made of it; NULL: that of a voice */
    bool brief;          /* leave all steps out, and what is long besides */
    const struct evidence_voice *voices; /* the local one first */
    size_t count;
};

/* The number that the Baseline Requirements give a method (3.2.2.4, 3.2.2.5); NULL: they
 * do not know it, as what devices prove. */
const char *evidence_requirement(enum challenge_type method,
                                 enum identifier_type identifier);

/* The document, in the arena; steps that would make it larger than EVIDENCE_MAX are left
 * out, and that is said. */
char *evidence_text(struct arena *a, const struct evidence *e);

/* Read a document, or what was stored before there were any (an array of the local
 * perspective's steps). ERR_MALFORMED. */
MUST_CHECK enum err evidence_read(struct arena *a, const char *text,
                                  const struct json **document, struct err_info *why);

/* Perspectives of a document, in its order; one without a name for an array of steps. */
size_t evidence_count(const struct json *document);
const struct json *evidence_steps(const struct json *document, size_t index);
const char *evidence_name(const struct json *document, size_t index);
