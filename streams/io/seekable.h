/* seekable.h - `read --range`: find the part of a seekable file that holds a range of its content.
 *
 * The file consists of frames and ends with a seek table of their sizes, in the format of seekable
 * zstd. This file reads the table and knows no codec: `read` outputs the frames needed, the next
 * stage (frame_holds) decodes them, and after it a stage of the engine cuts the range out of the
 * decoded data.
 *
 * The table has no checksum. Its compressed sizes must add up to the length of the file, and the
 * decoded data must have the size that the table states. But a wrong decoded size of a frame before
 * the range would only shift the range, so that frame is checked with frame_holds. Writers make
 * all frames except the last equally large, so only frames whose size differs from the previous one
 * are checked; this costs nothing even with many frames.
 */
#ifndef LEAT_IO_SEEKABLE_H
#define LEAT_IO_SEEKABLE_H

#include "stage/stage_impl.h"

struct leat_range {
    uint64_t offset, length; /* in the content; length UINT64_MAX: to the end */
    /* Results: */
    uint64_t from, bytes; /* the part of the file */
    /* The decoded bytes of that part, by the table: to skip, to output, to drop after that. */
    uint64_t skip, left, after;
};

/* leat_range_parse - "OFFSET:LENGTH" or "OFFSET:". Returns 0 or LEAT_EUSAGE. */
int leat_range_parse(const char *text, struct leat_range *ret_range);
/* leat_range_find - fill in the results, from a regular file of `size` bytes. `name`: of the file,
 * for messages. Returns 0, or fails the stage. */
int leat_range_find(struct leat_stage *stage, struct leat_range *range, int fd, uint64_t size,
                    const char *name);

/* leat_range_cut - the engine's stage that cuts out the range. Its leat_shared is the state of the
 * `read`, which begins with the struct leat_range. */
extern const struct leat_stage_type leat_range_cut;

#endif
