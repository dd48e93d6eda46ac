/* packed.h - rotated files that were compressed while nobody followed them. */
#ifndef LEAT_FOLLOW_PACKED_H
#define LEAT_FOLLOW_PACKED_H

#include "name.h"

/* leat_follow_packed_find - look for the content of the place in the compressed files that had the name. It is decoded to a
 * temporary file, which has the place's first bytes and those from before its offset on.
 *
 *   changed_ns  the time of the place's content; becomes that of the file that was found
 *   ret_info    of the temporary file
 *
 * Returns 0; or fails the stage: a compressed file is newer than the place or than what was found, so it has lines that were
 * not read. *ret_fd is the temporary file; -1: it was not found. */
int leat_follow_packed_find(struct leat_stage *stage, const struct leat_follow_name *name,
                            const struct leat_follow_file *place, int64_t *changed_ns, int *ret_fd,
                            struct stat *ret_info);

#endif
