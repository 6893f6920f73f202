/* Names in certificates of attestation keys. */
#include "server/issue/template_attestation.h"

#include "core/acme/identifier_device.h"
#include "core/base/base64.h"
#include "core/x509/device_name.h"

#define NAMES_MAX 2048 /* octets */
#define URI_MAX   128
#define DER_URI   DER_CONTEXT(6) /* GeneralName */

static void write_device(struct der_writer *w, struct arena *a,
                         const struct identifier *device)
{
    struct device_name name = {.kind = device->type == IDENTIFIER_HARDWARE_MODULE
                                           ? DEVICE_NAME_MODULE
                                           : DEVICE_NAME_PERMANENT};

    identifier_device_parts(a, device, &name.id, &name.oid);
    device_name_write(w, &name);
}

enum err template_attestation_names(struct arena *a,
                                    const struct template_attestation *of,
                                    struct span *names, struct err_info *why)
{
    struct der_writer w = der_writer_make(arena_get(a, NAMES_MAX), NAMES_MAX);
    AUTO(buf) struct buf uri = buf_make(URI_MAX);

    buf_add_text(&uri, TEMPLATE_EK_URI);
    base64_add(&uri, span_make(of->ek_sha256, HASH_SHA256_SIZE));
    der_write_element(&w, DER_URI, buf_span(&uri));
    write_device(&w, a, &of->device);
    tpm_certificate_name_write(&w, &of->tpm);
    struct span made = der_write_take(&w);
    if (made.len == 0)
        return err_set(why, ERR_TOO_LARGE, "the names would be too large");
    *names = made;
    return ERR_OK;
}
