/* landlock.h - the kernel's Landlock, in raw system calls: rules on files and directories that a thread
 * and all that it starts cannot leave.
 *
 * The numbers are those of the kernel's interface, which never change. They are stated here, because the
 * headers of the build may be older than the kernel of the run.
 */
#ifndef LEAT_CONFINE_LANDLOCK_H
#define LEAT_CONFINE_LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Rights on a file, or on all below a directory. */
#define LEAT_RIGHT_EXECUTE (UINT64_C(1) << 0)
#define LEAT_RIGHT_WRITE (UINT64_C(1) << 1)
#define LEAT_RIGHT_READ (UINT64_C(1) << 2)
#define LEAT_RIGHT_LIST (UINT64_C(1) << 3)
#define LEAT_RIGHT_REMOVE_DIR (UINT64_C(1) << 4)
#define LEAT_RIGHT_REMOVE_FILE (UINT64_C(1) << 5)
#define LEAT_RIGHT_MAKE_CHAR (UINT64_C(1) << 6)
#define LEAT_RIGHT_MAKE_DIR (UINT64_C(1) << 7)
#define LEAT_RIGHT_MAKE_REG (UINT64_C(1) << 8)
#define LEAT_RIGHT_MAKE_SOCK (UINT64_C(1) << 9)
#define LEAT_RIGHT_MAKE_FIFO (UINT64_C(1) << 10)
#define LEAT_RIGHT_MAKE_BLOCK (UINT64_C(1) << 11)
#define LEAT_RIGHT_MAKE_SYM (UINT64_C(1) << 12)
#define LEAT_RIGHT_REFER (UINT64_C(1) << 13)     /* ABI 2 */
#define LEAT_RIGHT_TRUNCATE (UINT64_C(1) << 14)  /* ABI 3 */
#define LEAT_RIGHT_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */

#define LEAT_LANDLOCK_PORTS 4 /* the first ABI that knows ports */

/* leat_landlock_version - the ABI of the kernel, from 1; or -errno: there is no Landlock. */
int leat_landlock_version(void);
/* leat_landlock_new - a set of rules that denies all that this ABI can deny.
 *
 *   network  TCP stays allowed (else denied from ABI 4 on, besides the ports of leat_landlock_allow_port)
 *   sockets  abstract Unix sockets of other processes stay allowed (else denied from ABI 6 on)
 *
 * Returns a descriptor or -errno. */
int leat_landlock_new(int abi, bool network, bool sockets);
/* leat_landlock_allow - allow these rights on the file or directory that is open as `fd` (O_PATH is
 * enough). Rights that the ABI or the kind of file lacks are left out. Returns 0 or -errno. */
int leat_landlock_allow(int rules, int abi, int fd, uint64_t rights);
/* leat_landlock_allow_port - allow to connect to a port of TCP, or to listen there, in a set without `network`. An older ABI
 * allows all. Returns 0 or -errno. */
int leat_landlock_allow_port(int rules, int abi, bool listens, uint16_t port);
/* leat_landlock_enter - confine this thread, and all threads and processes that it starts from now on.
 * There is no way back. Requires PR_SET_NO_NEW_PRIVS. Returns 0 or -errno. */
int leat_landlock_enter(int rules);

#endif
