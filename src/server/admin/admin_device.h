/* What the commands about devices have in common. */
#pragma once

#include "server/admin/admin.h"
#include "server/store/store_device.h"

/* The identifier of the argument of that name; in the arena. ERR_USAGE. */
MUST_CHECK enum err admin_device_identifier(const struct admin_call *call,
                                            const char *name,
                                            struct store_identifier *identifier,
                                            struct err_info *why);

/* "TYPE:VALUE", in the arena. */
const char *admin_device_name(struct arena *a, const struct store_identifier *identifier);

/* Its row; ERR_NOT_FOUND names it. */
MUST_CHECK enum err admin_device_find(const struct admin_call *call,
                                      const struct store_identifier *identifier,
                                      struct store_device **row, struct err_info *why);

/* The members of a device, into an open object. */
void admin_device_write(const struct admin_call *call, const struct store_device *device);

/* The member "certificates": those of a device that have not expired, at most some
 * hundred, oldest first. `*open` is how many of all would be revoked for that CRLReason
 * now. */
MUST_CHECK enum err
admin_device_write_certificates(const struct admin_call *call,
                                const struct store_identifier *identifier, int crl_reason,
                                int64_t *open, struct err_info *why);

/* Why a device cannot be put, in the arena. */
const char *admin_device_obstacle(struct arena *a,
                                  const struct store_device_refusal *refusal,
                                  const struct store_device *device);

/* Set the external account key of a device by its kid, if it has one. ERR_NOT_FOUND. */
MUST_CHECK enum err admin_device_bind(const struct admin_call *call,
                                      struct store_device *device, struct err_info *why);

/* CRLReason of the certificates of devices that are blocked, unless another is wanted:
 * privilegeWithdrawn (RFC 5280 5.3.1). */
#define ADMIN_DEVICE_WITHDRAWN 9
