/* The signer's process: no network, no store, one key. */
#include "server/signer/signer_main.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/crypto/key.h"
#include "server/lint/lint.h"
#include "server/proc/ipc_channel.h"
#include "server/proc/sandbox.h"
#include "server/proc/supervisor.h"
#include "server/proc/user.h"
#include "server/settings/settings_bundle.h"
#include "server/signer/list_book.h"
#include "server/signer/serial_book.h"
#include "server/signer/signer_answer.h"
#include "server/signer/signer_desk.h"
#include "server/signer/signer_profile.h"

#define JOURNAL_FILE "signer.journal"
#define LISTS_FILE   "signer.lists"

static bool is_question(enum ipc_type type)
{
    return type == IPC_SIGN || type == IPC_SIGN_LIST;
}

static enum err on_front(struct ipc_channel *c, struct ipc_message *m, void *context,
                         struct err_info *why)
{
    struct signer_process *p = context;

    (void)c;
    if (p->leaves)
        return ERR_OK; /* the next one is asked again */
    if (p->desk != NULL && is_question(m->type))
        return signer_desk_put(p->desk, m, why);
    signer_core_enter(p->core);
    enum err result = signer_answer(p, m, why);
    signer_core_leave(p->core);
    return result;
}

/* On a thread of the desk. A front that is gone asks again when it is back. */
static void answer_beside(void *worker, struct ipc_message *m)
{
    struct signer_process *p = worker;
    struct err_info why = {0};

    signer_core_enter(p->core);
    enum err result = signer_answer(p, m, &why);
    signer_core_leave(p->core);
    if (result != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "signer.answer_lost", "why=" LOG_QUOTE, why.detail);
}

static void on_blocked(void *context)
{
    const struct signer_process *p = context;

    (void)!write(p->wake[1], "", 1); /* a pipe that is full wakes as well */
}

static enum err reread(struct signer_process *p, struct arena *a, int settings_fd,
                       struct err_info *why)
{
    const struct settings *fresh = NULL;
    const struct lint_profile *profiles = NULL;
    struct span text;
    size_t count = 0;

    TRY(supervisor_settings_text(a, settings_fd, &text, why));
    TRY(settings_reread(a, p->settings, text, &fresh, why));
    signer_profile_read_promised(a, fresh, &profiles, &count);
    signer_core_set_profiles(p->core, profiles, count, fresh);
    p->leaves = !settings_bundle_same(p->settings, fresh);
    return ERR_OK;
}

/* The profiles are taken over. Keys cannot be read in here any more: for others this
 * process ends, the next is given these settings and asked what was not answered. The
 * supervisor has tried whether that will do (signer_main_try). */
static enum err reload(struct signer_process *p, const struct message_reload *m,
                       struct err_info *why)
{
    struct arena *a = arena_new();
    struct err_info bad = {0};

    if (p->desk != NULL)
        signer_desk_settle(p->desk);
    enum err result = reread(p, a, m->settings_fd, &bad);
    (void)close(m->settings_fd);
    if (result == ERR_OK) {
        arena_free(p->profiles);
        p->profiles = a;
    } else {
        arena_free(a);
    }
    if (p->desk != NULL)
        signer_desk_resume(p->desk);
    struct message_reloaded reloaded = {.generation = m->generation,
                                        .code = (int64_t)result,
                                        .detail = span_of(bad.detail),
                                        .leaves = p->leaves};
    if (p->leaves)
        log_event(LOG_LEVEL_NOTICE, "signer.restarts", "why=\"other issuers\"");
    return ipc_channel_send_reloaded(p->control, &reloaded, why);
}

static enum err on_control(struct ipc_channel *c, struct ipc_message *m, void *context,
                           struct err_info *why)
{
    struct signer_process *p = context;

    switch (m->type) {
    case IPC_PEER:
        ipc_channel_replace(p->front, m->as_peer.fd);
        return ERR_OK;
    case IPC_PING: {
        struct message_pong pong = {.id = m->as_ping.id};
        return ipc_channel_send_pong(c, &pong, why);
    }
    case IPC_RELOAD:
        return reload(p, &m->as_reload, why);
    case IPC_AUDIT_SEGMENT:
        signer_answer_segment(p, &m->as_audit_segment);
        return ERR_OK;
    default:
        return ERR_OK;
    }
}

