/* A PKCS #11 module that hands everything on to another one (ILL_TOKEN_MODULE), but falls
 * ill as the first word of the file ILL_TOKEN_FILE says, whenever it signs (flags and
 * login: when it is asked what it is, and logged in to):
 *
 *   hang          comes back never
 *   slow N        takes N milliseconds more
 *   garbage       changes a bit of the signature
 *   answer CODE   fails with this code, always
 *   once CODE     fails with this code, once for each content of the file
 *   logout        forgets the login first, once for each content of the file
 *   close         closes all sessions first, once for each content of the file
 *   flags N       says of itself that it has these flags, too
 *   login CODE N  lets nobody in, for that reason, and has these flags from then on
 *   none          is well, as it is without the file */
#define CRYPTOKI_GNU 1
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORD_MAX 64
#define VISIBLE  __attribute__((visibility("default")))

ck_rv_t C_GetFunctionList(struct ck_function_list **list);

static struct ck_function_list ours;
static const struct ck_function_list *theirs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char done[WORD_MAX]; /* what was done once */

static bool read_words(char *words)
{
    const char *path = getenv("ILL_TOKEN_FILE");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t got = fd >= 0 ? read(fd, words, WORD_MAX - 1) : -1;

    if (fd >= 0)
        (void)close(fd);
    if (got <= 0)
        return false;
    words[got] = '\0';
    return true;
}

static bool first_time(const char *words)
{
    pthread_mutex_lock(&lock);
    bool first = strcmp(words, done) != 0;
    if (first)
        memcpy(done, words, strlen(words) + 1);
    pthread_mutex_unlock(&lock);
    return first;
}

static bool begins(const char *words, const char *with)
{
    return strncmp(words, with, strlen(with)) == 0;
}

static unsigned long number(const char *words)
{
    const char *blank = strchr(words, ' ');

    return blank != NULL ? strtoul(blank, NULL, 0) : 0;
}

/* What becomes of a signature before it is begun; CKR_OK: nothing. */
static ck_rv_t fall_ill(const char *words, ck_session_handle_t session)
{
    struct ck_session_info info;

    if (begins(words, "hang"))
        for (;;)
            (void)pause();
    if (begins(words, "slow"))
        (void)usleep((useconds_t)(number(words) * 1000));
    if (begins(words, "answer"))
        return number(words);
    if (begins(words, "once") && first_time(words))
        return number(words);
    if (begins(words, "logout") && first_time(words))
        (void)theirs->C_Logout(session);
    if (begins(words, "close") && first_time(words) &&
        theirs->C_GetSessionInfo(session, &info) == CKR_OK)
        (void)theirs->C_CloseAllSessions(info.slot_id);
    return CKR_OK;
}

static ck_rv_t sign_init(ck_session_handle_t session, struct ck_mechanism *mechanism,
                         ck_object_handle_t key)
{
    char words[WORD_MAX];

    if (read_words(words)) {
        ck_rv_t answer = fall_ill(words, session);
        if (answer != CKR_OK)
            return answer;
    }
    return theirs->C_SignInit(session, mechanism, key);
}

static ck_rv_t sign(ck_session_handle_t session, unsigned char *data, unsigned long len,
                    unsigned char *signature, unsigned long *signature_len)
{
    char words[WORD_MAX];
    ck_rv_t answer = theirs->C_Sign(session, data, len, signature, signature_len);

    if (answer == CKR_OK && read_words(words) && begins(words, "garbage"))
        signature[*signature_len / 2] ^= 4;
    return answer;
}

static char refused[WORD_MAX]; /* what `login` was refused with */

static ck_rv_t get_token_info(ck_slot_id_t slot, struct ck_token_info *info)
{
    char words[WORD_MAX];
    ck_rv_t answer = theirs->C_GetTokenInfo(slot, info);

    if (answer != CKR_OK || !read_words(words))
        return answer;
    if (begins(words, "flags"))
        info->flags |= number(words);
    if (begins(words, "login") && strcmp(words, refused) == 0)
        info->flags |= number(strchr(words, ' ') + 1);
    return CKR_OK;
}

static ck_rv_t login(ck_session_handle_t session, ck_user_type_t user, unsigned char *pin,
                     unsigned long len)
{
    char words[WORD_MAX];

    if (!read_words(words) || !begins(words, "login "))
        return theirs->C_Login(session, user, pin, len);
    memcpy(refused, words, strlen(words) + 1);
    return number(words);
}

VISIBLE ck_rv_t C_GetFunctionList(struct ck_function_list **list)
{
    const char *path = getenv("ILL_TOKEN_MODULE");
    struct ck_function_list *found = NULL;
    union {
        void *object;
        ck_rv_t (*function)(struct ck_function_list **list);
    } entry;

    void *library = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    entry.object = library != NULL ? dlsym(library, "C_GetFunctionList") : NULL;
    if (entry.object == NULL || entry.function(&found) != CKR_OK)
        return CKR_GENERAL_ERROR;
    theirs = found;
    ours = *found;
    ours.C_SignInit = sign_init;
    ours.C_Sign = sign;
    ours.C_GetTokenInfo = get_token_info;
    ours.C_Login = login;
    *list = &ours;
    return CKR_OK;
}
