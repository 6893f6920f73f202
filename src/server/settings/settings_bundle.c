/* The certificates behind the settings. Of each file: its name, NUL, its length in
 * decimal, NUL, its content. A NUL stands before the first. */
#include "server/settings/settings_bundle.h"

#include <string.h>

#include "core/attest/attest.h"
#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "server/settings/settings_attest.h"
#include "server/settings/settings_enrollment.h"

#define BUNDLE_MAX (6 * 1024 * 1024) /* octets */

/* ---- reading ---- */

static bool take_field(struct span *rest, struct span *field)
{
    const uint8_t *nul = rest->len > 0 ? memchr(rest->data, 0, rest->len) : NULL;

    if (nul == NULL)
        return false;
    size_t len = (size_t)(nul - rest->data);
    *field = span_slice(*rest, 0, len);
    *rest = span_slice(*rest, len + 1, rest->len);
    return true;
}

static bool find(struct span bundle, const char *name, struct span *content)
{
    struct span file;
    struct span number;
    uint64_t len = 0;

    while (take_field(&bundle, &file) && take_field(&bundle, &number) &&
           text_number(number, bundle.len, &len)) {
        *content = span_slice(bundle, 0, (size_t)len);
        if (span_is(file, name))
            return true;
        bundle = span_slice(bundle, (size_t)len, bundle.len);
    }
    return false;
}

void settings_bundle_split(struct span *text, struct span *bundle)
{
    const uint8_t *nul = text->len > 0 ? memchr(text->data, 0, text->len) : NULL;

    *bundle = span_make(NULL, 0);
    if (nul == NULL)
        return;
    size_t len = (size_t)(nul - text->data);
    *bundle = span_slice(*text, len + 1, text->len);
    *text = span_slice(*text, 0, len);
}

/* Octets that this file may have. */
static size_t largest(const struct settings *settings, const char *name)
{
    return strcmp(name, settings->attest_android_status) == 0 ? SETTINGS_ATTEST_LIST_MAX
                                                              : SETTINGS_BUNDLE_FILE_MAX;
}

bool settings_bundle_find(const struct settings *settings, const char *name,
                          struct span *content)
{
    return find(settings->bundle, name, content);
}

enum err settings_bundle_read(struct arena *a, const struct settings *settings,
                              const char *name, struct span *content,
                              struct err_info *why)
{
    if (find(settings->bundle, name, content))
        return ERR_OK;
    return file_read(a, settings_path(a, settings, name), largest(settings, name),
                     content, why);
}

/* ---- writing ---- */

static enum err put(const char *name, struct span content, struct buf *b,
                    struct err_info *why)
{
    buf_add(b, name, strlen(name) + 1);
    buf_printf(b, "%zu", content.len);
    buf_add_octet(b, 0);
    buf_add_span(b, content);
    if (b->failed)
        return err_set(
            why, ERR_TOO_LARGE,
            "all certificates that the settings name, and what attest.* names, have more "
            "than %d octets",
            BUNDLE_MAX);
    return ERR_OK;
}

static enum err add(struct arena *a, const struct settings *s, const char *name,
                    struct buf *b, struct err_info *why)
{
    struct span content;

    if (name[0] == '\0' || find(buf_span(b), name, &content))
        return ERR_OK;
    TRY(file_read(a, settings_path(a, s, name), largest(s, name), &content, why));
    return put(name, content, b, why);
}

/* Who vouches for endorsement keys, where they are asked for. */
static enum err add_ek_roots(struct arena *a, const struct settings *s, struct buf *b,
                             struct err_info *why)
{
    struct span content;

    for (size_t i = 0; settings_enrollment_is_on(s) && i < s->ek_root_files.count; i++) {
        const char *name = s->ek_root_files.items[i];
        if (find(buf_span(b), name, &content))
            continue;
        TRY(settings_enrollment_read(a, s, name, &content, why));
        TRY(put(name, content, b, why));
    }
    return ERR_OK;
}

static enum err add_issuer(struct arena *a, const struct settings *s,
                           const struct settings_issuer *issuer, struct buf *b,
                           struct err_info *why)
{
    TRY(add(a, s, issuer->certificate, b, why));
    TRY(add(a, s, issuer->root, b, why));
    for (size_t i = 0; i < issuer->alternates.count; i++)
        TRY(add(a, s, issuer->alternates.items[i], b, why));
    return ERR_OK;
}

/* The roots of all formats: a profile may take any of them after a reload. */
static enum err add_attest(struct arena *a, const struct settings *s, struct buf *b,
                           struct err_info *why)
{
    for (int i = 0; i < ATTEST_FORMAT_COUNT; i++) {
        const struct config_list *files = settings_attest_roots(s, i);
        for (size_t j = 0; j < files->count; j++)
            TRY(add(a, s, files->items[j], b, why));
    }
    return add(a, s, s->attest_android_status, b, why);
}

enum err settings_bundle_join(struct arena *a, const struct settings *settings,
                              struct span *text, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(BUNDLE_MAX);
    bool has_second = text->len > 0 && memchr(text->data, 0, text->len) != NULL;
    size_t nuls = has_second ? 1 : 2; /* an empty text of perspectives stands between */

    for (size_t i = 0; i <= settings->issuers.count; i++) {
        const struct settings_issuer issuer = settings_issuer_at(settings, i);
        TRY(add_issuer(a, settings, &issuer, &b, why));
    }
    TRY(add_attest(a, settings, &b, why));
    TRY(add_ek_roots(a, settings, &b, why));
    uint8_t *joined = arena_get(a, text->len + nuls + b.len);
    if (text->len > 0)
        memcpy(joined, text->data, text->len);
    if (b.len > 0)
        memcpy(joined + text->len + nuls, b.data, b.len);
    *text = span_make(joined, text->len + nuls + b.len);
    return ERR_OK;
}

/* ---- comparing ---- */

/* Is the file's content the same by both? */
static bool same_file(const struct settings *one, const struct settings *other,
                      const char *name)
{
    struct span a = {0};
    struct span b = {0};
    bool in_one = name[0] != '\0' && find(one->bundle, name, &a);
    bool in_other = name[0] != '\0' && find(other->bundle, name, &b);

    return in_one == in_other && span_equal(a, b);
}

static bool same_files(const struct settings *one, const struct settings *other,
                       const struct settings_issuer *issuer)
{
    bool same =
        same_file(one, other, issuer->certificate) && same_file(one, other, issuer->root);

    for (size_t i = 0; same && i < issuer->alternates.count; i++)
        same = same_file(one, other, issuer->alternates.items[i]);
    return same;
}

bool settings_bundle_same(const struct settings *one, const struct settings *other)
{
    if (strcmp(one->passphrase_file, other->passphrase_file) != 0 ||
        one->issuers.count != other->issuers.count)
        return false;
    for (size_t i = 0; i <= one->issuers.count; i++) {
        const struct settings_issuer a = settings_issuer_at(one, i);
        const struct settings_issuer b = settings_issuer_at(other, i);
        bool same = strcmp(a.name, b.name) == 0 &&
                    strcmp(a.certificate, b.certificate) == 0 &&
                    strcmp(a.key, b.key) == 0 && strcmp(a.root, b.root) == 0 &&
                    a.alternates.count == b.alternates.count;
        for (size_t j = 0; same && j < a.alternates.count; j++)
            same = strcmp(a.alternates.items[j], b.alternates.items[j]) == 0;
        if (!same || !same_files(one, other, &a))
            return false;
    }
    return true;
}
