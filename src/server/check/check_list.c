/* Revocation lists as they are published: each that must be there is there, can be used,
 * and is the one that was made last. The CA may be making one just now, so what does not
 * fit is looked at again for some seconds. */
#include "server/check/check_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/crypto/der_read.h"
#include "core/crypto/hash.h"
#include "core/x509/certificate.h"
#include "server/issue/crl_build.h"
#include "server/issue/publication.h"
#include "server/lint/lint_crl.h"

#define TRIES    240 /* looks at lists that do not fit yet, all together */
#define PAUSE_MS 250 /* between two of them */
#define ROWS_MAX 1100

static const struct span none;

static struct span key_of(const struct check_issuer *issuer)
{
    return span_make(issuer->key_id, issuer->key_id_len);
}

static void report(const struct check_list *list, enum check_kind kind, const char *rule,
                   const char *detail)
{
    check_report(list->run, kind, none, list->path, rule, detail);
}

/* ---- one list ---- */

static void close_file(struct check_list *list)
{
    if (list->map != NULL)
        (void)munmap(list->map, list->der.len);
    list->map = NULL;
    list->der = none;
}

/* Map the published file; false: there is none that can be read. */
static bool open_file(struct check_list *list)
{
    struct stat about;
    int fd = open(list->path, O_RDONLY | O_CLOEXEC);

    close_file(list);
    if (fd < 0)
        return false;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0 &&
        (uint64_t)about.st_size <= CRL_BUILD_MAX) {
        void *map = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map != MAP_FAILED) {
            list->map = map;
            list->der = span_make(map, (size_t)about.st_size);
        }
    }
    (void)close(fd);
    return list->map != NULL;
}

/* What the store says of it now; number 0 if it says nothing. */
static enum err read_row(struct check_list *list, struct err_info *why)
{
    struct store_crl *rows = NULL;
    AUTO(arena) struct arena *a = arena_new();
    size_t count = 0;

    list->row = (struct store_crl){.shard = list->shard};
    TRY(store_crl_list(list->run->check->session, a, key_of(list->issuer), ROWS_MAX,
                       &rows, &count, why));
    for (size_t i = 0; i < count; i++)
        if (rows[i].shard == list->shard)
            list->row = rows[i];
    return ERR_OK;
}

static bool is_current(const struct check_list *list)
{
    uint8_t hash[HASH_SHA256_SIZE];

    if (list->row.number == 0 || list->row.changed != list->row.covers ||
        list->map == NULL)
        return false;
    hash_sha256(list->der, hash);
    return memcmp(hash, list->row.hash, sizeof hash) == 0;
}

/* Read row and file until they fit, or patience is over. One after the other may be made
 * meanwhile, each behind when it is published: that is as it should be, too. */
static enum err settle(struct check_list *list, int *tries, struct err_info *why)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

    int64_t first = -1;

    for (;;) {
        TRY(read_row(list, why));
        (void)open_file(list);
        first = first < 0 ? list->row.number : first;
        list->is_made = first > 0 && list->row.number > first && list->map != NULL;
        if (is_current(list) || list->is_made || *tries >= TRIES ||
            !list->run->check->served)
            return ERR_OK;
        (*tries)++;
        (void)nanosleep(&pause, NULL);
    }
}

static int compare(const void *a, const void *b)
{
    const struct check_entry *x = a;
    const struct check_entry *y = b;

    if (x->serial_len != y->serial_len)
        return x->serial_len < y->serial_len ? -1 : 1;
    return memcmp(x->serial, y->serial, x->serial_len);
}

struct check_entry *check_list_find(const struct check_list *list, struct span serial)
{
    const struct check_entry wanted = {.serial = serial.data,
                                       .serial_len = (uint8_t)serial.len};

    if (list->count == 0 || serial.len > STORE_SERIAL_MAX)
        return NULL;
    return bsearch(&wanted, list->entries, list->count, sizeof wanted, compare);
}

