/* Provider "manual": what its process must know before it gives up its rights. */
#pragma once

/* Remember whether somebody can answer on standard input: a process that is confined
 * cannot ask the terminal any more (work/work_confine.h). Where this was not called,
 * nobody is asked. */
void dns_manual_remember_terminal(void);
