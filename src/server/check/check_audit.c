/* Certificates and the signer's part of the audit log. The log may be younger than the
 * CA, and what is signed just now may not be in what was read of it. */
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/json/json_read.h"
#include "core/x509/certificate.h"
#include "server/audit/audit.h"
#include "server/audit/audit_verify.h"
#include "server/check/check_private.h"

#define DIGEST_KEPT 16 /* octets: no two are the same by chance */
#define UNDER_WAY_S                                                                      \
    60 /* seconds: of a CA that runs, what is younger is not looked for                  \
        */

struct digest {
    uint8_t octets[DIGEST_KEPT];
};

struct check_audit {
    struct arena *line;
    int64_t begun; /* seconds: its first line; 0: it has none */
    struct digest *digests;
    size_t count;
    size_t room;
};

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

static void add(struct check_audit *audit, const struct json *object)
{
    const char *hex = json_text(json_member(object, "tbs_sha256"));
    uint8_t octets[HASH_SHA256_SIZE];
    size_t len = 0;

    if (hex == NULL || !text_unhex(span_of(hex), octets, sizeof octets, &len) ||
        len != sizeof octets)
        return;
    if (audit->count == audit->room) {
        audit->room = audit->room > 0 ? 2 * audit->room : 1024;
        audit->digests =
            memory_resize(audit->digests, audit->room * sizeof audit->digests[0]);
    }
    memcpy(audit->digests[audit->count++].octets, octets, DIGEST_KEPT);
}

static bool each(void *context, const char *segment, size_t number, struct span line,
                 bool last)
{
    struct check_audit *audit = context;
    const struct json *object = NULL;

    (void)segment;
    (void)number;
    if (last)
        return true;
    arena_reset(audit->line);
    if (json_read(audit->line, line, &object, NULL) != ERR_OK)
        return true; /* audit verify says so */
    const char *event = json_text(json_member(object, "event"));
    const char *time = json_text(json_member(object, "time"));
    if (audit->begun == 0 && time != NULL)
        (void)clock_read(span_of(time), &audit->begun);
    if (event != NULL && strcmp(event, "sign") == 0)
        add(audit, object);
    return true;
}

enum err check_audit_read(struct check_run *run, struct err_info *why)
{
    const char *folder =
        settings_path(run->arena, run->check->settings, AUDIT_FOLDER_SIGNER);
    struct check_audit *audit = memory_get_zeroed(1, sizeof *audit);

    run->audit = audit;
    audit->line = arena_new();
    enum err result = audit_verify_walk(folder, each, audit, why);
    if (result == ERR_NOT_FOUND)
        return ERR_OK; /* older than the log */
    if (audit->count > 0)
        qsort(audit->digests, audit->count, sizeof audit->digests[0], compare);
    return result;
}

void check_audit_free(struct check_audit *audit)
{
    if (audit == NULL)
        return;
    arena_free(audit->line);
    free(audit->digests);
    free(audit);
}

void check_audit(struct check_run *run, const struct store_review *row)
{
    const struct check_audit *audit = run->audit;
    const struct store_issuance *i = &row->issuance;
    struct certificate *c = NULL;
    uint8_t hash[HASH_SHA256_SIZE];
    struct digest wanted;

    if (audit->begun == 0 || i->begun <= audit->begun || !row->has_certificate ||
        (run->check->served && i->begun > run->check->now - UNDER_WAY_S) ||
        certificate_read(run->step, i->certificate, &c, NULL) != ERR_OK)
        return;
    hash_sha256(c->tbs, hash);
    memcpy(wanted.octets, hash, sizeof wanted.octets);
    if (audit->count == 0 ||
        bsearch(&wanted, audit->digests, audit->count, sizeof wanted, compare) == NULL)
        check_report(run, CHECK_FOUND_NOT_AUDITED, span_make(i->serial, i->serial_len),
                     NULL, NULL,
                     "the signer's audit log does not say that it was signed");
}