static void read_entries(struct check_list *list)
{
    struct der_reader r = crl_entries(&list->crl);
    struct crl_entry entry;
    size_t room = 0;

    list->count = 0;
    while (crl_entry_next(&r, &entry)) {
        if (list->count == room) {
            room = room > 0 ? 2 * room : 256;
            list->entries = memory_resize(list->entries, room * sizeof list->entries[0]);
        }
        list->entries[list->count++] = (struct check_entry){
            .serial = entry.serial.data,
            .serial_len =
                (uint8_t)(entry.serial.len <= STORE_SERIAL_MAX ? entry.serial.len
                                                               : STORE_SERIAL_MAX),
            .reason = (int8_t)entry.reason,
            .at = entry.revoked_at};
    }
    if (list->count > 0)
        qsort(list->entries, list->count, sizeof list->entries[0], compare);
    list->run->sums->entries += (int64_t)list->count;
}

static uint64_t number_of(const struct crl *crl)
{
    uint64_t number = 0;

    for (size_t i = 0; i < crl->number.len; i++)
        number = number << 8 | crl->number.data[i];
    return number;
}

/* "rule_NAME (citation): complaint" in its two halves. */
static void report_rule(struct check_list *list, const char *text)
{
    const char *end = strstr(text, "): ");

    if (end == NULL)
        report(list, CHECK_FOUND_LIST_RULE, NULL, text);
    else
        report(list, CHECK_FOUND_LIST_RULE,
               arena_string_of(list->run->arena, span_make((const uint8_t *)text,
                                                           (size_t)(end + 1 - text))),
               end + 3);
}

static void judge_row(struct check_list *list)
{
    const struct store_crl *row = &list->row;
    uint64_t number = number_of(&list->crl);
    AUTO(arena) struct arena *a = arena_new();

    if (list->is_made)
        return;
    if (number < (uint64_t)row->number)
        report(list, CHECK_FOUND_LIST_NUMBER, NULL,
               arena_printf(a, "its number is %llu, and one with %lld was made already",
                            (unsigned long long)number, (long long)row->number));
    else if (!is_current(list) && row->changed == row->covers)
        report(list, CHECK_FOUND_LIST_DIFFERS, NULL,
               "it is not the list that was made last");
    if (row->changed != row->covers)
        report(list, CHECK_FOUND_LIST_BEHIND, NULL,
               "something was revoked since it was made");
}

/* Judge what is there, and take its entries. */
static void judge(struct check_list *list)
{
    const struct lint_issuer *issuer = list->issuer->issuer;
    struct lint_crl_pass pass = {0};
    struct err_info broken = {0};

    if (list->map == NULL) {
        report(list, CHECK_FOUND_LIST_MISSING, NULL,
               list->row.number == 0 ? "it was never made" : "there is no such file");
        return;
    }
    if (crl_read(list->der, &list->crl, &broken) != ERR_OK) {
        report(list, CHECK_FOUND_LIST_UNREADABLE, NULL, broken.detail);
        return;
    }
    if (lint_crl(issuer, 1, list->crl.tbs, clock_now(), &pass, &broken) != ERR_OK)
        report_rule(list, broken.detail);
    if (list->crl.signature_kind != issuer->signature_kind ||
        key_verify(issuer->key, list->crl.signature_kind, list->crl.tbs,
                   list->crl.signature, NULL) != ERR_OK)
        report(list, CHECK_FOUND_LIST_SIGNATURE, NULL,
               "the signature is not its issuer's");
    judge_row(list);
    list->usable = true;
}

enum err check_list_load(struct check_list *list, int *tries, bool judged,
                         struct err_info *why)
{
    TRY(settle(list, tries, why));
    list->usable = false;
    list->count = 0;
    if (judged)
        judge(list);
    else
        list->usable =
            list->map != NULL && crl_read(list->der, &list->crl, NULL) == ERR_OK;
    if (list->usable)
        read_entries(list);
    return ERR_OK;
}

