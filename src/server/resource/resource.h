/* The resources of RFC 8555, a file each: parse, ask, render. A handler finds on the tray
 * what the router and the gate put there. */
#pragma once

#include "core/acme/identifier.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "server/exchange/exchange.h"
#include "server/store/store.h"

struct issuer;
struct order_place_wish;
struct renewal;

/* RFC 8555 7.1.1 */
MUST_CHECK enum err resource_directory(struct exchange *x, struct err_info *why);

/* RFC 8555 7.2: the router adds the nonce; HEAD and POST-as-GET are answered 200, GET
 * 204. */
MUST_CHECK enum err resource_new_nonce(struct exchange *x, struct err_info *why);

/* RFC 8555 7.3: a new account, or the one that has this key. */
MUST_CHECK enum err resource_new_account(struct exchange *x, struct err_info *why);

/* RFC 8555 7.3.2, 7.3.3, 7.3.6: the account shown; its contacts changed, new terms agreed
 * to, itself deactivated. */
MUST_CHECK enum err resource_account(struct exchange *x, struct err_info *why);

/* The reply that shows an account, with its Location and the terms of service. */
void resource_account_show(struct exchange *x, int status,
                           const struct store_account *account);

/* RFC 8555 7.3.4: check the binding of a new account whose thumbprint is set, if there
 * has to be one here, and note it in the account. ERR_EXTERNAL_ACCOUNT_REQUIRED,
 * ERR_MALFORMED, ERR_UNAUTHORIZED. */
MUST_CHECK enum err resource_external_bind(struct exchange *x,
                                           struct store_account *account,
                                           struct err_info *why);

/* Add the Link to the terms of service to the reply, if there are any. */
void resource_terms_link(struct exchange *x);

/* Refuse because agreement is missing (RFC 8555 7.3.3): `what` is the sentence without
 * the URL. ERR_USER_ACTION_REQUIRED. */
MUST_CHECK enum err resource_terms_refuse(struct exchange *x, const char *what,
                                          struct err_info *why);

/* Are there terms of service the account has not agreed to? */
bool resource_terms_are_new(const struct exchange *x);

/* To be called before anything new is given to the account: ERR_USER_ACTION_REQUIRED if
 * the operator demands agreement to new terms and it is missing. Whoever owns an account
 * can always read, revoke, change the key and deactivate. */
MUST_CHECK enum err resource_terms_check(struct exchange *x, struct err_info *why);

/* RFC 8555 7.3.5: another key for the account. */
MUST_CHECK enum err resource_key_change(struct exchange *x, struct err_info *why);

/* RFC 8555 7.4 */
MUST_CHECK enum err resource_new_order(struct exchange *x, struct err_info *why);
MUST_CHECK enum err resource_order(struct exchange *x, struct err_info *why);

/* RFC 8555 7.1.2.1: the first page, and one that begins behind a cursor. */
MUST_CHECK enum err resource_orders(struct exchange *x, struct err_info *why);
MUST_CHECK enum err resource_orders_next(struct exchange *x, struct err_info *why);

/* The order of the URL if it is this account's; ERR_NOT_FOUND otherwise. */
MUST_CHECK enum err resource_order_load(struct exchange *x, struct store_order **order,
                                        struct err_info *why);

/* RFC 8555 7.4: check the request, issue, and hold the answer while the result is near.
 */
MUST_CHECK enum err resource_finalize(struct exchange *x, struct err_info *why);

/* RFC 8555 7.4.2: the chain without the root, as PEM, with Links to other chains; and one
 * of those, by its number from 1. */
MUST_CHECK enum err resource_certificate(struct exchange *x, struct err_info *why);
MUST_CHECK enum err resource_certificate_alternate(struct exchange *x,
                                                   struct err_info *why);

/* Who signs in this directory for that profile (NULL: what is said for all), for a key of
 * that type; and all who might. ERR_UNAVAILABLE if one is not there. */
MUST_CHECK enum err resource_issuer(const struct exchange *x,
                                    const struct settings_profile *profile,
                                    enum key_type type, const struct issuer **issuer,
                                    struct err_info *why);
struct issuer_choice;
MUST_CHECK enum err resource_issuers(const struct exchange *x,
                                     const struct settings_profile *profile,
                                     struct issuer_choice *choice, struct err_info *why);

/* RFC 8739 3.3: the same of the certificate that an auto-renewal order has now. */
MUST_CHECK enum err resource_star_certificate(struct exchange *x, struct err_info *why);

