/* seekable.h - `read --range`: which part of a seekable file holds a range of its contents.
 *
 * The file is of frames, and ends with a table of their sizes, as zstd's seekable format has it. The
 * table is read here; no codec is known: read gives the frames that are needed, the stage behind it
 * (frame_holds) decodes them, and a stage of the engine's own behind that one cuts the range out of
 * what they hold.
 *
 * The table has no checksum. Sizes in the file must add up to its length, and what is decoded must
 * be as much as the table says; but a wrong decoded size of a frame before the range would only shift
 * it. So such a frame is asked how much it holds. As writers make all frames but the last equal, that
 * is done where the size differs from the one before, and costs nothing with many frames.
 */
#ifndef LEAT_SEEKABLE_H
#define LEAT_SEEKABLE_H

#include "stage/stage_impl.h"

struct leat_range {
    uint64_t offset, length; /* of the contents; length UINT64_MAX: to the end */
    /* Found: */
    uint64_t from, bytes; /* the part of the file */
    /* Of what it holds, by the table: not wanted, then wanted, then not wanted. */
    uint64_t skip, left, behind;
};

/* leat_range_parse - "OFFSET:LENGTH" or "OFFSET:". Returns 0 or LEAT_EUSAGE. */
int leat_range_parse(const char *text, struct leat_range *ret_range);
/* leat_range_find - fills in what is to be found, from a regular file of `size` bytes.
 * Returns 0, or fails the stage; `name` is the file's, for messages. */
int leat_range_find(struct leat_stage *stage, struct leat_range *range, int fd, uint64_t size,
                    const char *name);

/* leat_range_cut - the engine's stage that cuts the range out. Its leat_shared is the state of the
 * `read`, which begins with the struct leat_range. */
extern const struct leat_stage_type leat_range_cut;
/* leat_read_has_range - by the plan of a `read`: is there a --range? */
bool leat_read_has_range(const struct leat_node *node);

#endif