/* The end of the journal. */
static enum err read_journal(struct arena *a, const char *path, struct span *text,
                             struct err_info *why)
{
    struct stat status;
    ssize_t got = 0;
    /* what is no regular file has nothing to be read, and must not block */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    *text = span_make(NULL, 0);
    if (fd < 0 || fstat(fd, &status) != 0) {
        int error = errno;
        if (fd >= 0)
            (void)close(fd);
        return err_set_os(why, ERR_IO, error, "cannot read %s", path);
    }
    if (S_ISREG(status.st_mode) && status.st_size > 0) {
        off_t size = status.st_size < SERIAL_BOOK_JOURNAL_MAX ? status.st_size
                                                              : SERIAL_BOOK_JOURNAL_MAX;
        uint8_t *data = arena_get(a, (size_t)size);
        got = pread(fd, data, (size_t)size, status.st_size - size);
        *text = span_make(data, got > 0 ? (size_t)got : 0);
    }
    int error = errno;
    (void)close(fd);
    if (got < 0)
        return err_set_os(why, ERR_IO, error, "cannot read %s", path);
    return ERR_OK;
}

static enum err open_lists(struct arena *a, const struct settings *s,
                           struct signer_options *options, struct err_info *why)
{
    char *path = settings_path(a, s, LISTS_FILE);

    options->lists_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (options->lists_fd < 0)
        return err_set_os(why, ERR_IO, errno, "cannot open %s", path);
    return file_read(a, path, LIST_BOOK_FILE_MAX, &options->lists, why);
}

static enum err read_issuer(struct arena *a, const struct settings *s, size_t index,
                            struct signer_issuer *issuer, struct err_info *why)
{
    const struct settings_issuer files = settings_issuer_at(s, index);

    const bool in_token = pkcs11_uri_is(files.key);

    issuer->key_name = in_token ? files.key : settings_path(a, s, files.key);
    const char *root = files.root[0] != '\0' ? files.root : s->root_file;
    TRY(settings_bundle_read(a, s, files.certificate, &issuer->certificate_pem, why));
    TRY(settings_bundle_read(a, s, root, &issuer->root_pem, why));
    if (in_token)
        return ERR_OK;
    return file_read(a, issuer->key_name, KEY_PEM_MAX, &issuer->key_pem, why);
}

static enum err open_journal(const struct settings *s, struct signer_process *p,
                             struct signer_options *options, struct err_info *why)
{
    char *journal = settings_path(p->arena, s, JOURNAL_FILE);

    options->journal_fd =
        open(journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (options->journal_fd < 0)
        return err_set_os(why, ERR_IO, errno, "cannot open %s", journal);
    return read_journal(p->arena, journal, &options->journal, why);
}

static enum err load(const struct settings *s, const struct secret *passphrase,
                     bool with_journal, struct signer_process *p, struct err_info *why)
{
    struct signer_issuer issuers[SIGNER_ISSUERS_MAX] = {0};
    struct signer_options options = {.issuers = issuers,
                                     .issuer_count = s->issuers.count + 1,
                                     .passphrase =
                                         passphrase->len > 0 ? passphrase : NULL,
                                     .published = s,
                                     .journal_fd = -1,
                                     .lists_fd = -1};

    signer_profile_read_promised(p->profiles, s, &options.profiles,
                                 &options.profile_count);
    for (size_t i = 0; i < options.issuer_count; i++)
        TRY(read_issuer(p->arena, s, i, &issuers[i], why));
    if (with_journal)
        TRY(open_journal(s, p, &options, why));
    if (with_journal)
        TRY(open_lists(p->arena, s, &options, why));
    enum err result = signer_core_new(&options, &p->core, why);
    for (size_t i = 0; i < options.issuer_count; i++)
        if (issuers[i].key_pem.len > 0)
            memory_wipe((void *)(uintptr_t)issuers[i].key_pem.data,
                        issuers[i].key_pem.len);
    return result;
}

static void drop_arena(void *a)
{
    arena_free(a);
}

/* Threads that answer, as many as a token has sessions. */
static enum err open_desk(const struct settings *s, struct signer_process *p,
                          struct err_info *why)
{
    size_t count = (size_t)s->pkcs11_sessions;
    void *workers[PKCS11_SESSIONS_MAX];

