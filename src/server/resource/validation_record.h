/* The validationRecord of a challenge: what its validation saw, in the form other ACME
 * servers show it. */
#pragma once

#include "core/base/arena.h"
#include "core/json/json_write.h"

/* Write the member validationRecord from an authorization's evidence (JSON text): an
 * array with one object for each connection, and for each name that only was looked up,
 * in the order of the perspectives. Nothing is written if the text cannot be read. */
void validation_record_write(struct arena *a, struct json_writer *w,
                             const char *evidence);
