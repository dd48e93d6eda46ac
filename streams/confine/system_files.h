/* system_files.h - the files of the system that a process may need at any time: libraries that are loaded
 * late, what the C library and libcrypto read for themselves. */
#ifndef LEAT_CONFINE_SYSTEM_FILES_H
#define LEAT_CONFINE_SYSTEM_FILES_H

/* leat_system_files_each - call `take` for each path, which need not exist and may come twice. Stops when
 * it returns a negative code, and returns that; or -ENOMEM; or 0. */
int leat_system_files_each(int (*take)(void *arg, const char *path), void *arg);

#endif
