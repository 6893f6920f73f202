/* A certificate that a stranger's server shows for tls-alpn-01: read, judged, named. */
#include <stdint.h>
#include <stdlib.h>

#include "core/acme/alpn_proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool is_inside(struct span part, struct span whole)
{
    return part.len == 0 ||
           (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span der = span_make(data, size);
    const struct alpn_proof for_name = alpn_proof_of("a.flow.test", "token.thumbprint");
    const struct alpn_proof for_address = alpn_proof_of("192.0.2.1", "token.thumbprint");
    struct alpn_certificate *c = NULL;
    struct err_info why = {0};

    if (alpn_certificate_read(a, der, &c, &why) != ERR_OK)
        return 0;
    must(is_inside(c->tbs, der) && is_inside(c->issuer, c->tbs) &&
         is_inside(c->subject, c->tbs) && is_inside(c->spki, c->tbs) &&
         is_inside(c->digest, c->tbs) && is_inside(c->signature, der));
    for (size_t i = 0; i < c->name_count; i++) {
        must(is_inside(c->names[i].value, c->tbs));
        must(alpn_proof_name_shown(a, &c->names[i], ALPN_PROOF_NAME_SHOWN)[0] != '\0');
    }
    bool names_it = alpn_proof_check(&for_name, c, &why) == ERR_OK;
    bool addresses_it = alpn_proof_check(&for_address, c, &why) == ERR_OK;
    must(!(names_it && addresses_it)); /* one name, of one kind */
    return 0;
}
