/* Modules: loaded, started, started anew. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/pkcs11/pkcs11_private.h"

#define PAUSE_FIRST_US 1000000 /* between two starts, when the first did not help */
#define PAUSE_LAST_US  10000000
#define PREFIX_SIZE    256

/* ---- what answers mean ---- */

static const struct {
    ck_rv_t code;
    enum pkcs11_loss loss;
    const char *name;
    const char *sentence;
} codes[] = {
#define CODE(name, loss, sentence) {CKR_##name, PKCS11_LOSS_##loss, #name, sentence},
#include "core/pkcs11/pkcs11_codes.def"
#undef CODE
};
#define CODES (sizeof codes / sizeof codes[0])

enum pkcs11_loss pkcs11_module_loss(ck_rv_t answer)
{
    for (size_t i = 0; i < CODES; i++)
        if (codes[i].code == answer)
            return codes[i].loss;
    return answer == CKR_OK ? PKCS11_LOSS_NOTHING : PKCS11_LOSS_CONNECTION;
}

enum err pkcs11_module_failed(struct err_info *why, ck_rv_t answer, const char *format,
                              ...)
{
    char prefix[PREFIX_SIZE];
    va_list values;

    va_start(values, format);
    (void)vsnprintf(prefix, sizeof prefix, format, values);
    va_end(values);
    for (size_t i = 0; i < CODES; i++)
        if (codes[i].code == answer)
            return err_set(why, ERR_CRYPTO, "%s: %s (CKR_%s)", prefix, codes[i].sentence,
                           codes[i].name);
    return err_set(why, ERR_CRYPTO, "%s: the module answered 0x%lx", prefix, answer);
}

/* ---- loading ---- */

/* It becomes part of this process. */
static enum err check_file(const char *path, struct err_info *why)
{
    struct stat about;

    if (stat(path, &about) != 0)
        return err_set(why, ERR_NOT_FOUND, "there is no PKCS #11 module %s", path);
    if (!S_ISREG(about.st_mode))
        return err_set(why, ERR_CONFIG, "the PKCS #11 module %s is no file", path);
    if ((about.st_mode & 0022) != 0 || (about.st_uid != 0 && about.st_uid != geteuid()))
        return err_set(why, ERR_CONFIG,
                       "the PKCS #11 module %s could have been written by others than "
                       "root; it is not loaded",
                       path);
    return ERR_OK;
}

static enum err load(const char *path, const struct ck_function_list **call,
                     struct err_info *why)
{
    struct ck_function_list *list = NULL;
    union {
        void *object;
        ck_rv_t (*function)(struct ck_function_list **list);
    } entry;

    TRY(check_file(path, why));
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *reason = dlerror();
        return err_set(why, ERR_CONFIG, "the PKCS #11 module %s cannot be loaded: %s",
                       path, reason != NULL ? reason : "no reason given");
    }
    entry.object = dlsym(library, "C_GetFunctionList");
    if (entry.object == NULL || entry.function(&list) != CKR_OK || list == NULL ||
        list->version.major < 2) {
        (void)dlclose(library);
        return err_set(why, ERR_CONFIG, "%s is no PKCS #11 module", path);
    }
    *call = list; /* stays loaded: modules have threads and exit handlers */
    return ERR_OK;
}

/* A writer who waits goes first: else a busy token of the module keeps another one from
 * ever being found again. */
static void make_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t how;

    (void)pthread_rwlockattr_init(&how);
    (void)pthread_rwlockattr_setkind_np(&how,
                                        PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    (void)pthread_rwlock_init(lock, &how);
    (void)pthread_rwlockattr_destroy(&how);
}

enum err pkcs11_module_get(struct pkcs11 *p, const char *path,
                           struct pkcs11_module **module, struct err_info *why)
{
    const struct ck_function_list *call = NULL;

    if (path == NULL || path[0] == '\0')
        return err_set(why, ERR_CONFIG, "no PKCS #11 module is named (pkcs11.modules)");
    for (struct pkcs11_module *m = p->modules; m != NULL; m = m->next)
        if (strcmp(m->path, path) == 0) {
            *module = m;
            return ERR_OK;
        }
    TRY(load(path, &call, why));
    struct pkcs11_module *m = memory_get_zeroed(1, sizeof *m);
    m->path = memory_copy_string(path);
    m->call = call;
    make_lock(&m->lock);
    m->next = p->modules;
    p->modules = m;
    *module = m;
    return ERR_OK;
}

