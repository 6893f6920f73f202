/* A device that keeps keys, and may attest them (device-attest-01). All of this runs in
 * the process of device_worker.h, which has no other key and no state folder: drivers and
 * modules are code of others. One file for each row of devices.def. */
#pragma once

#include <stdbool.h>

#include "core/acme/identifier.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/key.h"

#define DEVICE_TEXT_MAX        1024        /* octets of --device */
#define DEVICE_PIN_MAX         255         /* octets */
#define DEVICE_FILE_MAX        (64 * 1024) /* octets of each file that is handed over */
#define DEVICE_IDENTIFIERS_MAX 8
#define DEVICE_OBJECT_MAX      (64 * 1024) /* octets of an attestation object */

/* What it is opened for. */
enum device_use {
    DEVICE_USE_ATTESTED,    /* the key of a certificate, which it attests */
    DEVICE_USE_CERTIFICATE, /* the key of a certificate */
    DEVICE_USE_ACCOUNT,     /* the key of an account */
    DEVICE_USE_COUNT,
};

/* What a device is opened with. Everything lives as long as the device; empty where there
 * is none. */
struct device_options {
    enum device_use use;
    const char *text;  /* as the user wrote it: "tpm", "tpm:swtpm:port=2321" ... */
    struct span pin;   /* content of --pin-file, without a final newline */
    struct span chain; /* content of --attestation-chain: certificates, PEM */
    const char *attestation_key; /* type of a TPM's (a word of --key); "": p256 */
    struct span kept; /* of an earlier run: what `enrol` gave to keep, and behind it the
                          certificates (PEM) that came for it */
};

/* A key in the device. */
struct device_key {
    struct span spki; /* DER SubjectPublicKeyInfo */
    struct span text; /* what becomes key.pem: how others find and use it */
};

/* A request for a certificate of the attestation key. */
struct device_enrolment {
    struct span kept; /* to be kept, with the certificates; text */
    struct span json; /* body of the request (docs/devices.md, AK enrolment) */
};

enum device_enrolment_need {
    DEVICE_ENROLMENT_NONE,
    DEVICE_ENROLMENT_SOON, /* the certificate ends, and is still good */
    DEVICE_ENROLMENT_NOW,
};

/* One device. Its open function fills in `description`, the functions and the state;
 * `close` as soon as there is something to take away, for it is called also if opening
 * fails. Everything that is given back is in the arena of the call. Failures of all:
 * ERR_NOT_FOUND (absent, or no such key), ERR_UNAUTHORIZED (the PIN is missing or wrong:
 * the sentence says how many tries are left), ERR_LOCKED (locked out, busy),
 * ERR_CONFIG, ERR_IO. */
struct device {
    struct arena *arena;
    const struct device_options *options;
    const char *description; /* a phrase for the user: "TPM 2.0 of IBM" */

    /* Is a certificate of the attestation key to be got first? Then `enrol` and the two
     * behind it are called; from `enrol` on, what was kept is not used any more. NULL:
     * this kind of device never needs it. */
    enum device_enrolment_need (*needs_enrolment)(struct device *d);
    enum err (*enrol)(struct device *d, struct arena *a, struct device_enrolment *e,
                      struct err_info *why);
    /* Credential activation: what the CA encrypted, to what it says. */
    enum err (*activate)(struct device *d, struct arena *a, struct span credential,
                         struct span secret, struct span *answer, struct err_info *why);
    /* The certificates that came, PEM, the attestation key's first: they belong to it,
     * and are used from now on. */
    enum err (*certify)(struct device *d, struct span chain, struct err_info *why);

    /* What its certificates say that it is: at most DEVICE_IDENTIFIERS_MAX. None is no
     * failure. NULL, as `attest` is, if it is not opened for that. */
    enum err (*identify)(struct device *d, struct arena *a,
                         struct identifier *identifiers, size_t *count,
                         struct err_info *why);
    /* The key: a new one of that type (a word of --key), or the one the user named, which
     * must then be of that type if it is a certificate's, and is made if it is not there
     * yet, unless it is to be attested. */
    enum err (*make_key)(struct device *d, struct arena *a, const char *type,
                         struct device_key *key, struct err_info *why);
    /* One that is there, by the text that became of it; nothing is made. ERR_MALFORMED if
     * that is no such text. */
    enum err (*load_key)(struct device *d, struct arena *a, struct span text,
                         struct device_key *key, struct err_info *why);
    /* The attestation object (CBOR) of that key, fresh for this key authorization. */
    enum err (*attest)(struct device *d, struct arena *a, const char *key_authorization,
                       struct span *object, struct err_info *why);
    /* Sign with that key as struct key_outside says (core/crypto/key.h). */
    enum err (*sign)(struct device *d, struct span input, uint8_t *signature, size_t *len,
                     struct err_info *why);
    void (*close)(struct device *d);
    void *state; /* in the arena */
};

#define DEVICE(word, open, needs_files, makes_keys, takes_turns, types, sentence)        \
    MUST_CHECK enum err open(struct device *d, struct err_info *why);
#include "client/device/devices.def"
#undef DEVICE

/* Is there such a device: does its text begin with a word of devices.def? ERR_USAGE names
 * them. */
MUST_CHECK enum err device_check(const char *text, struct err_info *why);

/* Does a text begin as that of a device does, with a word of devices.def? */
bool device_is_one(const char *text);

/* Is each key a new one, so that there may be several? Else the text names the key. */
bool device_makes_keys(const char *text);

/* Does it do one thing at a time, so that its users have to take turns? */
bool device_takes_turns(const char *text);

/* May it have keys of that type (a word of --key)? ERR_USAGE names those that it may. */
MUST_CHECK enum err device_check_key(const char *text, const char *type,
                                     struct err_info *why);

/* Does the process that opens it need to see files (devices.def)? */
bool device_needs_files(const char *text);

/* Open it. Close with device_close, also after a failure. */
MUST_CHECK enum err device_open(struct device *d, const struct device_options *options,
                                struct err_info *why);

/* One that was not opened is fine. */
void device_close(struct device *d);
