/* unpack_gz.h - the content of a rotated file that was compressed by gzip. */
#ifndef LEAT_FOLLOW_UNPACK_GZ_H
#define LEAT_FOLLOW_UNPACK_GZ_H

#include <stddef.h>
#include <stdint.h>

#include "stage.h"

/* leat_follow_unpack_gz - decode the open file from its start, and give the content in pieces, in order.
 *
 *   take  returns 0: go on; or another value, which ends it
 *
 * Returns 0 at the end; what `take` returned; -EBADMSG: the data is damaged or cut; or -errno. */
int leat_follow_unpack_gz(struct leat_stage *stage, int fd,
                          int (*take)(void *arg, const uint8_t *data, size_t n), void *arg);

#endif
