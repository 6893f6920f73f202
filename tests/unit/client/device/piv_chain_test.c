/* Tests of client/device/piv_chain: which certificates speak for a key. The certificates
 * are made by openssl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/device/piv_chain.h"
#include "core/base/file.h"

static char folder[] = "/tmp/piv-chain-XXXXXX";
static struct arena *arena;

/* make NAME SUBJECT ISSUER EXTENSIONS: NAME.der below ISSUER (NAME itself: a root), with
 * a key of NAME's or, if that is there already, with that. */
static const char script[] =
    "set -e; cd %s\n"
    "make() {\n"
    "  [ -e $1.key ] || openssl ecparam -name prime256v1 -genkey -noout -out $1.key\n"
    "  printf '[e]\\nbasicConstraints=CA:true\\n%%s\\n' \"$4\" > $1.ext\n"
    "  openssl req -new -key $1.key -subj \"/CN=$2\" -out $1.csr\n"
    "  if [ $1 = $3 ]; then how=\"-signkey $1.key\"\n"
    "  else how=\"-CA $3.pem -CAkey $3.key -set_serial 7\"; fi\n"
    "  openssl x509 -req -in $1.csr $how -extfile $1.ext -extensions e -out $1.pem\n"
    "  openssl x509 -in $1.pem -outform DER -out $1.der\n"
    "}\n"
    "make root Root root ''\n"
    "make f9 Device root ''\n"
    "for i in 1 2 3 4 5 6 7 8; do make h$i Device root ''; done\n"
    "make g9 Device root ''\n"
    "make 9a 'Attestation 9a' f9 1.3.6.1.4.1.41482.3.7=DER:0203010203\n"
    "cp 9a.key issued.key; make issued Ada root ''\n"
    "cp 9a.key managed.key\n"
    "make managed 'Managed' f9 1.3.6.1.4.1.37476.9000.64.4=DER:30030c0161\n"
    "cp 9a.key near.key; make near Near f9 1.3.6.1.4.1.41482.4.7=DER:0203010203\n"
    "make 9c 'Attestation 9c' f9 1.3.6.1.4.1.41482.3.7=DER:0203010203\n";

/* 0 if it succeeded. */
static int shell(const char *command)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static int begin(void **state)
{
    (void)state;
    arena = arena_new();
    if (mkdtemp(folder) == NULL)
        return -1;
    return shell(arena_printf(arena, "{ %s } >/dev/null 2>&1",
                              arena_printf(arena, script, folder)));
}

static int end(void **state)
{
    (void)state;
    int result = shell(arena_printf(arena, "rm -r %s", folder));
    arena_free(arena);
    return result;
}

static struct span load(const char *name)
{
    struct span der;
    struct err_info why = {0};

    assert_int_equal(file_read(arena, arena_printf(arena, "%s/%s.der", folder, name),
                               1 << 16, &der, &why),
                     ERR_OK);
    return der;
}

/* Names, separated by blanks. */
static size_t heap(const char *names, struct span *ders)
{
    size_t count = 0;

    for (const char *at = names; *at != '\0';) {
        size_t len = strcspn(at, " ");
        ders[count++] = load(arena_string_of(arena, span_make(at, len)));
        at += len + (at[len] == ' ');
    }
    return count;
}

static struct span key_9a(void)
{
    struct attest_certificate *read = NULL;
    struct err_info why = {0};

    assert_int_equal(attest_certificate_read(arena, load("9a"), &read, &why), ERR_OK);
    return read->spki;
}

static void expect(const char *file, const char *token, const char *wanted)
{
    struct span ders[3][10];
    struct piv_chain found;
    struct err_info why = {0};
    size_t files = heap(file, ders[0]);
    size_t tokens = heap(token, ders[1]);
    size_t count = heap(wanted, ders[2]);

    enum err result =
        piv_chain_find(arena, key_9a(), ders[0], files, ders[1], tokens, &found, &why);
    if (count == 0) {
        assert_int_equal(result, ERR_NOT_FOUND);
        return;
    }
    if (result != ERR_OK)
        fail_msg("%s", why.detail);
    assert_int_equal(found.count, count);
    for (size_t i = 0; i < count; i++)
        assert_true(span_equal(found.chain[i], ders[2][i]));
}

static void test_chains(void **state)
{
    (void)state;
    expect("", "issued 9c f9 9a root", "9a f9");
    expect("", "issued 9a", "9a");
    expect("", "managed f9", "managed f9");
    expect("9a f9 root", "", "9a f9");
    expect("f9", "9a", "9a f9");
    expect("9a f9", "9a f9 f9", "9a f9"); /* none twice */
    expect("", "g9 9a f9",
           "9a g9 f9"); /* of one name: whoever judges finds the right one */
    expect("9a", "managed f9", "9a f9");
    expect("issued", "9a f9", "9a f9"); /* who says that it attests goes first */
    expect("issued", "f9", "issued");
}

static void test_none(void **state)
{
    (void)state;
    expect("", "", "");
    expect("", "issued", "");
    expect("", "near f9", "");
    expect("", "9c f9 root", "");
    expect("9c f9", "issued", "");
}

static void test_what_cannot_be_read_is_passed_over(void **state)
{
    const struct span ders[] = {span_of("no certificate"), load("9a"), span_of("0")};
    struct piv_chain found;
    struct err_info why = {0};

    (void)state;
    assert_int_equal(piv_chain_find(arena, key_9a(), NULL, 0, ders, 3, &found, &why),
                     ERR_OK);
    assert_int_equal(found.count, 1);
}

static void test_as_many_as_an_attestation_holds(void **state)
{
    struct span ders[ATTEST_CHAIN_MAX + 1];
    struct piv_chain found;
    struct err_info why = {0};

    (void)state;
    assert_int_equal(heap("9a h1 h2 h3 h4 h5 h6 h7 h8", ders), ATTEST_CHAIN_MAX + 1);
    assert_int_equal(piv_chain_find(arena, key_9a(), NULL, 0, ders, ATTEST_CHAIN_MAX + 1,
                                    &found, &why),
                     ERR_OK);
    assert_int_equal(found.count, ATTEST_CHAIN_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_what_cannot_be_read_is_passed_over),
        cmocka_unit_test(test_as_many_as_an_attestation_holds),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
