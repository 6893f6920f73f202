/* Certificates as PEM (RFC 7468 5). */
#include "core/x509/certificate.h"
#include "core/x509/pem.h"

#define LABEL "CERTIFICATE"

void certificate_pem_add(struct buf *b, struct span der)
{
    pem_add(b, LABEL, der);
}

enum err certificate_from_pem(struct arena *a, struct span pem, struct span *ders,
                              size_t max, size_t *count, struct err_info *why)
{
    static const struct pem_kind kind = {LABEL, "certificate"};

    return pem_read(a, pem, &kind, ders, max, count, why);
}
