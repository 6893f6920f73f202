/* What a CA says to a client: directory, order, problem document, renewal information,
 * and the headers beside them. The first octet says which. Whatever is taken stays within
 * the CA's origin, and whatever is told of it can be shown on a terminal. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/flow/flow_private.h"
#include "client/flow/flow_renewal_info.h"
#include "client/request/acme_request.h"
#include "client/request/link_header.h"
#include "core/acme/problem.h"
#include "core/base/text.h"
#include "core/http/url.h"

#define DIRECTORY "https://ca.test/dir"
#define NOW       1700000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sentence that is not changed by being made printable is. */
static void must_be_printable(const char *sentence)
{
    char copy[ERR_DETAIL_MAX];

    if (!text_copy(copy, sizeof copy, sentence))
        abort();
    text_make_printable(copy);
    if (strcmp(copy, sentence) != 0)
        abort();
}

static void must_be_of_the_ca(const char *url)
{
    if (url != NULL && !acme_directory_same_origin(DIRECTORY, url))
        abort();
}

static void directory(struct arena *a, struct span text, struct err_info *why)
{
    struct acme_directory d = {0};

    if (acme_directory_read(a, DIRECTORY, text, &d, why) != ERR_OK)
        return;
    must_be_of_the_ca(d.new_nonce);
    must_be_of_the_ca(d.new_account);
    must_be_of_the_ca(d.new_order);
    must_be_of_the_ca(d.revoke_cert);
    must_be_of_the_ca(d.key_change);
    must_be_of_the_ca(d.renewal_info);
    for (size_t i = 0; i < d.profile_count; i++)
        if (!acme_directory_has_profile(&d, d.profiles[i]) || d.about[i] == NULL)
            abort();
}

static void order(struct arena *a, struct span text, struct err_info *why)
{
    static const char good[] =
        "{\"newNonce\":\"https://ca.test/n\",\"newAccount\":"
        "\"https://ca.test/a\",\"newOrder\":\"https://ca.test/o\"}";
    static const char *const names[] = {"a.test", "*.b.test", "192.0.2.1"};
    const struct report report = {.quiet = true};
    const struct flow_options options = {.names = names, .name_count = 3};
    struct session session = {0};
    struct flow f = {
        .session = &session, .options = &options, .report = &report, .arena = a};
    const struct json *object = NULL;

    if (acme_directory_read(a, DIRECTORY, span_of(good), &session.peer.directory, why) !=
        ERR_OK)
        abort();
    if (json_read(a, text, &object, why) != ERR_OK)
        return;
    enum err first = flow_order_read(&f, object, why);
    if (first != ERR_OK)
        return;
    must_be_of_the_ca(f.finalize_url);
    if (f.authorization_count > FLOW_AUTHORIZATIONS_MAX)
        abort();
    if (flow_order_read(&f, object, why) != ERR_OK) /* nothing has changed */
        abort();
}

static void headers(struct arena *a, struct span text)
{
    const char *value = arena_string_of(a, text);
    const char *urls[LINK_HEADER_URLS_MAX];
    int64_t wait = acme_request_retry_after(value, NOW);

    if (wait < 0 || wait > INT32_MAX)
        abort();
    size_t count = link_header_urls(a, DIRECTORY, &value, 1, "alternate", urls);
    for (size_t i = 0; i < count; i++) {
        struct url u = {0};
        struct err_info why = {0};
        if (url_parse(a, span_of(urls[i]), &u, &why) != ERR_OK)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    struct flow_renewal_info info = {0};

    if (size == 0 || size > 64 * 1024)
        return 0;
    const struct span text = span_make(data + 1, size - 1);
    switch (data[0]) {
    case 'd':
        directory(a, text, &why);
        break;
    case 'o':
        order(a, text, &why);
        break;
    case 'p':
        if (problem_read(a, 403, text, &why) == ERR_OK)
            abort();
        break;
    case 'r':
        if (flow_renewal_info_take(a, text, &info, &why) == ERR_OK &&
            (info.start <= 0 || info.end <= info.start))
            abort();
        break;
    default:
        headers(a, text);
    }
    must_be_printable(why.detail);
    return 0;
}
