/* attributes.h - what a file that replaces another one takes over from it: owner, group, mode, ACL and
 * the attributes that users give.
 *
 * Nobody may come to do with the new file what they could not do with the old one: what cannot be
 * taken over is left out on the side of less access.
 */
#ifndef LEAT_ATTRIBUTES_H
#define LEAT_ATTRIBUTES_H

#include <sys/stat.h>

/* leat_attributes_copy - from the regular file `path`, which is in the open directory, and of which
 * fstatat says `info`, to an open file, to which nothing is written after this. Returns 0; or -errno,
 * and *ret_what says what could not be set, such as "the mode". */
int leat_attributes_copy(int directory, const char *path, const struct stat *info, int fd,
                         const char **ret_what);

#endif
