/* TLSA records. */
#include "client/command/tlsa.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/store/next_key.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/net/address.h"
#include "core/x509/certificate.h"

#define PEM_MAX     (2 * CERTIFICATE_MAX)
#define RECORD_HEAD "3 1 1 " /* DANE-EE, SPKI, SHA-256 */
#define RECORD_SIZE (sizeof RECORD_HEAD + 2 * HASH_SHA256_SIZE)

struct record {
    const char *use; /* "current", "next" */
    const char *key_type;
    char text[RECORD_SIZE];
};

struct records {
    struct record items[2 * SETTINGS_KEYS_MAX];
    size_t count;
};

static void add(struct records *r, const char *use, const char *key_type,
                struct span spki)
{
    struct record *one = &r->items[r->count++];
    uint8_t digest[HASH_SHA256_SIZE];

    *one = (struct record){.use = use, .key_type = key_type, .text = RECORD_HEAD};
    hash_sha256(spki, digest);
    text_hex(one->text + strlen(RECORD_HEAD), digest, sizeof digest);
}

static enum err add_current(struct arena *a, const struct status *s, size_t index,
                            struct records *r, struct err_info *why)
{
    const char *key_type = s->metadata.parts[index].key_type;
    const char *file = certificate_store_file(a, index == 0 ? "" : key_type, "cert.pem");
    struct certificate *leaf = NULL;
    struct span pem;
    struct span der;
    size_t count = 0;

    TRY(file_read(a, file_path(a, s->path, file), PEM_MAX, &pem, why));
    TRY(certificate_from_pem(a, pem, &der, 1, &count, why));
    TRY(certificate_read(a, der, &leaf, why));
    add(r, "current", key_type, leaf->spki);
    return ERR_OK;
}

static enum err add_next(struct arena *a, const struct place *p, const struct status *s,
                         size_t index, struct records *r, struct err_info *why)
{
    const struct settings_certificate *c = s->wanted.certificate;
    const char *key_type = c->keys.items[index];
    AUTO(key) struct key *key = NULL;

    enum err result = next_key_read(
        next_key_path(a, p->directory, s->name, index == 0 ? "" : key_type), &key, why);
    if (result == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(result);
    const size_t before = r->count;
    add(r, "next", key_type, key_spki(key));
    for (size_t i = 0; i < before; i++) /* used already, and not made anew */
        if (strcmp(r->items[i].text, r->items[before].text) == 0)
            r->count = before;
    return ERR_OK;
}

static enum err collect(struct arena *a, const struct place *p, const struct status *s,
                        struct records *r, struct err_info *why)
{
    r->count = 0;
    if (!s->there)
        return err_set(why, ERR_NOT_FOUND, "there is no certificate \"%.200s\"", s->name);
    for (size_t i = 0; i < s->metadata.part_count; i++)
        TRY(add_current(a, s, i, r, why));
    for (size_t i = 0; s->wants && s->wanted.certificate->next_key &&
                       i < s->wanted.certificate->keys.count;
         i++)
        TRY(add_next(a, p, s, i, r, why));
    return ERR_OK;
}

enum err tlsa_print(struct arena *a, const struct place *p, const struct status *s,
                    int64_t port, struct err_info *why)
{
    struct records r;
    struct address ignored;

    TRY(collect(a, p, s, &r, why));
    for (size_t n = 0; n < s->metadata.name_count; n++) {
        const char *name = s->metadata.names[n];
        if (strchr(name, ':') != NULL || address_parse(span_of(name), &ignored))
            continue; /* devices and addresses have none */
        for (size_t i = 0; i < r.count; i++)
            printf("_%" PRId64 "._tcp.%s. IN TLSA %s ; %s, %s\n", port, name,
                   r.items[i].text, r.items[i].use, r.items[i].key_type);
    }
    return ERR_OK;
}

void tlsa_write(struct json_writer *w, struct arena *a, const struct place *p,
                const struct status *s)
{
    struct err_info ignored = {0};
    struct records r;

    (void)(collect(a, p, s, &r, &ignored) == ERR_OK);
    json_write_begin_array(w, "tlsa");
    for (size_t i = 0; i < r.count; i++) {
        json_write_begin_object(w, NULL);
        json_write_text(w, "use", r.items[i].use);
        json_write_text(w, "key_type", r.items[i].key_type);
        json_write_text(w, "record", r.items[i].text);
        json_write_end_object(w);
    }
    json_write_end_array(w);
}
