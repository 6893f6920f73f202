/* Tokens of SoftHSM in a temporary folder, made and filled by the tools of others. */
#pragma once

#include <stdbool.h>

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define SOFTHSM_PIN    "271828"

/* An empty folder for tokens; SOFTHSM2_CONF names it from here on. False without the
 * tools. */
bool softhsm_begin(void);

/* Remove the folder. */
void softhsm_end(void);

/* Run a shell command; "$D" is the folder. True if it succeeded. */
bool softhsm_run(const char *command);

/* A token of that label, with SOFTHSM_PIN. */
bool softhsm_token(const char *label);

/* pkcs11-tool on that token, logged in. */
bool softhsm_tool(const char *label, const char *arguments);

/* The folder. */
const char *softhsm_folder(void);
