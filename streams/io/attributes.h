/* attributes.h - copy owner, group, mode, ACL and extended attributes of users to a file that
 * replaces another one.
 *
 * The new file must never grant access that the old one did not: if something cannot be copied, the
 * new file grants less.
 */
#ifndef LEAT_IO_ATTRIBUTES_H
#define LEAT_IO_ATTRIBUTES_H

#include <sys/stat.h>

/* leat_attributes_copy - copy the attributes of the regular file `path` in the open directory,
 * whose fstatat result is `info`, to an open file. Nothing may be written to that file after this.
 * Returns 0; or -errno, and *ret_what names the attribute that could not be set, such as "the
 * mode". */
int leat_attributes_copy(int directory, const char *path, const struct stat *info, int fd,
                         const char **ret_what);

#endif