bool check_list_moves(const struct check_list *list)
{
    struct check_list now = *list;

    if (!list->run->check->served || list->is_made)
        return list->is_made;
    return read_row(&now, NULL) == ERR_OK &&
           (now.row.number != list->row.number || now.row.changed != now.row.covers);
}

void check_list_free(struct check_list *list)
{
    close_file(list);
    free(list->entries);
    list->entries = NULL;
    list->count = 0;
}

/* ---- which there are ---- */

static const char *path_of(struct check_run *run, const char *below)
{
    const struct settings *s = run->check->settings;

    return arena_printf(run->arena, "%s%s",
                        settings_path(run->arena, s, s->crl_directory), below);
}

static void add(struct check_run *run, struct check_issuer *issuer, int64_t shard,
                struct check_list **lists)
{
    for (struct check_list *at = *lists; at != NULL; at = at->next)
        if (at->issuer == issuer && at->shard == shard)
            return;
    struct check_list *made = arena_get(run->arena, sizeof *made);
    made->run = run;
    made->issuer = issuer;
    made->shard = shard;
    made->path = path_of(run, publication_crl_path(run->arena, key_of(issuer), shard));
    made->next = *lists;
    *lists = made;
    run->sums->lists++;
}

/* Its certificate, as the URL in certificates promises. */
static void check_certificate_file(struct check_run *run, struct check_issuer *issuer)
{
    struct span ders = issuer->configured->chain_der;
    struct der_reader r = der_read_start(ders, 1);
    struct span own = der_read_element(&r);
    const char *path = path_of(run, publication_issuer_path(run->arena, key_of(issuer)));
    struct span content = {0};

    if (file_read(run->arena, path, CERTIFICATE_MAX, &content, NULL) != ERR_OK)
        check_report(run, CHECK_FOUND_ISSUER_NOT_PUBLISHED, none, path, NULL,
                     "there is no such file");
    else if (!span_equal(content, own))
        check_report(run, CHECK_FOUND_ISSUER_NOT_PUBLISHED, none, path, NULL,
                     "it is not the issuing certificate that is configured");
}

static enum err add_all(struct check_run *run, struct check_issuer *issuer,
                        struct check_list **lists, struct err_info *why)
{
    const struct settings *s = run->check->settings;
    struct store_crl *rows = NULL;
    AUTO(arena) struct arena *a = arena_new();
    size_t count = 0;

    check_certificate_file(run, issuer);
    add(run, issuer, 0, lists);
    for (int64_t shard = 1; s->crl_shards > 1 && shard <= s->crl_shards; shard++)
        add(run, issuer, shard, lists);
    TRY(store_crl_list(run->check->session, a, key_of(issuer), ROWS_MAX, &rows, &count,
                       why));
    for (size_t i = 0; i < count; i++)
        add(run, issuer, rows[i].shard, lists);
    return ERR_OK;
}

/* Who is not configured signs no lists, and has certificates all the same. */
static void report_gone(struct check_run *run, const struct check_issuer *issuer)
{
    AUTO(arena) struct arena *a = arena_new();
    char hex[2 * STORE_HASH_SIZE + 1];

    text_hex(hex, issuer->key_id, issuer->key_id_len);
    check_report(run, CHECK_FOUND_NO_LIST_SIGNER, none, hex, NULL,
                 arena_printf(a,
                              "%lld certificates have not ended, and their issuer is "
                              "not configured: nobody signs its list",
                              (long long)issuer->alive));
}

enum err check_list_scopes(struct check_run *run, struct check_list **lists,
                           struct err_info *why)
{
    const int64_t now = run->check->now;

    for (struct check_issuer *at = run->issuers; at != NULL; at = at->next) {
        struct check_issuer *first = NULL;
        TRY(check_issuer_find(run, key_of(at), 0, &first, why));
        if (at->configured == NULL && at->alive > 0)
            report_gone(run, at);
        if (at->configured == NULL || first != at ||
            at->configured->template.not_after < now ||
            at->configured->template.not_before > now)
            continue;
        TRY(add_all(run, at, lists, why));
    }
    return ERR_OK;
}
