/* filter.h - a filter for system calls (seccomp) that refuses what no pipeline needs. */
#ifndef LEAT_CONFINE_FILTER_H
#define LEAT_CONFINE_FILTER_H

#include <stdbool.h>

/* Bits: the calls that stay allowed. */
#define LEAT_FILTER_USERS 1u   /* Unix sockets, for daemons that know the names of users */
#define LEAT_FILTER_NETWORK 2u /* all sockets */
#define LEAT_FILTER_NAMES 4u   /* modes, owners and times of files by their names */
#define LEAT_FILTER_NODES 8u   /* devices and FIFOs */

/* leat_filter_load - from now on all threads of the process have the filter, also those that exist.
 * Requires PR_SET_NO_NEW_PRIVS. Returns 0; or -errno, -ENOSYS: there is no filter for this machine. */
int leat_filter_load(unsigned allowed);
/* leat_filter_is_there - could it be loaded? */
bool leat_filter_is_there(void);

#endif