/* ---- starting ---- */

/* The lock is held exclusively. */
static enum err start(struct pkcs11_module *m, struct err_info *why)
{
    struct ck_c_initialize_args several = {.flags = CKF_OS_LOCKING_OK};
    ck_rv_t answer = m->call->C_Initialize(&several);

    if (answer == CKR_CANT_LOCK) {
        m->is_single = true;
        answer = m->call->C_Initialize(NULL);
    }
    if (answer != CKR_OK && answer != CKR_CRYPTOKI_ALREADY_INITIALIZED)
        return pkcs11_module_failed(
            why, answer,
            "the PKCS #11 module %s does not start: see that its configuration is "
            "there, and that this process's user may use its files (pkcs11.read, "
            "pkcs11.write)",
            m->path);
    m->is_started = true;
    m->starts++;
    return ERR_OK;
}

static enum err start_once(struct pkcs11_module *m, struct err_info *why)
{
    (void)pthread_rwlock_wrlock(&m->lock);
    enum err result = m->is_started ? ERR_OK : start(m, why);
    (void)pthread_rwlock_unlock(&m->lock);
    return result;
}

static void lock_for_calls(struct pkcs11_module *m)
{
    if (m->is_single)
        (void)pthread_rwlock_wrlock(&m->lock);
    else
        (void)pthread_rwlock_rdlock(&m->lock);
}

enum err pkcs11_module_enter(struct pkcs11_module *m, struct err_info *why)
{
    lock_for_calls(m);
    while (!m->is_started) { /* the first time, or a start anew has failed */
        pkcs11_module_leave(m);
        TRY(start_once(m, why));
        lock_for_calls(m);
    }
    return ERR_OK;
}

void pkcs11_module_leave(struct pkcs11_module *m)
{
    (void)pthread_rwlock_unlock(&m->lock);
}

void pkcs11_module_restart(struct pkcs11_module *m, uint64_t starts)
{
    struct err_info unsaid = {0};
    int64_t now = clock_monotonic_us();

    (void)pthread_rwlock_wrlock(&m->lock);
    if (m->is_started && m->starts == starts && now >= m->restart_due_us) {
        bool was_quiet = now - m->restart_due_us > PAUSE_LAST_US;
        m->pause_us = was_quiet ? PAUSE_FIRST_US : m->pause_us * 2;
        if (m->pause_us > PAUSE_LAST_US)
            m->pause_us = PAUSE_LAST_US;
        (void)m->call->C_Finalize(NULL);
        m->is_started = false;
        (void)start(m, &unsaid); /* if not, whoever enters next is told why */
        m->restart_due_us = clock_monotonic_us() + m->pause_us;
    }
    (void)pthread_rwlock_unlock(&m->lock);
}

void pkcs11_module_free(struct pkcs11_module *m)
{
    if (m->is_started)
        (void)m->call->C_Finalize(NULL);
    (void)pthread_rwlock_destroy(&m->lock);
    free(m->path);
    free(m);
}

/* ---- all of them ---- */

struct pkcs11 *pkcs11_new(void)
{
    return memory_get_zeroed(1, sizeof(struct pkcs11));
}

void pkcs11_free(struct pkcs11 *p)
{
    if (p == NULL)
        return;
    while (p->tokens != NULL) {
        struct pkcs11_token *t = p->tokens;
        p->tokens = t->next;
        pkcs11_token_free(t);
    }
    while (p->modules != NULL) {
        struct pkcs11_module *m = p->modules;
        p->modules = m->next;
        pkcs11_module_free(m);
    }
    free(p);
}

void pkcs11_serve_user(struct pkcs11 *p, const char *pin_option)
{
    p->pin_option = pin_option;
}

void pkcs11_watch(struct pkcs11 *p,
                  void (*watcher)(void *context, const char *token,
                                  const struct err_info *trouble),
                  void *context)
{
    p->watcher = watcher;
    p->context = context;
}

enum err pkcs11_load(struct pkcs11 *p, const char *path, struct err_info *why)
{
    struct pkcs11_module *unused = NULL;

    return pkcs11_module_get(p, path, &unused, why);
}
