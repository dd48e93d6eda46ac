/* probe.h - would a system call end the process? */
#ifndef LEAT_CONFINE_PROBE_H
#define LEAT_CONFINE_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* leat_probe_kills - true if a filter of system calls is in force that ends a process which makes one of
 * these calls. Each is tried in a child process, with invalid arguments. */
bool leat_probe_kills(const long *calls, size_t n);

#endif
