/* Serial numbers (RFC 5280 4.1.2.2; Baseline Requirements 7.1: 64 random bits at least).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/span.h"

#define SERIAL_SIZE 16 /* octets */

/* A new serial: one octet 0x2a (positive, never zero), the time in four, eleven random
 * octets. The time in front keeps an index of serials append-mostly, so its cost stays
 * flat. */
void serial_make(int64_t now, uint8_t serial[SERIAL_SIZE]);

/* The time in a serial (seconds, the lowest 32 bits); false if serial_make did not make
 * it. */
bool serial_read_time(struct span serial, uint32_t *seconds);