/* A certificate and its issuers (DER, one behind the other) as the reply. */
MUST_CHECK enum err resource_certificate_show(struct exchange *x,
                                              const struct store_issuance *issuance,
                                              struct err_info *why);

/* ERR_BAD_PUBLIC_KEY if the key was revoked as compromised, or blocked otherwise. */
MUST_CHECK enum err resource_key_not_blocked(struct exchange *x, const struct key *key,
                                             struct err_info *why);

/* RFC 8555 7.4: has the request exactly the names of the order, a common name counted as
 * one of them? Identifiers of devices may be left out (draft-ietf-acme-device-attest-09
 * 3.2), and must be where the profile keeps them to itself. ERR_BAD_CSR. */
struct csr_checked;
MUST_CHECK enum err resource_request_names(struct exchange *x,
                                           const struct csr_checked *csr,
                                           const struct store_order *order,
                                           struct err_info *why);

/* Note what became of a certificate request (NULL: it could not be read); CAA may have it
 * judged again. Returns the result. */
enum err resource_csr_note(struct exchange *x, const struct csr_checked *csr,
                           enum err result, const struct err_info *why);

/* RFC 8555 7.6 */
MUST_CHECK enum err resource_revoke(struct exchange *x, struct err_info *why);

/* RFC 9773 4: when to renew the certificate that the URL names. */
MUST_CHECK enum err resource_renewal_info(struct exchange *x, struct err_info *why);

/* RFC 9773 5: the certificate that a newOrder for these identifiers replaces, NULL if it
 * does not say so. ERR_MALFORMED, ERR_UNAUTHORIZED. */
MUST_CHECK enum err resource_replaced(struct exchange *x,
                                      const struct store_identifier *identifiers,
                                      size_t count, struct renewal **replaced,
                                      struct err_info *why);

/* Add an order that was prepared and replaces that certificate. ERR_ALREADY_REPLACED. */
MUST_CHECK enum err resource_order_replacing(struct exchange *x,
                                             const struct order_place_wish *wish,
                                             const struct renewal *replaced,
                                             struct store_order *order,
                                             struct err_info *why);

/* RFC 8555 7.4.1; ERR_NOT_FOUND where the settings leave nothing of it. */
MUST_CHECK enum err resource_new_authz(struct exchange *x, struct err_info *why);

/* RFC 8555 7.5 and 7.5.1 */
MUST_CHECK enum err resource_authz(struct exchange *x, struct err_info *why);
MUST_CHECK enum err resource_challenge(struct exchange *x, struct err_info *why);

/* May the account have these, as far as they are devices (order/device.h)? `profile`
 * NULL: none is chosen. ERR_REJECTED_IDENTIFIER. */
MUST_CHECK enum err resource_devices_check(struct exchange *x,
                                           const struct settings_profile *profile,
                                           const struct identifier *identifiers,
                                           size_t count, struct err_info *why);

/* The order of the URL as resource_order_load gives it, if its devices may be had: one
 * that was blocked has made the order invalid, and that is to be said. */
MUST_CHECK enum err resource_devices_order(struct exchange *x, struct store_order **order,
                                           struct err_info *why);

/* An answer to the device-attest-01 challenge of an authorization that is pending
 * (draft-ietf-acme-device-attest 5). */
MUST_CHECK enum err resource_device_attest(struct exchange *x,
                                           const struct store_authz *authz,
                                           struct err_info *why);

/* Is it the key that was attested for each device of the order? ERR_UNAUTHORIZED. */
MUST_CHECK enum err resource_attested_key(struct exchange *x,
                                          const struct store_order *order,
                                          const struct key *key, struct err_info *why);

/* The root certificate as PEM, for clients that have none yet (not part of ACME). */
MUST_CHECK enum err resource_root(struct exchange *x, struct err_info *why);

/* ---- enrollment.c: attestation keys (docs/devices.md); plain JSON without an account.
 * ERR_NOT_FOUND in a directory that does not offer it. ---- */

/* POST BASE/attest: a credential for the TPM. */
MUST_CHECK enum err resource_attest(struct exchange *x, struct err_info *why);

/* POST BASE/secret: the certificate for who could read it. */
MUST_CHECK enum err resource_secret(struct exchange *x, struct err_info *why);

/* ---- ocsp.c: OCSP, which is not below /acme/ ---- */

#define RESOURCE_OCSP_PATH "/ocsp"

/* Is the path OCSP's, and is that answered? */
bool resource_is_ocsp(const struct services *services, const char *path);

/* The step of such a request. */
MUST_CHECK enum err resource_ocsp(struct exchange *x, struct err_info *why);
