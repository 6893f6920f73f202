/* Tests of core/acme/issue_value against the grammar and the examples of RFC 8659 4.2,
 * and of RFC 8657 4. V-CAA-8: what does not match the grammar is no value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/acme/issue_value.h"
#include "core/base/buf.h"

/* A value read and put down again: issuer, then [tag=value] for each parameter. */
static void put_down(const struct issue_value *v, char *to, size_t room)
{
    int used = snprintf(to, room, "%.*s", (int)v->issuer.len,
                        v->issuer.len > 0 ? (const char *)v->issuer.data : "");

    for (size_t i = 0; i < v->count; i++)
        used += snprintf(
            to + used, room - (size_t)used, "[%.*s=%.*s]", (int)v->parameters[i].tag.len,
            (const char *)v->parameters[i].tag.data, (int)v->parameters[i].value.len,
            (const char *)v->parameters[i].value.data);
}

static const struct {
    const char *text;
    const char *read;  /* NULL: malformed */
    const char *words; /* then in the sentence */
} rows[] = {
    {"ca1.example.net", "ca1.example.net", NULL},
    {"ca1.example.net; account=230123", "ca1.example.net[account=230123]", NULL},
    {";", "", NULL},
    {"", "", NULL},
    {" \t", "", NULL},
    {" ; \t", "", NULL},
    {"ca.example;", "ca.example", NULL},
    {" \tca.example\t ;\t", "ca.example", NULL},
    {"CA.Example", "CA.Example", NULL},
    {"ca", "ca", NULL},
    {"1.2-3.x--y", "1.2-3.x--y", NULL},
    {"a;b=c", "a[b=c]", NULL},
    {"a; b = c ; d=e", "a[b=c][d=e]", NULL},
    {"a;\tb\t=\tc\t;\td=e\t", "a[b=c][d=e]", NULL},
    {"a;b=", "a[b=]", NULL},
    {"a;b= ;c=", "a[b=][c=]", NULL},
    {"a;b=c=d", "a[b=c=d]", NULL},
    {"a;b-2=~!\"#/:@[", "a[b-2=~!\"#/:@[]", NULL},
    {";b=c", "[b=c]", NULL},
    {"ca1.example.net; accounturi=https://example.net/account/1234",
     "ca1.example.net[accounturi=https://example.net/account/1234]", NULL},
    {"example.com; validationmethods=dns-01,ca-foo",
     "example.com[validationmethods=dns-01,ca-foo]", NULL},
    /* what is none */
    {"%%%%%", NULL, "no domain name"},
    {"ca_example", NULL, "no domain name"},
    {"ca.example.", NULL, "no domain name"},
    {".ca.example", NULL, "no domain name"},
    {"ca..example", NULL, "no domain name"},
    {"-ca.example", NULL, "no domain name"},
    {"ca-.example", NULL, "no domain name"},
    {"ca example", NULL, "no domain name"},
    {"ca.example a=b", NULL, "no domain name"},
    {"ca.\xc3\xa4.example", NULL, "no domain name"},
    {"\r\nca.example", NULL, "no domain name"},
    {"a;b", NULL, "no \"=\""},
    {"ca.example; a", NULL, "no \"=\""},
    {"a;=b", NULL, "the tag"},
    {"a;-b=c", NULL, "the tag"},
    {"a;b-=c", NULL, "the tag"},
    {"a;b c=d", NULL, "the tag"},
    {"a;b_c=d", NULL, "the tag"},
    {"a;b=c d", NULL, "the value of \"b\""},
    {"a;b=\xc3\xa4", NULL, "the value of \"b\""},
    {"a;b=\x7f", NULL, "the value of \"b\""},
    {"a;b=\1", NULL, "the value of \"b\""},
    {"a;b=c;", NULL, "missing behind a semicolon"},
    {"a;b=c;;d=e", NULL, "missing behind a semicolon"},
    {"a;;", NULL, "missing behind a semicolon"},
    {"a; ;b=c", NULL, "missing behind a semicolon"},
};

static void reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct issue_value v;
        struct err_info why = {0};
        char text[256];
        enum err result = issue_value_read(span_of(rows[i].text), &v, &why);
        if ((result == ERR_OK) != (rows[i].read != NULL))
            fail_msg("\"%s\": %s", rows[i].text, why.detail);
        if (rows[i].read == NULL) {
            assert_int_equal(result, ERR_MALFORMED);
            if (strstr(why.detail, rows[i].words) == NULL)
                fail_msg("\"%s\": %s", rows[i].text, why.detail);
            continue;
        }
        put_down(&v, text, sizeof text);
        assert_string_equal(text, rows[i].read);
    }
}

/* V-CAA-7: tags in any case; the same one several times. */
static void finds(void **state)
{
    struct issue_value v;
    const struct issue_parameter *p;

    (void)state;
    assert_int_equal(issue_value_read(span_of("a;x=1;Tag=2;y=3;TAG=4"), &v, NULL),
                     ERR_OK);
    p = issue_value_find(&v, "tag", NULL);
    assert_true(p != NULL && span_is(p->value, "2"));
    p = issue_value_find(&v, "tag", p);
    assert_true(p != NULL && span_is(p->value, "4"));
    assert_null(issue_value_find(&v, "tag", p));
    assert_null(issue_value_find(&v, "ta", NULL));
}

static void issuers(void **state)
{
    (void)state;
    assert_true(span_is(issue_value_issuer(span_of(" ca.example ; x")), "ca.example"));
    assert_true(span_is(issue_value_issuer(span_of("%% %;=;")), "%% %"));
    assert_int_equal(issue_value_issuer(span_of("\t;a=b")).len, 0);
    assert_int_equal(issue_value_issuer(span_of(NULL)).len, 0);
}

static void bounds(void **state)
{
    AUTO(buf) struct buf b = buf_make(1024);
    struct issue_value v;
    struct err_info why = {0};

    (void)state;
    buf_add_text(&b, "ca");
    for (size_t i = 0; i < ISSUE_VALUE_PARAMETERS_MAX; i++)
        buf_add_text(&b, ";a=b");
    assert_int_equal(issue_value_read(buf_span(&b), &v, &why), ERR_OK);
    assert_int_equal(v.count, ISSUE_VALUE_PARAMETERS_MAX);
    buf_add_text(&b, ";a=b");
    assert_int_equal(issue_value_read(buf_span(&b), &v, &why), ERR_MALFORMED);
    assert_non_null(strstr(why.detail, "more than 32"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads), cmocka_unit_test(finds),
                                       cmocka_unit_test(issuers),
                                       cmocka_unit_test(bounds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