    if (pipe2(p->wake, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_set_os(why, ERR_IO, errno, "no pipe can be made");
    ipc_channel_set_blocked(p->front, on_blocked, p);
    p->workers = arena_array(p->own, count, sizeof *p->workers);
    for (size_t i = 0; i < count; i++) {
        p->workers[i] = *p;
        p->workers[i].arena = arena_own(p->own, arena_new(), drop_arena);
        workers[i] = &p->workers[i];
    }
    p->desk = signer_desk_new(answer_beside, workers, count, s->pkcs11_timeout);
    return ERR_OK;
}

static enum err start(const struct settings *s, const struct signer_secrets *secrets,
                      struct signer_process *p, struct err_info *why)
{
    struct sandbox_plan plan = {.role = IPC_SIGNER};
    struct message_ready ready = {.url = span_of("")};

    TRY(supervisor_child_begin(IPC_SIGNER, why));
    TRY(signer_token_load(s, &p->tokens, why));
    TRY(load(s, secrets->passphrase, true, p, why));
    TRY(signer_audit_open(p->arena, s, secrets->passphrase, &p->audit, why));
    TRY(user_find(s->signer_user, "cairn-signer", USER_SIGNER_UID, &plan.uid, &plan.gid,
                  why));
    if (p->tokens != NULL)
        signer_token_rights(p->own, s, &plan);
    if (sandbox_enter(&plan, why) != ERR_OK)
        return err_prefix(why, "the sandbox");
    if (p->tokens != NULL)
        TRY(signer_token_open(s, secrets, p->tokens, p->core, why));
    p->control =
        ipc_channel_new(SUPERVISOR_CONTROL_FD, IPC_SIGNER, IPC_SUPERVISOR, on_control, p);
    p->front = ipc_channel_new(SUPERVISOR_FRONT_FD, IPC_SIGNER, IPC_FRONT, on_front, p);
    p->batches = p->tokens == NULL;
    if (p->tokens != NULL)
        TRY(open_desk(s, p, why));
    return ipc_channel_send_ready(p->control, &ready, why);
}

enum err signer_main_try(const struct settings *settings, const struct secret *passphrase,
                         struct err_info *why)
{
    struct signer_process p = {
        .arena = arena_new(), .profiles = arena_new(), .settings = settings};
    enum err result = load(settings, passphrase, false, &p, why);

    signer_core_free(p.core);
    arena_free(p.arena);
    arena_free(p.profiles);
    return result;
}

/* The first question wakes this process before others that are about to be asked: whoever
 * can run asks his, and the log is synced once for all. */
static enum err wait_for_questions(struct signer_process *p, size_t *failed,
                                   struct err_info *why)
{
    struct ipc_channel *channels[] = {p->control, p->front};
    enum err result = ipc_channel_wait_or(channels, 2, p->wake[0], -1, failed, why);

    if (result != ERR_OK || !p->batches || p->leaves)
        return result;
    (void)sched_yield();
    result = ipc_channel_wait_or(channels, 2, p->wake[0], 0, failed, why);
    return result == ERR_TIMEOUT ? ERR_OK : result;
}

int signer_main(const struct settings *settings, const struct signer_secrets *secrets)
{
    struct signer_process p = {.arena = arena_new(),
                               .profiles = arena_new(),
                               .own = arena_new(),
                               .settings = settings,
                               .wake = {-1, -1}};
    struct err_info why = {0};
    size_t failed = 0;

    if (start(settings, secrets, &p, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "signer.cannot_start", "why=" LOG_QUOTE, why.detail);
        return 1;
    }
    for (;;) {
        signer_answer_hold(&p);
        enum err result = wait_for_questions(&p, &failed, &why);
        signer_answer_release(&p);
        if ((result != ERR_OK && failed == 0) || p.leaves)
            break; /* the house closes, or another one begins */
    }
    signer_desk_free(p.desk);
    ipc_channel_free(p.front);
    ipc_channel_free(p.control);
    signer_core_free(p.core);
    pkcs11_free(p.tokens);
    arena_free(p.own);
    signer_audit_close(p.audit);
    arena_free(p.arena);
    arena_free(p.profiles);
    return 0;
}
