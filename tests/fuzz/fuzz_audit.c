/* An audit log that somebody may have changed: the front's chain, an octet 0, the
 * signer's; and a head, which has one spelling. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/err.h"
#include "server/audit/audit_verify.h"

#define PATH 128

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[PATH];

static const char *segment(char *path, const char *chain)
{
    (void)snprintf(path, PATH, "%.90s/%s/000001.jsonl", folder, chain);
    return path;
}

static void remove_folder(void)
{
    static const char *const chains[] = {"front", "signer"};
    char path[PATH];

    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        (void)unlink(segment(path, chains[i]));
        *strrchr(path, '/') = '\0';
        (void)rmdir(path);
    }
    (void)rmdir(folder);
}

static void make_folder(void)
{
    const char *parent = getenv("TMPDIR");
    char path[PATH];

    (void)snprintf(folder, sizeof folder, "%.60s/fuzz-audit-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    if (mkdtemp(folder) == NULL)
        abort();
    (void)snprintf(path, sizeof path, "%.90s/front", folder);
    if (mkdir(path, 0700) != 0)
        abort();
    (void)snprintf(path, sizeof path, "%.90s/signer", folder);
    if (mkdir(path, 0700) != 0)
        abort();
    (void)atexit(remove_folder);
}

static void put(const char *chain, struct span content)
{
    char path[PATH];
    int fd = open(segment(path, chain), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, content.data, content.len) != (ssize_t)content.len)
        abort();
    (void)close(fd);
}

static void head(struct span text)
{
    char again[AUDIT_HEAD_TEXT_MAX];
    struct audit_head read = {0};

    if (!audit_head_read(text, &read))
        return;
    audit_head_text(again, &read);
    if (!span_equal(span_of(again), text))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
    const size_t first = end != NULL ? (size_t)(end - data) : size;
    const struct span all = span_make(data, size);
    const struct audit_verify_question question = {.folder = folder};
    struct audit_verify_result result = {0};
    struct err_info why = {0};

    head(all);
    if (folder[0] == '\0')
        make_folder();
    put("front", span_slice(all, 0, first));
    put("signer", span_slice(all, first + (end != NULL), size));
    if (audit_verify(a, &question, &result, &why) != ERR_OK)
        return 0;
    for (size_t i = 0; i < result.finding_count && i < AUDIT_VERIFY_FINDINGS_MAX; i++)
        if (result.findings[i] == NULL || result.findings[i][0] == '\0')
            abort();
    return 0;
}
