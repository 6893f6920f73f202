/* Tell the service manager how we are: sd_notify(3), by one datagram. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

/* Send "READY=1" and the like (lines separated by '\n') to $NOTIFY_SOCKET, a path or an
 * abstract name beginning with '@'. Without that variable nothing is sent and all is
 * well. ERR_CONFIG: not an address; ERR_IO: not delivered. */
MUST_CHECK enum err notify_send(const char *state, struct err_info *why);

/* RELOADING=1 with the MONOTONIC_USEC that systemd.service(5) Type=notify-reload asks
 * for. */
MUST_CHECK enum err notify_reloading(struct err_info *why);

/* Microseconds within which WATCHDOG=1 is due; 0 if it is not asked of this process
 * ($WATCHDOG_USEC, $WATCHDOG_PID). */
uint64_t notify_watchdog_us(void);
