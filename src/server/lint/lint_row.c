/* What a rule said becomes an error or a line of the log. */
#include "server/lint/lint_row.h"

#include "core/base/log.h"
#include "core/base/text.h"

#define SERIAL_SHOWN 20 /* octets */

bool lint_row_applies(const struct lint_row *row, enum lint_kind kind, enum lint_set set)
{
    return (row->kinds & 1U << kind) != 0 &&
           (row->set == LINT_SET_RFC5280 || row->set == set);
}

enum err lint_row_report(const struct lint_row *row, struct span serial,
                         const char *complaint, struct err_info *why)
{
    char hex[2 * SERIAL_SHOWN + 1];

    if (complaint == NULL)
        return ERR_OK;
    if (row->severity == LINT_ERROR)
        return err_set(why, ERR_LINT, "%s (%s): %s", row->name, row->citation, complaint);
    text_hex(hex, serial.data, serial.len < SERIAL_SHOWN ? serial.len : SERIAL_SHOWN);
    log_event(LOG_LEVEL_WARNING, "lint.warning", "serial=%s rule=%s why=" LOG_QUOTE, hex,
              row->name, complaint);
    return ERR_OK;
}
